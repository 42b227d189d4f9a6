/* Sums one segment's row results into hrm_step_metrics (shared/act.h), overwriting it.
 *   0 r halted [B] u32      1 r steps [B] u32       2 r labelled [B] u32       3 r correct [B] u32    4 r exact [B] u32
 *   5 r q [B, 2] f32        6 r row_loss [B] f32    7 r halt_loss [B] f32      8 r continue_loss [B] f32
 *   9 r step_block          10 w metrics
 * One workgroup for the whole batch: each invocation sums its rows in order, compensated, then a tree. The same bits
 * for the same rows on every run. Maths: the reference's losses.py, ACTLossHead. */
#version 450
#extension GL_GOOGLE_include_directive : require
#define HRM_REDUCE_TREE
layout(local_size_x = 64) in; /* before lib/reduce.glsl, which asks for the size */
#include "lib/math.glsl"
#include "lib/reduce.glsl"
#include "shared/act.h"
#include "shared/common.h"
#include "shared/step_block.h"

layout(push_constant) uniform Push { hrm_act_metrics_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Halted { uint halted[]; };
layout(std430, set = 0, binding = 1) readonly buffer Steps { uint steps[]; };
layout(std430, set = 0, binding = 2) readonly buffer Labelled { uint labelled[]; };
layout(std430, set = 0, binding = 3) readonly buffer Correct { uint correct[]; };
layout(std430, set = 0, binding = 4) readonly buffer Exact { uint exact[]; };
layout(std430, set = 0, binding = 5) readonly buffer Q { float q[]; };
layout(std430, set = 0, binding = 6) readonly buffer RowLoss { float row_loss[]; };
layout(std430, set = 0, binding = 7) readonly buffer HaltLoss { float halt_loss[]; };
layout(std430, set = 0, binding = 8) readonly buffer ContinueLoss { float continue_loss[]; };
layout(std430, set = 0, binding = 9) readonly buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 10) writeonly buffer Metrics { hrm_step_metrics metrics; };

float add_rows(hrm_sum s) {
    return workgroup_add(hrm_sum_value(s));
}

/* Counts stay far below 2^24, where floats hold every whole number. */
uint add_count(uint n) {
    return uint(workgroup_add(float(n)));
}

void main() {
    uint rows = min(p.batch, step_block.live_rows);
    uint count = 0, right = 0, q_right = 0, taken = 0, stopped = 0;
    hrm_sum accuracy = hrm_sum_zero(), lm = hrm_sum_zero(), halt = hrm_sum_zero(), go_on = hrm_sum_zero();
    for (uint b = gl_LocalInvocationID.x; b < rows; b += gl_WorkGroupSize.x) {
        hrm_sum_add(lm, row_loss[b]);
        hrm_sum_add(halt, halt_loss[b]);
        hrm_sum_add(go_on, continue_loss[b]);
        if (halted[b] == 0) continue;
        stopped++;
        if (labelled[b] == 0) continue;
        count++;
        right += exact[b];
        q_right += (q[2 * b] >= 0.0) == (exact[b] != 0) ? 1 : 0;
        taken += steps[b];
        hrm_sum_add(accuracy, float(correct[b]) / float(labelled[b]));
    }
    hrm_step_metrics m;
    m.count = add_count(count);
    m.exact = add_count(right);
    m.q_halt_correct = add_count(q_right);
    m.steps = add_count(taken);
    m.accuracy = add_rows(accuracy);
    m.lm_loss = add_rows(lm);
    m.q_halt_loss = add_rows(halt);
    m.q_continue_loss = add_rows(go_on);
    m.loss = m.lm_loss + p.q_weight * (m.q_halt_loss + m.q_continue_loss);
    m.rows = rows;
    m.halted = add_count(stopped);
    m.reserved = 0;
    if (gl_LocalInvocationID.x == 0) metrics = m;
}
