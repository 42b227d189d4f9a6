/* Matrix products: every family of kernels in every form against the double reference, with tails, strides, epilogues,
 * split k; rows that do not depend on their number; packing; refused arguments. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gpu/caps.h"
#include "ops/matmul.h"
#include "ops/swiglu.h"
#include "ref/matmul.h"

/* One product. Strides of 0 mean contiguous. */
typedef struct problem {
    hrm_matmul_form form;
    size_t m, n, k, lda, ldb, ldc;
    bool accumulate, residual, scratch;
    hrm_dtype a, b, c, r;
} problem;

static hrm_tensor strided(hrm_dtype dtype, const float *data, size_t rows, size_t cols, size_t ld) {
    hrm_tensor t = helper_gpu_any(hrm_tensor_2d(NULL, 0, dtype, rows, ld), data);
    t.shape[1] = cols;
    return t;
}

static bool needs_packed(hrm_matmul_family family) {
    return family == HRM_MATMUL_LANE_SHUFFLE || family == HRM_MATMUL_LANE_BROADCAST;
}

/* Family B compiles for many seconds on lavapipe before Mesa 26; there only a small product checks that it is right. */
static bool is_worth_trying(hrm_matmul_family family, size_t m, size_t n, size_t k) {
    if (family == HRM_MATMUL_LANE_ROW) return n <= 16 && k <= 64;
    bool cpu = (hrm_device_get_caps(helper_gpu_get_device()) & HRM_CAP_CPU) != 0;
    bool tile = family == HRM_MATMUL_TILE || family == HRM_MATMUL_TILE_LARGE || family == HRM_MATMUL_TILE_SMALL;
    if (cpu && tile) return m * n * k <= 300000; /* 0.1 GF/s there */
    return !helper_gpu_is_slow() || m * n * k <= 1000000;
}

static bool is_16bit(const problem *p) {
    return hrm_dtype_is_16bit(p->a) || hrm_dtype_is_16bit(p->b) || hrm_dtype_is_16bit(p->c) || hrm_dtype_is_16bit(p->r);
}

