#include "ops/rms_norm.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family fwd_rows = {HRM_KERNEL_rms_norm_fwd_texel, HRM_KERNEL_rms_norm_fwd_vec4,
                                        HRM_KERNEL_rms_norm_fwd_scalar, HRM_KERNEL_rms_norm_fwd_tree};
static const hrm_row_family bwd_rows = {HRM_KERNEL_rms_norm_bwd_texel, HRM_KERNEL_rms_norm_bwd_vec4,
                                        HRM_KERNEL_rms_norm_bwd_scalar, HRM_KERNEL_rms_norm_bwd_tree};

/* vec4 a lane may hold of a row: 32 of them still fit the registers and first-level cache of a CPU. */
enum { MAX_HELD_PER_LANE = 32 };

/* Fills what both directions share. */
static void prepare(hrm_recorder *rec, const hrm_row_family *family, uint64_t rows, uint64_t cols, uint32_t flags,
                    hrm_dispatch *dispatch, struct hrm_rms_norm_params *params) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_row_choice row = hrm_row_choose(device, family, cols, rows * cols);
    uint32_t row_cols = (uint32_t)(cols / row.width);
    params->rows = (uint32_t)rows;
    params->cols = row_cols;
    params->per_group = hrm_row_per_group(device, rows, hrm_row_teams(device, &row));
    params->inv_cols = (float)(1.0 / (double)cols);
    dispatch->kernel = (uint32_t)row.kernel;
    dispatch->push = params;
    dispatch->push_bytes = sizeof *params;
    dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_LOCAL_X, row.local_x};
    dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_FLAGS, flags};
    uint32_t subgroup = hrm_device_get_adapter(device)->subgroup_size;
    if (row.kernel == family->texel && row.local_x == subgroup && row_cols % 2 == 0 &&
        row_cols <= MAX_HELD_PER_LANE * row.local_x)
        dispatch->specs[dispatch->spec_count++] = (hrm_spec){HRM_SPEC_RMS_NORM_HELD, row_cols};
    hrm_grid_1d(device, (rows + params->per_group - 1) / params->per_group, dispatch->groups);
}

static bool check_shape(hrm_recorder *rec, const char *op, uint64_t rows, uint64_t cols) {
    if (rows > 0 && cols > 0 && rows <= INT32_MAX / cols) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: rows and cols must be >= 1, their product < 2^31", op);
    return false;
}

void hrm_rms_norm_fwd(hrm_recorder *rec, hrm_rms_norm_fwd_args args) {
    const char *op = "rms_norm_fwd";
    uint64_t count = args.rows * args.cols;
    if (!check_shape(rec, op, args.rows, args.cols)) return;
    if (!hrm_row_check(rec, op, "x", &args.x, HRM_F32_T, count)) return;
    if (!hrm_row_check_optional(rec, op, "residual", &args.residual, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, op, "y", &args.y, HRM_F32_T, count)) return;
    if (!hrm_row_check_optional(rec, op, "rstd", &args.rstd, HRM_F32_T, args.rows)) return;

    bool has_residual = hrm_tensor_is_set(&args.residual), has_rstd = hrm_tensor_is_set(&args.rstd);
    uint32_t flags = (has_residual ? HRM_RMS_NORM_RESIDUAL : 0) | (has_rstd ? HRM_RMS_NORM_RSTD : 0);
    struct hrm_rms_norm_params params = {.eps = args.eps};
    hrm_dispatch dispatch = {.label = "rms_norm_fwd", .binding_count = 4};
    dispatch.flops = (double)count * (has_residual ? 4 : 3);
    dispatch.bindings[0] = hrm_tensor_get_span(&args.x);
    dispatch.bindings[1] = hrm_tensor_get_span(has_residual ? &args.residual : &args.x);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.y);
    dispatch.bindings[3] = hrm_tensor_get_span(has_rstd ? &args.rstd : &args.y);
    prepare(rec, &fwd_rows, args.rows, args.cols, flags, &dispatch, &params);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_rms_norm_bwd(hrm_recorder *rec, hrm_rms_norm_bwd_args args) {
    const char *op = "rms_norm_bwd";
    uint64_t count = args.rows * args.cols;
    if (!check_shape(rec, op, args.rows, args.cols)) return;
    if (!hrm_row_check(rec, op, "grad_y", &args.grad_y, HRM_F32_T, count)) return;
    if (!hrm_row_check_optional(rec, op, "grad_y2", &args.grad_y2, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, op, "y", &args.y, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, op, "rstd", &args.rstd, HRM_F32_T, args.rows)) return;
    if (!hrm_row_check(rec, op, "grad_x", &args.grad_x, HRM_F32_T, count)) return;

    bool has_second = hrm_tensor_is_set(&args.grad_y2);
    struct hrm_rms_norm_params params = {0};
    hrm_dispatch dispatch = {.label = "rms_norm_bwd", .binding_count = 5};
    dispatch.flops = (double)count * (has_second ? 6 : 5);
    dispatch.bindings[0] = hrm_tensor_get_span(&args.grad_y);
    dispatch.bindings[1] = hrm_tensor_get_span(has_second ? &args.grad_y2 : &args.grad_y);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.y);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.rstd);
    dispatch.bindings[4] = hrm_tensor_get_span(&args.grad_x);
    prepare(rec, &bwd_rows, args.rows, args.cols, has_second ? HRM_RMS_NORM_RESIDUAL : 0, &dispatch, &params);
    hrm_recorder_dispatch(rec, &dispatch);
}
