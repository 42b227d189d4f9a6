/* The stopwatch: idle and busy times in the right order, counters that wrap, devices without timestamps, slots that are
 * still in flight. */
#include "helper_device.h"

#include <stdio.h>
#include <time.h>

#include "gpu/device_private.h"
#include "gpu/stopwatch.h"

/* Work of tens of milliseconds on a CPU driver, of one or so on a GPU. */
enum { WORK_FLOATS = 1 << 20, WORK_DISPATCHES = 60, SLOTS = 6 };

typedef struct fixture {
    hrm_device *device;
    hrm_buffer *buffer;
    hrm_program *program;
    hrm_stopwatch *stopwatch;
} fixture;

static fixture make_fixture(void) {
    fixture f = {.device = open_device(NULL, "")};
    hrm_device_set_submit_target(f.device, 0); /* no pauses for measuring how long the work is */
    f.buffer = make_buffer(f.device, WORK_FLOATS, "work");
    hrm_recorder *rec = NULL;
    CHECK_OK(hrm_recorder_create(f.device, &rec));
    hrm_recorder_fill(rec, hrm_buffer_span(f.buffer), 0);
    for (uint32_t i = 0; i < WORK_DISPATCHES; i++) {
        record_scale(rec, hrm_buffer_span(f.buffer), hrm_buffer_span(f.buffer), 1.0f);
    }
    CHECK_OK(hrm_recorder_end(rec, &f.program));
    hrm_recorder_destroy(rec);
    CHECK_OK(hrm_stopwatch_create(f.device, SLOTS, &f.stopwatch));
    CHECK_EQ(hrm_stopwatch_has_timestamps(f.stopwatch), (hrm_device_get_caps(f.device) & HRM_CAP_TIMESTAMP) != 0);
    return f;
}

static void drop_fixture(fixture *f) {
    hrm_stopwatch_destroy(f->stopwatch);
    hrm_program_destroy(f->program);
    hrm_buffer_destroy(f->buffer);
    CHECK_EQ(hrm_device_get_validation_count(f->device), 0);
    hrm_device_close(f->device);
}

static hrm_ticket measure(fixture *f, uint32_t slot) {
    hrm_ticket ticket = 0;
    CHECK_OK(hrm_stopwatch_start(f->stopwatch, slot));
    CHECK_OK(hrm_program_submit(f->program, NULL));
    CHECK_OK(hrm_stopwatch_stop(f->stopwatch, slot, &ticket));
    CHECK(ticket != 0);
    return ticket;
}

static void need_timestamps(fixture *f) {
    if (hrm_stopwatch_has_timestamps(f->stopwatch)) return;
    print_message("no compute timestamps: not checked\n");
    drop_fixture(f);
    skip();
}

static void test_a_pause_is_idle(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    CHECK_OK(hrm_queue_wait(f.device, measure(&f, 0), 0));
    const struct timespec pause = {0, 30000000};
    nanosleep(&pause, NULL);
    CHECK_OK(hrm_queue_wait(f.device, measure(&f, 1), 0));
    double start[2], end[2];
    for (uint32_t s = 0; s < 2; s++) CHECK(hrm_stopwatch_read(f.stopwatch, s, &start[s], &end[s]));
    CHECK(start[0] == 0.0);
    CHECK(end[0] > start[0] && end[1] > start[1]);
    CHECK_MSG(start[1] - end[0] >= 25e6, "%g ns idle", start[1] - end[0]);
    drop_fixture(&f);
}

/* Steps queued ahead leave no gaps: a start is the end of the work before it, not the moment it was submitted. */
static void test_queued_steps_follow_one_another(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    CHECK_OK(hrm_program_submit(f.program, NULL)); /* occupies the device while the rest is queued */
    hrm_ticket ticket = 0;
    for (uint32_t s = 0; s < SLOTS; s++) ticket = measure(&f, s);
    CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
    double busy = 0.0, idle = 0.0, last_end = 0.0;
    for (uint32_t s = 0; s < SLOTS; s++) {
        double start, end;
        CHECK(hrm_stopwatch_read(f.stopwatch, s, &start, &end));
        CHECK_MSG(start >= last_end, "slot %u begins at %g ns, the one before ends at %g", s, start, last_end);
        CHECK(end > start);
        if (s) idle += start - last_end;
        busy += end - start;
        last_end = end;
    }
    CHECK_MSG(idle < 0.5 * busy, "%g ns idle, %g busy", idle, busy);
    drop_fixture(&f);
}

