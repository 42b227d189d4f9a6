/* Matrix products on matrix units: every family in every form, the dtypes of the operands, tails, strides, split k and
 * every end, against the double reference of operands rounded to the matrices' type. Skips where no device has them. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gpu/caps.h"
#include "ops/matmul.h"
#include "ops/matmul_private.h"
#include "ref/matmul.h"
#include "ref/rms_norm.h"
#include "ref/rope.h"
#include "ref/swiglu.h"

/* One product. Strides of 0 mean contiguous. */
typedef struct problem {
    hrm_matmul_form form;
    hrm_dtype a, b, c, r;
    size_t m, n, k, lda, ldb, ldc;
    bool accumulate, residual, scratch;
} problem;

/* The families that this device has for these types. */
static bool serves(hrm_matmul_family family, hrm_matmul_form form, hrm_dtype a, hrm_dtype b) {
    return hrm_matmul_coopmat_serves(helper_gpu_get_device(), family, form, a, b);
}

static bool has_bf16(void) {
    return (hrm_device_get_caps(helper_gpu_get_device()) & HRM_CAP_COOPMAT_BF16) != 0;
}

static hrm_dtype matrix_type(hrm_dtype a, hrm_dtype b) {
    return a == HRM_BF16_T || b == HRM_BF16_T ? HRM_BF16_T : HRM_F16_T;
}

static hrm_tensor strided(hrm_dtype dtype, const float *data, size_t rows, size_t cols, size_t ld) {
    hrm_tensor t = helper_gpu_any(hrm_tensor_2d(NULL, 0, dtype, rows, ld), data);
    t.shape[1] = cols;
    return t;
}

/* Random rows: a row's numbers depend on its index alone, so that products of different m can be compared. */
static float *random_rows(hrm_dtype dtype, size_t rows, size_t cols, size_t ld, uint64_t stream) {
    float *x = helper_gpu_host_f32(rows * ld);
    for (size_t i = 0; i < rows; i++) helper_gpu_random(x + i * ld, cols, 0.5, stream + i);
    helper_gpu_round(dtype, x, rows * ld);
    return x;
}

/* Operands on the device, and the double reference of AB with its bound: an f32 sum of k products, which are exact in
 * f32, is within k * 2^-24 of the sum of their magnitudes, whatever the order, and twice that where a unit truncates
 * instead of rounding, as matrix units do. f32 operands are rounded to the matrices' type on their way; how (to nearest
 * or towards zero) is the driver's for f16, so that each is off by at most 2^-10 of itself (bf16: to nearest, 2^-8). */
typedef struct product {
    hrm_tensor a, b;
    double *ab, *tolerance;
} product;

static product make_product(hrm_matmul_form form, hrm_dtype a_type, hrm_dtype b_type, size_t m, size_t n, size_t k,
                            size_t lda, size_t ldb) {
    bool tn = form == HRM_MATMUL_TN, nt = form == HRM_MATMUL_NT;
    size_t a_rows = tn ? k : m, a_cols = tn ? m : k, b_rows = nt ? n : k, b_cols = nt ? k : n;
    lda = lda ? lda : a_cols;
    ldb = ldb ? ldb : b_cols;
    float *a = random_rows(a_type, a_rows, a_cols, lda, 100), *b = random_rows(b_type, b_rows, b_cols, ldb, 100000);
    product p = {.a = strided(a_type, a, a_rows, a_cols, lda),
                 .b = strided(b_type, b, b_rows, b_cols, ldb),
                 .ab = helper_gpu_host_f64(m * n),
                 .tolerance = helper_gpu_host_f64(m * n)};
    ref_matmul(m, n, k, a, lda, tn, b, ldb, nt, p.ab, p.tolerance);
    hrm_dtype type = matrix_type(a_type, b_type);
    double rounding = type == HRM_BF16_T ? 0x1p-8 : 0x1p-10, inputs = 0;
    if (a_type != type) inputs += rounding;
    if (b_type != type) inputs += rounding;
    for (size_t i = 0; i < m * n; i++)
        p.tolerance[i] = p.tolerance[i] * ((double)k * 0x1p-23 + inputs * (1 + rounding)) + 1e-30;
    return p;
}

