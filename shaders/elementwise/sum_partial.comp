/* First stage of a compensated sum: part p adds x[p], x[p + PARTS], x[p + 2 PARTS], ... (or their squares) in that
 * order. PARTS is fixed (HRM_SUM_PARTS), so the result does not depend on the device's shape.
 *
 * Bindings  0 x [count]   1 partial [PARTS, 2]: sum and its rounding error
 * Accumulation: f32 with the rounding errors kept beside it (lib/math.glsl); a square is rounded once before that.
 * One invocation computes one part. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/elementwise.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/math.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_sum_params params; };
layout(set = 0, binding = 0, std430) readonly buffer x_block { float x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer partial_block { float partial[]; };

void main() {
    uint part = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (part >= HRM_SUM_PARTS) return;
    hrm_sum s = hrm_sum_zero();
    for (uint i = part; i < params.count; i += HRM_SUM_PARTS) {
        precise float term = x[i];
        if (params.square != 0) term = term * term;
        hrm_sum_add(s, term);
    }
    partial[2 * part] = s.hi;
    partial[2 * part + 1] = s.lo;
}