/* Runs the product with random data in [-1, 1] or so and compares. Returns c (host copy, [m, ldc]). */
static float *run(problem p, hrm_matmul_family family) {
    bool tn = p.form == HRM_MATMUL_TN, nt = p.form == HRM_MATMUL_NT;
    size_t a_rows = tn ? p.k : p.m, a_cols = tn ? p.m : p.k, b_rows = nt ? p.n : p.k, b_cols = nt ? p.k : p.n;
    size_t lda = p.lda ? p.lda : a_cols, ldb = p.ldb ? p.ldb : b_cols, ldc = p.ldc ? p.ldc : p.n;
    float *a = helper_gpu_host_f32(a_rows * lda), *b = helper_gpu_host_f32(b_rows * ldb);
    float *c0 = helper_gpu_host_f32(p.m * ldc), *r = helper_gpu_host_f32(p.m * p.n);
    /* A row's numbers depend on its index alone, not on m or the stride: products of different m can be compared. */
    for (size_t i = 0; i < a_rows; i++) helper_gpu_random(a + i * lda, a_cols, 0.5, 100 + i);
    for (size_t i = 0; i < b_rows; i++) helper_gpu_random(b + i * ldb, b_cols, 0.5, 100000 + i);
    for (size_t i = 0; i < p.m; i++) helper_gpu_random(c0 + i * ldc, p.n, 1.0, 200000 + i);
    for (size_t i = 0; i < p.m; i++) helper_gpu_random(r + i * p.n, p.n, 1.0, 300000 + i);
    helper_gpu_round(p.a, a, a_rows * lda);
    helper_gpu_round(p.b, b, b_rows * ldb);
    helper_gpu_round(p.c, c0, p.m * ldc);
    helper_gpu_round(p.r, r, p.m * p.n);

    hrm_recorder *rec = helper_gpu_begin();
    hrm_matmul_args args = {.form = p.form,
                            .a = strided(p.a, a, a_rows, a_cols, lda),
                            .b = strided(p.b, b, b_rows, b_cols, ldb),
                            .c = strided(p.c, p.accumulate || ldc > p.n ? c0 : NULL, p.m, p.n, ldc),
                            .accumulate = p.accumulate,
                            .family = family};
    if (p.residual) args.residual = strided(p.r, r, p.m, p.n, p.n);
    if (p.scratch) {
        uint64_t count = hrm_matmul_scratch_count(helper_gpu_get_device(), p.form, HRM_F32_T, p.m, p.n, p.k);
        args.scratch = helper_gpu_f32(NULL, count ? count : 1);
    }
    if (nt && needs_packed(family) && !is_16bit(&p)) {
        args.b_packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(p.n, p.k));
        hrm_matmul_pack(rec, args.b, args.b_packed);
    }
    hrm_matmul(rec, args);
    helper_gpu_run();
    hrm_tensor whole = args.c;
    whole.shape[1] = ldc;
    float *c = helper_gpu_read_any(whole);

    double *want = helper_gpu_host_f64(p.m * p.n), *bound = helper_gpu_host_f64(p.m * p.n);
    ref_matmul(p.m, p.n, p.k, a, lda, tn, b, ldb, nt, want, bound);
    for (size_t i = 0; i < p.m; i++) {
        for (size_t j = 0; j < p.n; j++) {
            double x = want[i * p.n + j];
            double extra = 0;
            if (p.residual) extra += (double)r[i * p.n + j];
            if (p.accumulate) extra += (double)c0[i * ldc + j];
            /* An f32 sum of k products is within k * 2^-24 of the sum of their magnitudes, whatever the order; the
             * epilogue adds two roundings of the result, and a 16-bit C one of its own (an f16 one, below 2^-14, of a
             * unit of 2^-24). */
            double tolerance = ((double)p.k * bound[i * p.n + j] + 3 * (fabs(x) + fabs(extra))) * 0x1p-24 + 1e-30;
            if (hrm_dtype_is_16bit(p.c)) tolerance += fabs(x + extra) * helper_gpu_rounding(p.c) + 0x1p-24;
            double error = fabs((double)c[i * ldc + j] - (x + extra));
            CHECK_MSG(error <= tolerance,
                      "%s form %d m %zu n %zu k %zu lda %zu dtypes %d %d %d %d: c[%zu,%zu] = %.9g, want %.9g (error %g "
                      "> %g)",
                      hrm_matmul_family_name(family), (int)p.form, p.m, p.n, p.k, lda, (int)p.a, (int)p.b, (int)p.c,
                      (int)p.r, i, j, (double)c[i * ldc + j], x + extra, error, tolerance);
        }
        for (size_t j = p.n; j < ldc; j++)
            CHECK_MSG(c[i * ldc + j] == c0[i * ldc + j], "%s form %d: wrote between rows, at [%zu,%zu]",
                      hrm_matmul_family_name(family), (int)p.form, i, j);
    }
    return c;
}

/* Matrix units round f32 operands to 16 bits: test_matmul_coopmat.c has their tolerances. */
static bool is_for_these(hrm_matmul_family f) {
    return f < HRM_MATMUL_COOPMAT_SMALL || f > HRM_MATMUL_COOPMAT2;
}

static void run_all(problem p) {
    int ran = 0;
    for (hrm_matmul_family f = HRM_MATMUL_TILE; f < HRM_MATMUL_FAMILY_COUNT; f++) {
        if (!is_for_these(f) || !hrm_matmul_family_is_usable(helper_gpu_get_device(), f, p.form)) continue;
        if (!is_worth_trying(f, p.m, p.n, p.k)) continue;
        run(p, f);
        CHECK_EQ(helper_gpu_teardown(NULL), 0); /* hundreds of products: free their tensors as we go */
        ran++;
    }
    CHECK_MSG(ran > 0 || helper_gpu_is_slow(), "no family can run m %zu n %zu k %zu", p.m, p.n, p.k);
}

static void run_forms(size_t m, size_t n, size_t k) {
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++)
        run_all((problem){.form = (hrm_matmul_form)form, .m = m, .n = n, .k = k});
}

static void test_friendly(void **state) {
    (void)state;
    run_forms(64, 64, 64);
    run_forms(64, 16, 32); /* small enough for every family */
    run_forms(48, 288, 96);
    run_forms(70, 96, 196); /* a block and a half of columns at 16 lanes */
}

