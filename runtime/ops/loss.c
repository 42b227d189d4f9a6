#include "ops/loss.h"

#include <inttypes.h>

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/step_block.h"

enum {
    LANES = 64, /* local_size_x of the kernels that take one element an invocation */
    STEP_BLOCK_WORDS = sizeof(struct hrm_step_block) / 4,
};

/* Kernels count elements in 32 bits, and in floats within a row: 2^24 keeps those counts exact. */
static bool check_shape(hrm_recorder *rec, const char *op, uint32_t batch, uint32_t seq, uint32_t puzzle_len,
                        uint32_t vocab) {
    uint64_t tokens = (uint64_t)seq + puzzle_len;
    if (batch > 0 && seq > 0 && vocab > 0 && tokens < (1u << 24) && vocab < (1u << 24) &&
        tokens * vocab <= INT32_MAX / batch)
        return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                      "%s: batch %" PRIu32 ", seq %" PRIu32 " + %" PRIu32 " puzzle positions, vocab %" PRIu32
                      " must be positive and hold fewer than 2^31 logits",
                      op, batch, seq, puzzle_len, vocab);
    return false;
}

void hrm_token_loss(hrm_recorder *rec, hrm_token_loss_args args) {
    const char *op = "token_loss";
    if (!check_shape(rec, op, args.batch, args.seq, args.puzzle_len, args.vocab)) return;
    uint64_t batch = args.batch, logits = batch * (args.puzzle_len + args.seq) * args.vocab;
    if (!hrm_row_check(rec, op, "logits", &args.logits, HRM_F32_T, logits)) return;
    if (!hrm_row_check(rec, op, "labels", &args.labels, HRM_U32_T, batch * args.seq)) return;
    if (!hrm_row_check_optional(rec, op, "grad_logits", &args.grad_logits, HRM_F32_T, logits)) return;
    if (!hrm_row_check(rec, op, "row_loss", &args.row_loss, HRM_F32_T, batch)) return;
    if (!hrm_row_check(rec, op, "row_labelled", &args.row_labelled, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "row_correct", &args.row_correct, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "row_exact", &args.row_exact, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "step_block", &args.step_block, HRM_U32_T, STEP_BLOCK_WORDS)) return;
    if (args.kind != HRM_TOKEN_LOSS_STABLEMAX && args.kind != HRM_TOKEN_LOSS_SOFTMAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: no such loss: %d", op, (int)args.kind);
        return;
    }

    bool softmax = args.kind == HRM_TOKEN_LOSS_SOFTMAX, grad = hrm_tensor_is_set(&args.grad_logits);
    hrm_kernel_id kernel = softmax ? (grad ? HRM_KERNEL_token_loss_softmax_grad : HRM_KERNEL_token_loss_softmax)
                                   : (grad ? HRM_KERNEL_token_loss_stablemax_grad : HRM_KERNEL_token_loss_stablemax);
    struct hrm_token_loss_params params = {.batch = args.batch,
                                           .seq = args.seq,
                                           .puzzle_len = args.puzzle_len,
                                           .vocab = args.vocab,
                                           .first_row = args.first_row,
                                           .grad_scale = args.grad_scale};
    hrm_dispatch dispatch = {.kernel = (uint32_t)kernel,
                             .label = op,
                             .binding_count = grad ? 8 : 7,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .flops = (double)logits * (softmax ? 40.0 : 20.0)};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.logits);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.labels);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.step_block);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.row_loss);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.row_labelled);
    dispatch.bindings[5] = hrm_tensor_get_span(&args.row_correct);
    dispatch.bindings[6] = hrm_tensor_get_span(&args.row_exact);
    if (grad) dispatch.bindings[7] = hrm_tensor_get_span(&args.grad_logits);
    hrm_grid_1d(hrm_recorder_get_device(rec), batch, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_argmax(hrm_recorder *rec, hrm_argmax_args args) {
    const char *op = "argmax";
    if (!check_shape(rec, op, args.batch, args.seq, args.puzzle_len, args.vocab)) return;
    uint64_t batch = args.batch, tokens = batch * args.seq;
    uint64_t logits = batch * (args.puzzle_len + args.seq) * args.vocab;
    if (!hrm_row_check(rec, op, "logits", &args.logits, HRM_F32_T, logits)) return;
    if (!hrm_row_check(rec, op, "preds", &args.preds, HRM_U32_T, tokens)) return;

    struct hrm_argmax_params params = {
        .batch = args.batch, .seq = args.seq, .puzzle_len = args.puzzle_len, .vocab = args.vocab};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_argmax,
                             .label = op,
                             .binding_count = 2,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .flops = (double)tokens * args.vocab};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.logits);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.preds);
    hrm_grid_1d(hrm_recorder_get_device(rec), (tokens + LANES - 1) / LANES, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

static bool check_q_head(hrm_recorder *rec, const char *op, uint32_t batch, uint32_t seq, uint32_t hidden) {
    if (batch > 0 && seq > 0 && hidden > 0 && (uint64_t)seq * hidden <= INT32_MAX / batch) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                      "%s: batch %" PRIu32 ", seq %" PRIu32 ", hidden %" PRIu32
                      " must be positive and hold fewer than 2^31 elements",
                      op, batch, seq, hidden);
    return false;
}