/* A slot around nothing, queued behind work: its time is that of nothing. */
static void test_earlier_work_is_not_counted(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    hrm_ticket ticket = measure(&f, 0);
    CHECK_OK(hrm_stopwatch_start(f.stopwatch, 1));
    CHECK_OK(hrm_stopwatch_stop(f.stopwatch, 1, &ticket));
    CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
    double start[2], end[2];
    for (uint32_t s = 0; s < 2; s++) CHECK(hrm_stopwatch_read(f.stopwatch, s, &start[s], &end[s]));
    CHECK_MSG(start[1] >= end[0], "starts at %g ns, the work before ends at %g", start[1], end[0]);
    CHECK_MSG(end[1] - start[1] < end[0] - start[0], "%g ns for nothing, %g for work", end[1] - start[1],
              end[0] - start[0]);
    drop_fixture(&f);
}

static void test_slots_are_used_again(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    double start, end, last_end = 0.0;
    for (uint32_t round = 0; round < 20; round++) {
        const uint32_t slot = round % 2;
        hrm_ticket ticket = 0;
        CHECK_OK(hrm_stopwatch_start(f.stopwatch, slot));
        CHECK(!hrm_stopwatch_read(f.stopwatch, slot, &start, &end)); /* what it measured before is gone */
        CHECK_OK(hrm_stopwatch_stop(f.stopwatch, slot, &ticket));
        CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
        CHECK(hrm_stopwatch_read(f.stopwatch, slot, &start, &end));
        CHECK(start >= last_end && end >= start);
        last_end = end;
    }
    drop_fixture(&f);
}

/* ---- counters that wrap ------------------------------------------------------------------------------------------ */

static uint64_t said[2];

