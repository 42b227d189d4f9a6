/* The recorder's refusals: each names the kernel, the first one is reported, and the recorder is usable afterwards. */
#include "helper_device.h"

#include <stdio.h>

#include "gpu/device_private.h"

enum { N = 1024 };

typedef struct fixture {
    hrm_device *device;
    hrm_recorder *rec;
    hrm_buffer *a, *b;
} fixture;

static fixture make_fixture(void) {
    fixture f = {.device = shared_device()};
    CHECK_OK(hrm_recorder_create(f.device, &f.rec));
    f.a = make_buffer(f.device, N, "buffer a");
    f.b = make_buffer(f.device, N, "buffer b");
    return f;
}

static void drop_fixture(fixture *f) {
    hrm_recorder_destroy(f->rec);
    hrm_buffer_destroy(f->a);
    hrm_buffer_destroy(f->b);
}

/* The dispatch is refused with this code and these words; a good one works right after. */
static void expect_refusal(fixture *f, const hrm_dispatch *d, hrm_status code, const char *text) {
    hrm_program *program = (hrm_program *)f;
    hrm_recorder_dispatch(f->rec, d);
    record_scale(f->rec, hrm_buffer_span(f->a), hrm_buffer_span(f->b), 1.0f);
    CHECK_STATUS(hrm_recorder_end(f->rec, &program), code);
    CHECK(program == NULL);
    CHECK_ERROR_HAS(text);
    record_scale(f->rec, hrm_buffer_span(f->a), hrm_buffer_span(f->b), 1.0f);
    CHECK_OK(hrm_recorder_end(f->rec, &program));
    CHECK_EQ(hrm_program_get_dispatch_count(program), 1);
    hrm_program_destroy(program);
}

static void test_refusals(void **state) {
    (void)state;
    fixture f = make_fixture();
    const hrm_adapter *a = hrm_device_get_adapter(f.device);
    struct hrm_elementwise_params params;
    const hrm_dispatch good = scale_dispatch(&params, hrm_buffer_span(f.a), hrm_buffer_span(f.b), 1.0f);
    hrm_dispatch d;

    d = good;
    d.kernel = HRM_KERNEL_COUNT + 5;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "does not exist");
    d = good;
    d.binding_count = 1;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "kernel scale_scalar: 1 bindings given, access \"rw\" has 2");
    d = good;
    d.push_bytes = 8;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT,
                   "kernel scale_scalar: 8 bytes of push constants given, the row has 12");
    d = good;
    d.push = NULL;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "push constants");
    d = good;
    d.bindings[1].buffer = NULL;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "binding 1 ('w'): no buffer");
    d = good;
    d.bindings[1].bytes += 4;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "not inside buffer 'buffer b' of 4096 bytes");
    d = good;
    d.bindings[1].bytes = 0;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "not inside");
    d = good;
    d.bindings[1].offset = UINT64_MAX - 3;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "not inside");
    d = good;
    d.bindings[0].offset = 4;
    d.bindings[0].bytes = 64;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT,
                   "offset 4 in buffer 'buffer a' is not a multiple of this device's");
    d = good;
    d.bindings[0].bytes = 63;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "must be multiples of 4");
    if (a->max_workgroup_count[1] < UINT32_MAX) {
        d = good;
        d.groups[1] = a->max_workgroup_count[1] + 1;
        expect_refusal(&f, &d, HRM_ERR_UNSUPPORTED, "workgroups exceeds this device's");
    }
    d = good;
    d.specs[0].value = a->max_workgroup_invocations + 1;
    expect_refusal(&f, &d, HRM_ERR_UNSUPPORTED, "a workgroup of");
    d.specs[0].value = 0;
    expect_refusal(&f, &d, HRM_ERR_UNSUPPORTED, "a workgroup of 0 x 1 x 1 exceeds");
    d = good;
    d.spec_count = HRM_MAX_SPECS + 1;
    expect_refusal(&f, &d, HRM_ERR_INVALID_ARGUMENT, "specialization constants");
    drop_fixture(&f);
}

