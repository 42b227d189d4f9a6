/* The functions of shaders/lib/math.glsl against libm's doubles, over dense sweeps of their arguments. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "ops/grid.h"
#include "ops/kernels.h"
#include "ref/random.h"
#include "shared/loss.h"

enum { DENSE = 1 << 17, SLOW = 1 << 13 };
#define SMALLEST 1.17549435e-38 /* below this devices may flush to 0 */

static size_t points(void) {
    return helper_gpu_is_slow() ? SLOW : DENSE;
}

/* Vulkan promises 2.5 ulp for division and as much for sqrt; CPU drivers round correctly. Each function divides at most
 * twice, which the bounds written in math.glsl leave out. */
static double device_slack(void) {
    return hrm_device_get_adapter(helper_gpu_get_device())->type == HRM_ADAPTER_CPU ? 0.0 : 5.0;
}

static const float *evaluate(uint32_t function, const float *x, const float *y, size_t n) {
    hrm_tensor tx = helper_gpu_f32(x, n), ty = helper_gpu_f32(y ? y : x, n), out = helper_gpu_f32(NULL, n);
    struct hrm_math_eval_params params = {.count = (uint32_t)n, .function = function};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_math_eval, .binding_count = 3, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = hrm_tensor_get_span(&tx);
    dispatch.bindings[1] = hrm_tensor_get_span(&ty);
    dispatch.bindings[2] = hrm_tensor_get_span(&out);
    hrm_grid_1d(helper_gpu_get_device(), (n + 63) / 64, dispatch.groups);
    hrm_recorder_dispatch(helper_gpu_begin(), &dispatch);
    helper_gpu_run();
    return helper_gpu_read(out);
}

/* Distance in units of the last place of `want` as an f32. */
static double ulps(float got, double want) {
    if (isnan(want)) return isnan(got) ? 0.0 : INFINITY;
    if ((double)got == want || (isinf(got) && got == (float)want)) return 0.0;
    if (fabs(want) < SMALLEST) return fabs((double)got) <= SMALLEST ? 0.0 : INFINITY;
    int exponent;
    frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1.0, exponent - 24);
}

static void check_ulps(const char *name, const float *got, const double *want, const float *x, const float *y, size_t n,
                       double bound) {
    size_t worst = 0;
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        double u = ulps(got[i], want[i]);
        if (!(u <= most)) most = u, worst = i;
    }
    printf("    %-10s %.2f ulp at %.9g, %.9g\n", name, most, (double)x[worst], y ? (double)y[worst] : 0.0);
    CHECK_MSG(most <= bound + device_slack(), "%s(%.9g, %.9g) is %.9g, expected %.17g: %.2f ulp, allowed %.2f", name,
              (double)x[worst], y ? (double)y[worst] : 0.0, (double)got[worst], want[worst], most,
              bound + device_slack());
}

/* Half the points evenly over [low, high], half evenly over the bits of the same range, so that every magnitude is met;
 * values too small for all devices become 0. */
static float *sweep(float low, float high, size_t n) {
    float *x = helper_gpu_host_f32(n);
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 77);
    uint32_t high_bits, low_bits;
    float most = fmaxf(fabsf(low), fabsf(high)), least = (float)SMALLEST;
    memcpy(&high_bits, &most, 4);
    memcpy(&low_bits, &least, 4);
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0) {
            x[i] = (float)((double)low + ((double)high - (double)low) * (double)i / (double)(n - 1));
        } else {
            uint32_t bits = low_bits + hrm_rng_below(&rng, high_bits - low_bits);
            memcpy(&x[i], &bits, 4);
            if (low < 0.0f && (high <= 0.0f || i % 4 == 1)) x[i] = -x[i];
            if (x[i] < low || x[i] > high) x[i] = high;
        }
        if ((double)fabsf(x[i]) < SMALLEST) x[i] = 0.0f;
    }
    return x;
}

static double softplus(double x) {
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x) {
    return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

static void test_functions_of_one(void **state) {
    (void)state;
    const struct {
        const char *name;
        uint32_t function;
        double (*want)(double);
        float low, high;
        double bound;
    } cases[] = {
        {"exp", HRM_MATH_EXP, exp, -110.0f, 90.0f, 1.0},
        {"exp", HRM_MATH_EXP, exp, -1.0f, 1.0f, 1.0},
        {"log", HRM_MATH_LOG, log, 0.0f, 4.0f, 1.0},
        {"log", HRM_MATH_LOG, log, 0.0f, 3e38f, 1.0},
        {"log1p", HRM_MATH_LOG1P, log1p, -0.999f, 1.0f, 1.5},
        {"log1p", HRM_MATH_LOG1P, log1p, 0.0f, 3e38f, 1.5},
        {"sigmoid", HRM_MATH_SIGMOID, sigmoid, -100.0f, 100.0f, 2.5},
        {"softplus", HRM_MATH_SOFTPLUS, softplus, -100.0f, 100.0f, 2.0},
        {"erfinv", HRM_MATH_ERFINV, ref_erfinv, -0.9966f, 0.9966f, 4.0},
    };
    size_t n = points();
    double *want = helper_gpu_host_f64(n);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float *x = sweep(cases[k].low, cases[k].high, n);
        for (size_t i = 0; i < n; i++) want[i] = cases[k].want((double)x[i]);
        const float *got = evaluate(cases[k].function, x, NULL, n);
        check_ulps(cases[k].name, got, want, x, NULL, n, cases[k].bound);
    }
}