/* What storing in a dtype adds: half a unit in the last place, and below f16's normal numbers half of 2^-24. */
static double store_error(hrm_dtype dtype, double x) {
    return hrm_dtype_is_16bit(dtype) ? fabs(x) * helper_gpu_rounding(dtype) + 0x1p-25 : 0;
}

/* Runs a product and compares. Returns c (host copy, [m, ldc]). */
static float *run(problem p, hrm_matmul_family family) {
    size_t ldc = p.ldc ? p.ldc : p.n;
    product x = make_product(p.form, p.a, p.b, p.m, p.n, p.k, p.lda, p.ldb);
    float *c0 = random_rows(p.c, p.m, p.n, ldc, 200000), *r = random_rows(p.r, p.m, p.n, p.n, 300000);
    hrm_matmul_args args = {.form = p.form,
                            .a = x.a,
                            .b = x.b,
                            .c = strided(p.c, p.accumulate || ldc > p.n ? c0 : NULL, p.m, p.n, ldc),
                            .accumulate = p.accumulate,
                            .family = family};
    if (p.residual) args.residual = strided(p.r, r, p.m, p.n, p.n);
    if (p.scratch) args.scratch = helper_gpu_f32(NULL, 16 * p.m * p.n); /* at most 16 parts on a CPU driver */
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_run();
    hrm_tensor whole = args.c;
    whole.shape[1] = ldc;
    float *c = helper_gpu_read_any(whole);
    for (size_t i = 0; i < p.m; i++) {
        for (size_t j = 0; j < p.n; j++) {
            double extra = 0, want = x.ab[i * p.n + j];
            if (p.residual) extra += (double)r[i * p.n + j];
            if (p.accumulate) extra += (double)c0[i * ldc + j];
            /* two f32 additions, and the rounding of what is stored */
            double tolerance = x.tolerance[i * p.n + j] + 3 * (fabs(want) + fabs(extra)) * 0x1p-24 +
                               store_error(p.c, want + extra) * (1 + 0x1p-7);
            double error = fabs((double)c[i * ldc + j] - (want + extra));
            CHECK_MSG(error <= tolerance,
                      "%s form %d m %zu n %zu k %zu lda %zu dtypes %d %d %d: c[%zu,%zu] = %.9g, want %.9g (error %g > "
                      "%g)",
                      hrm_matmul_family_name(family), (int)p.form, p.m, p.n, p.k, p.lda, (int)p.a, (int)p.b, (int)p.c,
                      i, j, (double)c[i * ldc + j], want + extra, error, tolerance);
        }
        for (size_t j = p.n; j < ldc; j++)
            CHECK_MSG(c[i * ldc + j] == c0[i * ldc + j], "%s form %d: wrote between rows, at [%zu,%zu]",
                      hrm_matmul_family_name(family), (int)p.form, i, j);
    }
    return c;
}

/* Families differ in sizes, not in how they read and store: a CPU driver, which takes seconds to compile one kernel of
 * the larger ones, tries those with test_shapes and the ends. */
static void run_all(problem p, bool every_family) {
    bool cpu = (hrm_device_get_caps(helper_gpu_get_device()) & HRM_CAP_CPU) != 0;
    for (hrm_matmul_family f = HRM_MATMUL_COOPMAT_SMALL; f <= HRM_MATMUL_COOPMAT2; f++) {
        if (!serves(f, p.form, p.a, p.b) || (cpu && !every_family && f != HRM_MATMUL_COOPMAT_SMALL)) continue;
        run(p, f);
        CHECK_EQ(helper_gpu_teardown(NULL), 0); /* many products: free their tensors as we go */
    }
}

