/* y = a + b, or y = a + b + c with HAS_C (summed left to right).
 *
 * Bindings  0 a [count]   1 b [count]   2 c [count], or a again without HAS_C   3 y [count], may be a, b or c
 * One workgroup computes per_group consecutive elements. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/elementwise.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(push_constant) uniform params_block { hrm_elementwise_params params; };
HRM_INPUT(0, a);
HRM_INPUT(1, b);
HRM_INPUT(2, c);
HRM_OUTPUT(3, y);

const bool HAS_C = (FLAGS & HRM_ADD_C) != 0;
const bool IN_PAIRS = (FLAGS & HRM_ADD_PAIRS) != 0; /* count is even */

HRM_VEC sum_of(uint i) {
    HRM_VEC sum = HRM_LOAD(a, i) + HRM_LOAD(b, i);
    if (HAS_C) sum += HRM_LOAD(c, i);
    return sum;
}

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    if (IN_PAIRS) {
        for (uint i = begin / 2 + gl_LocalInvocationID.x; i < end / 2; i += gl_WorkGroupSize.x) {
            HRM_STORE_PAIR(y, i, sum_of(2 * i), sum_of(2 * i + 1));
        }
        return;
    }
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) HRM_STORE(y, i, sum_of(i));
}
