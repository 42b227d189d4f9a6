#include "helper_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
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

    for (hrm_dtype dtype = HRM_BF16_T; dtype <= HRM_F16_T; dtype++) {
        hrm_tensor half = helper_gpu_any(hrm_tensor_1d(NULL, 0, dtype, N + 1), NULL);
        hrm_fill(helper_gpu_begin(), half, 7.25f);
        helper_gpu_run();
        check_same_bits("fill 16-bit", helper_gpu_read_any(half), sevens, sizeof(float) * N);
    }
}

static float widen(hrm_dtype dtype, uint16_t bits) {
    return dtype == HRM_BF16_T ? hrm_bf16_to_f32(bits) : hrm_f16_to_f32(bits);
}

/* `got` is `want` as bits, but for a NaN's payload; a subnormal f16 among the inputs may have been read as 0. */
static void check_converted(const char *what, float x, float got, double want, bool may_flush) {
    if (isnan(want)) {
        CHECK_MSG(isnan(got), "%s: a NaN became %g", what, (double)got);
        return;
    }
    if (may_flush && got == 0.0f && x != 0.0f && fabsf(x) < 0x1p-14f) return;
    CHECK_MSG((double)got == want && !signbit(got) == !signbit(want), "%s: %.9g became %.9g, not %.9g", what, (double)x,
              (double)got, want);
}

static double reference(hrm_dtype dtype, float x) {
    if (dtype == HRM_F32_T) return x;
    return dtype == HRM_BF16_T ? ref_round(x, 8, -126, 127) : ref_round(x, 11, -14, 15);
}

/* Every number of both 16-bit types, to each of the others. */
static void test_convert_all_16bit(void **state) {
    (void)state;
    enum { N = 65536 };
    uint16_t *bits = (uint16_t *)helper_gpu_host_u32(N / 2);
    for (size_t i = 0; i < N; i++) bits[i] = (uint16_t)i;
    for (hrm_dtype from = HRM_BF16_T; from <= HRM_F16_T; from++) {
        const hrm_dtype to[] = {HRM_F32_T, HRM_BF16_T, HRM_F16_T};
        for (size_t k = 0; k < 3; k++) {
            hrm_tensor x = helper_gpu_any(hrm_tensor_1d(NULL, 0, from, N), NULL);
            helper_gpu_write(x, bits);
            hrm_tensor y = helper_gpu_any(hrm_tensor_1d(NULL, 0, to[k], N), NULL);
            hrm_convert(helper_gpu_begin(), (hrm_convert_args){.y = y, .x = x});
            helper_gpu_run();
            if (to[k] == from) {
                check_same_bits("same type", helper_gpu_read(y), bits, N * sizeof *bits);
                continue;
            }
            const float *got = helper_gpu_read_any(y);
            for (size_t i = 0; i < N; i++) {
                float v = widen(from, bits[i]);
                check_converted("16-bit", v, got[i], reference(to[k], v), from == HRM_F16_T);
            }
        }
    }
}

/* f32 to each 16-bit type: specials, every tie and its neighbours between f16 numbers, and random bits. */
static void test_convert_f32(void **state) {
    (void)state;
    enum { RANDOM = 60000, TIES = 3 * 31744 * 2, SPECIALS = 16, N = RANDOM + TIES + SPECIALS };
    const float specials[SPECIALS] = {0.0f,     -0.0f,         INFINITY,      -INFINITY, NAN,        3.4028235e38f,
                                      1e-45f,   -1e-45f,       1.17e-38f,     65504.0f,  65519.996f, 65520.0f,
                                      3.38e38f, 3.3961776e38f, 3.3961775e38f, -65520.0f};
    float *x = helper_gpu_host_f32(N);
    memcpy(x, specials, sizeof specials);
    size_t n = SPECIALS;
    for (uint32_t i = 0; i < 31744; i++) { /* between the finite f16 number i and the next, which may be infinite */
        float low = hrm_f16_to_f32((uint16_t)i), high = i + 1 < 31744 ? hrm_f16_to_f32((uint16_t)(i + 1)) : 65536.0f;
        float middle = 0.5f * (low + high); /* exact */
        const float three[] = {nextafterf(middle, 0.0f), middle, nextafterf(middle, INFINITY)};
        for (int j = 0; j < 3; j++) {
            x[n++] = three[j];
            x[n++] = -three[j];
        }
    }
    uint32_t *random = helper_gpu_host_u32(2 * RANDOM);
    helper_gpu_random_u32(random, 2 * RANDOM, 65536, 9);
    for (size_t i = 0; i < RANDOM; i++) {
        /* a third of the random words is a tie or next to one of bf16 */
        uint32_t low = i % 3 == 0 ? 0x7fffu + random[2 * i] % 3 : random[2 * i];
        uint32_t word = random[2 * i + 1] << 16 | low;
        memcpy(&x[n++], &word, sizeof word);
    }
    CHECK_EQ(n, N);
    for (hrm_dtype to = HRM_BF16_T; to <= HRM_F16_T; to++) {
        hrm_tensor y = helper_gpu_any(hrm_tensor_1d(NULL, 0, to, N), NULL);
        hrm_convert(helper_gpu_begin(), (hrm_convert_args){.y = y, .x = helper_gpu_f32(x, N)});
        helper_gpu_run();
        const float *got = helper_gpu_read_any(y);
        for (size_t i = 0; i < N; i++) check_converted("f32", x[i], got[i], reference(to, x[i]), false);
    }
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
    hrm_tensor half = helper_gpu_any(hrm_tensor_1d(NULL, 0, HRM_BF16_T, 7), NULL), shared = a;
    hrm_convert(rec, (hrm_convert_args){.y = half, .x = b});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "convert: 7 elements");
    hrm_convert(rec, (hrm_convert_args){.y = a, .x = u});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "convert: tensor x is u32");
    shared.dtype = HRM_F16_T;
    hrm_convert(rec, (hrm_convert_args){.y = shared, .x = a});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "convert: y shares memory with x");
    hrm_fill(rec, half, 1.0f);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "even number");
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
                HELPER_GPU_TEST(test_convert_all_16bit), HELPER_GPU_TEST(test_convert_f32), HELPER_GPU_TEST(test_order),
                HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_grid), HELPER_GPU_TEST(test_speed))