/* The same problem with f16, and with bf16 in its place where the device has such matrices. */
static void run_any(problem p, bool every_family) {
    run_all(p, every_family);
    if (!has_bf16()) return;
    hrm_dtype *types[] = {&p.a, &p.b, &p.c, &p.r};
    for (size_t i = 0; i < 4; i++)
        if (*types[i] == HRM_F16_T) *types[i] = HRM_BF16_T;
    run_all(p, every_family);
}

static void run_types(problem p) {
    run_any(p, false);
}

static void test_shapes(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{64, 64, 64},   {128, 128, 32}, {40, 24, 56}, {8, 8, 8},
                                       {200, 136, 72}, {16, 8, 136},   {8, 160, 16}, {80, 96, 512}};
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            run_any((problem){.form = (hrm_matmul_form)form,
                              .a = HRM_F16_T,
                              .b = HRM_F16_T,
                              .c = s % 2 ? HRM_F16_T : HRM_F32_T,
                              .m = shapes[s][0],
                              .n = shapes[s][1],
                              .k = shapes[s][2]},
                    true);
}

/* Lengths that only f32 operands and f32 C may have, down to 1: one operand is 16-bit, and its rows are eights. */
static void test_tails(void **state) {
    (void)state;
    static const size_t odd[] = {1, 3, 5, 12, 37, 65, 81};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        size_t x = odd[i], y = odd[(i + 3) % 7];
        /* rows of A: any number, NT and NN; 16-bit rows of k */
        run_types((problem){.form = HRM_MATMUL_NT, .a = HRM_F16_T, .b = HRM_F16_T, .m = x, .n = y, .k = 24});
        run_types((problem){.form = HRM_MATMUL_NT, .a = HRM_F32_T, .b = HRM_F16_T, .m = x, .n = y, .k = 40});
        run_types((problem){.form = HRM_MATMUL_NN, .a = HRM_F16_T, .b = HRM_F32_T, .m = x, .n = y, .k = 24});
        /* any k: its lines, beside a 16-bit operand of eights */
        run_types((problem){.form = HRM_MATMUL_NN, .a = HRM_F32_T, .b = HRM_F16_T, .m = x, .n = 16, .k = y});
        run_types((problem){.form = HRM_MATMUL_TN, .a = HRM_F32_T, .b = HRM_F16_T, .m = x, .n = 24, .k = y});
        run_types((problem){.form = HRM_MATMUL_TN, .a = HRM_F16_T, .b = HRM_F32_T, .m = 40, .n = x, .k = y});
    }
}

/* Strides, residual, accumulation, with every dtype of every tensor. */
static void test_strides_and_types(void **state) {
    (void)state;
    static const hrm_dtype types[][4] = {
        {HRM_F16_T, HRM_F16_T, HRM_F16_T, HRM_F16_T},   {HRM_F16_T, HRM_F32_T, HRM_F16_T, HRM_F32_T},
        {HRM_F32_T, HRM_F16_T, HRM_F32_T, HRM_F16_T},   {HRM_F16_T, HRM_F16_T, HRM_F32_T, HRM_F32_T},
        {HRM_F16_T, HRM_BF16_T, HRM_F32_T, HRM_BF16_T}, {HRM_BF16_T, HRM_F16_T, HRM_BF16_T, HRM_F32_T}};
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++) {
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            problem p = {.form = (hrm_matmul_form)form, .m = 40, .n = 48, .k = 56};
            p.a = types[t][0], p.b = types[t][1], p.c = types[t][2], p.r = types[t][3];
            p.lda = 72, p.ldb = 64, p.ldc = 56;
            p.accumulate = p.residual = true;
            run_types(p);
            if (t > 0) continue; /* each needs kernels of its own, and CPU drivers take seconds for one */
            p.residual = false;
            run_types(p);
            p.accumulate = false, p.residual = true;
            p.lda = p.ldb = p.ldc = 0;
            run_types(p);
        }
        /* f32 ones that are no multiples of 4 apart */
        problem p = {.form = (hrm_matmul_form)form, .m = 24, .n = 40, .k = 48, .a = HRM_F32_T, .b = HRM_F16_T};
        p.lda = 51, p.ldc = 43, p.residual = p.accumulate = true;
        run_types(p);
    }
}

