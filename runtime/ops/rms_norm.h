/* RMSNorm without a learned scale, fused with the residual sum before it, and its backward pass.
 * Source: Zhang and Sennrich 2019; HRM paper, post-norm blocks. */
#ifndef HRM_OPS_RMS_NORM_H
#define HRM_OPS_RMS_NORM_H

#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_rms_norm_fwd_args {
    hrm_tensor x;        /* [rows, cols] f32 */
    hrm_tensor residual; /* [rows, cols], optional */
    hrm_tensor y;        /* [rows, cols], written; may be x or residual */
    hrm_tensor rstd;     /* [rows], written, optional: what the backward pass needs beside y */
    uint64_t rows;
    uint64_t cols; /* >= 1; multiples of 4 are fast */
    float eps;
} hrm_rms_norm_fwd_args;

/* y = s * rstd with s = x + residual, rstd = 1 / sqrt(mean(s^2) + eps). */
void hrm_rms_norm_fwd(hrm_recorder *rec, hrm_rms_norm_fwd_args args);

typedef struct hrm_rms_norm_bwd_args {
    hrm_tensor grad_y;  /* [rows, cols] */
    hrm_tensor grad_y2; /* [rows, cols], optional: added to grad_y on the fly (residual branches meet here) */
    hrm_tensor y;       /* [rows, cols] of the forward pass */
    hrm_tensor rstd;    /* [rows] of the forward pass */
    hrm_tensor grad_x;  /* [rows, cols], written: gradient of x and of residual; may be grad_y, grad_y2 or y */
    uint64_t rows;
    uint64_t cols;
} hrm_rms_norm_bwd_args;

/* grad_x = rstd * (g - y * mean(g * y)) with g = grad_y + grad_y2. */
void hrm_rms_norm_bwd(hrm_recorder *rec, hrm_rms_norm_bwd_args args);

#endif
