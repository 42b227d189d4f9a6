/* One transformer block, forward and backward, and what both need around them.
 *   h = rms(h + attention(h)); h = rms(h + mlp(h))           (post-norm, no learned scale, no biases)
 * Source: reference models/hrm/hrm_act_v1.py, HierarchicalReasoningModel_ACTV1Block. */
#ifndef HRM_MODEL_BLOCK_H
#define HRM_MODEL_BLOCK_H

#include "gpu/recorder.h"
#include "model/plan.h"
#include "model/weights.h"

/* What a forward pass keeps for its backward pass; all [rows, ...] with rows = B*T. `in` and `out` are the block's
 * input and output and live as long as the rest. qkv, attn, gate_up, act and the gradients of these are of the model's
 * type inside a block, all else f32. */
typedef struct hrm_block_saved {
    hrm_tensor in;            /* [rows, D] */
    hrm_tensor qkv;           /* [rows, 3D], q and k already rotated */
    hrm_tensor attn;          /* [rows, D] */
    hrm_tensor lse;           /* [B, H, T] */
    hrm_tensor mid, mid_rstd; /* [rows, D], [rows]: after the first norm */
    hrm_tensor gate_up, act;  /* [rows, 2F], [rows, F] */
    hrm_tensor out, out_rstd; /* [rows, D], [rows] */
} hrm_block_saved;

/* Memory within one pass, sized for the largest batch; passes over fewer rows use its front. */
typedef struct hrm_scratch {
    hrm_tensor qkv, attn, sum, mid, gate_up, act, ping, pong; /* forward without saving; backward reuses them */
    hrm_tensor grad_h, grad_l, grad_qkv, grad_gate_up, grad_act, delta; /* backward only */
    hrm_tensor product;                                                 /* products that split their sum */
} hrm_scratch;

/* A pass over `batch` rows of a model. */
typedef struct hrm_net {
    const hrm_model *model;
    uint32_t batch;
    hrm_scratch scratch;
} hrm_net;

/* Plans the scratch for `batch` rows; `backward` adds what only training needs. Check the plan's status afterwards. */
void hrm_scratch_plan(hrm_scratch *s, hrm_plan *plan, const hrm_model *model, uint32_t batch, bool backward);
/* Plans one block's saved tensors; `in` and `out` are given by the stack. */
void hrm_block_saved_plan(hrm_block_saved *s, hrm_plan *plan, const hrm_model *model, uint32_t batch, hrm_tensor in,
                          hrm_tensor out);

/* The first `rows` x `cols` of planned memory. */
hrm_tensor hrm_net_view(hrm_tensor base, uint64_t rows, uint64_t cols);

/* in -> out, both [rows, D], not the same. saved == NULL keeps nothing; else saved->in and saved->out are used. */
void hrm_block_forward(hrm_recorder *rec, const hrm_net *net, const hrm_layer_weights *w, hrm_tensor in, hrm_tensor out,
                       const hrm_block_saved *saved);
/* grad_out [rows, D] -> grad_in [rows, D] (may be the same tensor). Weight gradients go to `grads` (tensors of w's
 * shapes), added when `accumulate`. */
void hrm_block_backward(hrm_recorder *rec, const hrm_net *net, const hrm_layer_weights *w,
                        const hrm_layer_weights *grads, bool accumulate, const hrm_block_saved *saved,
                        hrm_tensor grad_out, hrm_tensor grad_in);

#endif