/* A long k, as weight gradients have, summed in parts; the second kernel adds the residual. */
static void test_split_k(void **state) {
    (void)state;
    problem p = {.form = HRM_MATMUL_TN, .a = HRM_F16_T, .b = HRM_F16_T, .m = 8, .n = 24, .k = 1100, .scratch = true};
    run_types(p);
    p.accumulate = p.residual = true;
    run_types(p);
    p.a = HRM_F32_T, p.m = 7, p.ldc = 29;
    run_types(p);
}

/* A row is the same bits whether computed alone or among many. */
static void test_rows_do_not_depend_on_their_number(void **state) {
    (void)state;
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_NN; form++) {
        for (hrm_matmul_family f = HRM_MATMUL_COOPMAT_SMALL; f <= HRM_MATMUL_COOPMAT2; f++) {
            problem p = {.form = (hrm_matmul_form)form, .a = HRM_F16_T, .b = HRM_F16_T, .m = 141, .n = 40, .k = 88};
            if (!serves(f, p.form, p.a, p.b)) continue;
            float *all = run(p, f);
            static const size_t few[] = {1, 13, 64};
            for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
                p.m = few[i];
                check_same_bits("rows of a product", run(p, f), all, few[i] * p.n * sizeof(float));
            }
            CHECK_EQ(helper_gpu_teardown(NULL), 0);
        }
    }
}

/* ---- ends ---- */

/* Calls `check` for each family and 16-bit type that the device has. */
static void for_families(void (*check)(hrm_matmul_family family, hrm_dtype type, size_t m, size_t n, size_t k),
                         hrm_matmul_form form, const size_t (*shapes)[3], size_t count) {
    for (hrm_dtype type = HRM_BF16_T; type <= HRM_F16_T; type++) {
        for (hrm_matmul_family f = HRM_MATMUL_COOPMAT_SMALL; f <= HRM_MATMUL_COOPMAT2; f++) {
            if (!serves(f, form, type, type)) continue;
            for (size_t s = 0; s < count; s++) {
                check(f, type, shapes[s][0], shapes[s][1], shapes[s][2]);
                CHECK_EQ(helper_gpu_teardown(NULL), 0);
            }
        }
    }
}

static void record(const hrm_matmul_args *args) {
    CHECK_MSG(hrm_matmul_can_end(helper_gpu_get_device(), args), "%s cannot end a product in %d",
              hrm_matmul_family_name(args->family), (int)args->end);
    hrm_matmul(helper_gpu_begin(), *args);
}

static void compare(const char *what, const hrm_matmul_args *args, const float *got, const double *want,
                    const double *tolerance, size_t count) {
    for (size_t i = 0; i < count; i++)
        CHECK_MSG(fabs((double)got[i] - want[i]) <= tolerance[i],
                  "%s, family %s, dtype %d: [%zu] = %.9g, want %.9g +- %g", what, hrm_matmul_family_name(args->family),
                  (int)args->a.dtype, i, (double)got[i], want[i], tolerance[i]);
}

/* silu(gate) up: silu' lies within [-0.1, 1.1] and |silu(x)| <= |x|, so an error e of both moves it by at most
 * e (1.1 |up| + |gate| + 1.1 e); sigmoid and the products round at 8 * 2^-24. */
