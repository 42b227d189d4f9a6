#include "ops/elementwise.h"

#include <string.h>

#include "base/half.h"
#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family add_rows = {HRM_KERNEL_add_texel, HRM_KERNEL_add_vec4, HRM_KERNEL_add_scalar, HRM_ROW_NONE};
static const hrm_row_family scale_rows = {HRM_KERNEL_scale_texel, HRM_KERNEL_scale_vec4, HRM_KERNEL_scale_scalar,
                                          HRM_ROW_NONE};
static const hrm_row_family convert_rows = {HRM_ROW_NONE, HRM_KERNEL_convert, HRM_ROW_NONE, HRM_ROW_NONE};

/* Fills what every elementwise dispatch shares; push points into *params. */
static void prepare(hrm_recorder *rec, const hrm_row_family *family, uint64_t count, hrm_dispatch *dispatch,
                    struct hrm_elementwise_params *params) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    hrm_row_choice row = hrm_row_choose(device, family, count, count);
    uint64_t elements = count / row.width;
    params->count = (uint32_t)elements;
    params->per_group = hrm_row_per_group(device, elements, row.local_x);
    dispatch->kernel = (uint32_t)row.kernel;
    dispatch->push = params;
    dispatch->push_bytes = sizeof *params;
    dispatch->specs[0] = (hrm_spec){HRM_SPEC_LOCAL_X, row.local_x};
    dispatch->spec_count = 1;
    hrm_grid_1d(device, (elements + params->per_group - 1) / params->per_group, dispatch->groups);
}

static bool check_count(hrm_recorder *rec, const char *op, uint64_t count) {
    if (count > 0 && count <= INT32_MAX) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: needs 1 to 2^31 - 1 elements", op);
    return false;
}

void hrm_add(hrm_recorder *rec, hrm_add_args args) {
    uint64_t count = hrm_tensor_get_count(&args.y);
    if (!hrm_row_check(rec, "add", "y", &args.y, HRM_F32_T, count)) return;
    if (!check_count(rec, "add", count)) return;
    if (!hrm_row_check(rec, "add", "a", &args.a, HRM_F32_T, count)) return;
    if (!hrm_row_check(rec, "add", "b", &args.b, HRM_F32_T, count)) return;
    if (!hrm_row_check_optional(rec, "add", "c", &args.c, HRM_F32_T, count)) return;

    bool has_c = hrm_tensor_is_set(&args.c);
    struct hrm_elementwise_params params = {0};
    hrm_dispatch dispatch = {.label = "add", .binding_count = 4, .flops = (double)count * (has_c ? 2 : 1)};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.a);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.b);
    dispatch.bindings[2] = hrm_tensor_get_span(has_c ? &args.c : &args.a);
    dispatch.bindings[3] = hrm_tensor_get_span(&args.y);
    prepare(rec, &add_rows, count, &dispatch, &params);
    bool in_pairs = dispatch.kernel == (uint32_t)add_rows.texel && params.count % 2 == 0 && params.per_group % 2 == 0;
    dispatch.specs[dispatch.spec_count++] =
        (hrm_spec){HRM_SPEC_FLAGS, (has_c ? HRM_ADD_C : 0) | (in_pairs ? HRM_ADD_PAIRS : 0)};
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_scale(hrm_recorder *rec, hrm_scale_args args) {
    uint64_t count = hrm_tensor_get_count(&args.y);
    if (!hrm_row_check(rec, "scale", "y", &args.y, HRM_F32_T, count)) return;
    if (!check_count(rec, "scale", count)) return;
    if (!hrm_row_check(rec, "scale", "x", &args.x, HRM_F32_T, count)) return;

    struct hrm_elementwise_params params = {.factor = args.factor};
    hrm_dispatch dispatch = {.label = "scale", .binding_count = 2, .flops = (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.x);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.y);
    prepare(rec, &scale_rows, count, &dispatch, &params);
    hrm_recorder_dispatch(rec, &dispatch);
}

void hrm_fill(hrm_recorder *rec, hrm_tensor y, float value) {
    if (!hrm_row_check(rec, "fill", "y", &y, y.dtype, hrm_tensor_get_count(&y))) return;
    uint32_t bits;
    if (y.dtype == HRM_U32_T) {
        bits = (uint32_t)value;
    } else if (hrm_dtype_is_16bit(y.dtype)) {
        if (hrm_tensor_get_count(&y) % 2 != 0) {
            hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "fill: a 16-bit tensor needs an even number of elements");
            return;
        }
        bits = y.dtype == HRM_BF16_T ? hrm_bf16_from_f32(value) : hrm_f16_from_f32(value);
        bits |= bits << 16;
    } else {
        memcpy(&bits, &value, sizeof bits);
    }
    hrm_recorder_fill(rec, hrm_tensor_get_span(&y), bits);
}

void hrm_copy(hrm_recorder *rec, hrm_copy_args args) {
    uint64_t count = hrm_tensor_get_count(&args.y);
    if (!hrm_row_check(rec, "copy", "y", &args.y, args.y.dtype, count)) return;
    if (!hrm_row_check(rec, "copy", "x", &args.x, args.y.dtype, count)) return;
    hrm_recorder_copy(rec, hrm_tensor_get_span(&args.y), hrm_tensor_get_span(&args.x));
}

void hrm_convert(hrm_recorder *rec, hrm_convert_args args) {
    uint64_t count = hrm_tensor_get_count(&args.y);
    if (!hrm_row_check_float(rec, "convert", "y", &args.y, count)) return;
    if (!hrm_row_check_float(rec, "convert", "x", &args.x, count)) return;
    if (!check_count(rec, "convert", count)) return;
    if (count % 4 != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "convert: %llu elements; they must be a multiple of 4",
                          (unsigned long long)count);
        return;
    }
    hrm_span x = hrm_tensor_get_span(&args.x), y = hrm_tensor_get_span(&args.y);
    if (x.buffer == y.buffer && x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "convert: y shares memory with x");
        return;
    }
    if (args.x.dtype == args.y.dtype) {
        hrm_recorder_copy(rec, y, x);
        return;
    }
    struct hrm_elementwise_params params = {0};
    hrm_dispatch dispatch = {.label = "convert", .binding_count = 2, .flops = (double)count};
    dispatch.bindings[0] = x;
    dispatch.bindings[1] = y;
    prepare(rec, &convert_rows, count, &dispatch, &params);
    dispatch.specs[dispatch.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_A, (uint32_t)args.x.dtype};
    dispatch.specs[dispatch.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_C, (uint32_t)args.y.dtype};
    hrm_recorder_dispatch(rec, &dispatch);
}