static void test_odd(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{37, 19, 23}, {81, 96, 33}, {5, 3, 7}, {33, 6, 96}, {7, 70, 5}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) run_forms(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void test_size_one(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1}, {1, 12, 16}, {12, 1, 16}, {12, 16, 1}, {1, 1, 40}, {40, 1, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) run_forms(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void test_strides_and_epilogues(void **state) {
    (void)state;
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        /* Few rows: the drivers compile short kernels, and each line below needs one of its own. */
        problem p = {.form = (hrm_matmul_form)form, .m = 8, .n = 16, .k = 24};
        size_t a_cols = form == HRM_MATMUL_TN ? p.m : p.k, b_cols = form == HRM_MATMUL_NT ? p.k : p.n;
        p.lda = a_cols + 8, p.ldb = b_cols + 4, p.ldc = p.n + 8;
        run_all(p);
        p.accumulate = true;
        run_all(p);
        p.residual = true;
        run_all(p);
        p.lda = a_cols + 3, p.ldb = b_cols + 1, p.ldc = p.n + 5; /* nothing is a multiple of 4 any more */
        run_all(p);
        p.lda = p.ldb = p.ldc = 0;
        p.accumulate = false;
        run_all(p);
        p.m = 7, p.n = 10, p.k = 9;
        run_all(p);
        p.n = 128, p.k = 32; /* the widest stores */
        run_all(p);
    }
}

/* Each operand in each 16-bit type alone and all together, and f32 rows that are no multiples of 4 beside them. */
static void test_16bit(void **state) {
    (void)state;
    static const hrm_dtype types[][4] = {{HRM_BF16_T, HRM_BF16_T, HRM_BF16_T, HRM_BF16_T},
                                         {HRM_F16_T, HRM_F16_T, HRM_F16_T, HRM_F16_T},
                                         {HRM_BF16_T, HRM_F32_T, HRM_F32_T, HRM_F16_T},
                                         {HRM_F32_T, HRM_F16_T, HRM_BF16_T, HRM_F32_T}};
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            problem p = {.form = (hrm_matmul_form)form, .m = 40, .n = 24, .k = 56};
            p.a = types[t][0], p.b = types[t][1], p.c = types[t][2], p.r = types[t][3];
            run_all(p);
            p.residual = p.accumulate = true;
            p.m = p.n = p.k = 8;
            p.lda = 16, p.ldb = 24, p.ldc = 16;
            run_all(p);
        }
        /* the only operand that is 16-bit has rows of 16; the other two dimensions are odd */
        problem p = {.form = (hrm_matmul_form)form, .m = 7, .n = 5, .k = 16, .residual = true};
        if (form == HRM_MATMUL_NT) p.b = HRM_BF16_T;
        if (form == HRM_MATMUL_NN) p.a = HRM_F16_T;
        if (form == HRM_MATMUL_TN) p.b = HRM_BF16_T, p.n = 16, p.k = 3;
        run_all(p);
        p.lda = (form == HRM_MATMUL_TN ? p.m : p.k) + 8;
        run_all(p);
    }
}

/* A 16-bit C is what the f32 one would be, rounded to nearest even: the same bits as rounding on the host. */
static void test_16bit_rounding(void **state) {
    (void)state;
    for (hrm_dtype dtype = HRM_BF16_T; dtype <= HRM_F16_T; dtype++) {
        for (hrm_matmul_family f = HRM_MATMUL_TILE; f < HRM_MATMUL_FAMILY_COUNT; f++) {
            if (!is_for_these(f) || !hrm_matmul_family_is_usable(helper_gpu_get_device(), f, HRM_MATMUL_NN)) continue;
            problem p = {.form = HRM_MATMUL_NN, .m = 16, .n = 32, .k = 24, .a = dtype, .b = dtype, .c = HRM_F32_T};
            float *want = run(p, f);
            helper_gpu_round(dtype, want, p.m * p.n);
            p.c = dtype;
            check_same_bits("C rounded", run(p, f), want, p.m * p.n * sizeof *want);
        }
    }
}

