/* y = x in another element type: exact where it widens, rounded to nearest even where it narrows (lib/half.glsl).
 *
 * Bindings  0 x [count]   1 y [count], each f32, bf16 or f16
 * One workgroup computes per_group consecutive fours. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/elementwise.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_elementwise_params params; };
HRM_INPUT_T(0, x, HRM_SPEC_DTYPE_A);
HRM_OUTPUT_T(1, y, HRM_SPEC_DTYPE_C);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        HRM_VEC v = HRM_LOAD_T(x, i);
        HRM_STORE_T(y, i, v);
    }
}
