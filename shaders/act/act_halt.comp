/* After a segment: counts it and decides which rows stop.
 *   steps[b] += 1;  halted[b] = steps[b] >= max_steps, or by mode
 *     TRAIN (max_steps > 1): or the q rule, and then not while steps[b] < min_halt
 *     FIXED: nothing else
 *     ADAPTIVE: or the q rule, exceeded by `margin`
 *   q rule: q_halt > q_continue, or q_halt > 0 without a continue target
 *   min_halt = draw from 2..max_steps when uniform < exploration, else 0
 * Padding rows become halted and keep their steps.
 *
 *   0 r q [B, 2] f32 (halt, continue)    1 r step_block    2 r uniform [B] f32    3 r min_steps [B] u32
 *   4 m steps [B] u32    5 w halted [B] u32
 * uniform and min_steps are read with has_draws only. Otherwise the draws are words 0 and 1 of Philox block
 * (row, optimizer step, 0, PHILOX_USE_EXPLORE): the same for a row whatever the other rows do. With draw_once the step is
 * the one in which the row's puzzle started, so that all its segments see the same draw.
 * One row an invocation. Maths: the reference's hrm_act_v1.py, forward. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/philox.glsl"
#include "shared/act.h"
#include "shared/common.h"
#include "shared/step_block.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_act_halt_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Q { float q[]; };
layout(std430, set = 0, binding = 1) readonly buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 2) readonly buffer Uniform { float explore_uniform[]; };
layout(std430, set = 0, binding = 3) readonly buffer MinSteps { uint explore_min_steps[]; };
layout(std430, set = 0, binding = 4) buffer Steps { uint steps[]; };
layout(std430, set = 0, binding = 5) writeonly buffer Halted { uint halted[]; };

uint draw_min_halt(uint b, uint row, uint done) {
    float u;
    uint least;
    if (p.has_draws != 0) {
        u = explore_uniform[b];
        least = explore_min_steps[b];
    } else {
        uint step = p.draw_once != 0 ? step_block.step - (done - 1) : step_block.step;
        uvec4 words = philox4x32(uvec4(row, step, 0, PHILOX_USE_EXPLORE),
                                 uvec2(step_block.rng_seed_lo, step_block.rng_seed_hi));
        u = philox_uniform(words.x);
        least = 2 + philox_below(words.y, p.max_steps - 1);
    }
    return u < p.exploration ? least : 0;
}

void main() {
    uint b = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (b >= p.batch) return;
    uint row = p.first_row + step_block.first_row + b;
    if (row >= step_block.live_rows) {
        halted[b] = 1;
        return;
    }
    uint done = steps[b] + 1;
    bool stop = done >= p.max_steps;
    if (p.mode != HRM_ACT_FIXED && p.max_steps > 1) {
        float threshold = p.has_continue != 0 ? q[2 * b + 1] : 0.0;
        if (p.mode == HRM_ACT_ADAPTIVE) threshold += p.margin;
        stop = stop || q[2 * b] > threshold;
        if (p.mode == HRM_ACT_TRAIN) stop = stop && done >= draw_min_halt(b, row, done);
    }
    steps[b] = done;
    halted[b] = stop ? 1 : 0;
}
