/* Sign-SGD with weight decay on the table rows that the batch names: with g = sum of grad[b, :] over the rows b of the
 * batch with ids[b] = n,
 *   table[n, :] = table[n, :] * (1 - puzzle_lr * weight_decay) - puzzle_lr * sign(g),  sign(0) = 0
 *   0 r grad [B, E] f32    1 r ids [B] u32    2 r step_block    3 m table [N, E] f32
 * One workgroup a batch row; the first row of an identifier owns it and adds the others' gradients in order,
 * compensated. Padding rows (b >= live_rows) and identifiers >= N change nothing;
 * with skip in the step block nothing is written.
 * Maths: the reference's models/sparse_embedding.py. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "shared/common.h"
#include "shared/optim.h"
#include "shared/step_block.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_sign_sgd_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Grad { float grad[]; };
layout(std430, set = 0, binding = 1) readonly buffer Ids { uint ids[]; };
layout(std430, set = 0, binding = 2) readonly buffer Step { hrm_step_block step_block; };
layout(std430, set = 0, binding = 3) buffer Table { float table[]; };

shared uint first_same, last_same; /* rows of the batch with this row's identifier */

void main() {
    uint b = flat_group();
    uint rows = min(p.batch, step_block.live_rows);
    if (b >= rows || step_block.skip != 0) return;
    uint id = ids[b], lane = gl_LocalInvocationID.x;
    if (lane == 0) first_same = last_same = b;
    barrier();
    for (uint r = lane; r < rows; r += gl_WorkGroupSize.x) {
        if (ids[r] != id) continue;
        atomicMin(first_same, r);
        atomicMax(last_same, r);
    }
    barrier();
    if (first_same != b || id >= p.table_rows) return;

    float keep = 1.0 - step_block.puzzle_lr * p.weight_decay;
    for (uint e = lane; e < p.dim; e += gl_WorkGroupSize.x) {
        hrm_sum sum = hrm_sum_zero();
        for (uint r = b; r <= last_same; r++)
            if (ids[r] == id) hrm_sum_add(sum, grad[r * p.dim + e]);
        float g = hrm_sum_value(sum);
        float direction = g > 0.0 ? 1.0 : g < 0.0 ? -1.0 : hrm_is_nan(g) ? g : 0.0;
        uint i = id * p.dim + e;
        table[i] = table[i] * keep - step_block.puzzle_lr * direction;
    }
}
