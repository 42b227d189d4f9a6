/* Token losses, predictions and the two-logit halting head.
 *
 * Letters: B batch rows, S labelled positions, P puzzle positions before them, T = P + S, V vocabulary, D hidden width.
 * Tensors are contiguous; only their element counts are checked. Row b has number first_row + step_block.first_row + b
 * within the whole batch; padding rows, whose number is >= step_block.live_rows, contribute nothing. Results of a row
 * depend on that row alone and are the same bits on every run. */
#ifndef HRM_OPS_LOSS_H
#define HRM_OPS_LOSS_H

#include "gpu/recorder.h"
#include "ops/tensor.h"
#include "shared/loss.h"

typedef enum hrm_token_loss_kind {
    HRM_TOKEN_LOSS_STABLEMAX = 0,
    HRM_TOKEN_LOSS_SOFTMAX = 1,
} hrm_token_loss_kind;

typedef struct hrm_token_loss_args {
    hrm_tensor logits;       /* [B, T, V] f32; the first P positions are not read */
    hrm_tensor labels;       /* [B, S] u32, below V, or HRM_LABEL_IGNORED */
    hrm_tensor grad_logits;  /* written, [B, T, V] f32; optional */
    hrm_tensor row_loss;     /* written, [B] f32 */
    hrm_tensor row_labelled; /* written, [B] u32: labelled tokens */
    hrm_tensor row_correct;  /* written, [B] u32: of these, tokens whose argmax is the label */
    hrm_tensor row_exact;    /* written, [B] u32: 1 when correct == labelled (so without labels too), 0 for padding */
    hrm_tensor step_block;   /* struct hrm_step_block, as u32 words */
    uint32_t batch;
    uint32_t seq;
    uint32_t puzzle_len;
    uint32_t vocab;
    uint32_t first_row; /* with the step block's: number of row 0 within the whole batch, when this is a part of it */
    hrm_token_loss_kind kind;
    float grad_scale; /* 1 / global batch size */
} hrm_token_loss_args;

/* row_loss[b] = sum over labelled tokens of cross-entropy / max(1, labelled tokens of the row);
 * grad_logits = d row_loss / d logits * grad_scale * 2^(step_block.loss_scale_log2), 0 wherever no label is (puzzle
 * positions, padding rows included). A label that is neither below V nor HRM_LABEL_IGNORED makes its row's loss NaN. */
void hrm_token_loss(hrm_recorder *rec, hrm_token_loss_args args);

typedef struct hrm_argmax_args {
    hrm_tensor logits; /* [B, T, V] f32 */
    hrm_tensor preds;  /* written, [B, S] u32 */
    uint32_t batch;
    uint32_t seq;
    uint32_t puzzle_len;
    uint32_t vocab;
} hrm_argmax_args;

/* The token with the largest logit: the lowest among equals, a NaN above all numbers, as torch.argmax. */
void hrm_argmax(hrm_recorder *rec, hrm_argmax_args args);

typedef struct hrm_q_head_fwd_args {
    hrm_tensor z;      /* [B, T, D] f32; position 0 of each row is read */
    hrm_tensor weight; /* [2, D] f32: row 0 halt, row 1 continue */
    hrm_tensor bias;   /* [2] f32 */
    hrm_tensor q;      /* written, [B, 2] f32 */
    uint32_t batch;
    uint32_t seq; /* T, puzzle positions included */
    uint32_t hidden;
} hrm_q_head_fwd_args;

/* q[b, i] = z[b, 0, :] . weight[i, :] + bias[i] */
void hrm_q_head_fwd(hrm_recorder *rec, hrm_q_head_fwd_args args);

typedef struct hrm_q_head_bwd_args {
    hrm_tensor z;           /* [B, T, D] f32 */
    hrm_tensor weight;      /* [2, D] f32 */
    hrm_tensor grad_q;      /* [B, 2] f32 */
    hrm_tensor grad_z;      /* [B, T, D] f32: added to at position 0 of each row, untouched elsewhere */
    hrm_tensor grad_weight; /* overwritten, [2, D] f32 */
    hrm_tensor grad_bias;   /* overwritten, [2] f32 */
    uint32_t batch;
    uint32_t seq;
    uint32_t hidden;
} hrm_q_head_bwd_args;

/* Sums over rows run in row order; a row with grad_q 0 adds nothing to weight and bias, whatever its z. */
void hrm_q_head_bwd(hrm_recorder *rec, hrm_q_head_bwd_args args);

#endif
