/* Attention backward in tiles: the conventional form, for every device. A workgroup owns rows of queries (dq), or with
 * -DOWN_KEYS rows of keys (dk and dv).
 *
 *   p_ij = exp(scale * q_i . k_j - lse_i)      ds_ij = p_ij (do_i . v_j - delta_i)      delta_i = do_i . o_i
 *   dq_i = scale * sum_j ds_ij k_j      dk_j = scale * sum_i ds_ij q_i      dv_j = sum_i p_ij do_i
 *
 * queries:  0  qkv       [B, T, 3, H, HEAD_DIM]  rows of q, then k, then v; HEAD_DIM a multiple of 4, at most 128
 *           1  o         [B, T, H, HEAD_DIM]
 *           2  lse       [B, H, T]
 *           3  grad_o    [B, T, H, HEAD_DIM]
 *           4  delta     [B, H, T]               written
 *           5  grad_qkv  [B, T, 3, H, HEAD_DIM]  its q part is written
 * keys:     0  qkv    1  lse    2  delta    3  grad_o    4  grad_qkv, its k and v parts are written
 *
 * qkv, o, grad_o and grad_qkv may each be 16-bit instead of f32. All arithmetic is f32, no subgroup features. One
 * workgroup owns OWN rows of one (b, h) and walks over tiles of TILE rows of the other side (k and v, or q and do).
 * Both score-like products of a tile are summed over CHUNK vec4 of the head at a time, with the four operands in shared
 * memory, so that its size does not depend on the head's width; an invocation has ROWS x 2 of each. Each sum runs over
 * the other side in order, with one owner: the result is the same every time.
 * Source: Dao et al. 2022, algorithm 4, split in two so that it needs no atomics. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/common.h"
#include "shared/attention.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/half.glsl"

const uint THREADS = 128;
layout(local_size_x = 128) in;
layout(constant_id = HRM_SPEC_HEAD_DIM) const uint HEAD_DIM = 32;

layout(push_constant) uniform Push {
    hrm_attention_params p;
};
layout(constant_id = HRM_SPEC_DTYPE_A) const uint QKV_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_B) const uint GRAD_O_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint GRAD_QKV_TYPE = HRM_DTYPE_F32;
HRM_ANY4(readonly, 0, qkv);
HRM_ANY4(readonly, 3, grad_o);
#ifdef OWN_KEYS
layout(set = 0, binding = 1, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 2, std430) readonly buffer DeltaBlock {
    float delta[];
};
HRM_ANY4(writeonly, 4, grad_qkv);
#else
layout(constant_id = HRM_SPEC_DTYPE_R) const uint O_TYPE = HRM_DTYPE_F32;
HRM_ANY4(readonly, 1, o);
layout(set = 0, binding = 2, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 4, std430) writeonly buffer DeltaBlock {
    float delta[];
};
HRM_ANY4(writeonly, 5, grad_qkv);
#endif

const uint TILE = 32; /* rows of the other side at a time */
layout(constant_id = HRM_SPEC_TILE_M) const uint OWN = 32; /* own rows: 32, or 16 to keep wide heads in registers */
const uint CHUNK = THREADS / TILE; /* vec4 of a row staged at once: one vec4 of each operand by each invocation */
const uint PITCH = CHUNK + 1;
/* invocation (y, x) = (self / SIDE, self % SIDE) has own rows y + DOWN * a and others x + SIDE * b */
const uint SIDE = 16;
const uint DOWN = THREADS / SIDE;
const uint ROWS = OWN / DOWN; /* own rows of an invocation's scores */
const uint VECS = HEAD_DIM / 4;
const uint OUT_PASS = THREADS / VECS;                 /* rows between two output vec4 of an invocation */
const uint OUTS = (OWN + OUT_PASS - 1) / OUT_PASS;   /* output vec4 of an invocation, all of one column */
const float LOG2_E = 1.4426950408889634;

