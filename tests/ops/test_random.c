/* Start values: the same draws as the host's generator, and a distribution of the right shape. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>

#include "ops/random.h"
#include "ref/random.h"

static const float *draw(uint64_t n, float std, uint64_t seed, uint64_t stream) {
    hrm_tensor y = helper_gpu_f32(NULL, n);
    hrm_random_trunc_normal(helper_gpu_begin(),
                            (hrm_random_trunc_normal_args){.y = y, .std = std, .seed = seed, .stream = stream});
    helper_gpu_run();
    return helper_gpu_read(y);
}

static void test_values(void **state) {
    (void)state;
    const uint64_t sizes[] = {1, 2, 5, 64, 257, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint64_t n = sizes[i], seed = UINT64_C(0xfedcba9876543210) + i, stream = UINT64_C(0x100000002) * i;
        double *want = helper_gpu_host_f64(n);
        ref_random_trunc_normal(n, 0.125, seed, stream, want);
        /* u: two roundings; erfinv: 4 ulp, and up to 2.5 more where division is no better; one product */
        check_close_f32("trunc_normal", draw(n, 0.125f, seed, stream), want, n, 0.0, 8e-7);
    }
}

/* An element depends on seed, stream and its own number; nothing else. */
static void test_independence(void **state) {
    (void)state;
    const float *few = draw(7, 1.0f, 42, 1), *many = draw(1000, 1.0f, 42, 1);
    check_same_bits("the first elements", few, many, 7 * 4);
    const float *other_stream = draw(1000, 1.0f, 42, 2), *other_seed = draw(1000, 1.0f, 43, 1);
    size_t equal = 0;
    for (size_t i = 0; i < 1000; i++) equal += many[i] == other_stream[i] || many[i] == other_seed[i];
    CHECK_MSG(equal < 5, "%zu of 1000 values recur in another stream", equal);
}

static void test_distribution(void **state) {
    (void)state;
    const uint64_t n = 100000;
    const double std = 0.5, limit = 2.0 * std / 0.8796256610342398;
    const float *y = draw(n, (float)std, 7, 3);
    double sum = 0.0, squares = 0.0, largest = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        sum += (double)y[i];
        squares += (double)y[i] * (double)y[i];
        largest = fmax(largest, fabs((double)y[i]));
    }
    double mean = sum / (double)n, deviation = sqrt(squares / (double)n - mean * mean);
    /* five standard errors: std / sqrt(n), and sqrt((kurtosis - 1) / 4n) of std with kurtosis 2.4 */
    CHECK_MSG(fabs(mean) < 5.0 * std / sqrt((double)n), "mean %g", mean);
    CHECK_MSG(fabs(deviation / std - 1.0) < 5.0 * 0.6 / sqrt((double)n), "deviation %g", deviation);
    CHECK_MSG(largest <= limit * (1.0 + 1e-6) && largest > 0.999 * limit, "largest %g of %g", largest, limit);
    const float *zero = draw(10, 0.0f, 7, 3);
    for (int i = 0; i < 10; i++) CHECK(zero[i] == 0.0f);
}

static void test_refused_arguments(void **state) {
    (void)state;
    hrm_random_trunc_normal(helper_gpu_begin(),
                            (hrm_random_trunc_normal_args){.y = helper_gpu_f32(NULL, 3), .std = -1.0f});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "3 elements of deviation -1");
    hrm_random_trunc_normal(helper_gpu_begin(),
                            (hrm_random_trunc_normal_args){.y = helper_gpu_u32(NULL, 3), .std = 1.0f});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "tensor y is u32, expected f32");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_values), HELPER_GPU_TEST(test_independence), HELPER_GPU_TEST(test_distribution),
                HELPER_GPU_TEST(test_refused_arguments))
