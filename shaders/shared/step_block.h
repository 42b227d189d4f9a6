/* What changes from step to step, read by kernels from one small storage buffer, so that a recorded program is replayed
 * unchanged: the host rewrites this block before each submission. 4-byte scalars only.
 *
 * first_row adds to that of a kernel's arguments, so that one recorded program serves every part of a batch; live_rows is
 * the whole batch's. */
#ifndef HRM_SHARED_STEP_BLOCK_H
#define HRM_SHARED_STEP_BLOCK_H
#include "shared/common.h"
struct hrm_step_block {
    HRM_U32 step;            /* optimizer step, from 1 */
    HRM_U32 rng_seed_lo;     /* Philox key */
    HRM_U32 rng_seed_hi;
    HRM_U32 live_rows;       /* batch rows that count; rows at and past it are padding and never enter losses */
    HRM_F32 lr;              /* dense learning rate of this step */
    HRM_F32 puzzle_lr;       /* puzzle-embedding learning rate of this step */
    HRM_F32 adam_step_size;  /* lr / (1 - beta1^step), made in double on the host */
    HRM_F32 adam_v_scale;    /* 1 / sqrt(1 - beta2^step), likewise */
    HRM_F32 ema_decay;       /* 0 copies the weights */
    HRM_U32 first_row;       /* number of row 0 of this part within the whole batch, when a step is computed in parts */
    HRM_U32 skip;            /* 1: the optimizers change nothing; set by hrm_grad_guard where a step has one */
    HRM_U32 loss_scale_log2; /* the loss's gradients are this power of two times what they are (see hrm_grad_guard) */
};
HRM_CHECK_SIZE(hrm_step_block, 48);
#endif
