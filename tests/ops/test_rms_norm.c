#include "helper_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/rms_norm.h"
#include "ref/gradient.h"
#include "ref/rms_norm.h"

static const double eps = 1e-5;

/* Friendly, odd, size-1; 4100 columns are more than lanes hold in registers. */
static const struct {
    size_t rows, cols;
} shapes[] = {{1, 1}, {3, 1}, {1, 4}, {5, 3}, {7, 96}, {2, 97}, {33, 64}, {4, 512}, {130, 20}, {3, 4100}, {300, 96}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

typedef struct problem {
    size_t rows, cols, n;
    float *x, *residual, *grad, *grad2;
    double *wide_x, *wide_residual, *wide_grad, *wide_grad2;
} problem;

static problem make(size_t rows, size_t cols) {
    problem p = {.rows = rows, .cols = cols, .n = rows * cols};
    float **each[] = {&p.x, &p.residual, &p.grad, &p.grad2};
    double **wide[] = {&p.wide_x, &p.wide_residual, &p.wide_grad, &p.wide_grad2};
    for (uint64_t i = 0; i < 4; i++) {
        *each[i] = helper_gpu_host_f32(p.n);
        helper_gpu_random(*each[i], p.n, i == 1 ? 2.0 : 1.0, 20 + i);
        *wide[i] = helper_gpu_widen(*each[i], p.n);
    }
    return p;
}

/* The sum x + residual is rounded once (2^-24 of up to ~8); mean, inverse root (2 ulp allowed) and product add a few
 * more relative ones. */
static const double fwd_abs = 1e-6, fwd_rel = 2e-6;

static void check_forward(const problem *p, bool with_residual) {
    double *want = helper_gpu_host_f64(p->n), *want_rstd = helper_gpu_host_f64(p->rows);
    ref_rms_norm_fwd(p->wide_x, with_residual ? p->wide_residual : NULL, want, want_rstd, p->rows, p->cols, eps);
    hrm_tensor x = helper_gpu_f32_2d(p->x, p->rows, p->cols),
               residual = helper_gpu_f32_2d(p->residual, p->rows, p->cols);
    hrm_tensor y = helper_gpu_f32_2d(NULL, p->rows, p->cols), rstd = helper_gpu_f32(NULL, p->rows);
    hrm_rms_norm_fwd_args args = {.x = x, .y = y, .rstd = rstd, .rows = p->rows, .cols = p->cols, .eps = (float)eps};
    if (with_residual) args.residual = residual;
    hrm_rms_norm_fwd(helper_gpu_begin(), args);
    hrm_rms_norm_fwd_args in_place = args;
    in_place.y = x;
    in_place.rstd = (hrm_tensor){0};
    hrm_rms_norm_fwd(helper_gpu_begin(), in_place);
    helper_gpu_run();
    float *got = helper_gpu_read(y);
    double largest = 1.0;
    for (size_t r = 0; r < p->rows; r++) largest = fmax(largest, want_rstd[r]);
    check_close_f32("y", got, want, p->n, fwd_abs * largest, fwd_rel);
    check_close_f32("rstd", (float *)helper_gpu_read(rstd), want_rstd, p->rows, 0.0, 1e-5);
    check_same_bits("y in place of x", helper_gpu_read(x), got, p->n * sizeof(float));
    check_same_bits("residual", helper_gpu_read(residual), p->residual, p->n * sizeof(float));
}

static void test_fwd(void **state) {
    (void)state;
    for (size_t k = 0; k < SHAPES; k++) {
        problem p = make(shapes[k].rows, shapes[k].cols);
        check_forward(&p, false);
        check_forward(&p, true);
    }
}

static void check_backward(const problem *p, bool with_second) {
    double *want = helper_gpu_host_f64(p->n), *y64 = helper_gpu_host_f64(p->n), *rstd64 = helper_gpu_host_f64(p->rows);
    ref_rms_norm_fwd(p->wide_x, p->wide_residual, y64, rstd64, p->rows, p->cols, eps);
    ref_rms_norm_bwd(p->wide_grad, with_second ? p->wide_grad2 : NULL, p->wide_x, p->wide_residual, want, p->rows,
                     p->cols, eps);
    float *y32 = helper_gpu_host_f32(p->n), *rstd32 = helper_gpu_host_f32(p->rows);
    double largest = 1.0;
    for (size_t i = 0; i < p->n; i++) y32[i] = (float)y64[i];
    for (size_t r = 0; r < p->rows; r++) {
        rstd32[r] = (float)rstd64[r];
        largest = fmax(largest, rstd64[r]);
    }
    hrm_tensor grad = helper_gpu_f32_2d(p->grad, p->rows, p->cols),
               grad2 = helper_gpu_f32_2d(p->grad2, p->rows, p->cols);
    hrm_tensor y = helper_gpu_f32_2d(y32, p->rows, p->cols), rstd = helper_gpu_f32(rstd32, p->rows);
    hrm_tensor out = helper_gpu_f32_2d(NULL, p->rows, p->cols);
    hrm_rms_norm_bwd_args args = {
        .grad_y = grad, .y = y, .rstd = rstd, .grad_x = out, .rows = p->rows, .cols = p->cols};
    if (with_second) args.grad_y2 = grad2;
    hrm_rms_norm_bwd(helper_gpu_begin(), args);
    args.grad_x = grad;
    hrm_rms_norm_bwd(helper_gpu_begin(), args);
    helper_gpu_run();
    float *got = helper_gpu_read(out);
    /* y and rstd were rounded to f32, g - y mean cancels: a few 2^-24 of |g| rstd, |g| up to ~8 */
    check_close_f32("grad_x", got, want, p->n, 4e-6 * largest, 4e-6);
    check_same_bits("grad_x in place of grad_y", helper_gpu_read(grad), got, p->n * sizeof(float));
}

static void test_bwd(void **state) {
    (void)state;
    for (size_t k = 0; k < SHAPES; k++) {
        problem p = make(shapes[k].rows, shapes[k].cols);
        check_backward(&p, false);
        check_backward(&p, true);
    }
}

/* A row gives the same bits alone, among others, and at the other end of a batch. */
static void test_neighbours(void **state) {
    (void)state;
    enum { ROWS = 150, COLS = 96 };
    problem p = make(ROWS, COLS);
    memcpy(p.x + (ROWS - 1) * COLS, p.x, COLS * sizeof(float));
    hrm_tensor x = helper_gpu_f32_2d(p.x, ROWS, COLS), y = helper_gpu_f32_2d(NULL, ROWS, COLS);
    hrm_tensor x1 = helper_gpu_f32_2d(p.x, 1, COLS), y1 = helper_gpu_f32_2d(NULL, 1, COLS);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_rms_norm_fwd(rec, (hrm_rms_norm_fwd_args){.x = x, .y = y, .rows = ROWS, .cols = COLS, .eps = (float)eps});
    hrm_rms_norm_fwd(rec, (hrm_rms_norm_fwd_args){.x = x1, .y = y1, .rows = 1, .cols = COLS, .eps = (float)eps});
    helper_gpu_run();
    float *many = helper_gpu_read(y), *one = helper_gpu_read(y1);
    check_same_bits("first row", many, one, COLS * sizeof(float));
    check_same_bits("last row", many + (ROWS - 1) * COLS, one, COLS * sizeof(float));
}

typedef struct loss {
    const double *residual, *grad;
    size_t rows, cols;
    double *y;
} loss;

static double get_loss(const double *x, const void *context) {
    const loss *l = context;
    ref_rms_norm_fwd(x, l->residual, l->y, NULL, l->rows, l->cols, eps);
    return ref_dot(l->y, l->grad, l->rows * l->cols);
}

static void test_reference_gradient(void **state) {
    (void)state;
    problem p = make(3, 7);
    double *grad_x = helper_gpu_host_f64(p.n), *y = helper_gpu_host_f64(p.n);
    ref_rms_norm_bwd(p.wide_grad, NULL, p.wide_x, p.wide_residual, grad_x, p.rows, p.cols, eps);
    loss l = {p.wide_residual, p.wide_grad, p.rows, p.cols, y};
    double error = ref_gradient_error(get_loss, &l, p.wide_x, grad_x, p.n);
    CHECK_MSG(error < 1e-7, "reference gradient is off by %g", error);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor x = helper_gpu_f32_2d(NULL, 3, 5);
    hrm_rms_norm_fwd(helper_gpu_begin(), (hrm_rms_norm_fwd_args){.x = x, .y = x, .rows = 3, .cols = 4});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rms_norm_fwd: tensor x has 15 elements, the shape asks for 12");
    hrm_rms_norm_fwd(helper_gpu_begin(), (hrm_rms_norm_fwd_args){.x = x, .y = x, .rows = 0, .cols = 4});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rms_norm_fwd: rows and cols must be >= 1");
    hrm_rms_norm_bwd(helper_gpu_begin(),
                     (hrm_rms_norm_bwd_args){.grad_y = x, .y = x, .grad_x = x, .rows = 3, .cols = 5});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "rms_norm_bwd: tensor rstd is not set");
}

