/* Double-precision references of the elementwise ops and of the sum. */
#ifndef HRM_TESTS_REF_ELEMENTWISE_H
#define HRM_TESTS_REF_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>

/* y = a + b (+ c, may be NULL) */
void ref_add(const double *a, const double *b, const double *c, double *y, size_t n);
/* y = factor * x */
void ref_scale(const double *x, double factor, double *y, size_t n);
/* x to the nearest number of `digits` binary digits, the leading one worth 2^least to 2^most (bf16: 8, -126, 127; f16:
 * 11, -14, 15). Ties go to an even last digit; numbers below 2^least keep the unit of those above; what would need a
 * leading digit above 2^most becomes infinite. */
double ref_round(double x, int digits, int least, int most);
/* Sum of x or of its squares, in extended precision. */
double ref_sum(const double *x, size_t n, bool square);

#endif
