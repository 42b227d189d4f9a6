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
 * Own rows of a lane x rows of a step (plan_lanes in runtime/ops/attention.c), * BY_ROW; GF/s on lavapipe with 2 cores
 * of a Zen 4, 8 heads of 64, for 32 x 82 / 4 x 512 tokens, OpenBLAS 200:
 *   Mesa 22.3, 512 bits, shuffle   forward  2x2* 55 / 81, 3x4 60 / 90, 4x4 - / 93, 6x4 51 / 78, 3x8 45 / 66
 *                                  dq       2x2* 45 / 66, 2x2 42 / 64, 2x4 41 / 64
 *                                  dk, dv   1x2* 40 / 55, 2x4 47 / 74, 3x4 47 / 70
 *   Mesa 22.3, 256 bits, shuffle   forward  2x2* 39, 3x2 50, 3x4 45
 *                                  dq       2x2* 39, 2x2 35, 2x4 29
 *                                  dk, dv   1x2* 40, 1x2 34, 2x2 36, 2x4 34
 *   Mesa 25.0, 512 bits, broadcast forward  2x2* 50, 3x4 65
 *                                  dq       2x2* 41, 2x2 42, 2x4 42
 *                                  dk, dv   1x2* 38, 1x2 39, 2x4 50
 *   Mesa 25.0, 256 bits, broadcast forward  2x2* 45, 3x2 50, 3x4 49
 *                                  dq       2x2* 36, 2x4 29
 *                                  dk, dv   1x2* 40, 2x4 33
 *   Mesa 26.1, 512 bits, uniform   forward  2x2* 65 / 97, 2x2 67 / 98, 1x4 73 / 115, 2x4 67 / 100, 3x4 66 / 94
 *                                  dq       2x2* 47 / 70, 2x2 48 / 73, 2x4 45 / 68
 *                                  dk, dv   2x2* 35 / 54, 1x2 39 / -, 2x2 44 / 60, 2x4 29 / 40
 *   Mesa 26.1, 256 bits, uniform   forward  2x2* 54, 2x4 55, 1x4 64
 *                                  dq       2x2* 43, 2x2 42
 *   Mesa 26.1, 512 bits, broadcast forward  2x2* - / 67, 3x4 - / 73
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
layout(constant_id = HRM_SPEC_TILE_K) const bool BY_ROW = false; /* see DOTS */

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

/* STREAM declares `name` as rows j .. j + STEP - 1 of `source` (row i starts at vec4 base + i * stride). TAKE is vec4 d
 * of its row t, the same in every lane; before it FETCH loads what vec4 d needs, as late as possible, so that few
 * registers wait. Rows past `last` are the last again: the caller gives them no weight. STEP divides LANES.
 *
 * REPEAT stands before a second loop over the same values. Without it the compiler keeps what it handed out in the
 * first loop, 4 * VECS * STEP registers, on the stack, which costs more than handing it out again from 4 rows a step on
 * (lavapipe 22.3, 512 bits, Zen 4, batch 4, 8 heads of 64, 512 tokens, dk and dv, 4 rows: 43 -> 56 GF/s with one own
 * row, 49 -> 74 with two; 2 rows: 56 -> 51). It cannot know that seq is below 2^31, so that nothing is changed. */
#ifdef UNIFORM_ADDRESS
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Rows {
    vec4 v[];
};
#define STREAM(name, source, base, stride, j)                                                                          \
    Rows name##_from = source##_rows;                                                                                  \
    int name[STEP];                                                                                                    \
    [[unroll]] for (uint t = 0; t < STEP; t++) name[t] = base + min(j + int(t), last) * stride;
#define FETCH(name, source, d)
#define REPEAT(name)
#define TAKE(name, t, d) name##_from.v[name[t] + int(d)]
#else
const uint LOADS = (STEP * VECS + LANES - 1) / LANES; /* loads of a lane and step */
/* Component by component: lavapipe keeps the components of a vec4 in registers of their own. */
vec4 hand(vec4 x, uint from) {
    return vec4(HAND(x.x, from), HAND(x.y, from), HAND(x.z, from), HAND(x.w, from));
}
/* Lane l of load r has unit u = r * LANES + l: vec4 u / STEP of row u % STEP; BY_ROW vec4 u % VECS of row u / VECS. */
uint unit_of(uint t, uint d) {
    return BY_ROW ? t * VECS + d : d * STEP + t;
}
#define STREAM(name, source, base, stride, j)                                                                          \
    vec4 name[LOADS];                                                                                                  \
    int name##_row = base + min(j + int(lane % STEP), last) * stride;                                                  \
    if (BY_ROW) {                                                                                                      \
        [[unroll]] for (uint r = 0; r < LOADS; r++) {                                                                  \
            uint unit = r * LANES + lane;                                                                              \
            uint row = unit / VECS;                                                                                    \
            name[r] = imageLoad(source, base + min(j + int(row), last) * stride + int(unit - row * VECS));             \
        }                                                                                                              \
    }
#define FETCH(name, source, d)                                                                                         \
    if (!BY_ROW && (d) * STEP % LANES == 0)                                                                            \
        name[(d) * STEP / LANES] = imageLoad(source, name##_row + int(min((d) + lane / STEP, VECS - 1)));
#define REPEAT(name)                                                                                                   \
    if (STEP > 2) {                                                                                                    \
        [[unroll]] for (uint r = 0; r < LOADS; r++) name[r] =                                                          \
            uintBitsToFloat(floatBitsToUint(name[r]) | uvec4(p.seq >> 31));                                            \
    }
#define TAKE(name, t, d) hand(name[unit_of(t, d) / LANES], unit_of(t, d) % LANES)
#endif

/* sums[n][t] = own[n] . row t of `name`: all rows at once, or BY_ROW one after the other with four sums a product,
 * which is faster in the backward pass with 2 rows a step (numbers above). */
#define DOTS(sums, own, name, source)                                                                                  \
    if (BY_ROW) {                                                                                                      \
        [[unroll]] for (uint t = 0; t < STEP; t++) {                                                                   \
            vec4 e[ROWS];                                                                                              \
            [[unroll]] for (uint n = 0; n < ROWS; n++) e[n] = vec4(0);                                                 \
            [[unroll]] for (uint d = 0; d < VECS; d++) {                                                               \
                vec4 a = TAKE(name, t, d);                                                                             \
                [[unroll]] for (uint n = 0; n < ROWS; n++) e[n] += own[n][d] * a;                                      \
            }                                                                                                          \
            [[unroll]] for (uint n = 0; n < ROWS; n++) sums[n][t] = vec_sum(e[n]);                                     \
        }                                                                                                              \
    } else {                                                                                                           \
        [[unroll]] for (uint n = 0; n < ROWS; n++) {                                                                   \
            [[unroll]] for (uint t = 0; t < STEP; t++) sums[n][t] = 0;                                                 \
        }                                                                                                              \
        [[unroll]] for (uint d = 0; d < VECS; d++) {                                                                   \
            FETCH(name, source, d)                                                                                     \
            [[unroll]] for (uint t = 0; t < STEP; t++) {                                                               \
                vec4 a = TAKE(name, t, d);                                                                             \
                [[unroll]] for (uint n = 0; n < ROWS; n++) sums[n][t] += vec_sum(own[n][d] * a);                       \
            }                                                                                                          \
        }                                                                                                              \
    }
