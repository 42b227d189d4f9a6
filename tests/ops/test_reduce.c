#include "helper_gpu.h"

#include <math.h>

#include "ops/reduce.h"
#include "ref/elementwise.h"

static const double ulp = 1.0 / 8388608.0;

static float sum_on_gpu(hrm_tensor x, bool square) {
    hrm_tensor y = helper_gpu_f32(NULL, 1), scratch = helper_gpu_f32(NULL, hrm_sum_scratch_count());
    hrm_sum(helper_gpu_begin(), (hrm_sum_args){.x = x, .y = y, .scratch = scratch, .square = square});
    helper_gpu_run();
    return *(float *)helper_gpu_read(y);
}

static void test_shapes(void **state) {
    (void)state;
    const size_t counts[] = {1, 2, 63, 64, 65, 2047, 2048, 2049, 100003};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        size_t n = counts[k];
        float *x = helper_gpu_host_f32(n);
        helper_gpu_random(x, n, 1.0, 10 + k);
        double *wide = helper_gpu_widen(x, n);
        hrm_tensor tx = helper_gpu_f32(x, n);
        double absolute = 0.0;
        for (size_t i = 0; i < n; i++) absolute += fabs(wide[i]);
        double sum = ref_sum(wide, n, false), squares = ref_sum(wide, n, true);
        /* one rounding of the result; errors of second order in n ulp against the absolute sum */
        double second_order = absolute * (double)n * ulp * ulp;
        float got = sum_on_gpu(tx, false), got_squares = sum_on_gpu(tx, true);
        check_close_f32("sum", &got, &sum, 1, second_order, ulp);
        check_close_f32("sum of squares", &got_squares, &squares, 1, 0.0, 2.0 * ulp); /* and one of each square */
    }
}

/* Plain f32 addition would lose every small term here. */
static void test_compensation(void **state) {
    (void)state;
    enum { N = 65536 };
    float *x = helper_gpu_host_f32(N);
    for (size_t i = 0; i < N; i++) x[i] = 1.0f;
    x[0] = 1e9f;
    x[N - 2048] = -1e9f; /* the same part, last row */
    double want = N - 2;
    float got = sum_on_gpu(helper_gpu_f32(x, N), false);
    check_close_f32("cancelling sum", &got, &want, 1, 0.0, ulp);
}

static void test_repeats(void **state) {
    (void)state;
    enum { N = 30011 };
    float *x = helper_gpu_host_f32(N);
    helper_gpu_random(x, N, 100.0, 40);
    hrm_tensor tx = helper_gpu_f32(x, N);
    float first = sum_on_gpu(tx, true), second = sum_on_gpu(tx, true);
    check_same_bits("second run", &second, &first, sizeof first);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor x = helper_gpu_f32(NULL, 8), y = helper_gpu_f32(NULL, 1);
    hrm_sum(helper_gpu_begin(), (hrm_sum_args){.x = x, .y = x, .scratch = x});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "sum: tensor y has 8 elements");
    hrm_sum(helper_gpu_begin(), (hrm_sum_args){.x = x, .y = y, .scratch = x});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "sum: tensor scratch has 8 elements");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_shapes), HELPER_GPU_TEST(test_compensation), HELPER_GPU_TEST(test_repeats),
                HELPER_GPU_TEST(test_errors))
