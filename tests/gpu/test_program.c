/* Programs: chains of dependent commands, replay, cutting, destruction while queued, profiles. */
#include "helper_device.h"

#include <stdio.h>
#include <time.h>

#include "gpu/device_private.h"

static void test_chain_of_dependent_dispatches(void **state) {
    (void)state;
    enum { N = 5000, STEPS = 200 };
    hrm_device *device = shared_device();
    hrm_buffer *a = make_buffer(device, N, "a"), *b = make_buffer(device, N, "b");
    float host[N];
    for (uint32_t i = 0; i < N; i++) host[i] = (float)(i % 97) * 0.25f;
    upload(device, a, host, N);
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    /* b = 2a, a = b + b = 4a, a = a / 4: back where it began, exact in floating point, wrong if any barrier is lost */
    for (uint32_t s = 0; s < STEPS; s++) {
        record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(b), 2.0f);
        record_add(rec, hrm_buffer_span(b), hrm_buffer_span(b), hrm_buffer_span(a));
        record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 0.25f);
    }
    hrm_recorder_copy(rec, hrm_buffer_span(b), hrm_buffer_span(a));
    hrm_recorder_fill(rec, (hrm_span){a, 64, 128}, 0x3f800000u);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_EQ(hrm_program_get_dispatch_count(program), 3 * STEPS);
    hrm_ticket ticket = 0;
    CHECK_OK(hrm_program_submit(program, &ticket));
    CHECK_OK(hrm_queue_wait(device, ticket, 0));
    float *got = download(device, b, N);
    check_same_bits("b", got, host, N * 4);
    free(got);
    got = download(device, a, N);
    for (uint32_t i = 0; i < 32; i++) host[16 + i] = 1.0f;
    check_same_bits("a", got, host, N * 4);
    free(got);
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(b);
}

/* Independent and overlapping parts of one buffer, in every combination of reading and writing. */
static void test_hazards_between_parts_of_a_buffer(void **state) {
    (void)state;
    enum { PARTS = 8, STEPS = 400 };
    hrm_device *device = shared_device();
    uint64_t part = hrm_device_get_binding_alignment(device) * 4; /* bytes */
    uint32_t floats = (uint32_t)(part / 4);
    hrm_buffer *buffer = make_buffer(device, (uint64_t)floats * PARTS, "parts");
    float *want = malloc((size_t)part * PARTS);
    CHECK(want != NULL);
    for (uint32_t i = 0; i < floats * PARTS; i++) want[i] = (float)(1 + i % 13);
    upload(device, buffer, want, (uint64_t)floats * PARTS);
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    uint64_t seed = check_seed();
    for (uint32_t s = 0; s < STEPS; s++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t x = (uint32_t)(seed >> 40) % PARTS, y = (uint32_t)(seed >> 50) % PARTS;
        uint32_t length = 1 + (uint32_t)(seed >> 33) % 2; /* one part or two: ranges overlap partly */
        if (x + length > PARTS || y + length > PARTS || (x != y && x < y + length && y < x + length)) continue;
        uint32_t n = floats * length;
        hrm_span from = {buffer, part * x, part * length}, to = {buffer, part * y, part * length};
        switch (s % 3) {
        case 0:
            record_scale(rec, from, to, s % 2 ? 0.5f : -1.0f);
            for (uint32_t i = 0; i < n; i++) want[y * floats + i] = want[x * floats + i] * (s % 2 ? 0.5f : -1.0f);
            break;
        case 1:
            if (x == y) continue;
            hrm_recorder_copy(rec, to, from);
            memcpy(want + y * floats, want + x * floats, n * sizeof *want);
            break;
        default:
            hrm_recorder_fill(rec, (hrm_span){buffer, part * y, part}, 0x40000000u + (s << 12));
            for (uint32_t i = 0; i < floats; i++) {
                uint32_t bits = 0x40000000u + (s << 12);
                memcpy(&want[y * floats + i], &bits, 4);
            }
        }
    }
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_OK(hrm_program_submit(program, NULL));
    float *got = download(device, buffer, (uint64_t)floats * PARTS);
    check_same_bits("parts", got, want, (size_t)part * PARTS);
    free(got);
    free(want);
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(buffer);
}