static void check_swiglu(hrm_matmul_family family, hrm_dtype type, size_t m, size_t n, size_t k) {
    size_t f = n / 2;
    for (int saved = 0; saved < 2; saved++) {
        product x = make_product(HRM_MATMUL_NT, saved ? HRM_F32_T : type, type, m, n, k, 0, 0);
        hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                                .a = x.a,
                                .b = x.b,
                                .c = helper_gpu_any(hrm_tensor_2d(NULL, 0, saved ? type : HRM_F32_T, m, f), NULL),
                                .end = HRM_MATMUL_END_SWIGLU,
                                .family = family};
        if (saved) args.pre = helper_gpu_any(hrm_tensor_2d(NULL, 0, type, m, n), NULL);
        record(&args);
        helper_gpu_run();
        double *want = helper_gpu_host_f64(m * f), *tolerance = helper_gpu_host_f64(m * f);
        ref_swiglu_fwd(x.ab, want, m, f);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < f; j++) {
                size_t gate = i * n + j, up = gate + f;
                double e = fmax(x.tolerance[gate], x.tolerance[up]), y = fabs(want[i * f + j]);
                tolerance[i * f + j] = e * (1.1 * fabs(x.ab[up]) + fabs(x.ab[gate]) + 1.1 * e) + 8 * y * 0x1p-24;
                tolerance[i * f + j] += store_error(args.c.dtype, y) * (1 + 0x1p-7);
            }
        }
        compare("SwiGLU", &args, helper_gpu_read_any(args.c), want, tolerance, m * f);
        if (!saved) continue;
        for (size_t i = 0; i < m * n; i++) x.tolerance[i] += store_error(type, x.ab[i]) * (1 + 0x1p-7);
        compare("SwiGLU, pre", &args, helper_gpu_read_any(args.pre), x.ab, x.tolerance, m * n);
    }
}

static void test_end_swiglu(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{64, 256, 64}, {37, 48, 40}, {5, 16, 8}, {130, 80, 32}, {3, 1040, 16}};
    for_families(check_swiglu, HRM_MATMUL_NT, shapes, sizeof shapes / sizeof *shapes);
}

/* The gradients are g times factors that do not depend on the product, at most 1.1 |up| and |gate|. */
static void check_swiglu_bwd(hrm_matmul_family family, hrm_dtype type, size_t m, size_t n, size_t k) {
    for (int wide = 0; wide < 2; wide++) {
        hrm_dtype stored = wide ? HRM_F32_T : type;
        product x = make_product(HRM_MATMUL_NN, type, type, m, n, k, 0, 0);
        float *pre = random_rows(stored, m, 2 * n, 2 * n, 400000);
        hrm_matmul_args args = {.form = HRM_MATMUL_NN,
                                .a = x.a,
                                .b = x.b,
                                .c = helper_gpu_any(hrm_tensor_2d(NULL, 0, stored, m, 2 * n), NULL),
                                .pre = helper_gpu_any(hrm_tensor_2d(NULL, 0, stored, m, 2 * n), pre),
                                .end = HRM_MATMUL_END_SWIGLU_BWD,
                                .family = family};
        record(&args);
        helper_gpu_run();
        double *want = helper_gpu_host_f64(m * 2 * n), *tolerance = helper_gpu_host_f64(m * 2 * n);
        ref_swiglu_bwd(helper_gpu_widen(pre, m * 2 * n), x.ab, want, m, n);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < 2 * n; j++) {
                double other = fabs((double)pre[i * 2 * n + (j + n) % (2 * n)]), y = fabs(want[i * 2 * n + j]);
                double g = fabs(x.ab[i * n + j % n]);
                /* 1 - s and 1 + gate (1 - s) cancel: their rounding is relative to 1 and the other factors */
                tolerance[i * 2 * n + j] = 1.1 * other * x.tolerance[i * n + j % n] + 16 * g * (1 + other) * 0x1p-24 +
                                           store_error(stored, y) * (1 + 0x1p-7);
            }
        }
        compare("SwiGLU backward", &args, helper_gpu_read_any(args.c), want, tolerance, m * 2 * n);
    }
}

static void test_end_swiglu_bwd(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{64, 128, 64}, {37, 24, 40}, {5, 8, 8}, {130, 48, 24}};
    for_families(check_swiglu_bwd, HRM_MATMUL_NN, shapes, sizeof shapes / sizeof *shapes);
}

/* m = batch * 5 positions; n = 3 heads * width of 3 parts; a turn keeps lengths, so an error of both of a pair adds up.
 */
