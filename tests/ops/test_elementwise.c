#include "helper_gpu.h"

#include <stdlib.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/grid.h"
#include "ref/elementwise.h"

/* Friendly, odd and size-1 counts; 70001 takes several workgroups on every device. */
static const size_t counts[] = {1, 2, 3, 4, 5, 64, 1000, 4096, 70001, 227328};
enum { COUNTS = sizeof counts / sizeof counts[0] };

/* One rounding per operation. */
static const double ulp = 1.0 / 8388608.0;

static void test_add(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNTS; k++) {
        size_t n = counts[k];
        float *a = helper_gpu_host_f32(n), *b = helper_gpu_host_f32(n), *c = helper_gpu_host_f32(n);
        helper_gpu_random(a, n, 1.0, 1);
        helper_gpu_random(b, n, 1.0, 2);
        helper_gpu_random(c, n, 1.0, 3);
        double *want2 = helper_gpu_host_f64(n), *want3 = helper_gpu_host_f64(n);
        double *wide_a = helper_gpu_widen(a, n), *wide_b = helper_gpu_widen(b, n), *wide_c = helper_gpu_widen(c, n);
        ref_add(wide_a, wide_b, NULL, want2, n);
        ref_add(wide_a, wide_b, wide_c, want3, n);
        hrm_tensor ta = helper_gpu_f32(a, n), tb = helper_gpu_f32(b, n), tc = helper_gpu_f32(c, n);
        hrm_tensor y2 = helper_gpu_f32(NULL, n), y3 = helper_gpu_f32(NULL, n), in_place = helper_gpu_f32(a, n);
        hrm_recorder *rec = helper_gpu_begin();
        hrm_add(rec, (hrm_add_args){.y = y2, .a = ta, .b = tb});
        hrm_add(rec, (hrm_add_args){.y = y3, .a = ta, .b = tb, .c = tc});
        hrm_add(rec, (hrm_add_args){.y = in_place, .a = in_place, .b = tb, .c = tc});
        helper_gpu_run();
        float *got3 = helper_gpu_read(y3);
        check_close_f32("a + b", (float *)helper_gpu_read(y2), want2, n, 0.0, ulp);
        /* two roundings, the first of a + b, which may be larger than the result */
        check_close_f32("a + b + c", got3, want3, n, 8.0 * ulp, 2.0 * ulp);
        check_same_bits("a += b + c", helper_gpu_read(in_place), got3, n * sizeof(float));
    }
}

static void test_scale(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNTS; k++) {
        size_t n = counts[k];
        float *x = helper_gpu_host_f32(n);
        helper_gpu_random(x, n, 1.0, 4);
        double *want = helper_gpu_host_f64(n);
        ref_scale(helper_gpu_widen(x, n), -1.5, want, n);
        hrm_tensor tx = helper_gpu_f32(x, n), y = helper_gpu_f32(NULL, n);
        hrm_scale(helper_gpu_begin(), (hrm_scale_args){.y = y, .x = tx, .factor = -1.5f});
        hrm_scale(helper_gpu_begin(), (hrm_scale_args){.y = tx, .x = tx, .factor = -1.5f});
        helper_gpu_run();
        float *got = helper_gpu_read(y);
        check_close_f32("scale", got, want, n, 0.0, ulp);
        check_same_bits("scale in place", helper_gpu_read(tx), got, n * sizeof(float));
    }
}

static void test_fill_copy(void **state) {
    (void)state;
    enum { N = 1003 };
    float *x = helper_gpu_host_f32(N), *sevens = helper_gpu_host_f32(N);
    uint32_t *threes = helper_gpu_host_u32(N);
    helper_gpu_random(x, N, 1.0, 5);
    for (size_t i = 0; i < N; i++) sevens[i] = 7.25f;
    for (size_t i = 0; i < N; i++) threes[i] = 3;
    hrm_tensor tx = helper_gpu_f32(x, N), filled = helper_gpu_f32(NULL, N), copied = helper_gpu_f32(NULL, N);
    hrm_tensor ids = helper_gpu_u32(NULL, N);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_fill(rec, filled, 7.25f);
    hrm_fill(rec, ids, 3.0f);
    hrm_copy(rec, (hrm_copy_args){.y = copied, .x = tx});
    helper_gpu_run();
    check_same_bits("fill f32", helper_gpu_read(filled), sevens, sizeof(float) * N);
    check_same_bits("fill u32", helper_gpu_read(ids), threes, sizeof(uint32_t) * N);
    check_same_bits("copy", helper_gpu_read(copied), x, sizeof(float) * N);
}