/* Each replay doubles; the host never waits in between, so submissions overlap on the queue. */
static void test_replay_many_times(void **state) {
    (void)state;
    enum { N = 300, TIMES = 100 };
    hrm_device *device = shared_device();
    hrm_buffer *a = make_buffer(device, N, "a"), *b = make_buffer(device, N, "b");
    float host[N];
    for (uint32_t i = 0; i < N; i++) host[i] = (float)(i + 1);
    upload(device, a, host, N);
    hrm_recorder *rec = NULL;
    hrm_program *twice = NULL, *half = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    record_add(rec, hrm_buffer_span(a), hrm_buffer_span(a), hrm_buffer_span(b));
    hrm_recorder_copy(rec, hrm_buffer_span(a), hrm_buffer_span(b));
    CHECK_OK(hrm_recorder_end(rec, &twice));
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 0.5f);
    CHECK_OK(hrm_recorder_end(rec, &half));
    hrm_recorder_destroy(rec);
    hrm_ticket ticket = 0, previous = 0;
    for (uint32_t t = 0; t < TIMES; t++) {
        CHECK_OK(hrm_program_submit(twice, &ticket));
        CHECK(ticket > previous);
        previous = ticket;
        if (t % 10 != 9) CHECK_OK(hrm_program_submit(half, NULL));
    }
    CHECK_OK(hrm_queue_wait(device, ticket, 60000));
    float *got = download(device, a, N);
    for (uint32_t i = 0; i < N; i++) CHECK(got[i] == host[i] * (float)(1 << (TIMES / 10)));
    free(got);
    hrm_program_destroy(twice);
    hrm_program_destroy(half);
    hrm_buffer_destroy(a);
    hrm_buffer_destroy(b);
}

static void test_destroy_while_queued(void **state) {
    (void)state;
    enum { N = 200000 };
    hrm_device *device = shared_device();
    hrm_buffer *a = make_buffer(device, N, "a");
    float *host = calloc(N, sizeof *host);
    CHECK(host != NULL);
    for (uint32_t i = 0; i < N; i++) host[i] = 1.0f;
    upload(device, a, host, N);
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    for (uint32_t s = 0; s < 20; s++) record_add(rec, hrm_buffer_span(a), hrm_buffer_span(a), hrm_buffer_span(a));
    CHECK_OK(hrm_recorder_end(rec, &program));
    hrm_recorder_destroy(rec);
    CHECK_OK(hrm_program_submit(program, NULL));
    hrm_program_destroy(program); /* waits */
    hrm_program_destroy(NULL);
    float *got = download(device, a, N);
    for (uint32_t i = 0; i < N; i++) CHECK(got[i] == 1048576.0f);
    free(got);
    free(host);
    hrm_buffer_destroy(a);
}

static uint32_t submissions, buffers_submitted;
static PFN_vkQueueSubmit real_submit;

static VKAPI_ATTR VkResult VKAPI_CALL count_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *all,
                                                   VkFence fence) {
    submissions += count;
    for (uint32_t i = 0; i < count; i++) buffers_submitted += all[i].commandBufferCount;
    return real_submit(queue, count, all, fence);
}

/* With a target far below what the program takes, it is cut into pieces, measured and cut again; the result stays. With
 * a generous one it ends as one submission. Whoever measures: the device, or the host. */
static void cut_and_join(hrm_device *device) {
    enum { N = 100000, STEPS = 60 };
    hrm_buffer *a = make_buffer(device, N, "a");
    float *host = calloc(N, sizeof *host);
    CHECK(host != NULL);
    for (uint32_t i = 0; i < N; i++) host[i] = (float)(i % 1000);
    upload(device, a, host, N);
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    hrm_device_set_submit_target(device, 200000); /* 0.2 ms */
    CHECK_OK(hrm_recorder_create(device, &rec));
    for (uint32_t s = 0; s < STEPS; s++) {
        record_add(rec, hrm_buffer_span(a), hrm_buffer_span(a), hrm_buffer_span(a));
        record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 0.5f);
    }
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK(hrm_program_get_piece_count(program) > 1);
    for (uint32_t t = 0; t < 5; t++) CHECK_OK(hrm_program_submit(program, NULL));
    float *got = download(device, a, N);
    check_same_bits("a", got, host, N * 4);
    hrm_program_destroy(program);
    /* a generous target: one submission in the end */
    hrm_device_set_submit_target(device, UINT64_C(3600) * 1000000000);
    for (uint32_t s = 0; s < STEPS; s++) record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), s % 2 ? 2.0f : 0.5f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    for (uint32_t t = 0; t < 4; t++) CHECK_OK(hrm_program_submit(program, NULL));
    CHECK_EQ(hrm_program_get_piece_count(program), 1);
    real_submit = device->vk.vkQueueSubmit;
    device->vk.vkQueueSubmit = count_submit;
    submissions = 0;
    CHECK_OK(hrm_program_submit(program, NULL));
    CHECK_EQ(submissions, 1);
    device->vk.vkQueueSubmit = real_submit;
    hrm_device_set_submit_target(device, 0);
    free(got);
    got = download(device, a, N);
    check_same_bits("a", got, host, N * 4);
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    free(got);
    free(host);
    hrm_buffer_destroy(a);
}

