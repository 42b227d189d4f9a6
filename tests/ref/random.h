/* Double-precision references of runtime/ops/random.h: the same draws, the maths in double. */
#ifndef HRM_TESTS_REF_RANDOM_H
#define HRM_TESTS_REF_RANDOM_H

#include <stdint.h>

/* x with erf(x) = y, |y| < 1. */
double ref_erfinv(double y);

/* y [count] */
void ref_random_trunc_normal(uint64_t count, double std, uint64_t seed, uint64_t stream, double *y);

#endif