/* 2592 rows of 512 by 512, against 64 of the reference's rows only. */
static void test_large(void **state) {
    (void)state;
    if (helper_gpu_is_slow()) return;
    hrm_device *device = helper_gpu_get_device();
    const size_t m = 2592, n = 512, k = 512;
    float *a = helper_gpu_host_f32(m * k), *b = helper_gpu_host_f32(n * k);
    helper_gpu_random(a, m * k, 0.5, 1);
    helper_gpu_random(b, n * k, 0.5, 2);
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_NN; form++) {
        hrm_recorder *rec = helper_gpu_begin();
        hrm_matmul_args args = {.form = (hrm_matmul_form)form,
                                .a = helper_gpu_f32_2d(a, m, k),
                                .b = helper_gpu_f32_2d(b, n, k),
                                .c = helper_gpu_f32_2d(NULL, m, n)};
        if (hrm_matmul_wants_packed(device, args.form)) {
            args.b_packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(n, k));
            hrm_matmul_pack(rec, args.b, args.b_packed);
        }
        hrm_matmul(rec, args);
        helper_gpu_run();
        const float *c = helper_gpu_read(args.c);
        double *want = helper_gpu_host_f64(64 * n), *bound = helper_gpu_host_f64(64 * n);
        const size_t first[2] = {0, m - 32};
        for (int part = 0; part < 2; part++) {
            ref_matmul(32, n, k, a + first[part] * k, k, false, b, form == HRM_MATMUL_NT ? k : n, form == HRM_MATMUL_NT,
                       want, bound);
            for (size_t i = 0; i < 32 * n; i++) {
                double error = fabs((double)c[first[part] * n + i] - want[i]);
                CHECK_MSG(error <= (double)k * bound[i] * 0x1p-24, "form %d, row %zu: error %g", form,
                          first[part] + i / n, error);
            }
        }
    }
}

/* A long k, as weight gradients have, with and without scratch; accumulation and residual go through the second kernel.
 */
static void test_split_k(void **state) {
    (void)state;
    size_t k = helper_gpu_is_slow() ? 1100 : 2400;
    problem p = {.form = HRM_MATMUL_TN, .m = 6, .n = 24, .k = k, .scratch = true};
    run(p, HRM_MATMUL_AUTO);
    p.accumulate = p.residual = true;
    run(p, HRM_MATMUL_AUTO);
    p.m = 8, p.n = 7, p.k = k + 5;
    run(p, HRM_MATMUL_AUTO);
    p.ldc = 12;
    run(p, HRM_MATMUL_AUTO);
    p.scratch = false;
    run(p, HRM_MATMUL_AUTO);
}

static void check_rows_alike(hrm_matmul_form form, hrm_matmul_family family, size_t n, size_t k) {
    const size_t big = 77, small[] = {1, 13, 32};
    if (!is_worth_trying(family, big, n, k)) return;
    float *all = run((problem){.form = form, .m = big, .n = n, .k = k}, family);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        float *few = run((problem){.form = form, .m = small[i], .n = n, .k = k}, family);
        check_same_bits("rows of a product", few, all, small[i] * n * sizeof(float));
    }
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

/* A row is the same bits whether computed alone or among many. */
static void test_rows_do_not_depend_on_their_number(void **state) {
    (void)state;
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_NN; form++) {
        for (hrm_matmul_family f = HRM_MATMUL_TILE; f < HRM_MATMUL_FAMILY_COUNT; f++) {
            if (!hrm_matmul_family_is_usable(helper_gpu_get_device(), f, (hrm_matmul_form)form)) continue;
            check_rows_alike((hrm_matmul_form)form, f, 16, 36);
            check_rows_alike((hrm_matmul_form)form, f, 6, 33);
        }
    }
}

static void test_leading_dimensions_merge(void **state) {
    (void)state;
    const size_t batch = 3, tokens = 5, in = 12, out = 8;
    float *x = helper_gpu_host_f32(batch * tokens * in), *w = helper_gpu_host_f32(out * in);
    helper_gpu_random(x, batch * tokens * in, 1, 1);
    helper_gpu_random(w, out * in, 1, 2);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                            .a = helper_gpu_f32_3d(x, batch, tokens, in),
                            .b = helper_gpu_f32_2d(w, out, in),
                            .c = helper_gpu_f32_3d(NULL, batch, tokens, out)};
    args.b_packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(out, in));
    hrm_matmul_pack(rec, args.b, args.b_packed);
    hrm_matmul(rec, args);
    helper_gpu_run();
    double *want = helper_gpu_host_f64(batch * tokens * out);
    ref_matmul(batch * tokens, out, in, x, in, false, w, in, true, want, NULL);
    /* 12 products of normal values: sums to about 40 */
    check_close_f32("c", (float *)helper_gpu_read(args.c), want, batch * tokens * out, 12 * 40 * 0x1p-24, 0);
}