static void test_cutting_keeps_results(void **state) {
    (void)state;
    cut_and_join(shared_device());
}

static hrm_device *open_without_timestamps(void) {
    setenv("HRM_DISABLE", "timestamp", 1);
    hrm_device *device = open_device(NULL, "");
    unsetenv("HRM_DISABLE");
    return device;
}

static void test_cutting_without_timestamps(void **state) {
    (void)state;
    hrm_device *device = open_without_timestamps();
    cut_and_join(device);
    CHECK_EQ(hrm_device_get_validation_count(device), 0);
    hrm_device_close(device);
}

/* What a device without timestamps takes is what the host sees: pieces whose waits last longer than the target are cut,
 * those that are quick are joined. */
static PFN_vkWaitSemaphores real_wait;
static VKAPI_ATTR VkResult VKAPI_CALL slow_wait(VkDevice handle, const VkSemaphoreWaitInfo *info, uint64_t timeout) {
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&moment, NULL);
    return real_wait(handle, info, timeout);
}

static void test_measured_by_the_host(void **state) {
    (void)state;
    enum { N = 256, STEPS = 64 };
    hrm_device *device = open_without_timestamps();
    hrm_buffer *a = make_buffer(device, N, "a");
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_queue_drain(device));
    hrm_device_set_submit_target(device, 10 * 1000 * 1000);
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_recorder_fill(rec, hrm_buffer_span(a), 0);
    for (uint32_t s = 0; s < STEPS; s++) record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 1.0f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_EQ(hrm_program_get_piece_count(program), 1); /* estimated at 5 us each */
    real_wait = device->vk.vkWaitSemaphores;
    device->vk.vkWaitSemaphores = slow_wait;
    CHECK_OK(hrm_program_submit(program, NULL)); /* 20 ms: eighths of 10 ms are wanted */
    CHECK(hrm_program_get_piece_count(program) >= 8);
    device->vk.vkWaitSemaphores = real_wait;
    CHECK_OK(hrm_program_submit(program, NULL)); /* microseconds each */
    real_submit = device->vk.vkQueueSubmit;
    device->vk.vkQueueSubmit = count_submit;
    submissions = buffers_submitted = 0;
    CHECK_OK(hrm_program_submit(program, NULL));
    CHECK_EQ(buffers_submitted, hrm_program_get_piece_count(program));
    CHECK(submissions >= 1 && submissions <= buffers_submitted);
    device->vk.vkQueueSubmit = real_submit;
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(a);
    hrm_device_close(device);
}

static VKAPI_ATTR VkResult VKAPI_CALL never_ready(VkDevice handle, VkQueryPool pool, uint32_t first, uint32_t count,
                                                  size_t size, void *data, VkDeviceSize stride,
                                                  VkQueryResultFlags flags) {
    (void)handle, (void)pool, (void)first, (void)count, (void)size, (void)data, (void)stride;
    CHECK(!(flags & VK_QUERY_RESULT_WAIT_BIT)); /* that would wait for ever */
    return VK_NOT_READY;
}

/* Timestamps that a reset has swallowed: the host measures instead. */
static void test_timestamps_that_never_come(void **state) {
    (void)state;
    hrm_device *device = open_device(NULL, "");
    if (hrm_device_get_caps(device) & HRM_CAP_TIMESTAMP) {
        PFN_vkGetQueryPoolResults real = device->vk.vkGetQueryPoolResults;
        device->vk.vkGetQueryPoolResults = never_ready;
        cut_and_join(device);
        CHECK(log_has("timestamps cannot be read"));
        device->vk.vkGetQueryPoolResults = real;
    } else {
        print_message("no compute timestamps: not checked\n");
    }
    hrm_device_close(device);
}