static VKAPI_ATTR VkResult VKAPI_CALL say_times(VkDevice device, VkQueryPool pool, uint32_t first, uint32_t count,
                                                size_t bytes, void *data, VkDeviceSize stride,
                                                VkQueryResultFlags flags) {
    (void)device;
    (void)pool;
    (void)first;
    (void)stride;
    CHECK_EQ(count, 2);
    CHECK_EQ(bytes, sizeof said);
    CHECK_EQ(flags, VK_QUERY_RESULT_64_BIT);
    memcpy(data, said, sizeof said);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL never_ready(VkDevice device, VkQueryPool pool, uint32_t first, uint32_t count,
                                                  size_t bytes, void *data, VkDeviceSize stride,
                                                  VkQueryResultFlags flags) {
    (void)device;
    (void)pool;
    (void)first;
    (void)count;
    (void)bytes;
    (void)data;
    (void)stride;
    (void)flags;
    return VK_NOT_READY;
}

/* What slot 0 reads, in ticks of the 32-bit, 2 ns counter since the first start, when its timestamps are these. */
static void read_as(fixture *f, uint64_t first, uint64_t second, int64_t want_start, int64_t want_end) {
    double start = -1.0, end = -1.0;
    said[0] = first;
    said[1] = second;
    CHECK(hrm_stopwatch_read(f->stopwatch, 0, &start, &end));
    CHECK_MSG(start == 2.0 * (double)want_start && end == 2.0 * (double)want_end,
              "%.17g to %.17g ns instead of ticks %lld to %lld", start, end, (long long)want_start,
              (long long)want_end);
}

static void test_wrapping_counters(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    CHECK_OK(hrm_queue_wait(f.device, measure(&f, 0), 0));
    f.device->vk.vkGetQueryPoolResults = say_times;
    f.device->adapter.timestamp_mask = UINT32_MAX;
    f.device->adapter.info.timestamp_period_ns = 2.0f;
    read_as(&f, 0xfffffff0, 0xfffffff8, 0, 8);
    read_as(&f, 0xfffffffc, 4, 12, 20);                /* wraps inside */
    read_as(&f, 0xfffffff0, 0xfffffff8, 0, 8);         /* an older one, read again */
    read_as(&f, 0xffffff80, 0xffffff90, -0x70, -0x60); /* one from before the first */
    read_as(&f, 0x70000000, 0x70000001, 0x70000010, 0x70000011);
    read_as(&f, 0xe0000000, 0xe0000001, 0xe0000010, 0xe0000011);
    read_as(&f, 0x20000000, 0x20000001, 0x120000010, 0x120000011); /* a whole round later */
    read_as(&f, UINT64_C(0xabcd20000002), 0x20000003, 0x120000012,
            0x120000013); /* bits past the valid ones are noise */
    double start = -1.0, end = -1.0;
    f.device->vk.vkGetQueryPoolResults = never_ready; /* swallowed by a reset */
    CHECK(!hrm_stopwatch_read(f.stopwatch, 0, &start, &end));
    CHECK(start == -1.0 && end == -1.0);
    drop_fixture(&f);
}

/* ---- what does not measure --------------------------------------------------------------------------------------- */

static void test_without_timestamps(void **state) {
    (void)state;
    setenv("HRM_DISABLE", "timestamp", 1);
    fixture f = make_fixture();
    unsetenv("HRM_DISABLE");
    CHECK(!hrm_stopwatch_has_timestamps(f.stopwatch));
    for (uint32_t round = 0; round < 2; round++) {
        double start = -1.0, end = -1.0;
        hrm_ticket ticket = measure(&f, 1);
        CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
        CHECK(!hrm_stopwatch_read(f.stopwatch, 1, &start, &end));
        CHECK(start == -1.0 && end == -1.0);
    }
    CHECK_STATUS(hrm_stopwatch_start(f.stopwatch, SLOTS), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_stopwatch_stop(f.stopwatch, 0, NULL), HRM_ERR_INVALID_ARGUMENT);
    drop_fixture(&f);
}

static VKAPI_ATTR VkResult VKAPI_CALL nothing_done(VkDevice device, VkSemaphore semaphore, uint64_t *value) {
    (void)device;
    (void)semaphore;
    *value = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL lost_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *submits,
                                                  VkFence fence) {
    (void)queue;
    (void)count;
    (void)submits;
    (void)fence;
    return VK_ERROR_DEVICE_LOST;
}

static void test_refusals(void **state) {
    (void)state;
    fixture f = make_fixture();
    need_timestamps(&f);
    hrm_stopwatch *none = (hrm_stopwatch *)&f;
    CHECK_STATUS(hrm_stopwatch_create(f.device, 0, &none), HRM_ERR_INVALID_ARGUMENT);
    CHECK(none == NULL);
    CHECK_STATUS(hrm_stopwatch_create(f.device, HRM_STOPWATCH_MAX_SLOTS + 1, &none), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("1 to 4096 are possible");
    hrm_stopwatch_destroy(NULL);
    double start, end;
    CHECK(!hrm_stopwatch_read(f.stopwatch, 0, &start, &end)); /* never used */
    CHECK(!hrm_stopwatch_read(f.stopwatch, SLOTS, &start, &end));
    CHECK_STATUS(hrm_stopwatch_start(f.stopwatch, SLOTS), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("start of slot 6; there are 6");
    CHECK_STATUS(hrm_stopwatch_stop(f.stopwatch, SLOTS, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_stopwatch_stop(f.stopwatch, 2, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("slot 2 is stopped without having been started");

    PFN_vkGetSemaphoreCounterValue real = f.device->vk.vkGetSemaphoreCounterValue;
    f.device->vk.vkGetSemaphoreCounterValue = nothing_done; /* a device that is slow to finish */
    hrm_ticket ticket = measure(&f, 3);
    CHECK_STATUS(hrm_stopwatch_stop(f.stopwatch, 3, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK(!hrm_stopwatch_read(f.stopwatch, 3, &start, &end));
    CHECK_STATUS(hrm_stopwatch_start(f.stopwatch, 3), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("slot 3 is still in flight");
    f.device->vk.vkGetSemaphoreCounterValue = real;
    CHECK_OK(hrm_queue_wait(f.device, ticket, 0));
    CHECK(hrm_stopwatch_read(f.stopwatch, 3, &start, &end));
    /* started twice: the first one is forgotten */
    CHECK_OK(hrm_stopwatch_start(f.stopwatch, 3));
    CHECK_OK(hrm_queue_drain(f.device));
    CHECK_OK(hrm_stopwatch_start(f.stopwatch, 3));

    PFN_vkQueueSubmit submit = f.device->vk.vkQueueSubmit;
    f.device->vk.vkQueueSubmit = lost_submit;
    CHECK_STATUS(hrm_stopwatch_stop(f.stopwatch, 3, &ticket), HRM_ERR_DEVICE);
    CHECK_STATUS(hrm_stopwatch_start(f.stopwatch, 0), HRM_ERR_DEVICE);
    f.device->vk.vkQueueSubmit = submit;
    f.device->queue.lost = false; /* it was a lie: let the real work end before its memory goes */
    drop_fixture(&f);
}

/* Destroyed while its last measurement is still queued. */
static void test_destroy_while_queued(void **state) {
    (void)state;
    fixture f = make_fixture();
    for (uint32_t s = 0; s < SLOTS; s++) measure(&f, s);
    drop_fixture(&f);
}

int main(void) {
    watch_log();
    hrm_device *probe = open_device(NULL, "");
    hrm_device_close(probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pause_is_idle),
        cmocka_unit_test(test_queued_steps_follow_one_another),
        cmocka_unit_test(test_earlier_work_is_not_counted),
        cmocka_unit_test(test_slots_are_used_again),
        cmocka_unit_test(test_wrapping_counters),
        cmocka_unit_test(test_without_timestamps),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_destroy_while_queued),
    };
    return cmocka_run_group_tests_name("gpu/stopwatch", tests, NULL, NULL);
}
