/* The gate of the feed-forward: y = silu(gate) * up, and its backward pass.
 * Tensors are f32, bf16 or f16, each on its own; where one is 16-bit, cols is a multiple of 4. Arithmetic is f32.
 * Source: Shazeer, "GLU variants improve Transformer", 2020. */
#ifndef HRM_OPS_SWIGLU_H
#define HRM_OPS_SWIGLU_H

#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_swiglu_fwd_args {
    hrm_tensor gate_up; /* [rows, 2 * cols]: the gate half of a row, then the up half */
    hrm_tensor y;       /* [rows, cols], written; not gate_up */
    uint64_t rows;
    uint64_t cols; /* >= 1; multiples of 4 are fast */
} hrm_swiglu_fwd_args;

void hrm_swiglu_fwd(hrm_recorder *rec, hrm_swiglu_fwd_args args);

typedef struct hrm_swiglu_bwd_args {
    hrm_tensor gate_up;      /* [rows, 2 * cols] of the forward pass */
    hrm_tensor grad_y;       /* [rows, cols] */
    hrm_tensor grad_gate_up; /* [rows, 2 * cols], written; may be gate_up, if of its dtype */
    uint64_t rows;
    uint64_t cols;
} hrm_swiglu_bwd_args;

void hrm_swiglu_bwd(hrm_recorder *rec, hrm_swiglu_bwd_args args);

#endif