static void test_scope_and_label_name_the_place(void **state) {
    (void)state;
    fixture f = make_fixture();
    struct hrm_elementwise_params params;
    hrm_dispatch d = scale_dispatch(&params, hrm_buffer_span(f.a), hrm_buffer_span(f.b), 1.0f);
    hrm_program *program = NULL;
    d.binding_count = 0;
    d.label = "gate";
    hrm_recorder_set_scope(f.rec, "H.0.mlp");
    hrm_recorder_dispatch(f.rec, &d);
    hrm_recorder_fail(f.rec, HRM_ERR_IO, "a later error");
    CHECK_STATUS(hrm_recorder_end(f.rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("kernel scale_scalar (H.0.mlp/gate): 0 bindings given");
    hrm_recorder_fail(f.rec, HRM_ERR_FORMAT, "wrapper says %d", 7);
    hrm_recorder_dispatch(f.rec, &d);
    CHECK_STATUS(hrm_recorder_end(f.rec, &program), HRM_ERR_FORMAT);
    CHECK_STR(hrm_last_error(), "wrapper says 7");
    drop_fixture(&f);
}

static void test_texel_ranges(void **state) {
    (void)state;
    hrm_device *device = shared_device();
    const hrm_adapter *a = hrm_device_get_adapter(device);
    if (!hrm_kernel_is_usable(device, HRM_KERNEL_scale_texel)) {
        print_message("no large texel buffers here: checked through the capability\n");
        fixture f = make_fixture();
        struct hrm_elementwise_params params;
        hrm_dispatch d = scale_dispatch(&params, hrm_buffer_span(f.a), hrm_buffer_span(f.b), 1.0f);
        d.kernel = HRM_KERNEL_scale_texel;
        expect_refusal(&f, &d, HRM_ERR_UNSUPPORTED, "this device lacks");
        drop_fixture(&f);
        return;
    }
    /* a span that is no multiple of 16 bytes: the view covers the last, partial texel */
    fixture f = make_fixture();
    struct hrm_elementwise_params params;
    const uint64_t offset = hrm_device_get_binding_alignment(device);
    float host[N];
    for (uint32_t i = 0; i < N; i++) host[i] = (float)i;
    upload(device, f.a, host, N);
    hrm_buffer *odd = NULL;
    CHECK_OK(hrm_buffer_create(device, offset + 4 * 37, HRM_MEMORY_DEVICE, "odd", &odd));
    hrm_program *program = NULL;
    record_scale(f.rec, (hrm_span){f.a, 0, 4 * 37}, (hrm_span){odd, offset, 4 * 37}, 1.0f);
    hrm_dispatch d = scale_dispatch(&params, (hrm_span){odd, offset, 4 * 37}, hrm_buffer_span(f.b), 2.0f);
    d.kernel = HRM_KERNEL_scale_texel;
    params.count = 10; /* vec4s: 37 floats and three of padding */
    d.groups[0] = 1;
    hrm_recorder_dispatch(f.rec, &d);
    CHECK_OK(hrm_recorder_end(f.rec, &program));
    CHECK_OK(hrm_program_submit(program, NULL));
    float *got = download(device, f.b, 37);
    for (uint32_t i = 0; i < 37; i++) CHECK(got[i] == 2.0f * host[i]);
    free(got);
    hrm_program_destroy(program);
    hrm_buffer_destroy(odd);
    (void)a;
    drop_fixture(&f);
}

/* With a range that is lowered here: real ones are larger than some devices' memory. */
static void test_range_limits(void **state) {
    (void)state;
    const uint64_t range = 1 << 20;
    fixture f = make_fixture();
    const uint64_t real = f.device->adapter.info.max_storage_range;
    CHECK_EQ(hrm_device_get_binding_range(f.device), real);
    f.device->adapter.info.max_storage_range = range;
    hrm_buffer *large = NULL;
    CHECK_OK(hrm_buffer_create(f.device, range + 64, HRM_MEMORY_DEVICE, "large", &large));
    struct hrm_elementwise_params params;
    hrm_dispatch d = scale_dispatch(&params, (hrm_span){large, 0, range + 4}, hrm_buffer_span(f.b), 1.0f);
    expect_refusal(&f, &d, HRM_ERR_UNSUPPORTED,
                   "1048580 bytes of buffer 'large' exceed this device's binding range of 1048576 "
                   "(maxStorageBufferRange)");
    f.device->adapter.info.max_storage_range = real;
    hrm_buffer_destroy(large);
    drop_fixture(&f);
}

static void test_copies_and_fills_are_checked(void **state) {
    (void)state;
    fixture f = make_fixture();
    hrm_program *program = NULL;
    hrm_recorder_copy(f.rec, (hrm_span){f.a, 0, 64}, (hrm_span){f.b, 0, 60});
    CHECK_STATUS(hrm_recorder_end(f.rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("sizes must be equal");
    hrm_recorder_copy(f.rec, (hrm_span){f.a, 0, 64}, (hrm_span){f.a, 60, 64});
    CHECK_STATUS(hrm_recorder_end(f.rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("overlap");
    hrm_recorder_fill(f.rec, (hrm_span){f.a, 0, 8192}, 0);
    CHECK_STATUS(hrm_recorder_end(f.rec, &program), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("fill:");
    /* nothing recorded: a program that does nothing */
    hrm_ticket ticket = 0;
    CHECK_OK(hrm_recorder_end(f.rec, &program));
    CHECK_OK(hrm_program_submit(program, &ticket));
    CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
    hrm_program_destroy(program);
    drop_fixture(&f);
}

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_scope_and_label_name_the_place),
        cmocka_unit_test(test_texel_ranges),
        cmocka_unit_test(test_range_limits),
        cmocka_unit_test(test_copies_and_fills_are_checked),
    };
    return cmocka_run_group_tests_name("gpu/recorder", tests, NULL, close_shared_device);
}