shared vec4 x_tile[OWN * PITCH], y_tile[OWN * PITCH]; /* own rows: q and do, or k and v */
shared vec4 u_tile[TILE * PITCH], w_tile[TILE * PITCH]; /* others:   k and v, or q and do */
shared float weight_tile[OWN * (TILE + 1)];            /* ds, or p, [own row][other row] */
shared float lse_tile[TILE], delta_tile[TILE];
#ifndef OWN_KEYS
shared float dot_part[THREADS];
#endif

/* Of a score and its row's lse, both in powers of two. Rounding of large scores may put a score above the lse. */
float probability(float score, float lse2) {
    return exp2(min(score - lse2, 0));
}

vec4 load_qkv(uint i) {
    return HRM_ANY4_LOAD(qkv, QKV_TYPE, i);
}

vec4 load_grad_o(uint i) {
    return HRM_ANY4_LOAD(grad_o, GRAD_O_TYPE, i);
}

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * OWN;
    uint b = pair / p.heads, h = pair - b * p.heads;
    uint o_stride = p.heads * VECS, stride = 3 * o_stride; /* vec4 between rows of o and of qkv */
    uint q_base = b * p.seq * stride + h * VECS, o_base = b * p.seq * o_stride + h * VECS;
    uint k_base = q_base + o_stride, v_base = k_base + o_stride;
    uint self = gl_LocalInvocationID.x;
    uint x = self % SIDE, y = self / SIDE;
    uint stage_row = self / CHUNK, stage_col = self % CHUNK;
    uint out_col = self % VECS, out_row = self / VECS;

#ifndef OWN_KEYS
    /* delta of the own queries: CHUNK invocations a row */
    {
        vec4 part = vec4(0);
        if (stage_row < OWN && first + stage_row < p.seq) {
            uint row = o_base + (first + stage_row) * o_stride;
            for (uint d = stage_col; d < VECS; d += CHUNK)
                part += load_grad_o(row + d) * HRM_ANY4_LOAD(o, O_TYPE, row + d);
        }
        dot_part[self] = (part.x + part.y) + (part.z + part.w);
        barrier();
        if (self < OWN) {
            uint i = self * CHUNK;
            float sum = (dot_part[i] + dot_part[i + 1]) + (dot_part[i + 2] + dot_part[i + 3]);
            bool live = first + self < p.seq;
            uint stat = pair * p.seq + first + self;
            delta_tile[self] = sum;
            lse_tile[self] = live ? lse[stat] * LOG2_E : 0;
            if (live) delta[stat] = sum;
        }
    }
#endif
    vec4 grad_x[OUTS];
    [[unroll]] for (uint n = 0; n < OUTS; n++) grad_x[n] = vec4(0);
#ifdef OWN_KEYS
    vec4 grad_y[OUTS];
    [[unroll]] for (uint n = 0; n < OUTS; n++) grad_y[n] = vec4(0);
