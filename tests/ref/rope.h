/* Double-precision reference of rotary position embedding. */
#ifndef HRM_TESTS_REF_ROPE_H
#define HRM_TESTS_REF_ROPE_H

#include <stddef.h>

/* Turns the first parts * heads * head_dim values of each position of x [batch, seq, stride], in place; positions count
 * from 0, angle = sign * position * theta^(-2i / head_dim), all in double. */
void ref_rope(double *x, size_t batch, size_t seq, size_t stride, size_t parts, size_t heads, size_t head_dim,
              double theta, double sign);

/* The same by given tables [seq, head_dim / 2]. */
void ref_rope_by_table(double *x, const double *cos_table, const double *sin_table, size_t batch, size_t seq,
                       size_t stride, size_t parts, size_t heads, size_t head_dim, double sign);

#endif