void hrm_q_head_fwd(hrm_recorder *rec, hrm_q_head_fwd_args args) {
    const char *op = "q_head_fwd";
    if (!check_q_head(rec, op, args.batch, args.seq, args.hidden)) return;
    uint64_t batch = args.batch, weights = 2 * (uint64_t)args.hidden;
    if (!hrm_row_check(rec, op, "z", &args.z, HRM_F32_T, batch * args.seq * args.hidden)) return;
    if (!hrm_row_check(rec, op, "weight", &args.weight, HRM_F32_T, weights)) return;
    if (!hrm_row_check(rec, op, "bias", &args.bias, HRM_F32_T, 2)) return;
    if (!hrm_row_check(rec, op, "q", &args.q, HRM_F32_T, 2 * batch)) return;

    struct hrm_q_head_params params = {
        .batch = args.batch, .row_stride = args.seq * args.hidden, .hidden = args.hidden};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_q_head_fwd,
                             .label = op,
                             .binding_count = 4,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .flops = 2.0 * (double)(batch * weights)};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.z);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.weight);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.bias);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.q);
    hrm_grid_1d(hrm_recorder_get_device(rec), batch, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_q_head_bwd(hrm_recorder *rec, hrm_q_head_bwd_args args) {
    const char *op = "q_head_bwd";
    if (!check_q_head(rec, op, args.batch, args.seq, args.hidden)) return;
    uint64_t batch = args.batch, weights = 2 * (uint64_t)args.hidden, elements = batch * args.seq * args.hidden;
    if (!hrm_row_check(rec, op, "z", &args.z, HRM_F32_T, elements)) return;
    if (!hrm_row_check(rec, op, "weight", &args.weight, HRM_F32_T, weights)) return;
    if (!hrm_row_check(rec, op, "grad_q", &args.grad_q, HRM_F32_T, 2 * batch)) return;
    if (!hrm_row_check(rec, op, "grad_z", &args.grad_z, HRM_F32_T, elements)) return;
    if (!hrm_row_check(rec, op, "grad_weight", &args.grad_weight, HRM_F32_T, weights)) return;
    if (!hrm_row_check(rec, op, "grad_bias", &args.grad_bias, HRM_F32_T, 2)) return;

    const hrm_device *device = hrm_recorder_get_device(rec);
    struct hrm_q_head_params params = {
        .batch = args.batch, .row_stride = args.seq * args.hidden, .hidden = args.hidden};
    hrm_dispatch to_z = {.kernel = HRM_KERNEL_q_head_bwd_z,
                         .label = "q_head_bwd_z",
                         .binding_count = 3,
                         .push = &params,
                         .push_bytes = sizeof params,
                         .flops = 2.0 * (double)(batch * weights)};
    to_z.bindings[0] = hrm_tensor_get_span(&args.weight);
    to_z.bindings[1] = hrm_tensor_get_span(&args.grad_q);
    to_z.bindings[2] = hrm_tensor_get_span(&args.grad_z);
    hrm_grid_1d(device, (batch * args.hidden + LANES - 1) / LANES, to_z.groups);
    hrm_recorder_dispatch(rec, &to_z);

    hrm_dispatch to_weight = {.kernel = HRM_KERNEL_q_head_bwd_weight,
                              .label = "q_head_bwd_weight",
                              .binding_count = 4,
                              .push = &params,
                              .push_bytes = sizeof params,
                              .flops = 8.0 * (double)(batch * weights)};
    to_weight.bindings[0] = hrm_tensor_get_span(&args.z);
    to_weight.bindings[1] = hrm_tensor_get_span(&args.grad_q);
    to_weight.bindings[2] = hrm_tensor_get_span(&args.grad_weight);
    to_weight.bindings[3] = hrm_tensor_get_span(&args.grad_bias);
    hrm_grid_1d(device, (weights + 2 + LANES - 1) / LANES, to_weight.groups);
    hrm_recorder_dispatch(rec, &to_weight);
}