#endif

    for (uint j = 0; j < p.seq; j += TILE) {
        float s[ROWS][2], dw[ROWS][2];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            [[unroll]] for (uint c = 0; c < 2; c++) {
                s[r][c] = 0;
                dw[r][c] = 0;
            }
        }
        for (uint start = 0; start < VECS; start += CHUNK) {
            barrier(); /* the tiles before were read */
            uint d = start + stage_col;
            bool own = d < VECS && first + stage_row < p.seq, other = d < VECS && j + stage_row < p.seq;
            uint own_row = first + stage_row, other_row = j + stage_row, at = stage_row * PITCH + stage_col;
#ifdef OWN_KEYS
            if (stage_row < OWN) {
                x_tile[at] = own ? load_qkv(k_base + own_row * stride + d) * (p.scale * LOG2_E) : vec4(0);
                y_tile[at] = own ? load_qkv(v_base + own_row * stride + d) : vec4(0);
            }
            u_tile[at] = other ? load_qkv(q_base + other_row * stride + d) : vec4(0);
            w_tile[at] = other ? load_grad_o(o_base + other_row * o_stride + d) : vec4(0);
            if (start == 0 && self < TILE) {
                bool live = j + self < p.seq;
                lse_tile[self] = live ? lse[pair * p.seq + j + self] * LOG2_E : 0;
                delta_tile[self] = live ? delta[pair * p.seq + j + self] : 0;
            }
#else
            if (stage_row < OWN) {
                x_tile[at] = own ? load_qkv(q_base + own_row * stride + d) * (p.scale * LOG2_E) : vec4(0);
                y_tile[at] = own ? load_grad_o(o_base + own_row * o_stride + d) : vec4(0);
            }
            u_tile[at] = other ? load_qkv(k_base + other_row * stride + d) : vec4(0);
            w_tile[at] = other ? load_qkv(v_base + other_row * stride + d) : vec4(0);
#endif
            barrier();
            [[unroll]] for (uint e = 0; e < CHUNK; e++) {
                vec4 u[2], w[2];
                [[unroll]] for (uint c = 0; c < 2; c++) {
                    u[c] = u_tile[(x + c * SIDE) * PITCH + e];
                    w[c] = w_tile[(x + c * SIDE) * PITCH + e];
                }
                [[unroll]] for (uint r = 0; r < ROWS; r++) {
                    vec4 xr = x_tile[(y + r * DOWN) * PITCH + e], yr = y_tile[(y + r * DOWN) * PITCH + e];
                    [[unroll]] for (uint c = 0; c < 2; c++) {
                        s[r][c] += dot(xr, u[c]);
                        dw[r][c] += dot(yr, w[c]);
                    }
                }
            }
        }

        float weight[ROWS][2], ds[ROWS][2];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            [[unroll]] for (uint c = 0; c < 2; c++) {
                uint row = y + r * DOWN, other = x + c * SIDE;
#ifdef OWN_KEYS
                uint query = other;
#else
                uint query = row;
#endif
                weight[r][c] = j + other < p.seq ? probability(s[r][c], lse_tile[query]) : 0;
                ds[r][c] = weight[r][c] * (dw[r][c] - delta_tile[query]);
                weight_tile[row * (TILE + 1) + other] = ds[r][c];
            }
        }
        barrier();
        uint others = min(TILE, p.seq - j);
        if (out_row < OUT_PASS) {
            for (uint c = 0; c < others; c++) {
#ifdef OWN_KEYS
                vec4 u = load_qkv(q_base + (j + c) * stride + out_col);
#else
                vec4 u = load_qkv(k_base + (j + c) * stride + out_col);
#endif
                [[unroll]] for (uint n = 0; n < OUTS; n++)
                    grad_x[n] += weight_tile[min(out_row + n * OUT_PASS, OWN - 1) * (TILE + 1) + c] * u;
            }
        }
#ifdef OWN_KEYS
        barrier(); /* ds was read: p takes its place */
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            [[unroll]] for (uint c = 0; c < 2; c++)
                weight_tile[(y + r * DOWN) * (TILE + 1) + x + c * SIDE] = weight[r][c];
        }
        barrier();
        if (out_row < OUT_PASS) {
            for (uint c = 0; c < others; c++) {
                vec4 w = load_grad_o(o_base + (j + c) * o_stride + out_col);
                [[unroll]] for (uint n = 0; n < OUTS; n++)
                    grad_y[n] += weight_tile[min(out_row + n * OUT_PASS, OWN - 1) * (TILE + 1) + c] * w;
            }
        }
#endif
    }

    if (out_row >= OUT_PASS) return;
    [[unroll]] for (uint n = 0; n < OUTS; n++) {
        uint row = out_row + n * OUT_PASS, i = first + row;
        if (row >= OWN || i >= p.seq) continue;
#ifdef OWN_KEYS
        HRM_ANY4_STORE(grad_qkv, GRAD_QKV_TYPE, k_base + i * stride + out_col, grad_x[n] * p.scale);
        HRM_ANY4_STORE(grad_qkv, GRAD_QKV_TYPE, v_base + i * stride + out_col, grad_y[n]);
#else
        HRM_ANY4_STORE(grad_qkv, GRAD_QKV_TYPE, q_base + i * stride + out_col, grad_x[n] * p.scale);
#endif
    }
}
