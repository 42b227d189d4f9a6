/* q[b, i] = sum over d of z[b, 0, d] * weight[i, d] + bias[i]: the two halting logits, from position 0 of each row.
 *   0 r z [B, T, D] f32    1 r weight [2, D] f32    2 r bias [2] f32    3 w q [B, 2] f32 (0 halt, 1 continue)
 * One workgroup a row; f32 accumulation, a tree across invocations. */
#version 450
#extension GL_GOOGLE_include_directive : require
#define HRM_REDUCE_TREE
layout(local_size_x = 64) in; /* before lib/reduce.glsl, which asks for the size */
#include "lib/grid.glsl"
#include "lib/reduce.glsl"
#include "shared/common.h"
#include "shared/loss.h"

layout(push_constant) uniform Push { hrm_q_head_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Z { float z[]; };
layout(std430, set = 0, binding = 1) readonly buffer Weight { float weight[]; };
layout(std430, set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Q { float q[]; };

void main() {
    uint b = flat_group();
    if (b >= p.batch) return;
    float halt = 0.0, go_on = 0.0;
    for (uint d = gl_LocalInvocationID.x; d < p.hidden; d += gl_WorkGroupSize.x) {
        float x = z[b * p.row_stride + d];
        halt += x * weight[d];
        go_on += x * weight[p.hidden + d];
    }
    halt = workgroup_add(halt);
    go_on = workgroup_add(go_on);
    if (gl_LocalInvocationID.x != 0) return;
    q[2 * b] = halt + bias[0];
    q[2 * b + 1] = go_on + bias[1];
}
