/* Buffers without memory: recordings on them can be counted and dropped, never run, and their bytes never touched. */
#include "helper_device.h"

static hrm_buffer *plan_buffer(hrm_device *device, uint64_t bytes, const char *label) {
    hrm_buffer *buffer = NULL;
    CHECK_OK(hrm_buffer_create(device, bytes, HRM_MEMORY_NONE, label, &buffer));
    return buffer;
}

static void test_takes_no_memory(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    const uint64_t in_use = hrm_device_get_memory_in_use(device), blocks = hrm_device_get_allocated_bytes(device);
    hrm_buffer *all[4];
    all[0] = plan_buffer(device, 4, "word");
    all[1] = plan_buffer(device, UINT64_C(1) << 50, "a petabyte");
    all[2] = plan_buffer(device, UINT64_MAX, "everything");
    all[3] = plan_buffer(device, 12, NULL);
    CHECK_EQ(hrm_device_get_memory_in_use(device), in_use);
    CHECK_EQ(hrm_device_get_allocated_bytes(device), blocks);
    CHECK_EQ(hrm_buffer_get_size(all[1]), UINT64_C(1) << 50);
    CHECK_EQ(hrm_buffer_get_size(all[2]), UINT64_MAX);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(hrm_buffer_get_mapped(all[i]) == NULL);
        CHECK_EQ(hrm_buffer_get_address(all[i]), 0);
        hrm_buffer_destroy(all[i]);
    }
    CHECK_EQ(hrm_device_get_memory_in_use(device), in_use);
    hrm_buffer *none = NULL;
    CHECK_STATUS(hrm_buffer_create(device, 0, HRM_MEMORY_NONE, "empty", &none), HRM_ERR_INVALID_ARGUMENT);
}

static void record_all(hrm_recorder *rec, hrm_buffer *a, hrm_buffer *b) {
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(b), 2.0f);
    hrm_recorder_fill(rec, hrm_buffer_span(a), 0);
    record_add(rec, hrm_buffer_span(a), hrm_buffer_span(a), hrm_buffer_span(b));
    hrm_recorder_copy(rec, hrm_buffer_span(a), hrm_buffer_span(b));
    record_scale(rec, hrm_buffer_span(b), hrm_buffer_span(b), 3.0f);
}

static void test_recordings_are_counted(void **state) {
    (void)state;
    enum { N = 1000 };
    hrm_device *device = shared_device();
    hrm_buffer *a = plan_buffer(device, 4 * N, "planned a"), *b = plan_buffer(device, 4 * N, "planned b");
    hrm_buffer *real_a = make_buffer(device, N, "a"), *real_b = make_buffer(device, N, "b");
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    CHECK(hrm_recorder_get_flops(rec) == 0.0);
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 0);
    record_all(rec, a, b);
    CHECK_OK(hrm_recorder_get_status(rec));
    CHECK(hrm_recorder_get_flops(rec) == 3.0 * N);
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 3);
    hrm_recorder_reset(rec);
    CHECK(hrm_recorder_get_flops(rec) == 0.0);
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 0);
    /* the same on real memory counts the same, before and after it became a program */
    record_all(rec, real_a, real_b);
    CHECK(hrm_recorder_get_flops(rec) == 3.0 * N);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK(hrm_program_get_flops(program) == 3.0 * N);
    CHECK_EQ(hrm_program_get_dispatch_count(program), 3);
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 0);
    hrm_program_destroy(program);
    /* checked like any other */
    record_scale(rec, (hrm_span){a, 0, 4 * N + 4}, hrm_buffer_span(b), 1.0f);
    CHECK_STATUS(hrm_recorder_get_status(rec), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("not inside buffer 'planned a' of 4000 bytes");
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(b), 1.0f); /* nothing follows a latched error */
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 0);
    hrm_recorder_reset(rec);
    CHECK_OK(hrm_recorder_get_status(rec));
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(b);
    hrm_buffer_destroy(real_a);
    hrm_buffer_destroy(real_b);
}

static void expect_no_program(hrm_recorder *rec, const char *text) {
    hrm_program *program = (hrm_program *)rec;
    CHECK_STATUS(hrm_recorder_end(rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK(program == NULL);
    CHECK_ERROR_HAS(text);
    CHECK_ERROR_HAS("is only planned (HRM_MEMORY_NONE)");
    CHECK_EQ(hrm_recorder_get_dispatch_count(rec), 0);
}

static void test_nothing_runs(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    hrm_buffer *planned = plan_buffer(device, 256, "planned"), *real = make_buffer(device, 64, "real");
    const hrm_span none = hrm_buffer_span(planned), some = hrm_buffer_span(real);
    hrm_recorder *rec = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    record_scale(rec, some, none, 1.0f);
    expect_no_program(rec, "'scale_scalar' uses buffer 'planned', which");
    record_scale(rec, none, some, 1.0f);
    expect_no_program(rec, "'scale_scalar' uses buffer 'planned', which");
    hrm_recorder_copy(rec, some, none);
    expect_no_program(rec, "'copy' uses buffer 'planned', which");
    hrm_recorder_fill(rec, none, 0);
    expect_no_program(rec, "'fill' uses buffer 'planned', which");
    float values[64] = {0.0f};
    const uint32_t row = 0;
    hrm_ticket ticket = 0;
    CHECK_STATUS(hrm_queue_upload(device, none, values), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("upload: buffer 'planned' is only planned (HRM_MEMORY_NONE)");
    CHECK_STATUS(hrm_queue_download(device, none, values), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_copy(device, none, some, &ticket), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_copy(device, some, none, &ticket), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("copy from: buffer 'planned'");
    CHECK_STATUS(hrm_queue_upload_rows(device, none, 16, 1, &row, values), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_copy_rows(device, (hrm_span){real, 0, 16}, none, 16, 1, &row, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_queue_copy_rows(device, (hrm_span){planned, 0, 16}, some, 16, 1, &row, &ticket),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(ticket, 0);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(planned);
    hrm_buffer_destroy(real);
}

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_no_memory),
        cmocka_unit_test(test_recordings_are_counted),
        cmocka_unit_test(test_nothing_runs),
    };
    return cmocka_run_group_tests_name("gpu/planned", tests, NULL, close_shared_device);
}
