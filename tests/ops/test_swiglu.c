#include "helper_gpu.h"

#include <math.h>
#include <stdlib.h>

#include "ops/swiglu.h"
#include "ref/gradient.h"
#include "ref/swiglu.h"

static const struct { size_t rows, cols; } shapes[] = {{1, 1}, {1, 4}, {3, 5}, {7, 256}, {64, 3}, {130, 40}, {5, 1536}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* What storing a number adds to its error: relative to it, and in units of the smallest (1e-37: f32 and bf16 results
 * that may become 0; f16's subnormals are 2^-24 apart). */
static double stored(hrm_dtype dtype) {
    return hrm_dtype_is_16bit(dtype) ? helper_gpu_rounding(dtype) : 0;
}

static double smallest(hrm_dtype dtype) {
    return dtype == HRM_F16_T ? 0x1p-25 : 1e-37;
}

/* gate_up, y and its gradient, gate_up's gradient: each in its own dtype. */
static void check_shape(size_t rows, size_t cols, double sd, hrm_dtype in, hrm_dtype out, hrm_dtype back) {
    size_t n = rows * cols;
    float *x = helper_gpu_host_f32(2 * n), *g = helper_gpu_host_f32(n);
    helper_gpu_random(x, 2 * n, sd, 70);
    helper_gpu_random(g, n, 1.0, 71);
    helper_gpu_round(in, x, 2 * n);
    helper_gpu_round(out, g, n);
    double *wide = helper_gpu_widen(x, 2 * n), *want = helper_gpu_host_f64(n), *want_grad = helper_gpu_host_f64(2 * n);
    ref_swiglu_fwd(wide, want, rows, cols);
    ref_swiglu_bwd(wide, helper_gpu_widen(g, n), want_grad, rows, cols);
    hrm_tensor gate_up = helper_gpu_any(hrm_tensor_2d(NULL, 0, in, rows, 2 * cols), x);
    hrm_tensor y = helper_gpu_any(hrm_tensor_2d(NULL, 0, out, rows, cols), NULL);
    hrm_tensor grad_y = helper_gpu_any(hrm_tensor_2d(NULL, 0, out, rows, cols), g);
    hrm_tensor grad = helper_gpu_any(hrm_tensor_2d(NULL, 0, back, rows, 2 * cols), NULL);
    hrm_recorder *rec = helper_gpu_begin();
    hrm_swiglu_fwd(rec, (hrm_swiglu_fwd_args){.gate_up = gate_up, .y = y, .rows = rows, .cols = cols});
    hrm_swiglu_bwd_args bwd = {.gate_up = gate_up, .grad_y = grad_y, .grad_gate_up = grad, .rows = rows, .cols = cols};
    hrm_swiglu_bwd(rec, bwd);
    bwd.grad_gate_up = gate_up;
    if (in == back) hrm_swiglu_bwd(rec, bwd);
    helper_gpu_run();
    /* sigmoid is good to 4 ulp (6.5 where division is off by 2.5), two products; results below 1.2e-38 may become 0 */
    check_close_f32("y", helper_gpu_read_any(y), want, n, smallest(out), 1e-6 + stored(out));
    float *got = helper_gpu_read_any(grad);
    /* 1 + gate (1 - s) cancels near gate = -1.28, where its terms are of order 1; |g up s| reaches ~20 sd */
    check_close_f32("grad_gate_up", got, want_grad, 2 * n, 4e-6 * sd, 2e-6 + stored(back));
    if (in == back) check_same_bits("grad_gate_up in place", helper_gpu_read_any(gate_up), got, 2 * n * sizeof(float));
}

static void test_shapes(void **state) {
    (void)state;
    for (size_t k = 0; k < SHAPES; k++)
        check_shape(shapes[k].rows, shapes[k].cols, 1.0, HRM_F32_T, HRM_F32_T, HRM_F32_T);
    check_shape(16, 64, 8.0, HRM_F32_T, HRM_F32_T, HRM_F32_T);
}

static void test_16bit(void **state) {
    (void)state;
    static const hrm_dtype types[][3] = {{HRM_BF16_T, HRM_BF16_T, HRM_BF16_T},
                                         {HRM_F16_T, HRM_F16_T, HRM_F16_T},
                                         {HRM_F32_T, HRM_BF16_T, HRM_F32_T},
                                         {HRM_F16_T, HRM_F32_T, HRM_BF16_T}};
    for (size_t k = 0; k < SHAPES; k++) {
        if (shapes[k].cols % 4 != 0) continue;
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            check_shape(shapes[k].rows, shapes[k].cols, 1.0, types[t][0], types[t][1], types[t][2]);
    }
}

/* Gates at which a careless sigmoid overflows or loses all digits. */
static void test_extremes(void **state) {
    (void)state;
    const float gates[] = {0.0f,  -0.0f,  1e-30f,  -1e-30f,  20.0f, -20.0f,
                           80.0f, -80.0f, 1000.0f, -1000.0f, 3e38f, -3e38f};
    enum { N = sizeof gates / sizeof gates[0] };
    float x[2 * N], g[N];
    for (size_t i = 0; i < N; i++) {
        x[i] = gates[i];
        x[N + i] = 1.0f;
        g[i] = 1.0f;
    }
    double wide[2 * N], want[N];
    for (size_t i = 0; i < 2 * N; i++) wide[i] = x[i];
    ref_swiglu_fwd(wide, want, 1, N);
    hrm_tensor gate_up = helper_gpu_f32(x, 2 * N), y = helper_gpu_f32(NULL, N);
    hrm_tensor grad_y = helper_gpu_f32(g, N), grad = helper_gpu_f32(NULL, 2 * N);
    hrm_swiglu_fwd(helper_gpu_begin(), (hrm_swiglu_fwd_args){.gate_up = gate_up, .y = y, .rows = 1, .cols = N});
    hrm_swiglu_bwd(
        helper_gpu_begin(),
        (hrm_swiglu_bwd_args){.gate_up = gate_up, .grad_y = grad_y, .grad_gate_up = grad, .rows = 1, .cols = N});
    helper_gpu_run();
    float *got = helper_gpu_read(y), *got_grad = helper_gpu_read(grad);
    /* below -87 the sigmoid stays at 1.6e-38 instead of falling on: at most 3e38 * 1.6e-38 = 5 for the last gate, and
     * relative to the gate nothing */
    for (size_t i = 0; i < N; i++) {
        double tolerance = 2e-38 * fabs((double)gates[i]) + 1e-6 * fabs(want[i]) + 1e-37;
        CHECK_MSG(fabs(got[i] - want[i]) <= tolerance, "gate %g: got %g, expected %g", (double)gates[i], (double)got[i],
                  want[i]);
        CHECK_MSG(isfinite(got_grad[i]) && isfinite(got_grad[N + i]), "gate %g: gradient not finite", (double)gates[i]);
    }
}

typedef struct loss {
    const double *grad;
    double *y;
    size_t rows, cols;
} loss;

static double get_loss(const double *x, const void *context) {
    const loss *l = context;
    ref_swiglu_fwd(x, l->y, l->rows, l->cols);
    return ref_dot(l->y, l->grad, l->rows * l->cols);
}

static void test_reference_gradient(void **state) {
    (void)state;
    enum { ROWS = 3, COLS = 7, N = ROWS * COLS };
    float *x = helper_gpu_host_f32(2 * N), *g = helper_gpu_host_f32(N);
    helper_gpu_random(x, 2 * N, 2.0, 72);
    helper_gpu_random(g, N, 1.0, 73);
    double *wide = helper_gpu_widen(x, 2 * N), *wide_g = helper_gpu_widen(g, N), *grad = helper_gpu_host_f64(2 * N);
    ref_swiglu_bwd(wide, wide_g, grad, ROWS, COLS);
    loss l = {wide_g, helper_gpu_host_f64(N), ROWS, COLS};
    double error = ref_gradient_error(get_loss, &l, wide, grad, 2 * N);
    CHECK_MSG(error < 1e-7, "reference gradient is off by %g", error);
}

static void test_errors(void **state) {
    (void)state;
    hrm_tensor x = helper_gpu_f32_2d(NULL, 3, 8), y = helper_gpu_f32_2d(NULL, 3, 4);
    hrm_swiglu_fwd(helper_gpu_begin(), (hrm_swiglu_fwd_args){.gate_up = y, .y = y, .rows = 3, .cols = 4});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "swiglu_fwd: tensor gate_up has 12 elements");
    hrm_swiglu_bwd(helper_gpu_begin(), (hrm_swiglu_bwd_args){.gate_up = x, .grad_y = y, .rows = 3, .cols = 4});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "swiglu_bwd: tensor grad_gate_up is not set");
    hrm_tensor half = helper_gpu_any(hrm_tensor_2d(NULL, 0, HRM_BF16_T, 4, 6), NULL);
    hrm_swiglu_fwd(helper_gpu_begin(), (hrm_swiglu_fwd_args){.gate_up = half, .y = y, .rows = 4, .cols = 3});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "swiglu_fwd: 3 cols; with 16-bit tensors");
    hrm_tensor other = x;
    other.dtype = HRM_F16_T;
    hrm_swiglu_bwd(helper_gpu_begin(),
                   (hrm_swiglu_bwd_args){.gate_up = x, .grad_y = y, .grad_gate_up = other, .rows = 3, .cols = 4});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "swiglu_bwd: grad_gate_up is gate_up's memory in another dtype");
}

