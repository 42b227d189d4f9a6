/* y = factor * x.
 *
 * Bindings  0 x [count]   1 y [count], may be x
 * One workgroup computes per_group consecutive elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/elementwise.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_elementwise_params params; };
HRM_INPUT(0, x);
HRM_OUTPUT(1, y);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        HRM_STORE(y, i, params.factor * HRM_LOAD(x, i));
    }
}
