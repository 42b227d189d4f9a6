/* The recurrence: a schedule of calls of the H and the L module, some of which save what backward needs.
 *   for each H cycle: L cycles of z_L = L(z_L + z_H + e), then z_H = H(z_H + z_L)
 * HRM saves the last L and the last H call (one-step gradient); backward walks the saved calls in reverse.
 * Source: HRM paper, section 2; reference HierarchicalReasoningModel_ACTV1_Inner.forward. */
#ifndef HRM_MODEL_INNER_H
#define HRM_MODEL_INNER_H

#include "model/block.h"

typedef enum hrm_level { HRM_LEVEL_H = 0, HRM_LEVEL_L = 1 } hrm_level;

/* One call of a module. blocks == NULL: nothing is saved. */
typedef struct hrm_call {
    hrm_level level;
    hrm_block_saved *blocks; /* one per layer of the level */
} hrm_call;

typedef struct hrm_inner {
    hrm_call *calls;
    uint32_t count;
    bool recompute; /* calls keep the inputs of their blocks; the rest is computed again, block by block, in backward */
    hrm_tensor grad_e; /* [B*T, D]; only when several L calls are saved */
} hrm_inner;

/* What passes over an hrm_inner keep. */
typedef struct hrm_inner_config {
    uint32_t batch;
    uint32_t saved_calls; /* the last calls of the schedule that save: 0 for solving, 2 for HRM's one-step gradient,
                             l_cycles + 1 for the last H cycle */
    bool recompute;
} hrm_inner_config;

/* State tensors of a pass, all [B*T, D]. Outputs may be the inputs (the carry is advanced in place). */
typedef struct hrm_inner_io {
    hrm_tensor e; /* input embeddings */
    hrm_tensor h_in, l_in;
    hrm_tensor h_out, l_out;
} hrm_inner_io;

/* Builds the schedule of the model's config, with h_out and l_out of the passes to come as the final outputs.
 * Errors: OUT_OF_MEMORY. Check the plan. */
hrm_status hrm_inner_init(hrm_inner *inner, hrm_plan *plan, const hrm_model *model, const hrm_inner_config *config,
                          hrm_tensor h_out, hrm_tensor l_out);
void hrm_inner_deinit(hrm_inner *inner);

/* Records one segment's recurrence. `save` false ignores the save slots (the pass for the Q target). */
void hrm_inner_forward(hrm_recorder *rec, const hrm_net *net, const hrm_inner *inner, const hrm_inner_io *io,
                       bool save);

/* Where weight gradients go: the tensors of a model's layout in another buffer. */
typedef struct hrm_grads {
    hrm_tensor dense; /* flat, the dense group's layout */
    hrm_layer_weights *h_layers, *l_layers;
    hrm_tensor embed_tokens, embed_pos, lm_head, q_weight, q_bias;
} hrm_grads;
hrm_status hrm_grads_init(hrm_grads *grads, hrm_plan *plan, const hrm_model *model);
void hrm_grads_deinit(hrm_grads *grads);

/* grad_h [B*T, D]: gradient of the final z_H, overwritten. Weight gradients are overwritten, or added to when
 * `accumulate`. Returns in *grad_e the tensor that holds the gradient of e (scratch: use it before the next pass),
 * unset when no L call was saved. */
void hrm_inner_backward(hrm_recorder *rec, const hrm_net *net, const hrm_inner *inner, const hrm_grads *grads,
                        bool accumulate, hrm_tensor grad_h, hrm_tensor *grad_e);

#endif
