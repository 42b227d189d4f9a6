/* grad_weight[i, d] = sum over b of grad_q[b, i] * z[b, 0, d]; grad_bias[i] = sum over b of grad_q[b, i].
 *   0 r z [B, T, D] f32    1 r grad_q [B, 2] f32    2 w grad_weight [2, D] f32    3 w grad_bias [2] f32
 * One element of weight or bias an invocation, rows in order, compensated. A row whose grad_q is 0 adds nothing, even
 * where its z is not finite. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "shared/common.h"
#include "shared/loss.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_q_head_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Z { float z[]; };
layout(std430, set = 0, binding = 1) readonly buffer GradQ { float grad_q[]; };
layout(std430, set = 0, binding = 2) writeonly buffer GradWeight { float grad_weight[]; };
layout(std430, set = 0, binding = 3) writeonly buffer GradBias { float grad_bias[]; };

void main() {
    uint k = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint weights = 2 * p.hidden;
    if (k >= weights + 2) return;
    bool is_bias = k >= weights;
    uint i = is_bias ? k - weights : k / p.hidden;
    uint d = k % p.hidden;
    hrm_sum sum = hrm_sum_zero();
    for (uint b = 0; b < p.batch; b++) {
        float g = grad_q[2 * b + i];
        if (g == 0.0) continue;
        hrm_sum_add(sum, is_bias ? g : g * z[b * p.row_stride + d]);
    }
    if (is_bias)
        grad_bias[i] = hrm_sum_value(sum);
    else
        grad_weight[k] = hrm_sum_value(sum);
}
