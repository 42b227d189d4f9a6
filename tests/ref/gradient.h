/* Central differences: how the double references' backward passes are themselves checked. */
#ifndef HRM_TESTS_REF_GRADIENT_H
#define HRM_TESTS_REF_GRADIENT_H

#include <stddef.h>

/* Largest |difference quotient - grad[i]| / (1 + |grad[i]|) over the n elements of x, for the scalar function f. With
 * steps of 1e-5 (1 + |x|) a correct gradient of a smooth f of order 1 gives about 1e-9. x is restored. */
double ref_gradient_error(double (*f)(const double *x, const void *context), const void *context, double *x,
                          const double *grad, size_t n);

/* sum of a[i] * b[i]: turns an op's output and a random gradient into such an f. */
double ref_dot(const double *a, const double *b, size_t n);

#endif
