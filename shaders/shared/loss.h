#ifndef HRM_SHARED_LOSS_H
#define HRM_SHARED_LOSS_H
#include "shared/common.h"

/* A label that does not count. */
#define HRM_LABEL_IGNORED 0xffffffffu

struct hrm_token_loss_params {
    HRM_U32 batch;
    HRM_U32 seq;        /* labels per row */
    HRM_U32 puzzle_len; /* positions before them in the logits, which no label belongs to */
    HRM_U32 vocab;
    HRM_U32 first_row; /* and step_block.first_row: number of row 0 within the whole batch, for live_rows */
    HRM_F32 grad_scale;
};
HRM_CHECK_SIZE(hrm_token_loss_params, 24);

struct hrm_argmax_params {
    HRM_U32 batch;
    HRM_U32 seq;
    HRM_U32 puzzle_len;
    HRM_U32 vocab;
};
HRM_CHECK_SIZE(hrm_argmax_params, 16);

struct hrm_q_head_params {
    HRM_U32 batch;
    HRM_U32 row_stride; /* elements from one row of z to the next: positions * hidden */
    HRM_U32 hidden;
};
HRM_CHECK_SIZE(hrm_q_head_params, 12);

/* The functions of lib/math.glsl that math_eval applies. */
#define HRM_MATH_EXP 0u
#define HRM_MATH_LOG 1u
#define HRM_MATH_LOG1P 2u
#define HRM_MATH_SIGMOID 3u
#define HRM_MATH_SOFTPLUS 4u
#define HRM_MATH_ERFINV 5u
#define HRM_MATH_ATAN2 6u
#define HRM_MATH_ATAN2_OF 7u

struct hrm_math_eval_params {
    HRM_U32 count;
    HRM_U32 function; /* HRM_MATH_* */
};
HRM_CHECK_SIZE(hrm_math_eval_params, 8);
#endif
