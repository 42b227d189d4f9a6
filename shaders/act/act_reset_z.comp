/* Rows that had halted start over: z_H[b, t, :] = H_init, z_L[b, t, :] = L_init where halted[b] != 0; other rows are
 * left alone.
 *   0 r halted [B] u32    1 r H_init [D]    2 r L_init [D]    3 w z_H [B, T, D]    4 w z_L [B, T, D]    (f32)
 * One workgroup writes per_group consecutive elements (HRM_WIDTH floats each). Maths: the reference's reset_carry. */
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
    uint begin = flat_group() * p.per_group;
    if (begin >= p.count) return;
    uint end = min(begin + p.per_group, p.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        if (halted[i / p.row_elements] == 0) continue;
        uint d = i % p.hidden; /* row_elements is a multiple of hidden */
        z_h[i] = HRM_LOAD(h_init, d);
        z_l[i] = HRM_LOAD(l_init, d);
    }
}
