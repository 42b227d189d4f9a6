/* One training segment: forward with saving, losses, halting, the bootstrapped continue target, and backward to
 * complete gradients. Applying them is the trainer's business: between the last part of hrm_step_record_part and the
 * optimizer lies the one place where a step's gradients are complete and not yet applied.
 *
 * A batch may be computed in parts of equal size, one after another with one recorded program: the rows of a part are
 * copied into the carry (load), worked on, and copied back (store). Gradients add up from part to part; halting draws,
 * losses and everything that is decided per row know the row's number within the whole batch from the step block. The
 * last part may reach past the batch: rows from step_block.live_rows on are padding. Source: reference
 * models/hrm/hrm_act_v1.py and models/losses.py (ACTLossHead). */
#ifndef HRM_MODEL_STEP_H
#define HRM_MODEL_STEP_H

#include "model/carry.h"

typedef struct hrm_step_config {
    uint32_t batch;      /* rows of a step */
    uint32_t part;       /* rows computed at once; 0: all */
    float grad_scale;    /* 1 / global batch size */
    float q_loss_weight; /* 0.5 in the reference */
    float exploration;
    bool explore_once;     /* one exploration draw per puzzle instead of one per segment */
    uint32_t max_segments; /* every row halts then; 0: the model's halt_max_segments */
    bool softmax;          /* softmax instead of stablemax cross-entropy */
    bool replay_draws;     /* take exploration draws from explore_uniform and explore_min_steps instead of Philox */
    bool full_cycle;       /* gradient through every call of the last H cycle instead of its last two */
    bool recompute;        /* see hrm_inner_config */
    uint32_t puzzle_rows;  /* rows of the puzzle table that the device holds when the whole table is on the host */
} hrm_step_config;

/* The whole batch, rows of all parts one after another, padded to whole parts. When there is one part these are the
 * tensors of the carry and of the step themselves. */
typedef struct hrm_step_whole {
    hrm_tensor *z_h, *z_l;                      /* [parts] of [part*T, D] */
    hrm_tensor tokens, labels, ids;             /* [B,S] [B,S] [B] u32 */
    hrm_tensor new_tokens, new_labels, new_ids; /* likewise */
    hrm_tensor steps, halted;                   /* [B] u32 */
    hrm_tensor step_blocks;                     /* [parts] of struct hrm_step_block: one for each part */
    hrm_tensor q;                               /* [B, 2] */
    hrm_tensor row_loss, row_labelled, row_correct, row_exact, row_q_halt_loss, row_q_continue_loss; /* [B] */
    hrm_tensor grad_puzzle;                                                                          /* [B, E] */
} hrm_step_whole;

/* What the host reads after a step, in one piece of memory: the metrics, the guard's report (ops/optim.h), and which
 * row of the puzzle table each row of the batch works on. Offsets in bytes; each is a legal binding. */
enum { HRM_STEP_METRICS_AT = 0, HRM_STEP_GUARD_AT = 256, HRM_STEP_IDS_AT = 512 };

typedef struct hrm_step {
    const hrm_model *model;
    hrm_step_config config; /* resolved: part is 1 to batch */
    uint32_t parts;
    bool has_target; /* the continue target and its second pass */
    hrm_carry carry; /* of the part at work */
    hrm_step_whole whole;
    hrm_net net;
    hrm_inner inner;
    hrm_grads grads;
    hrm_tensor next_z_h, next_z_l, next_q, target; /* second pass; unset without it */
    hrm_tensor grad_logits, grad_q, grad_puzzle;   /* [part*T,V] [part,2] [part,E] */
    hrm_tensor row_loss, row_labelled, row_correct, row_exact, row_q_halt_loss, row_q_continue_loss; /* [part] */
    hrm_tensor results; /* u32 words, see above */
    hrm_tensor metrics; /* struct hrm_step_metrics, in results */
    hrm_tensor embed_scratch;
    hrm_tensor part_q_weight, part_q_bias;         /* the Q head's gradient of one part; only with several */
    hrm_tensor explore_uniform, explore_min_steps; /* [part]; only with replay_draws */
    hrm_tensor loss_scale_log2; /* [1] u32, set by the caller after init where the device knows the scale of the loss
                                   (ops/optim.h): replaces that of the step block. Unset: the step block's */
} hrm_step;

/* Plans everything for the model and config. `step` is zeroed first, so deinit is always safe. */
hrm_status hrm_step_init(hrm_step *step, hrm_plan *plan, const hrm_model *model, const hrm_step_config *config);
void hrm_step_deinit(hrm_step *step);
/* The batch's rows, of `cols` values, of a tensor of `whole`, without the padding to whole parts. */
hrm_tensor hrm_step_get_rows(const hrm_step *step, hrm_tensor whole, uint64_t cols);

/* Records that every row is halted and all state zero: before the first step. */
void hrm_step_record_clear(hrm_recorder *rec, const hrm_step *step);
/* Copies part `part` of the batch into the carry, its step block included; and what the segment made of it back. With
 * one part there is nothing to copy. */
void hrm_step_record_load(hrm_recorder *rec, const hrm_step *step, uint32_t part);
void hrm_step_record_store(hrm_recorder *rec, const hrm_step *step, uint32_t part);
/* Records the segment of the part in the carry, up to its gradients, which replace those there are when `first` and
 * are added to them otherwise. The config's max_segments is read here, so that one step can be recorded with several.
 */
void hrm_step_record_part(hrm_recorder *rec, const hrm_step *step, bool first);
/* Records the metrics and the ids of the whole batch, once all parts are done. */
void hrm_step_record_results(hrm_recorder *rec, const hrm_step *step);

#endif
