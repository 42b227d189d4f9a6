/* Attention forward in tiles: the conventional form, for every device.
 *
 *   s_ij = scale * q_i . k_j      p_ij = exp(s_ij - lse_i)      o_i = sum_j p_ij v_j      lse_i = log sum_j exp(s_ij)
 *
 * 0  qkv  [B, T, 3, H, HEAD_DIM]  rows of q, then k, then v; HEAD_DIM a multiple of 4, at most 128
 * 1  o    [B, T, H, HEAD_DIM]
 * 2  lse  [B, H, T]               natural logarithm; written only with save_lse
 *
 * qkv and o may each be 16-bit instead of f32. All arithmetic is f32, no subgroup features. One workgroup computes
 * QUERIES queries of one (b, h). It walks over tiles of KEYS keys: K, later V, of the tile lie in shared memory; each
 * invocation has QUERIES * KEYS / THREADS scores, then QUERIES / (THREADS / VECS) vec4 of the output. The softmax runs
 * online: maximum and sum so far, in powers of two (log2 e is folded into the scale), kept by the TEAM invocations that
 * share a row.
 * Source: Milakov & Gimelshein 2018 (online softmax); Dao et al. 2022 (no T x T matrix). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/common.h"
#include "shared/attention.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/half.glsl"

layout(local_size_x = 128, local_size_x_id = HRM_SPEC_LOCAL_X) in; /* the default: no constant below is x / 0 */
layout(constant_id = HRM_SPEC_HEAD_DIM) const uint HEAD_DIM = 32;
/* THREADS is a multiple of both, and of no more than QUERIES * KEYS */
layout(constant_id = HRM_SPEC_TILE_M) const uint QUERIES = 32;
layout(constant_id = HRM_SPEC_TILE_N) const uint KEYS = 32;

layout(push_constant) uniform Push {
    hrm_attention_params p;
};
layout(constant_id = HRM_SPEC_DTYPE_A) const uint QKV_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint O_TYPE = HRM_DTYPE_F32;
HRM_ANY4(readonly, 0, qkv);
HRM_ANY4(writeonly, 1, o);
layout(set = 0, binding = 2, std430) writeonly buffer LseBlock {
    float lse[];
};

const uint THREADS = gl_WorkGroupSize.x;
const uint VECS = HEAD_DIM / 4;
const uint PITCH = VECS | 1u; /* vec4 between rows of a tile: odd, so that a column is free of bank conflicts */
const uint SCORE_PASS = THREADS / KEYS;                         /* rows between two scores of an invocation */
const uint SCORES = QUERIES / SCORE_PASS;                       /* scores of an invocation, all of one key */
const uint TEAM = THREADS / QUERIES;                            /* invocations that share a row's softmax */
const uint OUT_PASS = THREADS / VECS;                           /* rows between two output vec4 of an invocation */
const uint OUTS = (QUERIES + OUT_PASS - 1) / OUT_PASS;          /* output vec4 of an invocation, all of one column */
const float LOG2_E = 1.4426950408889634;
const float LN_2 = 0.6931471805599453;
const float LOWEST = -3.0e38; /* below every score, and finite: LOWEST - LOWEST is 0, not NaN */

shared vec4 q_tile[QUERIES * PITCH];
shared vec4 kv_tile[KEYS * PITCH]; /* K, then V */
shared float score[QUERIES * (KEYS + 1)];
shared float team_part[THREADS];
shared float fade[QUERIES];

