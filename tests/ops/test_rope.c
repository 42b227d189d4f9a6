#include "helper_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/rope.h"
#include "ref/gradient.h"
#include "ref/rope.h"

static const double theta = 10000.0;

typedef struct shape {
    size_t batch, seq, heads, head_dim, parts, total_parts;
} shape;

/* Friendly, odd (head widths not a multiple of 8, one head, one position), and a table longer than needed. */
static const shape shapes[] = {{2, 37, 3, 32, 2, 3}, {1, 1, 1, 2, 2, 3},  {3, 5, 2, 6, 2, 3}, {1, 82, 2, 64, 2, 3},
                               {2, 7, 1, 8, 1, 1},   {4, 9, 1, 10, 1, 3}, {2, 3, 1, 4, 1, 2}};

static void check_shape(const shape *s, hrm_dtype dtype) {
    size_t stride = s->total_parts * s->heads * s->head_dim, n = s->batch * s->seq * stride, half = s->head_dim / 2;
    size_t table_rows = s->seq + 3;
    float *x = helper_gpu_host_f32(n), *c = helper_gpu_host_f32(table_rows * half);
    float *sn = helper_gpu_host_f32(table_rows * half);
    helper_gpu_random(x, n, 1.0, 60);
    helper_gpu_round(dtype, x, n);
    hrm_rope_make_table(table_rows, (uint32_t)s->head_dim, theta, c, sn);
    double *forward = helper_gpu_widen(x, n), *backward = helper_gpu_widen(x, n);
    double *wide_c = helper_gpu_widen(c, table_rows * half), *wide_s = helper_gpu_widen(sn, table_rows * half);
    ref_rope_by_table(forward, wide_c, wide_s, s->batch, s->seq, stride, s->parts, s->heads, s->head_dim, 1.0);
    ref_rope_by_table(backward, wide_c, wide_s, s->batch, s->seq, stride, s->parts, s->heads, s->head_dim, -1.0);

    hrm_tensor tc = helper_gpu_f32_2d(c, table_rows, half), ts = helper_gpu_f32_2d(sn, table_rows, half);
    hrm_tensor like = hrm_tensor_3d(NULL, 0, dtype, s->batch, s->seq, stride);
    hrm_tensor tf = helper_gpu_any(like, x), tb = helper_gpu_any(like, x);
    hrm_rope_args args = {
        .x = tf,
        .cos_table = tc,
        .sin_table = ts,
        .batch = s->batch,
        .seq = s->seq,
        .heads = (uint32_t)s->heads,
        .head_dim = (uint32_t)s->head_dim,
        .part_count = (uint32_t)s->parts,
    };
    hrm_rope(helper_gpu_begin(), args);
    args.x = tb;
    args.inverse = true;
    hrm_rope(helper_gpu_begin(), args);
    helper_gpu_run();
    float *got = helper_gpu_read_any(tf);
    /* two products and a sum of values up to ~5, each rounded once, and stored */
    double stored = 1e-6 + (hrm_dtype_is_16bit(dtype) ? helper_gpu_rounding(dtype) : 0);
    check_close_f32("turned", got, forward, n, 1e-6, stored);
    check_close_f32("turned back", helper_gpu_read_any(tb), backward, n, 1e-6, stored);
    size_t turned = s->parts * s->heads * s->head_dim; /* what follows is not touched */
    for (size_t row = 0; row < s->batch * s->seq; row++)
        check_same_bits("rest of a position", got + row * stride + turned, x + row * stride + turned,
                        (stride - turned) * sizeof(float));
}

static void test_shapes(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) check_shape(&shapes[k], HRM_F32_T);
}

static void test_16bit(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        if (shapes[k].head_dim % 8 != 0) continue;
        check_shape(&shapes[k], HRM_BF16_T);
        check_shape(&shapes[k], HRM_F16_T);
    }
}