/* A chain through one buffer: each op must see the one before it. */
static void test_order(void **state) {
    (void)state;
    enum { N = 5000 };
    float *ones = helper_gpu_host_f32(N);
    for (size_t i = 0; i < N; i++) ones[i] = 1.0f;
    hrm_tensor x = helper_gpu_f32(NULL, N), one = helper_gpu_f32(ones, N);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_fill(rec, x, 0.0f);
    for (int i = 0; i < 10; i++) {
        hrm_add(rec, (hrm_add_args){.y = x, .a = x, .b = one});
        hrm_scale(rec, (hrm_scale_args){.y = x, .x = x, .factor = 2.0f});
    }
    helper_gpu_run();
    helper_gpu_run_again();
    float *got = helper_gpu_read(x);
    for (size_t i = 0; i < N; i++) CHECK_MSG(got[i] == 2046.0f, "element %zu is %g, expected 2046", i, (double)got[i]);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor a = helper_gpu_f32(NULL, 8), b = helper_gpu_f32(NULL, 7), u = helper_gpu_u32(NULL, 8);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_add(rec, (hrm_add_args){.y = a, .a = a, .b = b});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "add: tensor b has 7 elements, the shape asks for 8");
    hrm_add(rec, (hrm_add_args){.y = a, .a = u, .b = a});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "add: tensor a is u32, expected f32");
    hrm_scale(rec, (hrm_scale_args){.y = a});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "scale: tensor x is not set");
    hrm_copy(rec, (hrm_copy_args){.y = a, .x = u});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "copy: tensor x is u32");
}

static void test_grid(void **state) {
    (void)state;
    const uint32_t limits[3] = {65535, 65535, 65535};
    const uint64_t cases[] = {0, 1, 65535, 65536, 65537, 131070, 1u << 24, 2147483647u};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t g[3];
        hrm_grid_1d_within(limits, cases[i], g);
        uint64_t total = (uint64_t)g[0] * g[1] * g[2];
        CHECK_MSG(total >= cases[i] && total < 2 * cases[i] + 1, "count %llu gives %llu groups",
                  (unsigned long long)cases[i], (unsigned long long)total);
        CHECK(g[0] <= 65535 && g[1] <= 65535 && g[2] <= 65535);
    }
    uint32_t g[3];
    const uint32_t tiny[3] = {7, 5, 3};
    for (uint64_t count = 1; count <= 105; count++) {
        hrm_grid_1d_within(tiny, count, g);
        if (g[0] == UINT32_MAX) continue; /* equal rows need more than the limits hold */
        CHECK((uint64_t)g[0] * g[1] * g[2] >= count);
        CHECK(g[0] <= 7 && g[1] <= 5 && g[2] <= 3);
    }
    hrm_grid_1d_within(tiny, 106, g);
    CHECK_EQ(g[0], UINT32_MAX);
    hrm_grid_1d_within(limits, 1ull << 31, g);
    CHECK_EQ(g[0], UINT32_MAX);
}

/* HRM_TEST_BENCH=1: speed at the model's shapes, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    const size_t sizes[] = {2368 * 96, 2368 * 512};
    for (size_t k = 0; k < 2; k++) {
        size_t n = sizes[k];
        float *x = helper_gpu_host_f32(n);
        helper_gpu_random(x, n, 1.0, 6);
        hrm_tensor a = helper_gpu_f32(x, n), b = helper_gpu_f32(x, n), y = helper_gpu_f32(NULL, n);
        hrm_add_args two = {.y = y, .a = a, .b = b}, three = {.y = y, .a = a, .b = b, .c = a};
        helper_gpu_report_speed("a + b", 12.0 * (double)n, hrm_add(helper_gpu_begin(), two));
        helper_gpu_report_speed("a + b + c", 16.0 * (double)n, hrm_add(helper_gpu_begin(), three));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_add), HELPER_GPU_TEST(test_scale), HELPER_GPU_TEST(test_fill_copy),
                HELPER_GPU_TEST(test_order), HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_grid),
                HELPER_GPU_TEST(test_speed))