static void test_atan2(void **state) {
    (void)state;
    size_t n = points();
    float *x = helper_gpu_host_f32(n), *y = helper_gpu_host_f32(n);
    double *want = helper_gpu_host_f64(n);
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 5);
    for (size_t i = 0; i < n; i++) {
        /* ratios near 1 with magnitudes near 1; all magnitudes of both; ratios that underflow */
        double a = hrm_rng_f64(&rng), b = hrm_rng_f64(&rng), c = hrm_rng_f64(&rng);
        double scale = i % 3 == 0 ? 1.0 : exp((a - 0.5) * 160.0);
        double ratio = i % 3 == 2 ? exp((b - 0.5) * 160.0) : 2.0 * b;
        x[i] = (float)(scale * (0.5 + c));
        y[i] = (float)(scale * (0.5 + c) * ratio);
        if ((double)x[i] < SMALLEST || x[i] > 3e38f) x[i] = 0.0f;
        if (fabs((double)y[i]) < SMALLEST || y[i] > 3e38f) y[i] = 0.0f;
        if (i & 1) y[i] = -y[i];
    }
    /* corners: both zero, either zero, exactly on the diagonals, extremes of the range */
    const float corners[][2] = {{0.0f, 0.0f},      {-0.0f, 0.0f},      {1.0f, 0.0f},       {-1.0f, 0.0f},
                                {0.0f, 1.0f},      {1.0f, 1.0f},       {-1.0f, 1.0f},      {3e38f, 3e38f},
                                {1e-37f, 1e-37f},  {3e38f, 1e-37f},    {1e-37f, 3e38f},    {-3e38f, 0.0f},
                                {-1e-37f, 0.0f},   {1e30f, 1e30f},     {1e-18f, 1e-18f},   {1.0f, 2.4142137f},
                                {1.0f, 2.414213f}, {2.4142137f, 1.0f}, {0.41421354f, 1.0f}};
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) y[i] = corners[i][0], x[i] = corners[i][1];
    for (size_t i = 0; i < n; i++) want[i] = x[i] == 0.0f && y[i] == 0.0f ? 0.0 : atan2((double)y[i], (double)x[i]);
    const float *got = evaluate(HRM_MATH_ATAN2, x, y, n);
    check_ulps("atan2", got, want, y, x, n, 2.5);
    for (size_t i = 0; i < 2; i++) CHECK_MSG(got[i] == 0.0f, "atan2(0, 0) is %g", (double)got[i]);

    /* the branchless form promises the same bits for x > 0 */
    const float *of = evaluate(HRM_MATH_ATAN2_OF, x, y, n);
    size_t compared = 0;
    for (size_t i = 0; i < n; i++) {
        if (x[i] <= 0.0f) continue;
        compared++;
        CHECK_MSG(of[i] == got[i], "atan2_of(%.9g, %.9g) is %.9g, atan2 %.9g", (double)y[i], (double)x[i],
                  (double)of[i], (double)got[i]);
    }
    CHECK_MSG(compared > n / 2, "only %zu of %zu points compared", compared, n);
}

static void test_special_values(void **state) {
    (void)state;
    const float inf = (float)INFINITY, nan = (float)NAN;
    const struct {
        uint32_t function;
        float x, want;
    } cases[] = {
        {HRM_MATH_EXP, inf, inf},       {HRM_MATH_EXP, -inf, 0.0f},     {HRM_MATH_EXP, 0.0f, 1.0f},
        {HRM_MATH_EXP, nan, nan},       {HRM_MATH_LOG, 0.0f, -inf},     {HRM_MATH_LOG, 1.0f, 0.0f},
        {HRM_MATH_LOG, inf, inf},       {HRM_MATH_LOG, -1.0f, nan},     {HRM_MATH_LOG, nan, nan},
        {HRM_MATH_LOG1P, 0.0f, 0.0f},   {HRM_MATH_LOG1P, -1.0f, -inf},  {HRM_MATH_LOG1P, inf, inf},
        {HRM_MATH_LOG1P, nan, nan},     {HRM_MATH_SIGMOID, 0.0f, 0.5f}, {HRM_MATH_SIGMOID, inf, 1.0f},
        {HRM_MATH_SIGMOID, -inf, 0.0f}, {HRM_MATH_SOFTPLUS, inf, inf},  {HRM_MATH_SOFTPLUS, -inf, 0.0f},
        {HRM_MATH_SIGMOID, nan, nan},   {HRM_MATH_ERFINV, 0.0f, 0.0f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float got = *evaluate(cases[i].function, &cases[i].x, NULL, 1);
        CHECK_MSG(got == cases[i].want || (isnan(got) && isnan(cases[i].want)), "function %u of %g is %g, expected %g",
                  cases[i].function, (double)cases[i].x, (double)got, (double)cases[i].want);
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_functions_of_one), HELPER_GPU_TEST(test_atan2),
                HELPER_GPU_TEST(test_special_values))
