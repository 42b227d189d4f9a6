/* Decides whether a step's update is made: the gradient's norm from its chunks' sums of squares, its z-score among the
 * last norms, the first chunk that is not finite, the loss; then the state, the report and step_block.skip. The rules
 * stand in runtime/ops/optim.h.
 *   0 r partial [chunks] f32    1 r metrics (read with has_metrics only)    2 m state    3 m step_block    4 w report
 * One workgroup. Invocation i adds chunks i, i + 128, ... compensated, then a tree in shared memory; the same with the
 * ring, of which each invocation holds one norm. Norms are taken relative to the ring's first, so that equal ones have
 * exactly no spread. NaN and infinity are found by their bits. */
#version 450
#extension GL_GOOGLE_include_directive : require
#define HRM_REDUCE_TREE
#include "shared/common.h"
#include "shared/optim.h"
layout(local_size_x = HRM_GRAD_GUARD_RING) in; /* before lib/reduce.glsl, which asks for the size */
#include "lib/math.glsl"
#include "lib/reduce.glsl"
#include "shared/act.h"
#include "shared/step_block.h"

layout(push_constant) uniform Push { hrm_grad_guard_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Partial { float partial[]; };
layout(std430, set = 0, binding = 1) readonly buffer Metrics { hrm_step_metrics metrics; };
layout(std430, set = 0, binding = 2) buffer State { hrm_grad_guard_state state; };
layout(std430, set = 0, binding = 3) buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 4) writeonly buffer Report { hrm_grad_guard_report report; };

shared uint first_bad;

bool is_finite(float x) {
    return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u;
}

/* The norm, and in first_bad the first chunk that counts as not finite. */
float norm_of_chunks(uint lane, float unscale) {
    if (lane == 0) first_bad = HRM_GRAD_GUARD_NONE;
    hrm_sum sum = hrm_sum_zero();
    uint bad = HRM_GRAD_GUARD_NONE;
    for (uint c = lane; c < p.chunks; c += gl_WorkGroupSize.x) {
        float square = partial[c];
        if (floatBitsToUint(square) >= HRM_GRAD_SQUARE_LIMIT) /* a sign bit, only a NaN's, is above it, too */
            bad = min(bad, c);
        else
            hrm_sum_add(sum, square);
    }
    barrier();
    if (bad != HRM_GRAD_GUARD_NONE) atomicMin(first_bad, bad);
    float total = workgroup_add(hrm_sum_value(sum)); /* its barriers also publish first_bad */
    return first_bad == HRM_GRAD_GUARD_NONE ? sqrt(total) * unscale : uintBitsToFloat(0x7fc00000u);
}

float get_z(uint lane, uint seen, float norm) {
    uint n = min(seen, HRM_GRAD_GUARD_RING);
    if (n < HRM_GRAD_GUARD_LEAST) return 0.0; /* the same for all: uniform */
    float origin = state.ring[0];
    float offset = lane < n ? state.ring[lane] - origin : 0.0;
    float mean = workgroup_add(offset) / float(n);
    float error = lane < n ? offset - mean : 0.0;
    float variance = workgroup_add(error * error) / float(n - 1);
    return variance > 0.0 ? ((norm - origin) - mean) / sqrt(variance) : 0.0;
}

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint scale_log2 = step_block.loss_scale_log2;
    float norm = norm_of_chunks(lane, hrm_power_of_two(-int(scale_log2)));
    uint seen = state.seen, bad_step = state.bad_step;
    bool bad_norm = first_bad != HRM_GRAD_GUARD_NONE;
    bool bad_loss = p.has_metrics != 0 && !is_finite(metrics.loss);
    bool bad = bad_step != 0 || bad_norm || bad_loss;
    float z = get_z(lane, seen, norm);
    barrier(); /* every invocation has read the state */
    if (lane != 0) return;

    bool outlier = false;
    /* A smaller scale may help a gradient; nothing but the loss's gradient is scaled. */
    bool overflow = bad_step == 0 && bad_norm && !bad_loss && p.scale_growth != 0 && scale_log2 > 0;
    if (overflow) {
        norm = z = 0.0;
        state.loss_scale_log2 = scale_log2 - 1;
        state.good_steps = 0;
        state.overflowed_total++;
    } else if (bad) {
        z = 0.0;
        if (bad_step == 0) {
            state.bad_step = step_block.step;
            state.bad_chunk = first_bad;
            state.bad_loss = bad_loss ? 1 : 0;
        }
    } else {
        outlier = p.outlier_z > 0.0 && z > p.outlier_z;
        if (outlier) state.skipped_total++;
        state.ring[seen % HRM_GRAD_GUARD_RING] = norm;
        state.seen = seen + 1;
        if (p.scale_growth != 0 && ++state.good_steps >= p.scale_growth) {
            state.good_steps = 0;
            state.loss_scale_log2 = min(scale_log2 + 1, HRM_LOSS_SCALE_MOST_LOG2);
        }
    }
    uint skip = bad || outlier ? 1 : 0;
    step_block.skip = skip;
    report.norm = norm;
    report.z = z;
    report.skipped = skip;
    report.skipped_total = state.skipped_total;
    report.bad_step = state.bad_step;
    report.bad_chunk = state.bad_chunk;
    report.bad_loss = state.bad_loss;
    report.seen = state.seen;
    report.loss_scale_log2 = scale_log2;
    report.overflowed = overflow ? 1 : 0;
    report.overflowed_total = state.overflowed_total;
}