vec4 load_qkv(uint i) {
    return HRM_ANY4_LOAD(qkv, QKV_TYPE, i);
}

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * QUERIES;
    uint b = pair / p.heads, h = pair - b * p.heads;
    uint stride = 3 * p.heads * VECS; /* vec4 between rows of qkv */
    uint q_base = b * p.seq * stride + h * VECS;
    uint k_base = q_base + p.heads * VECS, v_base = k_base + p.heads * VECS;
    uint self = gl_LocalInvocationID.x;
    uint score_key = self % KEYS, score_row = self / KEYS;
    uint team_row = self / TEAM, team_lane = self % TEAM;
    uint out_col = self % VECS, out_row = self / VECS;

    for (uint i = self; i < QUERIES * VECS; i += THREADS) {
        uint row = i / VECS, d = i % VECS;
        q_tile[row * PITCH + d] =
            first + row < p.seq ? load_qkv(q_base + (first + row) * stride + d) * (p.scale * LOG2_E) : vec4(0);
    }
    vec4 acc[OUTS];
    [[unroll]] for (uint n = 0; n < OUTS; n++) acc[n] = vec4(0);
    float top = LOWEST, total = 0; /* of team_row: the maximum, and this invocation's part of the sum */

    for (uint j = 0; j < p.seq; j += KEYS) {
        barrier(); /* V of the tile before was read */
        for (uint i = self; i < KEYS * VECS; i += THREADS) {
            uint row = i / VECS, d = i % VECS;
            kv_tile[row * PITCH + d] = j + row < p.seq ? load_qkv(k_base + (j + row) * stride + d) : vec4(0);
        }
        barrier();
        float e[SCORES];
        [[unroll]] for (uint n = 0; n < SCORES; n++) e[n] = 0;
        for (uint d = 0; d < VECS; d++) {
            vec4 k = kv_tile[score_key * PITCH + d];
            [[unroll]] for (uint n = 0; n < SCORES; n++)
                e[n] += dot(q_tile[(score_row + n * SCORE_PASS) * PITCH + d], k);
        }
        [[unroll]] for (uint n = 0; n < SCORES; n++)
            score[(score_row + n * SCORE_PASS) * (KEYS + 1) + score_key] =
                j + score_key < p.seq ? e[n] : LOWEST;
        barrier();

        for (uint i = self; i < KEYS * VECS; i += THREADS) {
            uint row = i / VECS, d = i % VECS;
            kv_tile[row * PITCH + d] = j + row < p.seq ? load_qkv(v_base + (j + row) * stride + d) : vec4(0);
        }
        float m = top;
        for (uint c = team_lane; c < KEYS; c += TEAM) m = max(m, score[team_row * (KEYS + 1) + c]);
        team_part[self] = m;
        barrier();
        for (uint c = 0; c < TEAM; c++) m = max(m, team_part[team_row * TEAM + c]);
        float drop = exp2(top - m);
        top = m;
        total *= drop;
        for (uint c = team_lane; c < KEYS; c += TEAM) {
            float w = exp2(score[team_row * (KEYS + 1) + c] - m);
            score[team_row * (KEYS + 1) + c] = w;
            total += w;
        }
        if (team_lane == 0) fade[team_row] = drop;
        barrier();

        if (out_row < OUT_PASS) {
            [[unroll]] for (uint n = 0; n < OUTS; n++) acc[n] *= fade[min(out_row + n * OUT_PASS, QUERIES - 1)];
            for (uint c = 0; c < KEYS; c++) {
                vec4 v = kv_tile[c * PITCH + out_col];
                [[unroll]] for (uint n = 0; n < OUTS; n++)
                    acc[n] += score[min(out_row + n * OUT_PASS, QUERIES - 1) * (KEYS + 1) + c] * v;
            }
        }
    }

    barrier(); /* the last tile's maxima were read */
    team_part[self] = total;
    barrier();
    total = 0;
    for (uint c = 0; c < TEAM; c++) total += team_part[team_row * TEAM + c];
    if (team_lane == 0) {
        fade[team_row] = 1 / total;
        if (p.save_lse != 0 && first + team_row < p.seq)
            lse[pair * p.seq + first + team_row] = (top + log2(total)) * LN_2;
    }
    barrier();
    if (out_row >= OUT_PASS) return;
    [[unroll]] for (uint n = 0; n < OUTS; n++) {
        uint row = out_row + n * OUT_PASS;
        if (row < QUERIES && first + row < p.seq)
            HRM_ANY4_STORE(o, O_TYPE, ((b * p.seq + first + row) * p.heads + h) * VECS + out_col, acc[n] * fade[row]);
    }
}
