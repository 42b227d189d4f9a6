#include "ops/reduce.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

uint64_t hrm_sum_scratch_count(void) {
    return 2 * HRM_SUM_PARTS;
}

void hrm_sum(hrm_recorder *rec, hrm_sum_args args) {
    uint64_t count = hrm_tensor_is_set(&args.x) ? hrm_tensor_get_count(&args.x) : 0;
    if (!hrm_row_check(rec, "sum", "x", &args.x, HRM_F32_T, count)) return;
    if (count == 0 || count > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "sum: needs 1 to 2^31 - 1 elements");
        return;
    }
    if (!hrm_row_check(rec, "sum", "y", &args.y, HRM_F32_T, 1)) return;
    if (hrm_tensor_is_set(&args.scratch) && args.scratch.rank == 1 && args.scratch.shape[0] > 2 * HRM_SUM_PARTS)
        args.scratch.shape[0] = 2 * HRM_SUM_PARTS;
    if (!hrm_row_check(rec, "sum", "scratch", &args.scratch, HRM_F32_T, 2 * HRM_SUM_PARTS)) return;

    const hrm_device *device = hrm_recorder_get_device(rec);
    uint32_t local_x = hrm_row_is_cpu(device) ? hrm_device_get_adapter(device)->subgroup_size : 64;
    if (local_x == 0 || local_x > 128) local_x = 64;
    struct hrm_sum_params params = {.count = (uint32_t)count, .square = args.square};
    hrm_dispatch partial = {
        .kernel = HRM_KERNEL_sum_partial,
        .label = "sum_partial",
        .binding_count = 2,
        .push = &params,
        .push_bytes = sizeof params,
        .specs = {{HRM_SPEC_LOCAL_X, local_x}},
        .spec_count = 1,
        .flops = 7.0 * (double)count,
    };
    partial.bindings[0] = hrm_tensor_get_span(&args.x);
    partial.bindings[1] = hrm_tensor_get_span(&args.scratch);
    hrm_grid_1d(device, (HRM_SUM_PARTS + local_x - 1) / local_x, partial.groups);
    hrm_recorder_dispatch(rec, &partial);

    struct hrm_sum_params final_params = {.count = HRM_SUM_PARTS};
    hrm_dispatch final = {
        .kernel = HRM_KERNEL_sum_final,
        .label = "sum_final",
        .binding_count = 2,
        .push = &final_params,
        .push_bytes = sizeof final_params,
        .groups = {1, 1, 1},
        .flops = 8.0 * HRM_SUM_PARTS,
    };
    final.bindings[0] = partial.bindings[1];
    final.bindings[1] = hrm_tensor_get_span(&args.y);
    hrm_recorder_dispatch(rec, &final);
}
