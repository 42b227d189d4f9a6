/* What the lane-per-row attention kernels (CPU drivers) share. A workgroup is one subgroup and owns LANES * ROWS rows
 * of one (b, h) pair, lane l the rows l, l + LANES, ...; it walks over the other side's rows STEP at a time, and every
 * lane needs all of them. Two ways to bring them there:
 *
 *   -DLANES=n             subgroup size, exactly: the rows are loaded from a texel buffer, one vec4 a lane, and handed
 *                         out by subgroupShuffle with a constant lane (a register broadcast in lavapipe), or with
 *   -DHAND_BROADCAST      by subgroupBroadcast: which is faster differs between Mesa versions (16 lanes: 22.3 shuffle,
 *                         25 and 26 broadcast, each by an order of magnitude)
 *   -DUNIFORM_ADDRESS     each vec4 is loaded through the buffer's address, which is the same in all lanes: one scalar
 *                         load from Mesa 26 on, a loop over lanes before. The workgroup has any size.
 *
 * -DSTORE64 writes results as 64-bit words. A store to a buffer is a loop over lanes in lavapipe, and half as many pay
 * with Mesa 22.3 at 16 lanes (forward, 3 heads of 32, 37 tokens: 26.7 -> 30.4 GF/s on 2 cores of a Sapphire Rapids);
 * they cost 5 % at 8 lanes, 30 % with Mesa 25, and Mesa 26.1 cannot compile them at 16.
 *
 * The including file includes shared/spec_ids.h and enables GL_EXT_control_flow_attributes. Arrays are only indexed by
 * what is constant after unrolling: anything else goes through memory. */
#extension GL_EXT_buffer_reference : enable
#extension GL_EXT_buffer_reference_uvec2 : enable
#ifndef UNIFORM_ADDRESS
#extension GL_KHR_shader_subgroup_basic : require
#ifdef HAND_BROADCAST
#extension GL_KHR_shader_subgroup_ballot : require
#define HAND subgroupBroadcast
#else
#extension GL_KHR_shader_subgroup_shuffle : require
#define HAND subgroupShuffle
#endif
#endif
#include "lib/grid.glsl"

#ifdef UNIFORM_ADDRESS
layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
#define LANES gl_WorkGroupSize.x
#else
layout(local_size_x = LANES) in;
#endif
layout(constant_id = HRM_SPEC_HEAD_DIM) const uint HEAD_DIM = 32;
layout(constant_id = HRM_SPEC_TILE_M) const uint ROWS = 1; /* own rows of a lane */
layout(constant_id = HRM_SPEC_TILE_N) const uint STEP = 2; /* rows of the other side at a time */

const uint VECS = HEAD_DIM / 4; /* vec4 of a head's row */
const float LOG2_E = 1.4426950408889634;
const float LN_2 = 0.6931471805599453;
const float LOWEST = -3.0e38; /* below every score, and finite: LOWEST - LOWEST is 0, not NaN */

#ifdef STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define STORED u64vec2
u64vec2 stored(vec4 v) {
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#else
#define STORED vec4
vec4 stored(vec4 v) {
    return v;
}
#endif

float vec_sum(vec4 v) {
    return (v.x + v.y) + (v.z + v.w);
}

/* STREAM declares `name` as rows j .. j + STEP - 1 of `source` (row i starts at vec4 base + i * stride); TAKE is vec4 d
 * of its row t, the same in every lane. Rows past `last` are the last again: the caller gives them no weight. */
#ifdef UNIFORM_ADDRESS
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Rows {
    vec4 v[];
};
#define STREAM(name, source, base, stride, j)                                                                          \
    Rows name##_from = source##_rows;                                                                                  \
    int name[STEP];                                                                                                    \
    [[unroll]] for (uint t = 0; t < STEP; t++) name[t] = base + min(j + int(t), last) * stride;
#define TAKE(name, t, d) name##_from.v[name[t] + int(d)]
#else
const uint LOADS = (STEP * VECS + LANES - 1) / LANES; /* loads of a lane and step */
/* Component by component: lavapipe keeps the components of a vec4 in registers of their own. */
vec4 hand(vec4 x, uint from) {
    return vec4(HAND(x.x, from), HAND(x.y, from), HAND(x.z, from), HAND(x.w, from));
}
#define STREAM(name, source, base, stride, j)                                                                          \
    vec4 name[LOADS];                                                                                                  \
    [[unroll]] for (uint r = 0; r < LOADS; r++) {                                                                      \
        uint unit = r * LANES + lane;                                                                                  \
        uint row = unit / VECS;                                                                                        \
        name[r] = imageLoad(source, base + min(j + int(row), last) * stride + int(unit - row * VECS));                 \
    }
#define TAKE(name, t, d) hand(name[((t) * VECS + (d)) / LANES], ((t) * VECS + (d)) % LANES)
#endif
