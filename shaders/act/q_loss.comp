/* Losses of the two halting logits and their gradients:
 *   halt_loss[b] = bce(q_halt, exact[b]),  continue_loss[b] = bce(q_continue, target[b]), 0 without a target
 *   bce(x, t) = softplus(x) - t x,  written max(x, 0) - t x + log1p(exp(-|x|))
 *   grad_q = (sigmoid(x) - t) * grad_weight * 2^loss_scale_log2;  everything is 0 for padding rows
 *   0 r q [B, 2] f32    1 r exact [B] u32    2 r target [B] f32 (read with has_target only)    3 r step_block
 *   4 w halt_loss [B] f32    5 w continue_loss [B] f32    6 w grad_q [B, 2] f32
 * One row an invocation. Maths: torch's binary_cross_entropy_with_logits; the reference's losses.py. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "shared/act.h"
#include "shared/common.h"
#include "shared/step_block.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_q_loss_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Q { float q[]; };
layout(std430, set = 0, binding = 1) readonly buffer Exact { uint exact[]; };
layout(std430, set = 0, binding = 2) readonly buffer Target { float target[]; };
layout(std430, set = 0, binding = 3) readonly buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 4) writeonly buffer HaltLoss { float halt_loss[]; };
layout(std430, set = 0, binding = 5) writeonly buffer ContinueLoss { float continue_loss[]; };
layout(std430, set = 0, binding = 6) writeonly buffer GradQ { float grad_q[]; };

float bce(float x, float t) {
    /* softplus(-|x|) plus what is linear; for t = 1 and x > 0 the linear part is exactly 0, and so for t = 0, x < 0 */
    precise float linear = x < 0.0 ? -t * x : (1.0 - t) * x;
    precise float loss = linear + hrm_log1p(hrm_exp(-abs(x)));
    return loss;
}

/* sigmoid(x) - t: for targets 0 and 1 without cancellation. */
float bce_slope(float x, float t) {
    if (t == 1.0) return -hrm_sigmoid(-x);
    return hrm_sigmoid(x) - t;
}

void main() {
    uint b = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (b >= p.batch) return;
    bool live = p.first_row + step_block.first_row + b < step_block.live_rows;
    float halt = 0.0, halt_slope = 0.0, go_on = 0.0, go_on_slope = 0.0;
    float weight = p.grad_weight * hrm_power_of_two(int(step_block.loss_scale_log2));
    if (live) {
        float right = exact[b] != 0 ? 1.0 : 0.0;
        halt = bce(q[2 * b], right);
        halt_slope = bce_slope(q[2 * b], right) * weight;
        if (p.has_target != 0) {
            go_on = bce(q[2 * b + 1], target[b]);
            go_on_slope = bce_slope(q[2 * b + 1], target[b]) * weight;
        }
    }
    halt_loss[b] = halt;
    continue_loss[b] = go_on;
    grad_q[2 * b] = halt_slope;
    grad_q[2 * b + 1] = go_on_slope;
}
