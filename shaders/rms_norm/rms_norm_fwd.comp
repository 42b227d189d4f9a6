/* s = x + residual;  rstd = 1 / sqrt(mean(s^2) + eps);  y = s * rstd
 *
 * Bindings  0 x [rows, cols]          1 residual [rows, cols], or x again without RMS_NORM_RESIDUAL
 *           2 y [rows, cols], may be x or residual
 *           3 rstd [rows], or y again without RMS_NORM_RSTD
 * Accumulation: f32 per lane, then across lanes.
 * One workgroup computes per_group rows, one row per team (lib/reduce.glsl): no barriers, except in the tree form.
 * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019; no learned scale, as HRM has none. */
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
HRM_INPUT(0, x);
HRM_INPUT(1, residual);
HRM_OUTPUT(2, y);
layout(set = 0, binding = 3, std430) writeonly buffer rstd_block { float rstd[]; };

const bool HAS_RESIDUAL = (FLAGS & HRM_RMS_NORM_RESIDUAL) != 0;
const bool HAS_RSTD = (FLAGS & HRM_RMS_NORM_RSTD) != 0;

HRM_VEC load_sum(uint i) {
    HRM_VEC s = HRM_LOAD(x, i);
    if (HAS_RESIDUAL) s += HRM_LOAD(residual, i);
    return s;
}

float get_rstd(HRM_VEC squares) {
    return inversesqrt(team_add(vec_sum(squares)) * params.inv_cols + params.eps);
}

#ifdef HRM_TEXEL
/* The workgroup is one subgroup, each lane keeps its part of the row, HELD / 2 pairs in all: measured 10 % (512 columns)
 * to 40 % (96) faster than reading twice. */
const uint LANES = gl_WorkGroupSize.x;
const uint PAIRS = HELD / 2;
const uint PARTS = HELD > 0 ? (PAIRS + LANES - 1) / LANES : 1;

float row_held(uint row) {
    uint base = row * PAIRS, lane = team_lane();
    vec4 s[PARTS], t[PARTS];
    vec4 squares = vec4(0.0);
    [[unroll]] for (uint k = 0; k < PARTS; k++) {
        uint i = lane + k * LANES, at = 2 * (base + min(i, PAIRS - 1));
        s[k] = load_sum(at);
        t[k] = load_sum(at + 1);
        if ((k + 1) * LANES > PAIRS && i >= PAIRS) s[k] = t[k] = vec4(0.0);
        squares += s[k] * s[k];
        squares += t[k] * t[k];
    }
    float scale = get_rstd(squares);
    [[unroll]] for (uint k = 0; k < PARTS; k++) {
        uint i = lane + k * LANES;
        if ((k + 1) * LANES <= PAIRS || i < PAIRS) HRM_STORE_PAIR(y, base + i, s[k] * scale, t[k] * scale);
    }
    return scale;
}

/* Lane i keeps the rstd of row i and all are stored at once: a store costs the same for one lane as for all. */
void rows_held(uint begin, uint end) {
    float mine = 0.0;
    for (uint row = begin; row < end; row++) {
        float scale = row_held(row);
        if (HAS_RSTD && row - begin == team_lane()) mine = scale;
    }
    if (HAS_RSTD && begin + team_lane() < end) rstd[begin + team_lane()] = mine;
}
#endif

void row_twice(uint row) {
    uint base = row * params.cols;
    HRM_VEC squares = HRM_VEC(0.0);
    for (uint i = team_lane(); i < params.cols; i += team_lanes()) {
        HRM_VEC s = load_sum(base + i);
        squares += s * s;
    }
    float scale = get_rstd(squares);
    if (HAS_RSTD && team_lane() == 0) rstd[row] = scale;
    for (uint i = team_lane(); i < params.cols; i += team_lanes()) HRM_STORE(y, base + i, load_sum(base + i) * scale);
}

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.rows) return;
    uint end = min(begin + params.per_group, params.rows);
#ifdef HRM_TEXEL
    if (HELD > 0) {
        for (uint row = begin; row < end; row += LANES) rows_held(row, min(row + LANES, end));
        return;
    }
#endif
    for (uint row = begin + team_index(); row < end; row += team_count()) row_twice(row);
}