static void test_pack(void **state) {
    (void)state;
    static const size_t shapes[][2] = {{8, 8}, {6, 96}, {5, 7}, {1, 1}, {33, 12}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t n = shapes[s][0], k = shapes[s][1], wide = (n + 3) / 4 * 4;
        float *w = helper_gpu_host_f32(n * k);
        helper_gpu_random(w, n * k, 1, s);
        hrm_tensor packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(n, k));
        hrm_matmul_pack(helper_gpu_begin(), helper_gpu_f32_2d(w, n, k), packed);
        helper_gpu_run();
        const float *got = helper_gpu_read(packed);
        for (size_t x = 0; x < k; x++)
            for (size_t j = 0; j < wide; j++)
                CHECK_MSG(got[x * wide + j] == (j < n ? w[j * k + x] : 0.0f), "[%zu, %zu]: packed[%zu,%zu] = %g", n, k,
                          x, j, (double)got[x * wide + j]);
    }
}

/* The fused end gives the same bits as the product followed by the op, so that solving and training cannot drift. */
static void test_swiglu_fused(void **state) {
    (void)state;
    hrm_device *device = helper_gpu_get_device();
    static const size_t shapes[][3] = {{37, 512, 96}, {5, 8, 12}, {3, 200, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], cols = n / 2;
        float *x = helper_gpu_host_f32(m * k), *w = helper_gpu_host_f32(n * k);
        helper_gpu_random(x, m * k, 1, 1);
        helper_gpu_random(w, n * k, 1, 2);
        hrm_recorder *rec = helper_gpu_begin();
        hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                                .a = helper_gpu_f32_2d(x, m, k),
                                .b = helper_gpu_f32_2d(w, n, k),
                                .b_packed = helper_gpu_f32(NULL, hrm_matmul_packed_count(n, k)),
                                .c = helper_gpu_f32_2d(NULL, m, n)};
        hrm_tensor want = helper_gpu_f32_2d(NULL, m, cols), got = helper_gpu_f32_2d(NULL, m, cols);
        hrm_matmul_args fused = args;
        fused.c = got;
        fused.end = HRM_MATMUL_END_SWIGLU;
        if (!hrm_matmul_can_end(device, &fused)) continue;
        hrm_matmul_args saving = fused;
        saving.c = helper_gpu_f32_2d(NULL, m, cols);
        saving.pre = helper_gpu_f32_2d(NULL, m, n);
        bool can_save = hrm_matmul_can_end(device, &saving);
        hrm_matmul_pack(rec, args.b, args.b_packed);
        hrm_matmul(rec, args);
        hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = args.c, .y = want, .rows = m, .cols = cols});
        hrm_matmul(rec, fused);
        if (can_save) hrm_matmul(rec, saving);
        helper_gpu_run();
        const float *expected = helper_gpu_read(want);
        check_same_bits("fused SwiGLU", helper_gpu_read(got), expected, m * cols * sizeof(float));
        if (!can_save) continue;
        check_same_bits("fused SwiGLU, saving", helper_gpu_read(saving.c), expected, m * cols * sizeof(float));
        check_same_bits("its gate and up", helper_gpu_read(saving.pre), helper_gpu_read(args.c), m * n * sizeof(float));
    }
    hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                            .a = helper_gpu_f32_2d(NULL, 8, 4),
                            .b = helper_gpu_f32_2d(NULL, 16, 4),
                            .c = helper_gpu_f32_2d(NULL, 8, 8),
                            .end = HRM_MATMUL_END_SWIGLU,
                            .family = HRM_MATMUL_DIRECT};
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "hrm_matmul_can_end");
}

