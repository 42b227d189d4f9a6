/* Double-precision reference of the whole recurrence (model/inner.h) between the input embeddings and the heads, made
 * of the references of its ops. Calls are numbered from 0: for each H cycle l_cycles calls of L and one of H. L call:
 * z_L = L(z_L + z_H + e)    H call: z_H = H(z_H + z_L) a block of a module: x = rms(x + o(attention(rope(qkv(x))))), x
 * = rms(x + down(swiglu(gate_up(x)))) Whatever lies before call `first` is constant: first = count - 2 is HRM's
 * one-step gradient, first = count - l_cycles
 * - 1 that of the last H cycle. Source: HRM paper, section 2; the reference's models/hrm/hrm_act_v1.py. */
#ifndef HRM_TESTS_REF_INNER_H
#define HRM_TESTS_REF_INNER_H

#include <stdbool.h>
#include <stddef.h>

enum { REF_INNER_H = 0, REF_INNER_L = 1 }; /* modules */

/* A block's weights, in the order in which they lie in memory: [3D, D], [D, D], [2F, D], [D, F]. */
enum { REF_INNER_QKV, REF_INNER_O, REF_INNER_GATE_UP, REF_INNER_DOWN, REF_INNER_WEIGHT_COUNT };

typedef struct ref_inner {
    size_t batch, seq, hidden, heads, feed_forward; /* B, T, D, H, F */
    size_t layers[2], h_cycles, l_cycles;           /* layers of REF_INNER_H and of REF_INNER_L */
    bool rope;
    double rope_theta, eps;
} ref_inner;

size_t ref_inner_get_call_count(const ref_inner *inner);
/* Values of one weight of a block, and where that of layer `layer` starts in its module's weights. */
size_t ref_inner_get_weight_count(const ref_inner *inner, int weight);
size_t ref_inner_get_weight_offset(const ref_inner *inner, size_t layer, int weight);
/* Values of all weights of a module. */
size_t ref_inner_get_module_count(const ref_inner *inner, int module);

/* Runs calls first .. last - 1. weights by module; e, h, l [B, T, D]; h and l are advanced in place. */
void ref_inner_forward(const ref_inner *inner, size_t first, size_t last, const double *const weights[2],
                       const double *e, double *h, double *l);

/* h_in and l_in are the states before call `first`, grad_h is the gradient of the state z_H after the last call. The
 * gradients of the weights, by module, and of e are overwritten. */
void ref_inner_backward(const ref_inner *inner, size_t first, const double *const weights[2], const double *e,
                        const double *h_in, const double *l_in, const double *grad_h, double *const grad_weights[2],
                        double *grad_e);

#endif
