#include "ops/optim.h"

#include <inttypes.h>
#include <math.h>

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

enum {
    STEP_BLOCK_WORDS = sizeof(struct hrm_step_block) / 4,
    METRICS_WORDS = sizeof(struct hrm_step_metrics) / 4,
    GUARD_STATE_WORDS = sizeof(struct hrm_grad_guard_state) / 4,
    GUARD_REPORT_WORDS = sizeof(struct hrm_grad_guard_report) / 4,
};

/* [with an average][64-bit stores]. Those pay on lavapipe's 16 lanes and cost on its 8: 4 Mi elements on 2 cores of a
 * Sapphire Rapids (shared), Mesa 22, ns an element: 512-bit 23 plain, 16 with them; 256-bit 9.5 plain, 17 with them. */
static const hrm_row_family adam_rows[2][2] = {
    {{HRM_KERNEL_adam_atan2_texel, HRM_KERNEL_adam_atan2_vec4, HRM_KERNEL_adam_atan2_scalar, HRM_ROW_NONE},
     {HRM_KERNEL_adam_atan2_texel64, HRM_KERNEL_adam_atan2_vec4, HRM_KERNEL_adam_atan2_scalar, HRM_ROW_NONE}},
    {{HRM_KERNEL_adam_atan2_ema_texel, HRM_KERNEL_adam_atan2_ema_vec4, HRM_KERNEL_adam_atan2_ema_scalar, HRM_ROW_NONE},
     {HRM_KERNEL_adam_atan2_ema_texel64, HRM_KERNEL_adam_atan2_ema_vec4, HRM_KERNEL_adam_atan2_ema_scalar,
      HRM_ROW_NONE}},
};

static const hrm_row_family *choose_family(const hrm_device *device, bool ema) {
    bool wide = hrm_device_get_adapter(device)->subgroup_size >= 16 &&
                hrm_kernel_is_usable(device, HRM_KERNEL_adam_atan2_texel64);
    return &adam_rows[ema][wide];
}

void hrm_adam_atan2_set_step(struct hrm_step_block *block, uint64_t step, double lr, double beta1, double beta2) {
    block->step = (uint32_t)step;
    block->lr = (float)lr;
    block->adam_step_size = (float)(lr / (1.0 - pow(beta1, (double)step)));
    block->adam_v_scale = (float)(1.0 / sqrt(1.0 - pow(beta2, (double)step)));
}

/* Checks that `t` has at least `count` elements and binds these. */
static bool bind_prefix(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, uint64_t count,
                        hrm_span *span) {
    hrm_tensor prefix = *t;
    if (hrm_tensor_is_set(t) && hrm_tensor_is_contiguous(t) && hrm_tensor_get_count(t) >= count)
        prefix = hrm_tensor_1d(t->buffer, t->offset, t->dtype, count);
    if (!hrm_row_check(rec, op, name, &prefix, HRM_F32_T, count)) return false;
    *span = hrm_tensor_get_span(&prefix);
    return true;
}

/* `count` elements of the row's type from element `first` on; in_pairs: both, and local_x, are even. */
static void record_adam(hrm_recorder *rec, hrm_dispatch *dispatch, struct hrm_adam_atan2_params *params,
                        hrm_kernel_id kernel, uint32_t local_x, bool in_pairs, uint64_t first, uint64_t count) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    params->first = (uint32_t)first;
    params->count = (uint32_t)count;
    params->per_group = hrm_row_per_group(device, count, local_x);
    dispatch->kernel = (uint32_t)kernel;
    dispatch->push = params;
    dispatch->push_bytes = sizeof *params;
    dispatch->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, local_x};
    dispatch->specs[1] = (hrm_spec){HRM_SPEC_FLAGS, in_pairs};
    dispatch->spec_count = 2;
    hrm_grid_1d(device, (count + params->per_group - 1) / params->per_group, dispatch->groups);
    hrm_recorder_dispatch(rec, dispatch);
}