/* HRM_TEST_BENCH=1: speed at the model's shapes, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    const struct { size_t rows, cols; } sizes[] = {{2368, 96}, {2368, 512}};
    for (size_t k = 0; k < 2; k++) {
        problem p = make(sizes[k].rows, sizes[k].cols);
        hrm_tensor x = helper_gpu_f32_2d(p.x, p.rows, p.cols), r = helper_gpu_f32_2d(p.residual, p.rows, p.cols);
        hrm_tensor y = helper_gpu_f32_2d(NULL, p.rows, p.cols), rstd = helper_gpu_f32(NULL, p.rows);
        hrm_tensor out = helper_gpu_f32_2d(NULL, p.rows, p.cols);
        hrm_rms_norm_fwd_args fwd = {
            .x = x, .residual = r, .y = y, .rstd = rstd, .rows = p.rows, .cols = p.cols, .eps = (float)eps};
        helper_gpu_report_speed("rms_norm_fwd", 12.0 * (double)p.n, hrm_rms_norm_fwd(helper_gpu_begin(), fwd));
        hrm_rms_norm_bwd_args bwd = {
            .grad_y = x, .grad_y2 = r, .y = y, .rstd = rstd, .grad_x = out, .rows = p.rows, .cols = p.cols};
        helper_gpu_report_speed("rms_norm_bwd", 16.0 * (double)p.n, hrm_rms_norm_bwd(helper_gpu_begin(), bwd));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_fwd), HELPER_GPU_TEST(test_bwd), HELPER_GPU_TEST(test_neighbours),
                HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_speed))