typedef struct profile_sums {
    uint32_t labels;
    uint64_t adds, scales;
    double ns, flops, bytes;
} profile_sums;

static void on_label(void *user, const hrm_label_time *time) {
    profile_sums *sums = user;
    sums->labels++;
    if (strcmp(time->label, "scope/scale_scalar") == 0) sums->scales += time->calls;
    if (strcmp(time->label, "add_scalar") == 0) sums->adds += time->calls;
    sums->ns += time->ns;
    sums->flops += time->flops;
    sums->bytes += time->bytes;
}

static void test_profile(void **state) {
    (void)state;
    enum { N = 4096 };
    hrm_device *device = shared_device();
    hrm_buffer *a = make_buffer(device, N, "a");
    hrm_recorder *rec = NULL;
    hrm_program *program = NULL;
    CHECK_OK(hrm_recorder_create(device, &rec));
    hrm_recorder_set_profile(rec, true);
    hrm_recorder_fill(rec, hrm_buffer_span(a), 0);
    hrm_recorder_set_scope(rec, "scope");
    for (uint32_t s = 0; s < 3; s++) record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 1.0f);
    hrm_recorder_set_scope(rec, NULL);
    for (uint32_t s = 0; s < 2; s++) record_add(rec, hrm_buffer_span(a), hrm_buffer_span(a), hrm_buffer_span(a));
    CHECK_OK(hrm_recorder_end(rec, &program));
    profile_sums sums = {0};
    if (hrm_device_get_caps(device) & HRM_CAP_TIMESTAMP) {
        CHECK_STATUS(hrm_program_read_profile(program, on_label, &sums), HRM_ERR_INVALID_ARGUMENT);
        CHECK_OK(hrm_program_submit(program, NULL));
        CHECK_OK(hrm_program_submit(program, NULL));
        CHECK_OK(hrm_program_read_profile(program, on_label, &sums));
        CHECK_EQ(sums.labels, 3);
        CHECK_EQ(sums.scales, 3);
        CHECK_EQ(sums.adds, 2);
        CHECK(sums.flops == 5.0 * N);
        CHECK(sums.bytes == 6 * 4.0 * N); /* all six commands bind the same tensor, once or more */
        CHECK_MSG(sums.ns >= 0.0 && sums.ns < 60e9, "%g ns", sums.ns);
        /* timestamps that a reset has swallowed */
        PFN_vkGetQueryPoolResults real = device->vk.vkGetQueryPoolResults;
        device->vk.vkGetQueryPoolResults = never_ready;
        CHECK_STATUS(hrm_program_read_profile(program, on_label, &sums), HRM_ERR_DEVICE);
        CHECK_ERROR_HAS("without writing its timestamps");
        device->vk.vkGetQueryPoolResults = real;
    } else {
        CHECK(log_has("has no compute timestamps"));
        CHECK_OK(hrm_program_submit(program, NULL));
        CHECK_STATUS(hrm_program_read_profile(program, on_label, &sums), HRM_ERR_UNSUPPORTED);
        CHECK_ERROR_HAS("no compute timestamps");
        CHECK_EQ(sums.labels, 0);
    }
    hrm_program_destroy(program);
    hrm_recorder_set_profile(rec, false);
    record_scale(rec, hrm_buffer_span(a), hrm_buffer_span(a), 1.0f);
    CHECK_OK(hrm_recorder_end(rec, &program));
    CHECK_STATUS(hrm_program_read_profile(program, on_label, &sums), HRM_ERR_UNSUPPORTED);
    hrm_program_destroy(program);
    hrm_recorder_destroy(rec);
    hrm_buffer_destroy(a);
}

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_of_dependent_dispatches),
        cmocka_unit_test(test_hazards_between_parts_of_a_buffer),
        cmocka_unit_test(test_replay_many_times),
        cmocka_unit_test(test_destroy_while_queued),
        cmocka_unit_test(test_cutting_keeps_results),
        cmocka_unit_test(test_cutting_without_timestamps),
        cmocka_unit_test(test_measured_by_the_host),
        cmocka_unit_test(test_timestamps_that_never_come),
        cmocka_unit_test(test_profile),
    };
    return cmocka_run_group_tests_name("gpu/program", tests, NULL, close_shared_device);
}