void hrm_adam_atan2(hrm_recorder *rec, hrm_adam_atan2_args args) {
    const char *op = "adam_atan2";
    if (args.count == 0 || args.count > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: count is %" PRIu64 ", must be 1 to 2^31 - 1", op,
                          args.count);
        return;
    }
    bool ema = hrm_tensor_is_set(&args.ema);
    hrm_dispatch dispatch = {.label = op, .binding_count = ema ? 10 : 8};
    if (!bind_prefix(rec, op, "grad", &args.grad, args.count, &dispatch.bindings[0])) return;
    if (!hrm_row_check(rec, op, "step_block", &args.step_block, HRM_U32_T, STEP_BLOCK_WORDS)) return;
    dispatch.bindings[1] = hrm_tensor_get_span(&args.step_block);
    if (!bind_prefix(rec, op, "param", &args.param, args.count, &dispatch.bindings[2])) return;
    if (!bind_prefix(rec, op, "m", &args.m, args.count, &dispatch.bindings[3])) return;
    if (!bind_prefix(rec, op, "v", &args.v, args.count, &dispatch.bindings[4])) return;
    for (uint32_t i = 0; i < 3; i++) dispatch.bindings[5 + i] = dispatch.bindings[2 + i];
    if (ema) {
        if (!bind_prefix(rec, op, "ema", &args.ema, args.count, &dispatch.bindings[8])) return;
        dispatch.bindings[9] = dispatch.bindings[8];
    }
    struct hrm_adam_atan2_params params = {.beta1 = (float)args.beta1,
                                           .beta2 = (float)args.beta2,
                                           .one_minus_beta1 = (float)(1.0 - args.beta1),
                                           .one_minus_beta2 = (float)(1.0 - args.beta2),
                                           .weight_decay = args.weight_decay};

    /* Whole groups of four, or of eight in pairs of those, by the wide row, what is left by the scalar one. */
    const hrm_device *device = hrm_recorder_get_device(rec);
    const hrm_row_family *family = choose_family(device, ema);
    hrm_row_choice row = hrm_row_choose(device, family, args.count / 4 * 4, args.count);
    bool in_pairs = row.kernel == family->texel && row.local_x % 2 == 0;
    uint64_t step = in_pairs ? 8 : 4, whole = row.width == 1 ? 0 : args.count / step * step;
    uint64_t rest = args.count - whole;
    const double flops = 50.0; /* an element */
    dispatch.flops = flops * (double)whole;
    if (whole) record_adam(rec, &dispatch, &params, row.kernel, row.local_x, in_pairs, 0, whole / 4);
    dispatch.flops = flops * (double)rest;
    if (rest) record_adam(rec, &dispatch, &params, family->scalar, row.local_x, false, whole, rest);
}