static void check_rope(hrm_matmul_family family, hrm_dtype type, size_t m, size_t width, size_t k) {
    const size_t seq = 5, heads = 3, n = 3 * heads * width, half = width / 2;
    product x = make_product(HRM_MATMUL_NT, HRM_F32_T, type, m, n, k, 0, 0);
    float *cos_table = helper_gpu_host_f32(seq * half), *sin_table = helper_gpu_host_f32(seq * half);
    for (size_t i = 0; i < seq * half; i++) {
        cos_table[i] = (float)cos(0.37 * (double)i);
        sin_table[i] = (float)sin(0.37 * (double)i);
    }
    hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                            .a = x.a,
                            .b = x.b,
                            .c = helper_gpu_any(hrm_tensor_2d(NULL, 0, type, m, n), NULL),
                            .end = HRM_MATMUL_END_ROPE,
                            .cos_table = helper_gpu_f32_2d(cos_table, seq, half),
                            .sin_table = helper_gpu_f32_2d(sin_table, seq, half),
                            .seq = (uint32_t)seq,
                            .heads = (uint32_t)heads,
                            .head_dim = (uint32_t)width,
                            .family = family};
    record(&args);
    helper_gpu_run();
    double *tolerance = helper_gpu_host_f64(m * n);
    for (size_t i = 0; i < m * n; i++) {
        size_t j = i % width, other = j < half ? i + half : i - half;
        tolerance[i] = x.tolerance[i] + x.tolerance[other] + 3 * (fabs(x.ab[i]) + fabs(x.ab[other])) * 0x1p-24;
    }
    ref_rope_by_table(x.ab, helper_gpu_widen(cos_table, seq * half), helper_gpu_widen(sin_table, seq * half), m / seq,
                      seq, n, 2, heads, width, 1);
    for (size_t i = 0; i < m * n; i++) tolerance[i] += store_error(type, x.ab[i]) * (1 + 0x1p-7);
    compare("RoPE", &args, helper_gpu_read_any(args.c), x.ab, tolerance, m * n);
}

static void test_end_rope(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{60, 64, 64}, {35, 8, 40}, {5, 32, 8}, {10, 24, 24}};
    for_families(check_rope, HRM_MATMUL_NT, shapes, sizeof shapes / sizeof *shapes);
}

/* y = s / rms. An error e of each s moves y by e / rms, and by |y| times the relative error of the rms, which is at
 * most e's root mean square over the rms; plus 4 roundings and those of a sum of n squares. */
static void check_rms_norm(hrm_matmul_family family, hrm_dtype type, size_t m, size_t n, size_t k) {
    for (int bare = 0; bare < 2; bare++) {
        product x = make_product(HRM_MATMUL_NT, type, type, m, n, k, 0, 0);
        float *r = random_rows(HRM_F32_T, m, n, n, 300000);
        hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                                .a = x.a,
                                .b = x.b,
                                .c = helper_gpu_any(hrm_tensor_2d(NULL, 0, bare ? type : HRM_F32_T, m, n), NULL),
                                .end = HRM_MATMUL_END_RMS_NORM,
                                .eps = 1e-5f,
                                .family = family};
        if (!bare) args.residual = helper_gpu_f32_2d(r, m, n), args.rstd = helper_gpu_f32(NULL, m);
        /* such a row of 16-row matrices may need more shared memory than there is, and small subgroups hold none */
        if (!hrm_matmul_can_end(helper_gpu_get_device(), &args)) {
            CHECK_MSG(n > 256 || hrm_device_get_coopmat_subgroup(helper_gpu_get_device()) < 32,
                      "%s cannot end a row of %zu", hrm_matmul_family_name(family), n);
            continue;
        }
        record(&args);
        helper_gpu_run();
        double *want = helper_gpu_host_f64(m * n), *rstd = helper_gpu_host_f64(m),
               *tolerance = helper_gpu_host_f64(m * n);
        double *rstd_tolerance = helper_gpu_host_f64(m);
        ref_rms_norm_fwd(x.ab, bare ? NULL : helper_gpu_widen(r, m * n), want, rstd, m, n, 1e-5);
        for (size_t i = 0; i < m; i++) {
            double squares = 0;
            for (size_t j = 0; j < n; j++) squares += x.tolerance[i * n + j] * x.tolerance[i * n + j];
            double relative = sqrt(squares / (double)n) * rstd[i] + (4 + (double)n) * 0x1p-24;
            rstd_tolerance[i] = rstd[i] * relative * (1 + relative);
            for (size_t j = 0; j < n; j++) {
                double y = fabs(want[i * n + j]);
                tolerance[i * n + j] = (x.tolerance[i * n + j] + 0x1p-23) * rstd[i] + y * relative * (1 + relative) +
                                       4 * y * 0x1p-24 + store_error(args.c.dtype, y) * (1 + 0x1p-7);
            }
        }
        compare("RMSNorm", &args, helper_gpu_read_any(args.c), want, tolerance, m * n);
        if (!bare) compare("RMSNorm, rstd", &args, helper_gpu_read(args.rstd), rstd, rstd_tolerance, m);
    }
}

