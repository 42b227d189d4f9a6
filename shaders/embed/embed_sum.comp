/* y[i] = scale * (x[j] + x[j + stride] + ... terms of them, in that order), j = i / inner * outer_stride + i % inner;
 * with ACCUMULATE y[i] += that. Serves the table's second stage (terms = chunks), the positions (terms = batch rows) and
 * the puzzle rows (one term, inner = a row's embedding, outer_stride = a batch row).
 *
 * Bindings  0 x    1 y [count], read    2 y again, written
 * Accumulation: f32. One workgroup computes per_group consecutive results. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/embed.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_FLAGS) const bool ACCUMULATE = false;
layout(push_constant) uniform params_block { hrm_embed_sum_params params; };
HRM_INPUT(0, x);
HRM_INPUT(1, before);
HRM_OUTPUT(2, y);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        uint at = i / params.inner * params.outer_stride + i % params.inner;
        HRM_VEC sum = HRM_VEC(0.0);
        for (uint k = 0; k < params.terms; k++) {
            sum += HRM_LOAD(x, at);
            at += params.stride;
        }
        sum *= params.scale;
        if (ACCUMULATE) sum += HRM_LOAD(before, i);
        HRM_STORE(y, i, sum);
    }
}
