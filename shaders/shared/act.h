#ifndef HRM_SHARED_ACT_H
#define HRM_SHARED_ACT_H
#include "shared/common.h"

/* act/act_reset_z.comp */
struct hrm_act_reset_z_params {
    HRM_U32 batch;
    HRM_U32 positions;
    HRM_U32 hidden; /* in elements of the row's type (float or vec4) */
    HRM_U32 positions_per_group;
};
HRM_CHECK_SIZE(hrm_act_reset_z_params, 16);

struct hrm_act_reset_rows_params {
    HRM_U32 batch;
    HRM_U32 seq;
};
HRM_CHECK_SIZE(hrm_act_reset_rows_params, 8);

/* When a row stops, besides at max_steps. */
#define HRM_ACT_TRAIN 0u    /* when the q rule says so, not before the explored minimum */
#define HRM_ACT_FIXED 1u    /* never: how the reference evaluates */
#define HRM_ACT_ADAPTIVE 2u /* when the q rule says so */

struct hrm_act_halt_params {
    HRM_U32 batch;
    HRM_U32 first_row; /* and step_block.first_row: number of row 0 within the whole batch, for live_rows and draws */
    HRM_U32 max_steps;
    HRM_U32 mode;         /* HRM_ACT_* */
    HRM_U32 has_continue; /* q rule: 1 q_halt > q_continue, 0 q_halt > 0 */
    HRM_U32 has_draws;    /* 1: replay recorded draws instead of making them */
    HRM_U32 draw_once;    /* 1: one draw for all segments of a puzzle, 0: a fresh one at each */
    HRM_F32 exploration;
    HRM_F32 margin; /* ADAPTIVE: how far the q rule must be exceeded */
};
HRM_CHECK_SIZE(hrm_act_halt_params, 36);

struct hrm_q_target_params {
    HRM_U32 batch;
    HRM_U32 max_steps;
};
HRM_CHECK_SIZE(hrm_q_target_params, 8);

struct hrm_q_loss_params {
    HRM_U32 batch;
    HRM_U32 first_row; /* likewise */
    HRM_U32 has_target;
    HRM_F32 grad_weight; /* q_weight * grad_scale */
};
HRM_CHECK_SIZE(hrm_q_loss_params, 16);

struct hrm_act_metrics_params {
    HRM_U32 batch;
    HRM_F32 q_weight;
};
HRM_CHECK_SIZE(hrm_act_metrics_params, 8);

/* What one segment did. The first five are sums over the rows that halted in it and have labels, the losses over every
 * row that is not padding: as the reference reports them. 4-byte scalars: read back as it is. */
struct hrm_step_metrics {
    HRM_U32 count;          /* rows that halted and have labels */
    HRM_U32 exact;          /* of these, all labelled tokens right */
    HRM_U32 q_halt_correct; /* of these, (q_halt >= 0) agrees with exact */
    HRM_U32 steps;          /* segments they took */
    HRM_F32 accuracy;       /* sum of right / labelled tokens */
    HRM_F32 lm_loss;
    HRM_F32 q_halt_loss;
    HRM_F32 q_continue_loss;
    HRM_F32 loss;   /* lm_loss + q_weight * (q_halt_loss + q_continue_loss) */
    HRM_U32 rows;   /* rows that are not padding */
    HRM_U32 halted; /* of these, halted, with labels or not */
    HRM_U32 reserved;
};
HRM_CHECK_SIZE(hrm_step_metrics, 48);

/* act/gather_rows.comp. row_elements is in the row's type (1 or 4 words). */
struct hrm_gather_rows_params {
    HRM_U32 rows;
    HRM_U32 row_elements;
    HRM_U32 src_rows;
    HRM_U32 per_group; /* elements of one row that a workgroup copies */
};
HRM_CHECK_SIZE(hrm_gather_rows_params, 16);
#endif
