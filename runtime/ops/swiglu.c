#include "ops/swiglu.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family fwd_rows = {HRM_KERNEL_swiglu_fwd_texel, HRM_KERNEL_swiglu_fwd_vec4,
                                        HRM_KERNEL_swiglu_fwd_scalar, HRM_ROW_NONE};
static const hrm_row_family bwd_rows = {HRM_KERNEL_swiglu_bwd_texel, HRM_KERNEL_swiglu_bwd_vec4,
                                        HRM_KERNEL_swiglu_bwd_scalar, HRM_ROW_NONE};

static const hrm_row_family any_fwd_rows = {HRM_ROW_NONE, HRM_KERNEL_swiglu_fwd_any, HRM_ROW_NONE, HRM_ROW_NONE};
static const hrm_row_family any_bwd_rows = {HRM_ROW_NONE, HRM_KERNEL_swiglu_bwd_any, HRM_ROW_NONE, HRM_ROW_NONE};

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

/* One of up to three tensors is 16-bit. */
static bool has_16bit(hrm_dtype a, hrm_dtype b, hrm_dtype c) {
    return hrm_dtype_is_16bit(a) || hrm_dtype_is_16bit(b) || hrm_dtype_is_16bit(c);
}

static bool check_shape(hrm_recorder *rec, const char *op, uint64_t rows, uint64_t cols, bool is_16bit) {
    if (rows == 0 || cols == 0 || rows > INT32_MAX / 2 / cols) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: rows and cols must be >= 1, their product < 2^30", op);
        return false;
    }
    if (is_16bit && cols % 4 != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %llu cols; with 16-bit tensors they must be a multiple of 4", op,
                          (unsigned long long)cols);
        return false;
    }
    return true;
}

static void add_dtype(hrm_dispatch *dispatch, uint32_t id, const hrm_tensor *t) {
    dispatch->specs[dispatch->spec_count++] = (hrm_spec){id, (uint32_t)t->dtype};
}

void hrm_swiglu_fwd(hrm_recorder *rec, hrm_swiglu_fwd_args args) {
    const char *op = "swiglu_fwd";
    uint64_t count = args.rows * args.cols;
    bool is_16bit = has_16bit(args.gate_up.dtype, args.y.dtype, HRM_F32_T);
    if (!check_shape(rec, op, args.rows, args.cols, is_16bit)) return;
    if (!hrm_row_check_float(rec, op, "gate_up", &args.gate_up, 2 * count)) return;
    if (!hrm_row_check_float(rec, op, "y", &args.y, count)) return;
    struct hrm_swiglu_params params = {0};
    hrm_dispatch dispatch = {.label = "swiglu_fwd", .binding_count = 2, .flops = 20.0 * (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.gate_up);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.y);
    prepare(rec, is_16bit ? &any_fwd_rows : &fwd_rows, args.rows, args.cols, &dispatch, &params);
    if (is_16bit) {
        add_dtype(&dispatch, HRM_SPEC_DTYPE_A, &args.gate_up);
        add_dtype(&dispatch, HRM_SPEC_DTYPE_C, &args.y);
    }
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_swiglu_bwd(hrm_recorder *rec, hrm_swiglu_bwd_args args) {
    const char *op = "swiglu_bwd";
    uint64_t count = args.rows * args.cols;
    bool is_16bit = has_16bit(args.gate_up.dtype, args.grad_y.dtype, args.grad_gate_up.dtype);
    if (!check_shape(rec, op, args.rows, args.cols, is_16bit)) return;
    if (!hrm_row_check_float(rec, op, "gate_up", &args.gate_up, 2 * count)) return;
    if (!hrm_row_check_float(rec, op, "grad_y", &args.grad_y, count)) return;
    if (!hrm_row_check_float(rec, op, "grad_gate_up", &args.grad_gate_up, 2 * count)) return;
    if (args.grad_gate_up.buffer == args.gate_up.buffer && args.grad_gate_up.offset == args.gate_up.offset &&
        args.grad_gate_up.dtype != args.gate_up.dtype) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: grad_gate_up is gate_up's memory in another dtype", op);
        return;
    }
    struct hrm_swiglu_params params = {0};
    hrm_dispatch dispatch = {.label = "swiglu_bwd", .binding_count = 3, .flops = 26.0 * (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.gate_up);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.grad_y);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.grad_gate_up);
    prepare(rec, is_16bit ? &any_bwd_rows : &bwd_rows, args.rows, args.cols, &dispatch, &params);
    if (is_16bit) {
        add_dtype(&dispatch, HRM_SPEC_DTYPE_A, &args.gate_up);
        add_dtype(&dispatch, HRM_SPEC_DTYPE_B, &args.grad_y);
        add_dtype(&dispatch, HRM_SPEC_DTYPE_C, &args.grad_gate_up);
    }
    hrm_recorder_dispatch(rec, &dispatch);
}
