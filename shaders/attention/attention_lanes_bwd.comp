/* Attention backward for CPU drivers, a lane a row: of queries (dq), or with -DOWN_KEYS of keys (dk and dv).
 *
 *   p_ij = exp(scale * q_i . k_j - lse_i)      ds_ij = p_ij (do_i . v_j - delta_i)      delta_i = do_i . o_i
 *   dq_i = scale * sum_j ds_ij k_j      dk_j = scale * sum_i ds_ij q_i      dv_j = sum_i p_ij do_i
 *
 * queries:  0  qkv       [B, T, 3, H, HEAD_DIM]  rgba32f storage texel buffer: rows of q, then k, then v
 *           1  o         [B, T, H, HEAD_DIM]     rgba32f storage texel buffer
 *           2  lse       [B, H, T]
 *           3  grad_o    [B, T, H, HEAD_DIM]     rgba32f storage texel buffer
 *           4  delta     [B, H, T]               written
 *           5  grad_qkv  [B, T, 3, H, HEAD_DIM]  its q part is written
 * keys:     0  qkv    1  lse    2  delta    3  grad_o    4  grad_qkv, its k and v parts are written
 * and with -DUNIFORM_ADDRESS qkv (queries) or qkv and grad_o (keys) once more, through their addresses.
 *
 * All in f32. One workgroup is one subgroup of LANES lanes and owns LANES * ROWS rows of one (b, h); lane l has rows l,
 * l + LANES, ... with their two vectors (q and do, or k and v) and their sums in registers; lanes.glsl says how STEP
 * rows at a time of the other side (k and v, or q and do) reach them. Each sum runs over the other side in order: the
 * result is the same every time.
 * Source: Dao et al. 2022, algorithm 4, split in two so that every sum has one owner and needs no atomics. */
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
layout(set = 0, binding = 3, rgba32f) readonly uniform imageBuffer grad_o;
#ifdef OWN_KEYS
layout(set = 0, binding = 1, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 2, std430) readonly buffer DeltaBlock {
    float delta[];
};
layout(set = 0, binding = 4, std430) writeonly buffer GradBlock {
    STORED grad_qkv[];
};
#else
layout(set = 0, binding = 1, rgba32f) readonly uniform imageBuffer o;
layout(set = 0, binding = 2, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 4, std430) writeonly buffer DeltaBlock {
    float delta[];
};
layout(set = 0, binding = 5, std430) writeonly buffer GradBlock {
    STORED grad_qkv[];
};
#endif

/* Of a score and its row's lse, both in powers of two. Rounding of large scores may put a score above the lse. */
float probability(float score, float lse2) {
    return exp2(min(score - lse2, 0));
}

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * (LANES * ROWS);
    uint b = pair / p.heads, h = pair - b * p.heads;
    int last = int(p.seq) - 1;
    int o_stride = int(p.heads * VECS), stride = 3 * o_stride; /* vec4 between rows of o and of qkv */
    int q_base = int(b * p.seq) * stride + int(h * VECS), o_base = int(b * p.seq) * o_stride + int(h * VECS);
    int k_base = q_base + o_stride, v_base = k_base + o_stride;
    uint lane = gl_LocalInvocationID.x;
#ifdef UNIFORM_ADDRESS
    Rows qkv_rows = Rows(uvec2(p.qkv_lo, p.qkv_hi));
#ifdef OWN_KEYS
    Rows grad_o_rows = Rows(uvec2(p.grad_o_lo, p.grad_o_hi));
#endif
#endif

    /* x: scaled q or k, for the scores; y: do or v, for do . v */
    vec4 x[ROWS][VECS], y[ROWS][VECS], grad_x[ROWS][VECS];
#ifdef OWN_KEYS
    vec4 grad_y[ROWS][VECS];
#else
    float own_lse[ROWS], own_delta[ROWS];
