/* The two optimizers. What changes from step to step (rates, bias corrections, EMA decay) is read from the step block,
 * a u32 tensor that holds struct hrm_step_block (shaders/shared/step_block.h), so that recorded steps can be replayed.
 */
#ifndef HRM_OPS_OPTIM_H
#define HRM_OPS_OPTIM_H

#include "gpu/recorder.h"
#include "ops/tensor.h"
#include "shared/step_block.h"

/* Fills step, lr, adam_step_size and adam_v_scale of a block, in double, for optimizer step `step` (from 1). */
void hrm_adam_atan2_set_step(struct hrm_step_block *block, uint64_t step, double lr, double beta1, double beta2);

typedef struct hrm_adam_atan2_args {
    hrm_tensor param; /* updated; f32, contiguous, its first `count` elements in flat order; so are the others */
    hrm_tensor grad;
    hrm_tensor m;   /* updated: first moment, 0 before step 1 */
    hrm_tensor v;   /* updated: second moment, likewise */
    hrm_tensor ema; /* updated: running average of param; optional */
    hrm_tensor step_block;
    uint64_t count;
    double beta1, beta2; /* doubles, because 1 - beta is what counts: 1 - 0.999f is off by 1e-5 of itself */
    float weight_decay;
} hrm_adam_atan2_args;

/* param *= 1 - lr * weight_decay; m, v as in Adam; param -= adam_step_size * atan2(m, sqrt(v) * adam_v_scale), with
 * atan2(0, 0) = 0; ema = ema_decay * ema + (1 - ema_decay) * param. Elements do not depend on one another: a range may
 * be cut anywhere. */
void hrm_adam_atan2(hrm_recorder *rec, hrm_adam_atan2_args args);

typedef struct hrm_sign_sgd_args {
    hrm_tensor table; /* rows of the batch's ids are updated, [N, E] f32; N is read from its element count */
    hrm_tensor grad;  /* [B, E] f32: gradient of each batch row's copy of its table row */
    hrm_tensor ids;   /* [B] u32, each < N; others change nothing */
    hrm_tensor step_block;
    uint32_t batch;
    uint32_t dim;
    float weight_decay;
} hrm_sign_sgd_args;

/* Gradients of equal ids are added in row order, then row = row * (1 - puzzle_lr * weight_decay) - puzzle_lr *
 * sign(sum). Batch rows >= live_rows are left out; sign(0) = 0. */
void hrm_sign_sgd(hrm_recorder *rec, hrm_sign_sgd_args args);

#endif
