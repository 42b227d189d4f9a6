/* Programs: chains of dependent commands, replay, cutting, destruction while queued, profiles. */
#include "helper_device.h"

#include <stdio.h>

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

int main(void) {
    shared_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_of_dependent_dispatches),
    };
    return cmocka_run_group_tests_name("gpu/program", tests, NULL, close_shared_device);
}