#endif
    [[unroll]] for (uint n = 0; n < ROWS; n++) {
        int i = min(int(first + n * LANES + lane), last);
#ifdef OWN_KEYS
        int x_row = k_base + i * stride, y_row = v_base + i * stride;
#else
        int x_row = q_base + i * stride, y_row = o_base + i * o_stride;
        own_lse[n] = lse[pair * p.seq + uint(i)] * LOG2_E;
        vec4 dot_o = vec4(0);
#endif
        [[unroll]] for (uint d = 0; d < VECS; d++) {
            x[n][d] = imageLoad(qkv, x_row + int(d)) * (p.scale * LOG2_E);
            grad_x[n][d] = vec4(0);
#ifdef OWN_KEYS
            y[n][d] = imageLoad(qkv, y_row + int(d));
            grad_y[n][d] = vec4(0);
#else
            y[n][d] = imageLoad(grad_o, y_row + int(d));
            dot_o += y[n][d] * imageLoad(o, y_row + int(d));
#endif
        }
#ifndef OWN_KEYS
        own_delta[n] = vec_sum(dot_o);
#endif
    }

    for (int j = 0; j <= last; j += int(STEP)) {
        /* u and w: rows of k and v, or of q and do */
#ifdef OWN_KEYS
        STREAM(u, qkv, q_base, stride, j)
        STREAM(w, grad_o, o_base, o_stride, j)
#define W_SOURCE grad_o
#ifndef UNIFORM_ADDRESS
        uint stat = pair * p.seq + uint(min(j + int(lane), last));
        float lse_part = lse[stat] * LOG2_E, delta_part = delta[stat];
#endif
#else
        STREAM(u, qkv, k_base, stride, j)
        STREAM(w, qkv, v_base, stride, j)
#define W_SOURCE qkv
#endif
        float weight[ROWS][STEP], ds[ROWS][STEP]; /* first the scores and do . v */
        DOTS(weight, x, u, qkv)
        DOTS(ds, y, w, W_SOURCE)
        [[unroll]] for (uint t = 0; t < STEP; t++) {
#ifdef OWN_KEYS
#ifdef UNIFORM_ADDRESS
            uint stat = pair * p.seq + uint(min(j + int(t), last));
            float row_lse = lse[stat] * LOG2_E, row_delta = delta[stat];
#else
            float row_lse = HAND(lse_part, t), row_delta = HAND(delta_part, t);
#endif
#endif
            bool live = j + int(t) <= last;
            [[unroll]] for (uint n = 0; n < ROWS; n++) {
#ifndef OWN_KEYS
                float row_lse = own_lse[n], row_delta = own_delta[n];
#endif
                weight[n][t] = live ? probability(weight[n][t], row_lse) : 0;
                ds[n][t] = weight[n][t] * (ds[n][t] - row_delta);
            }
        }
        REPEAT(u)
        [[unroll]] for (uint d = 0; d < VECS; d++) {
            vec4 a[ROWS];
            [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] = grad_x[n][d];
            [[unroll]] for (uint t = 0; t < STEP; t++) {
                vec4 c = TAKE(u, t, d);
                [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] += ds[n][t] * c;
            }
            [[unroll]] for (uint n = 0; n < ROWS; n++) grad_x[n][d] = a[n];
        }
#ifdef OWN_KEYS
        REPEAT(w)
        [[unroll]] for (uint d = 0; d < VECS; d++) {
            vec4 a[ROWS];
            [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] = grad_y[n][d];
            [[unroll]] for (uint t = 0; t < STEP; t++) {
                vec4 c = TAKE(w, t, d);
                [[unroll]] for (uint n = 0; n < ROWS; n++) a[n] += weight[n][t] * c;
            }
            [[unroll]] for (uint n = 0; n < ROWS; n++) grad_y[n][d] = a[n];
        }
#endif
    }

    [[unroll]] for (uint n = 0; n < ROWS; n++) {
        int i = int(first + n * LANES + lane);
        if (i > last) continue;
#ifdef OWN_KEYS
        int k_row = k_base + i * stride, v_row = v_base + i * stride;
        [[unroll]] for (uint d = 0; d < VECS; d++) grad_qkv[k_row + int(d)] = stored(grad_x[n][d] * p.scale);
        [[unroll]] for (uint d = 0; d < VECS; d++) grad_qkv[v_row + int(d)] = stored(grad_y[n][d]);
#else
        int q_row = q_base + i * stride;
        [[unroll]] for (uint d = 0; d < VECS; d++) grad_qkv[q_row + int(d)] = stored(grad_x[n][d] * p.scale);
        delta[pair * p.seq + uint(i)] = own_delta[n];
#endif
    }
}
