/* g = grad_y + grad_y2;  grad_x = rstd * (g - y * mean(g * y))
 * with y = s * rstd and rstd = 1 / sqrt(mean(s^2) + eps) of the forward pass: d(rstd)/ds = -rstd^3 s / cols, so
 * grad_s = rstd g - rstd^3 s sum(g s) / cols. grad_x is the gradient of x and of the residual alike.
 *
 * Bindings  0 grad_y [rows, cols]     1 grad_y2 [rows, cols], or grad_y again without RMS_NORM_RESIDUAL
 *           2 y [rows, cols]          3 rstd [rows]
 *           4 grad_x [rows, cols], may be grad_y, grad_y2 or y
 * Accumulation: f32 per lane, then across lanes.
 * One workgroup computes per_group rows, one row per team (lib/reduce.glsl): no barriers, except in the tree form. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define HRM_REDUCE_TEAM_ONLY
#include "shared/rms_norm.h"
#include "shared/spec_ids.h"
layout(local_size_x_id = HRM_SPEC_LOCAL_X) in; /* lib/reduce.glsl needs to know it */
#include "lib/grid.glsl"
#include "lib/reduce.glsl"
#include "lib/vec.glsl"

layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(constant_id = HRM_SPEC_RMS_NORM_HELD) const uint HELD = 0;
layout(push_constant) uniform params_block { hrm_rms_norm_params params; };
HRM_INPUT(0, grad_y);
HRM_INPUT(1, grad_y2);
HRM_INPUT(2, y);
layout(set = 0, binding = 3, std430) readonly buffer rstd_block { float rstd[]; };
HRM_OUTPUT(4, grad_x);

const bool HAS_SECOND = (FLAGS & HRM_RMS_NORM_RESIDUAL) != 0;

HRM_VEC load_grad(uint i) {
    HRM_VEC g = HRM_LOAD(grad_y, i);
    if (HAS_SECOND) g += HRM_LOAD(grad_y2, i);
    return g;
}

#ifdef HRM_TEXEL
/* As in rms_norm_fwd: a lane keeps its part of the row, HELD / 2 pairs in all. */
const uint LANES = gl_WorkGroupSize.x;
const uint PAIRS = HELD / 2;
const uint PARTS = HELD > 0 ? (PAIRS + LANES - 1) / LANES : 1;

void row_held(uint row) {
    uint base = row * PAIRS, lane = team_lane();
    vec4 g[PARTS][2], n[PARTS][2];
    vec4 products = vec4(0.0);
    [[unroll]] for (uint k = 0; k < PARTS; k++) {
        uint i = lane + k * LANES, at = 2 * (base + min(i, PAIRS - 1));
        [[unroll]] for (uint half_of = 0; half_of < 2; half_of++) {
            g[k][half_of] = load_grad(at + half_of);
            n[k][half_of] = HRM_LOAD(y, at + half_of);
            if ((k + 1) * LANES > PAIRS && i >= PAIRS) g[k][half_of] = vec4(0.0);
            products += g[k][half_of] * n[k][half_of];
        }
    }
    float mean = team_add(vec_sum(products)) * params.inv_cols, scale = rstd[row];
    [[unroll]] for (uint k = 0; k < PARTS; k++) {
        uint i = lane + k * LANES;
        if ((k + 1) * LANES <= PAIRS || i < PAIRS)
            HRM_STORE_PAIR(grad_x, base + i, scale * (g[k][0] - n[k][0] * mean), scale * (g[k][1] - n[k][1] * mean));
    }
}
#endif

void row_twice(uint row) {
    uint base = row * params.cols;
    HRM_VEC products = HRM_VEC(0.0);
    for (uint i = team_lane(); i < params.cols; i += team_lanes()) products += load_grad(base + i) * HRM_LOAD(y, base + i);
    float mean = team_add(vec_sum(products)) * params.inv_cols, scale = rstd[row];
    for (uint i = team_lane(); i < params.cols; i += team_lanes()) {
        HRM_STORE(grad_x, base + i, scale * (load_grad(base + i) - HRM_LOAD(y, base + i) * mean));
    }
}

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.rows) return;
    uint end = min(begin + params.per_group, params.rows);
#ifdef HRM_TEXEL
    if (HELD > 0) {
        for (uint row = begin; row < end; row++) row_held(row);
        return;
    }
#endif
    for (uint row = begin + team_index(); row < end; row += team_count()) row_twice(row);
}
