/* Attention forward for CPU drivers, a lane a query.
 *
 *   s_ij = scale * q_i . k_j      p_ij = exp(s_ij - lse_i)      o_i = sum_j p_ij v_j      lse_i = log sum_j exp(s_ij)
 *
 * 0  qkv  [B, T, 3, H, HEAD_DIM]  rgba32f storage texel buffer: rows of q, then k, then v; HEAD_DIM a multiple of 4
 * 1  o    [B, T, H, HEAD_DIM]
 * 2  lse  [B, H, T]               natural logarithm; written only with save_lse
 * 3  qkv again, through its address (-DUNIFORM_ADDRESS)
 *
 * All in f32. One workgroup is one subgroup and computes LANES * ROWS queries of one (b, h), each lane with its q and o
 * in registers; lanes.glsl says how K and V reach the lanes. The softmax runs online: maximum and sum so far, in powers
 * of two (log2 e is folded into the scale).
 * Source: Milakov & Gimelshein 2018 (online softmax); Dao et al. 2022 (no T x T matrix). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/common.h"
#include "shared/attention.h"
#include "shared/spec_ids.h"
#include "attention/lanes.glsl"

layout(push_constant) uniform Push {
#ifdef UNIFORM_ADDRESS
    hrm_attention_address_params p;
#else
    hrm_attention_params p;
#endif
};
layout(set = 0, binding = 0, rgba32f) readonly uniform imageBuffer qkv;
layout(set = 0, binding = 1, std430) writeonly buffer OutputBlock {
    STORED o[];
};
layout(set = 0, binding = 2, std430) writeonly buffer LseBlock {
    float lse[];
};

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * (LANES * ROWS);
    uint b = pair / p.heads, h = pair - b * p.heads;
    int last = int(p.seq) - 1;
    int stride = int(3 * p.heads * VECS); /* vec4 between rows of qkv */
    int q_base = int(b * p.seq) * stride + int(h * VECS);
    int k_base = q_base + int(p.heads * VECS), v_base = k_base + int(p.heads * VECS);
    uint lane = gl_LocalInvocationID.x;
#ifdef UNIFORM_ADDRESS
    Rows qkv_rows = Rows(uvec2(p.qkv_lo, p.qkv_hi));
#endif

    vec4 q[ROWS][VECS], acc[ROWS][VECS];
    float top[ROWS], total[ROWS]; /* maximum so far, and the sum of powers of two below it */
    [[unroll]] for (uint n = 0; n < ROWS; n++) {
        int row = q_base + min(int(first + n * LANES + lane), last) * stride;
        [[unroll]] for (uint d = 0; d < VECS; d++) {
            q[n][d] = imageLoad(qkv, row + int(d)) * (p.scale * LOG2_E);
            acc[n][d] = vec4(0);
        }
        top[n] = LOWEST;
        total[n] = 0;
    }

    for (int j = 0; j <= last; j += int(STEP)) {
        float s[ROWS][STEP], fade[ROWS];
        STREAM(k, qkv, k_base, stride, j)
        DOTS(s, q, k, qkv)
        [[unroll]] for (uint t = 0; t < STEP; t++) {
            bool live = j + int(t) <= last;
            [[unroll]] for (uint n = 0; n < ROWS; n++) s[n][t] = live ? s[n][t] : LOWEST;
        }
        [[unroll]] for (uint n = 0; n < ROWS; n++) {
            float m = top[n];
            [[unroll]] for (uint t = 0; t < STEP; t++) m = max(m, s[n][t]);
            fade[n] = exp2(top[n] - m);
            top[n] = m;
            float sum = total[n] * fade[n];
            [[unroll]] for (uint t = 0; t < STEP; t++) {
                s[n][t] = exp2(s[n][t] - m);
                sum += s[n][t];
            }
            total[n] = sum;
        }
        STREAM(v, qkv, v_base, stride, j)
        [[unroll]] for (uint d = 0; d < VECS; d++) {
            FETCH(v, qkv, d)
            vec4 a[ROWS];
            [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] = acc[n][d] * fade[n];
            [[unroll]] for (uint t = 0; t < STEP; t++) {
                vec4 c = TAKE(v, t, d);
                [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] += s[n][t] * c;
            }
            [[unroll]] for (uint n = 0; n < ROWS; n++) acc[n][d] = a[n];
        }
    }

    [[unroll]] for (uint n = 0; n < ROWS; n++) {
        int i = int(first + n * LANES + lane);
        if (i > last) continue;
        float r = 1 / total[n];
        uint row = ((b * p.seq + uint(i)) * p.heads + h) * VECS;
        [[unroll]] for (uint d = 0; d < VECS; d++) o[row + d] = stored(acc[n][d] * r);
        if (p.save_lse != 0) lse[pair * p.seq + uint(i)] = (top[n] + log2(total[n])) * LN_2;
    }
}
