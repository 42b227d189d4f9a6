/* The rows in flight and one segment over them: what a trainer keeps from step to step and a solver from segment to
 * segment, and the parts of a segment both record: replace halted rows, embed, recur, read the heads. */
#ifndef HRM_MODEL_CARRY_H
#define HRM_MODEL_CARRY_H

#include "model/inner.h"

typedef struct hrm_carry {
    uint32_t batch;
    hrm_tensor z_h, z_l;    /* [B*T, D] */
    hrm_tensor puzzle_rows; /* [B, E], training: [more, E]: rows of a puzzle table that stays on the host; ids are rows
                               of this. Else unset */
    hrm_tensor tokens, labels, ids; /* [B,S] [B,S] [B] u32: the puzzle each row works on; labels: training */
    hrm_tensor new_tokens, new_labels, new_ids; /* what a halted row takes next */
    hrm_tensor steps, halted;                   /* [B] u32 */
    hrm_tensor e;                               /* [B*T, D] input embeddings of this segment */
    hrm_tensor logits;                          /* [B*T, V], puzzle positions included */
    hrm_tensor q;                               /* [B, 2]: halt, continue */
    hrm_tensor step_block;                      /* struct hrm_step_block */
} hrm_carry;

/* Plans the tensors for `batch` rows; labels only `with_labels`, for training, where puzzle_rows is left to the caller.
 * Check the plan afterwards. */
void hrm_carry_plan(hrm_carry *carry, hrm_plan *plan, const hrm_model *model, uint32_t batch, bool with_labels);
/* Records that every row is halted, so that the next segment starts all of them. State and rows become zero. */
void hrm_carry_record_clear(hrm_recorder *rec, const hrm_carry *carry);

/* Halted rows among the first net->batch start over with the new puzzles; then all are embedded into carry->e. */
void hrm_carry_record_begin(hrm_recorder *rec, const hrm_net *net, const hrm_carry *carry);
/* logits = z_H lm_head^T and q = z_H[:, 0] q_head^T + bias. logits may be unset: q only. */
void hrm_carry_record_heads(hrm_recorder *rec, const hrm_net *net, hrm_tensor z_h, hrm_tensor logits, hrm_tensor q);
/* Where the heads' weight gradients go. lm_head is added to when `accumulate`; the Q head's two are overwritten. */
typedef struct hrm_head_grads {
    hrm_tensor lm_head, q_weight, q_bias;
    bool accumulate;
} hrm_head_grads;
/* From grad_logits [B*T, V] and grad_q [B, 2] to the heads' weight gradients and grad_h [B*T, D] (overwritten). */
void hrm_carry_record_heads_backward(hrm_recorder *rec, const hrm_net *net, const hrm_head_grads *grads, hrm_tensor z_h,
                                     hrm_tensor grad_logits, hrm_tensor grad_q, hrm_tensor grad_h);
/* From grad_e to the gradients of token and position embeddings (added to when `accumulate`), and of each row's puzzle
 * embedding [B, E]. */
void hrm_carry_record_embed_backward(hrm_recorder *rec, const hrm_net *net, const hrm_carry *carry,
                                     const hrm_grads *grads, bool accumulate, hrm_tensor grad_e, hrm_tensor grad_puzzle,
                                     hrm_tensor scratch);

#endif
