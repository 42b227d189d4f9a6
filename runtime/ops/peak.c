#include "ops/peak.h"

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

void hrm_peak(hrm_recorder *rec, hrm_peak_args args) {
    const hrm_device *device = hrm_recorder_get_device(rec);
    const uint64_t count = hrm_tensor_get_count(&args.y);
    if (!hrm_row_check(rec, "peak", "y", &args.y, HRM_F32_T, count)) return;
    if (count == 0 || count > INT32_MAX) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "peak: needs 1 to 2^31 - 1 elements");
        return;
    }
    /* One subgroup on CPU drivers, as everywhere; several elsewhere, for occupancy. */
    const hrm_row_family rows = {HRM_ROW_NONE, HRM_ROW_NONE, HRM_KERNEL_peak_flops, HRM_ROW_NONE};
    const hrm_row_choice row = hrm_row_choose(device, &rows, 1, count);
    const struct hrm_peak_params params = {
        .count = (uint32_t)count, .rounds = args.rounds, .factor = args.factor, .term = args.term};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_peak_flops,
                             .label = "peak",
                             .bindings = {hrm_tensor_get_span(&args.y)},
                             .binding_count = 1,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .specs = {{HRM_SPEC_LOCAL_X, row.local_x}},
                             .spec_count = 1,
                             .flops = 2.0 * HRM_PEAK_PER_ROUND * args.rounds * (double)count};
    hrm_grid_1d(device, (count + row.local_x - 1) / row.local_x, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}
