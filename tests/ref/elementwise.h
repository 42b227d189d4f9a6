/* Double-precision references of the elementwise ops and of the sum. */
#ifndef HRM_TESTS_REF_ELEMENTWISE_H
#define HRM_TESTS_REF_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>

/* y = a + b (+ c, may be NULL) */
void ref_add(const double *a, const double *b, const double *c, double *y, size_t n);
/* y = factor * x */
void ref_scale(const double *x, double factor, double *y, size_t n);
/* Sum of x or of its squares, in extended precision. */
double ref_sum(const double *x, size_t n, bool square);

#endif
