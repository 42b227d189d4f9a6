/* Double-precision matrix products with row strides, the reference of runtime/ops/matmul.h. */
#ifndef HRM_TESTS_REF_MATMUL_H
#define HRM_TESTS_REF_MATMUL_H

#include <stdbool.h>
#include <stddef.h>

/* c[m,n] = op(a) op(b): a is [m,k], or [k,m] when a_transposed; b is [k,n], or [n,k] when b_transposed. c is
 * contiguous. `bound`, unless NULL, gets the same sum of absolute values: what rounding errors of a sum in f32 are
 * relative to. */
void ref_matmul(size_t m, size_t n, size_t k, const float *a, size_t lda, bool a_transposed, const float *b, size_t ldb,
                bool b_transposed, double *c, double *bound);

#endif
