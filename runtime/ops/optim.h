/* The two optimizers, and the guard that looks at a gradient before they do. What changes from step to step (rates,
 * bias corrections, EMA decay) is read from the step block, a u32 tensor that holds struct hrm_step_block
 * (shaders/shared/step_block.h), so that recorded steps can be replayed. With step_block.skip an optimizer changes
 * nothing, bit for bit. */
#ifndef HRM_OPS_OPTIM_H
#define HRM_OPS_OPTIM_H

#include "gpu/recorder.h"
#include "ops/tensor.h"
#include "shared/optim.h"
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

/* g = grad / 2^loss_scale_log2; param *= 1 - lr * weight_decay; m, v as in Adam; param -= adam_step_size * atan2(m,
 * sqrt(v) * adam_v_scale), with atan2(0, 0) = 0; ema = ema_decay * ema + (1 - ema_decay) * param. Elements do not
 * depend on one another: a range may be cut anywhere. */
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

typedef struct hrm_grad_guard_args {
    hrm_tensor grad;       /* f32, contiguous, its first `count` elements in flat order */
    hrm_tensor partial;    /* written: f32, at least hrm_grad_guard_get_chunks(count) elements */
    hrm_tensor metrics;    /* struct hrm_step_metrics as u32, whose loss is looked at, too; optional */
    hrm_tensor state;      /* updated: struct hrm_grad_guard_state as u32 */
    hrm_tensor report;     /* overwritten: struct hrm_grad_guard_report as u32 */
    hrm_tensor step_block; /* `step` and `loss_scale_log2` are read, `skip` is overwritten with 0 or 1 */
    uint64_t count;
    float outlier_z; /* skip a step whose norm is more than this many standard deviations above the mean; 0 = never */
    uint32_t scale_growth; /* f16: steps without an overflow after which the loss's scale is doubled; 0: it is fixed */
} hrm_grad_guard_args;

/* How many chunks of HRM_GRAD_CHUNK elements a gradient has: chunk i starts at element i * HRM_GRAD_CHUNK. */
uint64_t hrm_grad_guard_get_chunks(uint64_t count);

/* To be recorded where a step's gradient is complete and no optimizer has run:
 *   partial[i] = sum of squares of chunk i;  norm = sqrt(sum of partial)
 *   z = (norm - mean) / std over the ring of the last 128 norms, std with n - 1; 0 while fewer than 32 are there, where
 *   std is 0, and where the norm is not finite
 * A gradient with a NaN, an infinity, or a value so large that its square overflows, or a loss that is not finite, sets
 * bad_step, bad_chunk and bad_loss in the state, once; its norm stays out of the ring. That step's update and all after
 * it are skipped. Otherwise an outlier (outlier_z > 0, z > outlier_z) is skipped and counted; its norm enters the ring
 * like any other, so that a lasting change of scale is accepted after a while.
 * The gradient is of the loss times 2^loss_scale_log2 of the step block, which hrm_token_loss and hrm_q_loss apply and
 * adam_atan2 takes back (sign-SGD need not); norms are of the loss itself. With scale_growth the state says which scale
 * the next step should have, for whoever makes its step block: a gradient that is not finite, of a finite loss at a
 * scale above 1, is an overflow: the scale is halved, the step skipped and counted, its norm 0 and out of the ring.
 * After scale_growth steps without one the scale is doubled, to 2^HRM_LOSS_SCALE_MOST_LOG2 at most. At a scale of 1 the
 * step is bad as above.
 * The order of all sums depends on count alone. Squares are not scaled: elements below 1e-19 count as 0.
 * Idea: OLMo-core's SkipStepOptimizer (there on loss and norm). */
void hrm_grad_guard(hrm_recorder *rec, hrm_grad_guard_args args);

#endif
