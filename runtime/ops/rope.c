#include "ops/rope.h"

#include <inttypes.h>
#include <math.h>

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

static const hrm_row_family rows = {HRM_KERNEL_rope_texel, HRM_KERNEL_rope_vec4, HRM_KERNEL_rope_scalar, HRM_ROW_NONE};
static const hrm_row_family any_rows = {HRM_ROW_NONE, HRM_KERNEL_rope_any, HRM_ROW_NONE, HRM_ROW_NONE};

void hrm_rope_make_table(uint64_t seq, uint32_t head_dim, double theta, float *cos_table, float *sin_table) {
    uint32_t half = head_dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        float frequency = (float)pow(theta, -2.0 * (double)i / (double)head_dim);
        for (uint64_t t = 0; t < seq; t++) {
            float angle = (float)t * frequency;
            cos_table[t * half + i] = (float)cos((double)angle);
            sin_table[t * half + i] = (float)sin((double)angle);
        }
    }
}

/* A table of at least seq rows of half a head. */
static bool check_table(hrm_recorder *rec, const char *name, const hrm_tensor *t, uint64_t seq, uint64_t half) {
    uint64_t count = hrm_tensor_is_set(t) ? hrm_tensor_get_count(t) : 0;
    if (!hrm_row_check(rec, "rope", name, t, HRM_F32_T, count)) return false;
    if (count % half == 0 && count / half >= seq) return true;
    hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                      "rope: tensor %s has %" PRIu64 " elements, needs at least %" PRIu64 " rows of %" PRIu64, name,
                      count, seq, half);
    return false;
}

void hrm_rope(hrm_recorder *rec, hrm_rope_args args) {
    uint64_t half = args.head_dim / 2;
    uint64_t positions = args.batch * args.seq;
    if (args.batch == 0 || args.seq == 0 || args.heads == 0 || half == 0 || args.head_dim % 2 != 0 ||
        args.part_count == 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "rope: batch, seq, heads and part_count must be >= 1, head_dim even and >= 2");
        return;
    }
    uint64_t total = hrm_tensor_is_set(&args.x) ? hrm_tensor_get_count(&args.x) : 0;
    if (!hrm_row_check_float(rec, "rope", "x", &args.x, total)) return;
    uint64_t turned = (uint64_t)args.part_count * args.heads * args.head_dim;
    if (total == 0 || total > INT32_MAX || total % positions != 0 || total / positions < turned) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "rope: tensor x has %" PRIu64 " elements, not %" PRIu64 " positions of at least %" PRIu64,
                          total, positions, turned);
        return;
    }
    if (!check_table(rec, "cos_table", &args.cos_table, args.seq, half)) return;
    if (!check_table(rec, "sin_table", &args.sin_table, args.seq, half)) return;

    const hrm_device *device = hrm_recorder_get_device(rec);
    uint64_t stride = total / positions;
    bool is_16bit = hrm_dtype_is_16bit(args.x.dtype);
    if (is_16bit && (stride | half) % 4 != 0) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "rope: x is 16-bit with %" PRIu64 " elements a position and heads of %" PRIu32
                          "; these must be multiples of 4 and of 8",
                          stride, args.head_dim);
        return;
    }
    hrm_row_choice row = hrm_row_choose(device, is_16bit ? &any_rows : &rows, stride % 4 == 0 ? half : 1, total);
    uint32_t row_half = (uint32_t)(half / row.width);
    uint32_t pairs = args.part_count * args.heads * row_half;
    struct hrm_rope_params params = {
        .count = (uint32_t)positions * pairs,
        .stride = (uint32_t)(stride / row.width),
        .sign = args.inverse ? -1.0f : 1.0f,
    };
    params.per_group = hrm_row_per_group(device, params.count, row.local_x);
    hrm_dispatch dispatch = {
        .kernel = (uint32_t)row.kernel,
        .label = "rope",
        .binding_count = 4,
        .push = &params,
        .push_bytes = sizeof params,
        .specs = {{HRM_SPEC_LOCAL_X, row.local_x},
                  {HRM_SPEC_ROPE_HALF, row_half},
                  {HRM_SPEC_ROPE_PAIRS, pairs},
                  {HRM_SPEC_ROPE_SEQ, (uint32_t)args.seq}},
        .spec_count = 4,
        .flops = 3.0 * (double)positions * (double)turned,
    };
    if (is_16bit) {
        dispatch.specs[dispatch.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_A, (uint32_t)args.x.dtype};
        dispatch.specs[dispatch.spec_count++] = (hrm_spec){HRM_SPEC_DTYPE_C, (uint32_t)args.x.dtype};
    }
    dispatch.bindings[0] = hrm_tensor_get_span(&args.x);
    dispatch.bindings[1] = hrm_tensor_get_span(&args.cos_table);
    dispatch.bindings[2] = hrm_tensor_get_span(&args.sin_table);
    dispatch.bindings[3] = dispatch.bindings[0];
    hrm_grid_1d(device, (params.count + (uint64_t)params.per_group - 1) / params.per_group, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}
