/* What q_continue should have been, from the q logits of one more segment:
 *   target[b] = sigmoid(steps[b] >= max_steps ? q_halt : max(q_halt, q_continue))
 *   0 r q_next [B, 2] f32    1 r steps [B] u32, this segment counted    2 w target [B] f32
 * One row an invocation. Maths: the reference's hrm_act_v1.py, forward. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "shared/act.h"
#include "shared/common.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_q_target_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Q { float q_next[]; };
layout(std430, set = 0, binding = 1) readonly buffer Steps { uint steps[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Target { float target[]; };

void main() {
    uint b = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (b >= p.batch) return;
    float best = q_next[2 * b];
    if (steps[b] < p.max_steps) best = max(best, q_next[2 * b + 1]);
    target[b] = hrm_sigmoid(best);
}
