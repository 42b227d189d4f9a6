/* Double-precision reference of attention without a mask, in the layout of ops/attention.h: qkv [batch, seq, 3, heads,
 * head_dim], o and grad_o [batch, seq, heads, head_dim], lse and delta [batch, heads, seq]. */
#ifndef HRM_TESTS_REF_ATTENTION_H
#define HRM_TESTS_REF_ATTENTION_H

#include <stddef.h>

typedef struct ref_attention_shape {
    size_t batch, seq, heads, head_dim;
} ref_attention_shape;

/* o = softmax(q k^T / sqrt(head_dim)) v, lse = log sum exp of the scaled scores. */
void ref_attention_fwd(ref_attention_shape shape, const double *qkv, double *o, double *lse);

/* delta = sum of grad_o * o over a head; grad_qkv is overwritten. o and lse are those of ref_attention_fwd. */
void ref_attention_bwd(ref_attention_shape shape, const double *qkv, const double *o, const double *lse,
                       const double *grad_o, double *delta, double *grad_qkv);

#endif
