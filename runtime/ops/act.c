#include "ops/act.h"

#include <inttypes.h>

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"
#include "shared/step_block.h"

enum {
    LANES = 64, /* local_size_x of the kernels that take one element an invocation */
    STEP_BLOCK_WORDS = sizeof(struct hrm_step_block) / 4,
    METRICS_WORDS = sizeof(struct hrm_step_metrics) / 4,
};

static const hrm_row_family reset_rows = {HRM_ROW_NONE, HRM_KERNEL_act_reset_z_vec4, HRM_KERNEL_act_reset_z_scalar,
                                          HRM_ROW_NONE};
static const hrm_row_family gather_rows = {HRM_ROW_NONE, HRM_KERNEL_gather_rows_vec4, HRM_KERNEL_gather_rows_scalar,
                                           HRM_ROW_NONE};

static bool check_batch(hrm_recorder *rec, const char *op, uint32_t batch) {
    if (batch > 0 && batch <= (1u << 20)) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: batch is %" PRIu32 ", must be 1 to 2^20", op, batch);
    return false;
}

static bool check_step_block(hrm_recorder *rec, const char *op, const hrm_tensor *t) {
    return hrm_row_check(rec, op, "step_block", t, HRM_U32_T, STEP_BLOCK_WORDS);
}

static void reset_state(hrm_recorder *rec, const hrm_act_reset_args *args, uint64_t batch) {
    const char *op = "act_reset";
    uint64_t hidden = hrm_tensor_get_count(&args->h_init), count = hrm_tensor_get_count(&args->z_h);
    if (hidden == 0 || count == 0 || count > INT32_MAX || count % (batch * hidden) != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: z_h has %" PRIu64 " elements, not a multiple of %" PRIu64 " rows of %" PRIu64
                          " (h_init) below 2^31",
                          op, count, batch, hidden);
        return;
    }
    if (!hrm_row_check(rec, op, "h_init", &args->h_init, HRM_F32_T, hidden)) return;
    if (!hrm_row_check(rec, op, "l_init", &args->l_init, HRM_F32_T, hidden)) return;
    if (!hrm_row_check(rec, op, "z_h", &args->z_h, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, op, "z_l", &args->z_l, HRM_F32_T, count)) return;

    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_row_choice row = hrm_row_choose(device, &reset_rows, hidden, count);
    uint64_t positions = count / (batch * hidden);
    /* Enough work for a group (where each costs 0.15 us, on CPU drivers), several groups a row elsewhere. */
    uint64_t per_group = hrm_row_is_cpu(device) ? positions : 16;
    struct hrm_act_reset_z_params params = {.batch = (uint32_t)batch,
                                            .positions = (uint32_t)positions,
                                            .hidden = (uint32_t)(hidden / row.width),
                                            .positions_per_group = (uint32_t)per_group};
    hrm_dispatch dispatch = {.kernel = (uint32_t)row.kernel,
                             .label = "act_reset_z",
                             .binding_count = 5,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .specs = {{HRM_SPEC_LOCAL_X, row.local_x}},
                             .spec_count = 1};
    dispatch.bindings[0] = hrm_tensor_get_span(&args->halted);
    dispatch.bindings[1] = hrm_tensor_get_span(&args->h_init);
    dispatch.bindings[2] = hrm_tensor_get_span(&args->l_init);
    dispatch.bindings[3] = hrm_tensor_get_span(&args->z_h);
    dispatch.bindings[4] = hrm_tensor_get_span(&args->z_l);
    hrm_grid_1d(device, batch * ((positions + per_group - 1) / per_group), dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_act_reset(hrm_recorder *rec, hrm_act_reset_args args) {
    const char *op = "act_reset";
    uint64_t batch = hrm_tensor_get_count(&args.halted), tokens = hrm_tensor_get_count(&args.tokens);
    if (batch > UINT32_MAX || !check_batch(rec, op, (uint32_t)batch)) return;
    if (tokens == 0 || tokens % batch != 0 || tokens > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: %" PRIu64 " tokens do not make %" PRIu64 " rows", op,
                          tokens, batch);
        return;
    }
    bool labels = hrm_tensor_is_set(&args.labels);
    if (labels != hrm_tensor_is_set(&args.new_labels)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: labels and new_labels go together", op);
        return;
    }
    if (!hrm_row_check(rec, op, "halted", &args.halted, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "steps", &args.steps, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "tokens", &args.tokens, HRM_U32_T, tokens)) return;
    if (!hrm_row_check(rec, op, "new_tokens", &args.new_tokens, HRM_U32_T, tokens)) return;
    if (!hrm_row_check(rec, op, "puzzle_ids", &args.puzzle_ids, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "new_puzzle_ids", &args.new_puzzle_ids, HRM_U32_T, batch)) return;
    if (!hrm_row_check_optional(rec, op, "labels", &args.labels, HRM_U32_T, tokens)) return;
    if (!hrm_row_check_optional(rec, op, "new_labels", &args.new_labels, HRM_U32_T, tokens)) return;
    reset_state(rec, &args, batch);

    struct hrm_act_reset_rows_params params = {.batch = (uint32_t)batch, .seq = (uint32_t)(tokens / batch)};
    hrm_kernel_id kernel = labels ? HRM_KERNEL_act_reset_rows_labels : HRM_KERNEL_act_reset_rows;
    hrm_dispatch dispatch = {.kernel = (uint32_t)kernel,
                             .label = "act_reset_rows",
                             .binding_count = labels ? 8 : 6,
                             .push = &params,
                             .push_bytes = sizeof params};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.halted);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.new_tokens);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.new_puzzle_ids);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.steps);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.tokens);
    dispatch.bindings[5] = hrm_tensor_get_span(&args.puzzle_ids);
    if (labels) {
        dispatch.bindings[6] = hrm_tensor_get_span(&args.new_labels);
        dispatch.bindings[7] = hrm_tensor_get_span(&args.labels);
    }
    hrm_grid_1d(hrm_recorder_get_device(rec), (tokens + LANES - 1) / LANES, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_act_halt(hrm_recorder *rec, hrm_act_halt_args args) {
    const char *op = "act_halt";
    if (!check_batch(rec, op, args.batch)) return;
    bool draws = hrm_tensor_is_set(&args.explore_uniform);
    if (args.max_steps == 0 || args.mode > HRM_ACT_ADAPTIVE ||
        !(args.exploration >= 0.0f && args.exploration <= 1.0f) ||
        draws != hrm_tensor_is_set(&args.explore_min_steps)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: max_steps %" PRIu32 " (>= 1), mode %" PRIu32
                          " (0 to 2), exploration %g (0 to 1); recorded draws come as a pair or not at all",
                          op, args.max_steps, args.mode, (double)args.exploration);
        return;
    }
    uint64_t batch = args.batch;
    if (!hrm_row_check(rec, op, "q", &args.q, HRM_F32_T, 2 * batch)) return;
    if (!hrm_row_check(rec, op, "steps", &args.steps, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "halted", &args.halted, HRM_U32_T, batch)) return;
    if (!hrm_row_check_optional(rec, op, "explore_uniform", &args.explore_uniform, HRM_F32_T, batch)) return;
    if (!hrm_row_check_optional(rec, op, "explore_min_steps", &args.explore_min_steps, HRM_U32_T, batch)) return;
    if (!check_step_block(rec, op, &args.step_block)) return;

    struct hrm_act_halt_params params = {.batch = args.batch,
                                         .first_row = args.first_row,
                                         .max_steps = args.max_steps,
                                         .mode = args.mode,
                                         .has_continue = args.has_continue,
                                         .has_draws = draws,
                                         .draw_once = args.draw_once,
                                         .exploration = args.exploration,
                                         .margin = args.margin};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_act_halt, .label = op, .binding_count = 6, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.q);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.step_block);
    /* Without recorded draws the kernel reads neither; q stands in. */
    dispatch.bindings[2] = hrm_tensor_get_span(draws ? &args.explore_uniform : &args.q);
    dispatch.bindings[3] = hrm_tensor_get_span(draws ? &args.explore_min_steps : &args.q);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.steps);
    dispatch.bindings[5] = hrm_tensor_get_span(&args.halted);
    hrm_grid_1d(hrm_recorder_get_device(rec), (batch + LANES - 1) / LANES, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_q_target(hrm_recorder *rec, hrm_q_target_args args) {
    const char *op = "q_target";
    if (!check_batch(rec, op, args.batch)) return;
    uint64_t batch = args.batch;
    if (!hrm_row_check(rec, op, "q", &args.q, HRM_F32_T, 2 * batch)) return;
    if (!hrm_row_check(rec, op, "steps", &args.steps, HRM_U32_T, batch)) return;
    if (!hrm_row_check(rec, op, "target", &args.target, HRM_F32_T, batch)) return;

    struct hrm_q_target_params params = {.batch = args.batch, .max_steps = args.max_steps};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_q_target, .label = op, .binding_count = 3, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.q);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.steps);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.target);
    hrm_grid_1d(hrm_recorder_get_device(rec), (batch + LANES - 1) / LANES, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_q_loss(hrm_recorder *rec, hrm_q_loss_args args) {
    const char *op = "q_loss";
    if (!check_batch(rec, op, args.batch)) return;
    uint64_t batch = args.batch;
    bool target = hrm_tensor_is_set(&args.target_continue);
    if (!hrm_row_check(rec, op, "q", &args.q, HRM_F32_T, 2 * batch)) return;
    if (!hrm_row_check(rec, op, "row_exact", &args.row_exact, HRM_U32_T, batch)) return;
    if (!hrm_row_check_optional(rec, op, "target_continue", &args.target_continue, HRM_F32_T, batch)) return;
    if (!hrm_row_check(rec, op, "grad_q", &args.grad_q, HRM_F32_T, 2 * batch)) return;
    if (!hrm_row_check(rec, op, "row_q_halt_loss", &args.row_q_halt_loss, HRM_F32_T, batch)) return;
    if (!hrm_row_check(rec, op, "row_q_continue_loss", &args.row_q_continue_loss, HRM_F32_T, batch)) return;
    if (!check_step_block(rec, op, &args.step_block)) return;

    struct hrm_q_loss_params params = {.batch = args.batch,
                                       .first_row = args.first_row,
                                       .has_target = target,
                                       .grad_weight = args.q_weight * args.grad_scale};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_q_loss, .label = op, .binding_count = 7, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.q);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.row_exact);
    dispatch.bindings[2] = hrm_tensor_get_span(target ? &args.target_continue : &args.q); /* not read without target */
    dispatch.bindings[3] = hrm_tensor_get_span(&args.step_block);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.row_q_halt_loss);
    dispatch.bindings[5] = hrm_tensor_get_span(&args.row_q_continue_loss);
    dispatch.bindings[6] = hrm_tensor_get_span(&args.grad_q);
    hrm_grid_1d(hrm_recorder_get_device(rec), (batch + LANES - 1) / LANES, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_act_metrics(hrm_recorder *rec, hrm_act_metrics_args args) {
    const char *op = "act_metrics";
    if (!check_batch(rec, op, args.batch)) return;
    uint64_t batch = args.batch;
    const struct {
        const char *name;
        const hrm_tensor *tensor;
        hrm_dtype dtype;
        uint64_t count;
    } bindings[] = {
        {"halted", &args.halted, HRM_U32_T, batch},
        {"steps", &args.steps, HRM_U32_T, batch},
        {"row_labelled", &args.row_labelled, HRM_U32_T, batch},
        {"row_correct", &args.row_correct, HRM_U32_T, batch},
        {"row_exact", &args.row_exact, HRM_U32_T, batch},
        {"q", &args.q, HRM_F32_T, 2 * batch},
        {"row_loss", &args.row_loss, HRM_F32_T, batch},
        {"row_q_halt_loss", &args.row_q_halt_loss, HRM_F32_T, batch},
        {"row_q_continue_loss", &args.row_q_continue_loss, HRM_F32_T, batch},
        {"step_block", &args.step_block, HRM_U32_T, STEP_BLOCK_WORDS},
        {"metrics", &args.metrics, HRM_U32_T, METRICS_WORDS},
    };
    enum { COUNT = sizeof bindings / sizeof *bindings };
    struct hrm_act_metrics_params params = {.batch = args.batch, .q_weight = args.q_weight};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_act_metrics,
                             .label = op,
                             .binding_count = COUNT,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .groups = {1, 1, 1}};
    for (uint32_t i = 0; i < COUNT; i++) {
        if (!hrm_row_check(rec, op, bindings[i].name, bindings[i].tensor, bindings[i].dtype, bindings[i].count)) return;
        dispatch.bindings[i] = hrm_tensor_get_span(bindings[i].tensor);
    }
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_gather_rows(hrm_recorder *rec, hrm_gather_rows_args args) {
    const char *op = "gather_rows";
    uint64_t count = (uint64_t)args.rows * args.row_elements, src = hrm_tensor_get_count(&args.src);
    if (count == 0 || count > INT32_MAX || src > INT32_MAX || src % args.row_elements != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %" PRIu32 " rows of %" PRIu32 " from %" PRIu64
                          " elements: sizes must be positive, below 2^31, and src whole rows",
                          op, args.rows, args.row_elements, src);
        return;
    }
    if (!hrm_row_check(rec, op, "src", &args.src, args.dst.dtype, src)) return;
    if (!hrm_row_check(rec, op, "dst", &args.dst, args.dst.dtype, count)) return;
    if (!hrm_row_check(rec, op, "index", &args.index, HRM_U32_T, args.rows)) return;

    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_row_choice row = hrm_row_choose(device, &gather_rows, args.row_elements, src);
    uint32_t elements = args.row_elements / row.width;
    uint64_t per_group = hrm_row_per_group(device, count / row.width, row.local_x);
    struct hrm_gather_rows_params params = {.rows = args.rows,
                                            .row_elements = elements,
                                            .src_rows = (uint32_t)(src / args.row_elements),
                                            .per_group = (uint32_t)per_group};
    hrm_dispatch dispatch = {.kernel = (uint32_t)row.kernel,
                             .label = op,
                             .binding_count = 3,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .specs = {{HRM_SPEC_LOCAL_X, row.local_x}},
                             .spec_count = 1};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.src);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.index);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.dst);
    hrm_grid_1d(device, args.rows * ((elements + per_group - 1) / per_group), dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}
