/* For each head of q and k at position t, with halves (x1, x2):
 *     x1 <- x1 cos[t] - sign x2 sin[t],   x2 <- x2 cos[t] + sign x1 sin[t]      (sign -1: the gradient, the turn back)
 *
 * Bindings  0 x [batch, seq, stride], read    1 cos [>= seq, half]    2 sin [>= seq, half]    3 x again, written
 * x is f32, or 16-bit in the row made for that; the tables are f32.
 * One workgroup turns per_group consecutive pairs; a pair is read and written by the same invocation.
 * Source: Su et al., "RoFormer", 2021, in the half-split form of GPT-NeoX. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/rope.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_ROPE_HALF) const uint HALF = 1;
layout(constant_id = HRM_SPEC_ROPE_PAIRS) const uint PAIRS = 1;
layout(constant_id = HRM_SPEC_ROPE_SEQ) const uint SEQ = 1;
layout(push_constant) uniform params_block { hrm_rope_params params; };
HRM_INPUT_T(0, x, HRM_SPEC_DTYPE_A);
HRM_INPUT(1, cos_table);
HRM_INPUT(2, sin_table);
HRM_OUTPUT_T(3, y, HRM_SPEC_DTYPE_C);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        uint position = i / PAIRS, pair = i % PAIRS;
        uint head = pair / HALF, k = pair % HALF;
        uint first = position * params.stride + head * (2 * HALF) + k, second = first + HALF;
        uint angle = (position % SEQ) * HALF + k;
        HRM_VEC c = HRM_LOAD(cos_table, angle), s = params.sign * HRM_LOAD(sin_table, angle);
        HRM_VEC x1 = HRM_LOAD_T(x, first), x2 = HRM_LOAD_T(x, second);
        HRM_STORE_T(y, first, x1 * c - x2 * s);
        HRM_STORE_T(y, second, x2 * c + x1 * s);
    }
}
