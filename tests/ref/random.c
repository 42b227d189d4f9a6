#include "ref/random.h"

#include <math.h>

#include "base/rng.h"

double ref_erfinv(double y) {
    /* Winitzki's approximation (2e-3), then Newton on erf, which squares the error each time. */
    const double a = 0.147, two_over_root_pi = 1.1283791670955126;
    double log_term = log1p(-y * y), half = 2.0 / (3.14159265358979323846 * a) + 0.5 * log_term;
    double x = copysign(sqrt(fmax(sqrt(half * half - log_term / a) - half, 0.0)), y);
    for (int i = 0; i < 5; i++) x -= (erf(x) - y) / (two_over_root_pi * exp(-x * x));
    return x;
}

void ref_random_trunc_normal(uint64_t count, double std, uint64_t seed, uint64_t stream, double *y) {
    const double base = std / 0.8796256610342398, root_2 = sqrt(2.0), erf_root_2 = erf(root_2);
    hrm_rng rng;
    hrm_rng_init(&rng, seed, stream);
    for (uint64_t i = 0; i < count; i++) {
        int32_t odd = 2 * (int32_t)(hrm_rng_u32(&rng) >> 8) + 1 - (1 << 24);
        double x = base * root_2 * ref_erfinv((double)odd * 0x1p-24 * erf_root_2);
        y[i] = fmin(fmax(x, -2.0 * base), 2.0 * base);
    }
}
