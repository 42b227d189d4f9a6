#include "ops/swiglu.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family fwd_rows = {HRM_KERNEL_swiglu_fwd_texel, HRM_KERNEL_swiglu_fwd_vec4,
                                        HRM_KERNEL_swiglu_fwd_scalar, HRM_ROW_NONE};
static const hrm_row_family bwd_rows = {HRM_KERNEL_swiglu_bwd_texel, HRM_KERNEL_swiglu_bwd_vec4,
                                        HRM_KERNEL_swiglu_bwd_scalar, HRM_ROW_NONE};

/* Fills what both directions share. */
static void prepare(hrm_recorder *rec, const hrm_row_family *family, uint64_t rows, uint64_t cols,
                    hrm_dispatch *dispatch, struct hrm_swiglu_params *params) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_row_choice row = hrm_row_choose(device, family, cols, 2 * rows * cols);
    params->count = (uint32_t)(rows * cols / row.width);
    params->per_group = hrm_row_per_group(device, params->count, row.local_x);
    dispatch->kernel = (uint32_t)row.kernel;
    dispatch->push = params;
    dispatch->push_bytes = sizeof *params;
    dispatch->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, row.local_x};
    dispatch->specs[1] = (hrm_spec){HRM_SPEC_SWIGLU_COLS, (uint32_t)(cols / row.width)};
    dispatch->spec_count = 2;
    hrm_grid_1d(device, (params->count + (uint64_t)params->per_group - 1) / params->per_group, dispatch->groups);
}

static bool check_shape(hrm_recorder *rec, const char *op, uint64_t rows, uint64_t cols) {
    if (rows > 0 && cols > 0 && rows <= INT32_MAX / 2 / cols) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: rows and cols must be >= 1, their product < 2^30", op);
    return false;
}

void hrm_swiglu_fwd(hrm_recorder *rec, hrm_swiglu_fwd_args args) {
    const char *op = "swiglu_fwd";
    uint64_t count = args.rows * args.cols;
    if (!check_shape(rec, op, args.rows, args.cols)) return;
    if (!hrm_row_check(rec, op, "gate_up", &args.gate_up, HRM_F32_T, 2 * count)) return;
    if (!hrm_row_check(rec, op, "y", &args.y, HRM_F32_T, count)) return;
    struct hrm_swiglu_params params = {0};
    hrm_dispatch dispatch = {.label = "swiglu_fwd", .binding_count = 2, .flops = 20.0 * (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.gate_up);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.y);
    prepare(rec, &fwd_rows, args.rows, args.cols, &dispatch, &params);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_swiglu_bwd(hrm_recorder *rec, hrm_swiglu_bwd_args args) {
    const char *op = "swiglu_bwd";
    uint64_t count = args.rows * args.cols;
    if (!check_shape(rec, op, args.rows, args.cols)) return;
    if (!hrm_row_check(rec, op, "gate_up", &args.gate_up, HRM_F32_T, 2 * count)) return;
    if (!hrm_row_check(rec, op, "grad_y", &args.grad_y, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, op, "grad_gate_up", &args.grad_gate_up, HRM_F32_T, 2 * count)) return;
    struct hrm_swiglu_params params = {0};
    hrm_dispatch dispatch = {.label = "swiglu_bwd", .binding_count = 3, .flops = 26.0 * (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.gate_up);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.grad_y);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.grad_gate_up);
    prepare(rec, &bwd_rows, args.rows, args.cols, &dispatch, &params);
    hrm_recorder_dispatch(rec, &dispatch);
}