static void test_table(void **state) {
    (void)state;
    enum { SEQ = 901, DIM = 64 };
    float *c = helper_gpu_host_f32(SEQ * DIM / 2), *s = helper_gpu_host_f32(SEQ * DIM / 2);
    hrm_rope_make_table(SEQ, DIM, theta, c, s);
    for (size_t t = 0; t < SEQ; t++) {
        for (size_t i = 0; i < DIM / 2; i++) {
            double angle = (double)t * pow(theta, -2.0 * (double)i / DIM);
            /* frequency and angle are each rounded to f32, as in the reference */
            double tolerance = angle * 1.2e-7 + 1e-7;
            CHECK(fabs(c[t * DIM / 2 + i] - cos(angle)) <= tolerance);
            CHECK(fabs(s[t * DIM / 2 + i] - sin(angle)) <= tolerance);
        }
    }
    CHECK(c[0] == 1.0f && s[0] == 0.0f);
}

typedef struct loss {
    const double *grad;
    double *y;
    size_t n;
} loss;

static double get_loss(const double *x, const void *context) {
    const loss *l = context;
    memcpy(l->y, x, l->n * sizeof *x);
    ref_rope(l->y, 2, 3, 36, 2, 2, 6, theta, 1.0);
    return ref_dot(l->y, l->grad, l->n);
}

/* The gradient is the turn backwards. */
static void test_reference_gradient(void **state) {
    (void)state;
    enum { N = 2 * 3 * 36 };
    float *x = helper_gpu_host_f32(N), *g = helper_gpu_host_f32(N);
    helper_gpu_random(x, N, 1.0, 61);
    helper_gpu_random(g, N, 1.0, 62);
    double *wide_x = helper_gpu_widen(x, N), *grad = helper_gpu_widen(g, N), *wide_g = helper_gpu_widen(g, N);
    ref_rope(grad, 2, 3, 36, 2, 2, 6, theta, -1.0);
    loss l = {wide_g, helper_gpu_host_f64(N), N};
    double error = ref_gradient_error(get_loss, &l, wide_x, grad, N);
    CHECK_MSG(error < 1e-7, "reference gradient is off by %g", error);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor x = helper_gpu_f32(NULL, 2 * 3 * 24), table = helper_gpu_f32(NULL, 2 * 4);
    hrm_rope_args args = {.x = x,
                          .cos_table = table,
                          .sin_table = table,
                          .batch = 2,
                          .seq = 3,
                          .heads = 1,
                          .head_dim = 8,
                          .part_count = 2};
    hrm_rope(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rope: tensor cos_table has 8 elements, needs at least 3 rows");
    args.head_dim = 7;
    hrm_rope(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "head_dim even");
    args.head_dim = 8;
    args.part_count = 4;
    hrm_rope(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rope: tensor x has 144 elements");
    args.part_count = 2;
    args.head_dim = 4;
    args.cos_table = args.sin_table = helper_gpu_f32(NULL, 3 * 2);
    args.x.dtype = HRM_BF16_T;
    hrm_rope(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rope: x is 16-bit with 24 elements a position and heads of 4");
}

/* HRM_TEST_BENCH=1: speed at the model's shapes, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    const shape sizes[] = {{64, 37, 3, 32, 2, 3}, {29, 82, 8, 64, 2, 3}};
    for (size_t k = 0; k < 2; k++) {
        const shape *s = &sizes[k];
        size_t stride = s->total_parts * s->heads * s->head_dim, n = s->batch * s->seq * stride, half = s->head_dim / 2;
        float *x = helper_gpu_host_f32(n), *c = helper_gpu_host_f32(s->seq * half),
              *sn = helper_gpu_host_f32(s->seq * half);
        helper_gpu_random(x, n, 1.0, 60);
        hrm_rope_make_table(s->seq, (uint32_t)s->head_dim, theta, c, sn);
        hrm_rope_args args = {
            .x = helper_gpu_f32(x, n),
            .cos_table = helper_gpu_f32_2d(c, s->seq, half),
            .sin_table = helper_gpu_f32_2d(sn, s->seq, half),
            .batch = s->batch,
            .seq = s->seq,
            .heads = (uint32_t)s->heads,
            .head_dim = (uint32_t)s->head_dim,
            .part_count = 2,
        };
        helper_gpu_report_speed("rope", 8.0 * (double)n * 2 / 3, hrm_rope(helper_gpu_begin(), args));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_shapes), HELPER_GPU_TEST(test_16bit), HELPER_GPU_TEST(test_table),
                HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_speed))