void hrm_sign_sgd(hrm_recorder *rec, hrm_sign_sgd_args args) {
    const char *op = "sign_sgd";
    uint64_t grads = (uint64_t)args.batch * args.dim, table = hrm_tensor_get_count(&args.table);
    if (grads == 0 || grads > INT32_MAX || table > INT32_MAX || table % args.dim != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: batch %" PRIu32 " of rows of %" PRIu32 ", table of %" PRIu64
                          " elements: sizes must be positive, below 2^31, and the table whole rows",
                          op, args.batch, args.dim, table);
        return;
    }
    if (!hrm_row_check(rec, op, "grad", &args.grad, HRM_F32_T, grads)) return;
    if (!hrm_row_check(rec, op, "ids", &args.ids, HRM_U32_T, args.batch)) return;
    if (!hrm_row_check(rec, op, "step_block", &args.step_block, HRM_U32_T, STEP_BLOCK_WORDS)) return;
    if (!hrm_row_check(rec, op, "table", &args.table, HRM_F32_T, table)) return;

    struct hrm_sign_sgd_params params = {.batch = args.batch,
                                         .table_rows = (uint32_t)(table / args.dim),
                                         .dim = args.dim,
                                         .weight_decay = args.weight_decay};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_sign_sgd,
                             .label = op,
                             .binding_count = 4,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .flops = 8.0 * (double)grads};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.grad);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.ids);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.step_block);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.table);
    hrm_grid_1d(hrm_recorder_get_device(rec), args.batch, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

/* ---- the guard -------------------------------------------------------------------------------------------------- */

static const hrm_row_family square_rows = {HRM_KERNEL_grad_square_texel, HRM_KERNEL_grad_square_vec4,
                                           HRM_KERNEL_grad_square_scalar, HRM_ROW_NONE};

uint64_t hrm_grad_guard_get_chunks(uint64_t count) {
    return count / HRM_GRAD_CHUNK + (count % HRM_GRAD_CHUNK != 0);
}

/* `chunks` chunks from number `first` on. */
static void record_squares(hrm_recorder *rec, hrm_span grad, hrm_span partial, hrm_kernel_id kernel, uint32_t local_x,
                           uint64_t first, uint64_t chunks, uint64_t count) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    /* A GPU's workgroup takes one chunk: it is 8 loads of four for each of 128 invocations. */
    uint32_t per_group = hrm_row_is_cpu(device) ? hrm_row_per_group(device, chunks, 1) : 1;
    struct hrm_grad_square_params params = {
        .first = (uint32_t)first, .chunks = (uint32_t)chunks, .per_group = per_group, .count = (uint32_t)count};
    hrm_dispatch dispatch = {.kernel = (uint32_t)kernel,
                             .label = "grad_square",
                             .bindings = {grad, partial},
                             .binding_count = 2,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .specs = {{HRM_SPEC_LOCAL_X, local_x}},
                             .spec_count = 1,
                             .flops = 2.0 * HRM_GRAD_CHUNK * (double)chunks};
    hrm_grid_1d(device, (chunks + per_group - 1) / per_group, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_grad_guard(hrm_recorder *rec, hrm_grad_guard_args args) {
    const char *op = "grad_guard";
    if (args.count == 0 || args.count > INT32_MAX || !(args.outlier_z >= 0.0f)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: count is %" PRIu64 ", must be 1 to 2^31 - 1; outlier_z is %g, must be >= 0", op,
                          args.count, (double)args.outlier_z);
        return;
    }
    const uint64_t chunks = hrm_grad_guard_get_chunks(args.count);
    bool metrics = hrm_tensor_is_set(&args.metrics);
    hrm_span grad, partial;
    if (!bind_prefix(rec, op, "grad", &args.grad, args.count, &grad)) return;
    if (!bind_prefix(rec, op, "partial", &args.partial, chunks, &partial)) return;
    if (!hrm_row_check_optional(rec, op, "metrics", &args.metrics, HRM_U32_T, METRICS_WORDS)) return;
    if (!hrm_row_check(rec, op, "state", &args.state, HRM_U32_T, GUARD_STATE_WORDS)) return;
    if (!hrm_row_check(rec, op, "report", &args.report, HRM_U32_T, GUARD_REPORT_WORDS)) return;
    if (!hrm_row_check(rec, op, "step_block", &args.step_block, HRM_U32_T, STEP_BLOCK_WORDS)) return;

    /* Whole chunks by the wide row, the last one, where it is shorter, by the scalar row. An invocation's loads are
     * unrolled: with fewer invocations than columns, lavapipe took 30 s longer to compile all but the texel row. */
    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t whole = args.count / HRM_GRAD_CHUNK;
    hrm_row_choice row = hrm_row_choose(device, &square_rows, whole * HRM_GRAD_CHUNK, args.count);
    uint32_t subgroup = hrm_device_get_adapter(device)->subgroup_size;
    if (row.kernel == square_rows.texel && row.local_x != subgroup) row.kernel = square_rows.vec4;
    if (row.kernel != square_rows.texel) row.local_x = HRM_GRAD_COLUMNS;
    if (row.width == 1) whole = 0;
    if (whole) {
        hrm_tensor part = hrm_tensor_1d(args.grad.buffer, args.grad.offset, HRM_F32_T, whole * HRM_GRAD_CHUNK);
        record_squares(rec, hrm_tensor_get_span(&part), partial, row.kernel, row.local_x, 0, whole, args.count);
    }
    if (whole < chunks)
        record_squares(rec, grad, partial, square_rows.scalar, HRM_GRAD_COLUMNS, whole, chunks - whole, args.count);

    struct hrm_grad_guard_params params = {.chunks = (uint32_t)chunks,
                                           .has_metrics = metrics,
                                           .outlier_z = args.outlier_z,
                                           .scale_growth = args.scale_growth};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_grad_guard,
                             .label = op,
                             .binding_count = 5,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .groups = {1, 1, 1},
                             .flops = 8.0 * (double)chunks};
    dispatch.bindings[0] = partial;
    /* Without metrics the kernel does not read them; the step block, of the same size, stands in. */
    dispatch.bindings[1] = hrm_tensor_get_span(metrics ? &args.metrics : &args.step_block);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.state);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.step_block);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.report);
    hrm_recorder_dispatch(rec, &dispatch);
}
