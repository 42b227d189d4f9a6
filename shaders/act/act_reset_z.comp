/* Rows that had halted start over: z_H[b, t, :] = H_init, z_L[b, t, :] = L_init where halted[b] != 0; other rows are
 * left alone.
 *   0 r halted [B] u32    1 r H_init [D]    2 r L_init [D]    3 w z_H [B, T, D]    4 w z_L [B, T, D]    (f32)
 * One workgroup writes `positions_per_group` positions of one row, so that rows which go on cost nothing but the flag.
 * Maths: the reference's reset_carry. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/vec.glsl"
#include "shared/act.h"
#include "shared/common.h"
#include "shared/spec_ids.h"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform Push { hrm_act_reset_z_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Halted { uint halted[]; };
HRM_INPUT(1, h_init);
HRM_INPUT(2, l_init);
HRM_OUTPUT(3, z_h);
HRM_OUTPUT(4, z_l);

void main() {
    uint groups_per_row = (p.positions + p.positions_per_group - 1) / p.positions_per_group;
    uint group = flat_group(), b = group / groups_per_row;
    if (b >= p.batch || halted[b] == 0) return;
    uint begin = group % groups_per_row * p.positions_per_group;
    uint end = min(begin + p.positions_per_group, p.positions);
    uint row = b * p.positions;
    for (uint d = gl_LocalInvocationID.x; d < p.hidden; d += gl_WorkGroupSize.x) {
        HRM_VEC h = HRM_LOAD(h_init, d), l = HRM_LOAD(l_init, d);
        for (uint t = begin; t < end; t++) {
            uint i = (row + t) * p.hidden + d;
            HRM_STORE(z_h, i, h);
            HRM_STORE(z_l, i, l);
        }
    }
}
