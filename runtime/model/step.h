/* One training segment: forward with saving, losses, halting, the bootstrapped continue target, and backward to
 * complete gradients. Applying them is the trainer's business: between hrm_step_record and the optimizer lies the one
 * place where a step's gradients are complete and not yet applied. Source: reference models/hrm/hrm_act_v1.py and
 * models/losses.py (ACTLossHead). */
#ifndef HRM_MODEL_STEP_H
#define HRM_MODEL_STEP_H

#include "model/carry.h"

typedef struct hrm_step_config {
    uint32_t batch;
    float grad_scale;    /* 1 / global batch size */
    float q_loss_weight; /* 0.5 in the reference */
    float exploration;
    bool explore_once;     /* one exploration draw per puzzle instead of one per segment */
    uint32_t max_segments; /* every row halts then; 0: the model's halt_max_segments */
    bool softmax;          /* softmax instead of stablemax cross-entropy */
    bool replay_draws;     /* take exploration draws from explore_uniform and explore_min_steps instead of Philox */
} hrm_step_config;

typedef struct hrm_step {
    const hrm_model *model;
    hrm_step_config config;
    bool has_target; /* the continue target and its second pass */
    hrm_carry carry;
    hrm_net net;
    hrm_inner inner;
    hrm_grads grads;
    hrm_tensor next_z_h, next_z_l, next_q, target; /* second pass; unset without it */
    hrm_tensor grad_logits, grad_q, grad_puzzle;   /* [B*T,V] [B,2] [B,E] */
    hrm_tensor row_loss, row_labelled, row_correct, row_exact, row_q_halt_loss, row_q_continue_loss; /* [B] */
    hrm_tensor metrics; /* struct hrm_step_metrics */
    hrm_tensor embed_scratch;
    hrm_tensor explore_uniform, explore_min_steps; /* [B]; only with replay_draws */
} hrm_step;

/* Plans everything for the model and config. `step` is zeroed first, so deinit is always safe. */
hrm_status hrm_step_init(hrm_step *step, hrm_plan *plan, const hrm_model *model, const hrm_step_config *config);
void hrm_step_deinit(hrm_step *step);
/* Records the whole segment, up to complete gradients and metrics. The config's max_segments is read here, so that one
 * step can be recorded with several. */
void hrm_step_record(hrm_recorder *rec, const hrm_step *step);

#endif
