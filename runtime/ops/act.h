/* Adaptive computation time: replacing halted rows, deciding which rows halt, the halting logits' targets and losses,
 * a step's metrics, and moving rows.
 *
 * Letters: B batch rows, T positions (puzzle positions included), S tokens, D hidden width. Tensors are contiguous;
 * only their element counts are checked unless a shape is said to be read. Step blocks and metrics are u32 tensors that
 * hold struct hrm_step_block and struct hrm_step_metrics (shaders/shared). Row b has number first_row +
 * step_block.first_row + b within the whole batch; padding rows, whose number is >= live_rows, contribute nothing.
 * Metrics are of a whole batch: there b is that number. Source: the reference's models/hrm/hrm_act_v1.py and
 * models/losses.py. */
#ifndef HRM_OPS_ACT_H
#define HRM_OPS_ACT_H

#include "gpu/recorder.h"
#include "ops/tensor.h"
#include "shared/act.h"

typedef struct hrm_act_reset_args {
    hrm_tensor halted;         /* [B] u32: rows that start over */
    hrm_tensor h_init, l_init; /* [D] f32 */
    hrm_tensor z_h, z_l;       /* written where halted, [B, T, D] f32 */
    hrm_tensor steps;          /* written where halted (0), [B] u32 */
    hrm_tensor tokens;         /* written where halted, [B, S] u32; S is read from its shape */
    hrm_tensor labels;         /* likewise; optional, together with new_labels */
    hrm_tensor puzzle_ids;     /* likewise, [B] u32 */
    hrm_tensor new_tokens, new_labels, new_puzzle_ids;
} hrm_act_reset_args;

/* Halted rows take the new batch's row and the initial state; the others are left as they are, and their row of the new
 * batch is lost. The flags stay: hrm_act_halt sets them anew. */
void hrm_act_reset(hrm_recorder *rec, hrm_act_reset_args args);

typedef struct hrm_act_halt_args {
    hrm_tensor q;               /* [B, 2] f32: halt, continue */
    hrm_tensor steps;           /* [B] u32: counted up */
    hrm_tensor halted;          /* written, [B] u32 */
    hrm_tensor step_block;      /* step and seed of the draws, live_rows */
    hrm_tensor explore_uniform; /* [B] f32 and [B] u32: recorded draws to replay instead of making them; both or none */
    hrm_tensor explore_min_steps;
    uint32_t batch;
    uint32_t first_row; /* with the step block's: number of row 0 within the whole batch, for live_rows and the draws */
    uint32_t max_steps; /* >= 1 */
    uint32_t mode;      /* HRM_ACT_TRAIN, HRM_ACT_FIXED, HRM_ACT_ADAPTIVE */
    bool draw_once;     /* one exploration draw per puzzle, kept for all its segments, instead of one per segment */
    bool has_continue;  /* the q rule is q_halt > q_continue, else q_halt > 0 */
    float exploration;  /* probability of a random least number of steps; training only */
    float margin;       /* ADAPTIVE: the q rule must be exceeded by this; 0 = the rule itself */
} hrm_act_halt_args;

/* After a segment: steps[b] += 1; halted[b] = steps[b] >= max_steps, or the q rule (ADAPTIVE; TRAIN with max_steps > 1
 * and steps[b] >= min_halt, which is a whole number from 2..max_steps with probability `exploration`, else 0). Draws
 * depend on seed, optimizer step and row number alone. Padding rows become halted and are not counted. */
void hrm_act_halt(hrm_recorder *rec, hrm_act_halt_args args);

typedef struct hrm_q_target_args {
    hrm_tensor q;      /* [B, 2] f32, of one more segment */
    hrm_tensor steps;  /* [B] u32, after hrm_act_halt */
    hrm_tensor target; /* written, [B] f32 */
    uint32_t batch;
    uint32_t max_steps;
} hrm_q_target_args;

/* target[b] = sigmoid(steps[b] >= max_steps ? q_halt : max(q_halt, q_continue)) */
void hrm_q_target(hrm_recorder *rec, hrm_q_target_args args);

typedef struct hrm_q_loss_args {
    hrm_tensor q;                   /* [B, 2] f32 */
    hrm_tensor row_exact;           /* [B] u32: target of q_halt */
    hrm_tensor target_continue;     /* [B] f32; optional: without it the continue loss and its gradient are 0 */
    hrm_tensor grad_q;              /* written, [B, 2] f32 */
    hrm_tensor row_q_halt_loss;     /* written, [B] f32, not weighted */
    hrm_tensor row_q_continue_loss; /* written, [B] f32, not weighted */
    hrm_tensor step_block;
    uint32_t batch;
    uint32_t first_row;
    float q_weight; /* 0.5 in the reference */
    float grad_scale;
} hrm_q_loss_args;

/* Binary cross-entropy on logits; grad_q = d loss / d q * q_weight * grad_scale * 2^(step_block.loss_scale_log2).
 */
void hrm_q_loss(hrm_recorder *rec, hrm_q_loss_args args);

typedef struct hrm_act_metrics_args {
    hrm_tensor q;                                                   /* [B, 2] f32 */
    hrm_tensor halted, steps, row_labelled, row_correct, row_exact; /* [B] u32 */
    hrm_tensor row_loss, row_q_halt_loss, row_q_continue_loss;      /* [B] f32 */
    hrm_tensor metrics;                                             /* overwritten: struct hrm_step_metrics */
    hrm_tensor step_block;
    uint32_t batch;
    float q_weight;
} hrm_act_metrics_args;

/* Sums of a segment's row results. */
void hrm_act_metrics(hrm_recorder *rec, hrm_act_metrics_args args);

typedef struct hrm_gather_rows_args {
    hrm_tensor src;   /* [n, row_elements]; n is read from its element count */
    hrm_tensor dst;   /* written, [rows, row_elements], same type, apart from src */
    hrm_tensor index; /* [rows] u32, each < n */
    uint32_t rows;
    uint32_t row_elements;
} hrm_gather_rows_args;

/* dst[i] = src[index[i]], bit for bit. An index past the end gives a row of 0xffffffff words. */
void hrm_gather_rows(hrm_recorder *rec, hrm_gather_rows_args args);

#endif
