#include "ops/random.h"

#include <inttypes.h>

#include "ops/grid.h"
#include "ops/row_kernel.h"
#include "shared/params.h"

void hrm_random_trunc_normal(hrm_recorder *rec, hrm_random_trunc_normal_args args) {
    const char *op = "random_trunc_normal";
    uint64_t count = hrm_tensor_get_count(&args.y);
    if (count == 0 || count > INT32_MAX || !(args.std >= 0.0f)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: %" PRIu64 " elements of deviation %g; needs 1 to 2^31 - 1 and a deviation >= 0", op,
                          count, (double)args.std);
        return;
    }
    if (!hrm_row_check(rec, op, "y", &args.y, HRM_F32_T, count)) return;

    /* Deviation of a unit normal cut at +-2. */
    const double base = (double)args.std / 0.8796256610342398;
    const double sqrt_2 = 1.4142135623730951;
    struct hrm_trunc_normal_params params = {.count = (uint32_t)count,
                                             .seed_lo = (uint32_t)args.seed,
                                             .seed_hi = (uint32_t)(args.seed >> 32),
                                             .stream_lo = (uint32_t)args.stream,
                                             .stream_hi = (uint32_t)(args.stream >> 32),
                                             .scale = (float)(base * sqrt_2),
                                             .limit = (float)(base * 2.0)};
    hrm_dispatch dispatch = {.kernel = HRM_KERNEL_trunc_normal,
                             .label = op,
                             .binding_count = 1,
                             .push = &params,
                             .push_bytes = sizeof params,
                             .flops = 100.0 * (double)count};
    dispatch.bindings[0] = hrm_tensor_get_span(&args.y);
    const uint64_t elements_per_group = 4 * 64; /* four an invocation, local_size_x of the kernel */
    hrm_grid_1d(hrm_recorder_get_device(rec), (count + elements_per_group - 1) / elements_per_group, dispatch.groups);
    hrm_recorder_dispatch(rec, &dispatch);
}
