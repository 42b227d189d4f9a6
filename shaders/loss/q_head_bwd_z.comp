/* grad_z[b, 0, d] += sum over i of grad_q[b, i] * weight[i, d]; the other positions are left alone.
 *   0 r weight [2, D] f32    1 r grad_q [B, 2] f32    2 m grad_z [B, T, D] f32
 * One element (b, d) an invocation. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "shared/common.h"
#include "shared/loss.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_q_head_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Weight { float weight[]; };
layout(std430, set = 0, binding = 1) readonly buffer GradQ { float grad_q[]; };
layout(std430, set = 0, binding = 2) buffer GradZ { float grad_z[]; };

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= p.batch * p.hidden) return;
    uint b = i / p.hidden, d = i % p.hidden;
    grad_z[b * p.row_stride + d] += grad_q[2 * b] * weight[d] + grad_q[2 * b + 1] * weight[p.hidden + d];
}