static void test_end_rms_norm(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{64, 64, 64}, {37, 96, 40}, {5, 8, 8}, {40, 512, 72}, {9, 260, 16}};
    for_families(check_rms_norm, HRM_MATMUL_NT, shapes, sizeof shapes / sizeof *shapes);
}

/* What cannot be ended, and what no matrix multiplies: f32 operands go to the conventional kernels. */
static void test_limits(void **state) {
    (void)state;
    hrm_device *device = helper_gpu_get_device();
    hrm_dtype type = has_bf16() ? HRM_BF16_T : HRM_F16_T;
    if (hrm_device_get_caps(device) & HRM_CAP_COOPMAT2) CHECK(serves(HRM_MATMUL_COOPMAT2, HRM_MATMUL_NT, type, type));
    hrm_matmul_args args = {.form = HRM_MATMUL_NT,
                            .a = helper_gpu_any(hrm_tensor_2d(NULL, 0, type, 8, 16), NULL),
                            .b = helper_gpu_any(hrm_tensor_2d(NULL, 0, type, 520, 16), NULL),
                            .c = helper_gpu_f32_2d(NULL, 8, 520),
                            .end = HRM_MATMUL_END_RMS_NORM,
                            .eps = 1e-5f,
                            .family = HRM_MATMUL_COOPMAT};
    CHECK(!hrm_matmul_can_end(device, &args)); /* a row longer than a workgroup holds */
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "hrm_matmul_can_end");
    args.end = HRM_MATMUL_END_SWIGLU_BWD; /* not in this form, and without `pre` */
    CHECK(!hrm_matmul_can_end(device, &args));
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "");
    args.end = HRM_MATMUL_END_ROPE;
    args.heads = 2, args.head_dim = 8, args.seq = 8;
    hrm_matmul(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "not q, k and v of 2 heads of 8");
    for (int form = HRM_MATMUL_NT; form <= HRM_MATMUL_TN; form++)
        run((problem){.form = (hrm_matmul_form)form, .m = 9, .n = 7, .k = 5}, HRM_MATMUL_COOPMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {HELPER_GPU_TEST(test_shapes),
                                       HELPER_GPU_TEST(test_tails),
                                       HELPER_GPU_TEST(test_strides_and_types),
                                       HELPER_GPU_TEST(test_split_k),
                                       HELPER_GPU_TEST(test_rows_do_not_depend_on_their_number),
                                       HELPER_GPU_TEST(test_end_swiglu),
                                       HELPER_GPU_TEST(test_end_swiglu_bwd),
                                       HELPER_GPU_TEST(test_end_rope),
                                       HELPER_GPU_TEST(test_end_rms_norm),
                                       HELPER_GPU_TEST(test_limits)};
    helper_gpu_open(HELPER_GPU_DISABLE);
    if (!serves(HRM_MATMUL_COOPMAT, HRM_MATMUL_NT, HRM_F32_T, HRM_F32_T)) {
        printf("skipped: this device has no matrix units that hrm can use\n");
        helper_gpu_close();
        return 77;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + helper_gpu_close();
}
