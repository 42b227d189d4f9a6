#ifndef HRM_SHARED_OPTIM_H
#define HRM_SHARED_OPTIM_H
#include "shared/common.h"

/* optim/adam_atan2.comp. Counts are of the row's element type (float or vec4). */
struct hrm_adam_atan2_params {
    HRM_U32 first; /* element to begin with */
    HRM_U32 count;
    HRM_U32 per_group; /* elements of one workgroup, a multiple of its size */
    HRM_F32 beta1;
    HRM_F32 beta2;
    HRM_F32 one_minus_beta1; /* made in double */
    HRM_F32 one_minus_beta2;
    HRM_F32 weight_decay;
};
HRM_CHECK_SIZE(hrm_adam_atan2_params, 32);

struct hrm_sign_sgd_params {
    HRM_U32 batch;
    HRM_U32 table_rows;
    HRM_U32 dim;
    HRM_F32 weight_decay;
};
HRM_CHECK_SIZE(hrm_sign_sgd_params, 16);

/* ---- the guard over a step's gradient: optim/grad_square.comp, optim/grad_guard.comp -------- */

/* Elements of one partial sum of squares, and how many columns of four it is cut into: part of the order of summation,
 * so the same on every device. 27 Mi elements on lavapipe of Mesa 22 (2 shared cores of a Sapphire Rapids), GB/s of
 * processor time at 4, 8 and 16 lanes: 13.8, 12.6 and 12.8 (8.9 ms); at 16 lanes, chunks of 8192 6.4, of 16384 6.6. */
#define HRM_GRAD_CHUNK 4096u
#define HRM_GRAD_COLUMNS 128u

/* Norms that a new one is compared with, and how many there must be before any is called an outlier. The length of the
 * window is that of OLMo-core's SkipStepOptimizer. */
#define HRM_GRAD_GUARD_RING 128u
#define HRM_GRAD_GUARD_LEAST 32u

/* The largest scale of the loss, 2^24. */
#define HRM_LOSS_SCALE_MOST_LOG2 24u

/* No chunk. */
#define HRM_GRAD_GUARD_NONE 0xffffffffu

/* Bits of 2^104: a chunk's sum of squares that is as large or larger (its norm is past 4.5e15), or is no number, counts
 * as not finite. What is left cannot overflow when it is added up: 2^31 elements have 2^19 chunks. */
#define HRM_GRAD_SQUARE_LIMIT 0x73800000u

struct hrm_grad_square_params {
    HRM_U32 first; /* chunk to begin with */
    HRM_U32 chunks;
    HRM_U32 per_group; /* chunks of one workgroup */
    HRM_U32 count;     /* elements of the whole gradient; read by the scalar row only */
};
HRM_CHECK_SIZE(hrm_grad_square_params, 16);

struct hrm_grad_guard_params {
    HRM_U32 chunks;
    HRM_U32 has_metrics;
    HRM_F32 outlier_z;
    HRM_U32 scale_growth; /* steps without an overflow that double the loss's scale; 0: the scale never changes */
};
HRM_CHECK_SIZE(hrm_grad_guard_params, 16);

/* What the guard remembers from step to step, all 0 before the first; saved with the optimizers' state. 4-byte scalars:
 * a u32 tensor. */
struct hrm_grad_guard_state {
    HRM_U32 seen;          /* norms that entered the ring so far; number n lies at n % HRM_GRAD_GUARD_RING */
    HRM_U32 skipped_total; /* outliers whose update was skipped */
    HRM_U32 bad_step;      /* the first step whose gradient or loss was not finite; 0: none yet */
    HRM_U32 bad_chunk;     /* its first chunk that was not, or HRM_GRAD_GUARD_NONE; 0 without a bad_step */
    HRM_U32 bad_loss;      /* 1: its loss was not */
    HRM_U32 loss_scale_log2;  /* the next step's; the one field that need not be 0 before the first */
    HRM_U32 good_steps;       /* without an overflow since the scale last changed */
    HRM_U32 overflowed_total; /* steps whose update was skipped since their gradient overflowed */
    HRM_F32 ring[HRM_GRAD_GUARD_RING];
};
#ifdef __STDC__ /* a tensor, not push constants: no limit of 128 bytes */
static_assert(sizeof(struct hrm_grad_guard_state) == 32 + 4 * HRM_GRAD_GUARD_RING, "hrm_grad_guard_state");
#endif

/* What it found in this step. Read back as it is. */
struct hrm_grad_guard_report {
    HRM_F32 norm;    /* Euclidean norm of the loss's gradient, not scaled; NaN where that is not finite, 0 in an overflow */
    HRM_F32 z;       /* its distance from the mean of the ring in sample standard deviations; 0 where there is none */
    HRM_U32 skipped; /* 1: this step's update is not made: an outlier, an overflow, or bad_step is set */
    HRM_U32 skipped_total; /* outliers so far, this one included */
    HRM_U32 bad_step;      /* as in the state, after this step */
    HRM_U32 bad_chunk;
    HRM_U32 bad_loss;
    HRM_U32 seen;
    HRM_U32 loss_scale_log2;  /* of this step */
    HRM_U32 overflowed;       /* 1: this step's update is not made since its gradient overflowed at that scale */
    HRM_U32 overflowed_total; /* such steps so far, this one included */
    HRM_U32 reserved0;
};
HRM_CHECK_SIZE(hrm_grad_guard_report, 48);
#endif