/* Likewise for the gradient of gate and up behind the input gradient; narrow and wide stores, tails of rows and k. */
static void test_swiglu_bwd_fused(void **state) {
    (void)state;
    hrm_device *device = helper_gpu_get_device();
    static const size_t shapes[][3] = {{37, 128, 96}, {70, 96, 196}, {5, 12, 9}, {3, 4, 33}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        float *x = helper_gpu_host_f32(m * k), *w = helper_gpu_host_f32(k * n), *pre = helper_gpu_host_f32(m * 2 * n);
        helper_gpu_random(x, m * k, 1, 1);
        helper_gpu_random(w, k * n, 1, 2);
        helper_gpu_random(pre, m * 2 * n, 2, 3);
        hrm_recorder *rec = helper_gpu_begin();
        hrm_matmul_args args = {.form = HRM_MATMUL_NN,
                                .a = helper_gpu_f32_2d(x, m, k),
                                .b = helper_gpu_f32_2d(w, k, n),
                                .c = helper_gpu_f32_2d(NULL, m, n)};
        hrm_matmul_args fused = args;
        fused.c = helper_gpu_f32_2d(NULL, m, 2 * n);
        fused.pre = helper_gpu_f32_2d(pre, m, 2 * n);
        fused.end = HRM_MATMUL_END_SWIGLU_BWD;
        if (!hrm_matmul_can_end(device, &fused)) continue;
        hrm_tensor want = helper_gpu_f32_2d(NULL, m, 2 * n);
        hrm_matmul(rec, args);
        hrm_swiglu_bwd(rec, (hrm_swiglu_bwd_args){
                                .gate_up = fused.pre, .grad_y = args.c, .grad_gate_up = want, .rows = m, .cols = n});
        hrm_matmul(rec, fused);
        helper_gpu_run();
        check_same_bits("fused SwiGLU gradient", helper_gpu_read(fused.c), helper_gpu_read(want),
                        m * 2 * n * sizeof(float));
    }
}

static void test_refused(void **state) {
    (void)state;
    hrm_tensor a = helper_gpu_f32_2d(NULL, 8, 4), b = helper_gpu_f32_2d(NULL, 6, 4), c = helper_gpu_f32_2d(NULL, 8, 6);
    hrm_matmul_args good = {.form = HRM_MATMUL_NT, .a = a, .b = b, .c = c, .family = HRM_MATMUL_DIRECT};
    hrm_matmul_args args = good;
    args.b = helper_gpu_f32_2d(NULL, 6, 5);
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "b is [6, 5]");
    args = good;
    args.c.shape[1] = 5;
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "b is [6, 4]");
    args = good;
    args.residual = c;
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "shares memory");
    args = good;
    args.a.dtype = HRM_U32_T;
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "a must be an f32, bf16 or f16 tensor");
    args = good;
    args.b = helper_gpu_any(hrm_tensor_2d(NULL, 0, HRM_BF16_T, 6, 4), NULL);
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "b is 16-bit with rows of 4 elements");
    args = good;
    args.c = helper_gpu_any(hrm_tensor_2d(NULL, 0, HRM_F16_T, 8, 8), NULL);
    args.b = helper_gpu_f32_2d(NULL, 8, 4);
    args.residual = helper_gpu_f32_2d(NULL, 8, 9);
    args.residual.shape[1] = 8;
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "where one is 16-bit, both must be multiples of 4");
    if (hrm_matmul_family_is_usable(helper_gpu_get_device(), HRM_MATMUL_LANE_SHUFFLE, HRM_MATMUL_NT)) {
        args = good;
        args.family = HRM_MATMUL_LANE_SHUFFLE;
        hrm_matmul(helper_gpu_begin(), args);
        helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "needs b_packed");
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_friendly), HELPER_GPU_TEST(test_odd), HELPER_GPU_TEST(test_size_one),
                HELPER_GPU_TEST(test_strides_and_epilogues), HELPER_GPU_TEST(test_16bit),
                HELPER_GPU_TEST(test_16bit_rounding), HELPER_GPU_TEST(test_large), HELPER_GPU_TEST(test_split_k),
                HELPER_GPU_TEST(test_rows_do_not_depend_on_their_number),
                HELPER_GPU_TEST(test_leading_dimensions_merge), HELPER_GPU_TEST(test_pack),
                HELPER_GPU_TEST(test_swiglu_fused), HELPER_GPU_TEST(test_swiglu_bwd_fused),
                HELPER_GPU_TEST(test_refused))