/* HRM_TEST_BENCH=1: speed at the model's shapes, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    const struct { size_t rows, cols; } sizes[] = {{2368, 256}, {2368, 1536}};
    for (size_t k = 0; k < 2; k++) {
        size_t rows = sizes[k].rows, cols = sizes[k].cols, n = rows * cols;
        float *x = helper_gpu_host_f32(2 * n);
        helper_gpu_random(x, 2 * n, 1.0, 70);
        hrm_tensor gate_up = helper_gpu_f32(x, 2 * n), y = helper_gpu_f32(x, n), grad = helper_gpu_f32(NULL, 2 * n);
        hrm_swiglu_fwd_args fwd = {.gate_up = gate_up, .y = y, .rows = rows, .cols = cols};
        hrm_swiglu_bwd_args bwd = {.gate_up = gate_up, .grad_y = y, .grad_gate_up = grad, .rows = rows, .cols = cols};
        helper_gpu_report_speed("swiglu_fwd", 12.0 * (double)n, hrm_swiglu_fwd(helper_gpu_begin(), fwd));
        helper_gpu_report_speed("swiglu_bwd", 20.0 * (double)n, hrm_swiglu_bwd(helper_gpu_begin(), bwd));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_shapes), HELPER_GPU_TEST(test_16bit), HELPER_GPU_TEST(test_extremes),
                HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_errors), HELPER_GPU_TEST(test_speed))
