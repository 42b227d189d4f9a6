/* Attention backward on matrix units. A workgroup owns rows of queries (dq), or with -DOWN_KEYS rows of keys (dk, dv).
 *
 *   p_ij = exp(scale * q_i . k_j - lse_i)      ds_ij = p_ij (do_i . v_j - delta_i)      delta_i = do_i . o_i
 *   dq_i = scale * sum_j ds_ij k_j      dk_j = scale * sum_i ds_ij q_i      dv_j = sum_i p_ij do_i
 *
 * queries:  0  qkv       [B, T, 3, H, HEAD_DIM]  DTYPE_QKV: rows of q, then k, then v
 *           1  o         [B, T, H, HEAD_DIM]     DTYPE_O
 *           2  lse       [B, H, T]               f32
 *           3  grad_o    [B, T, H, HEAD_DIM]     DTYPE_GRAD
 *           4  delta     [B, H, T]               f32, written
 *           5  grad_qkv  [B, T, 3, H, HEAD_DIM]  DTYPE_RESULT: its q part is written
 * keys:     0  qkv    1  lse    2  delta    3  grad_o    4  grad_qkv, its k and v parts are written
 *
 * q, k, v, do, p and ds are 16-bit factors; sums, p, ds before rounding and all statistics are f32. One workgroup owns
 * OWN rows of one (b, h) and walks over tiles of OTHERS rows of the other side: x, y are the own rows (q and do, or k
 * and v), u, w the others (k and v, or q and do). Both score-like products stay in registers until ds is known: lse and
 * delta come as matrices that hold a query's number in its whole row, or with -DOWN_KEYS its whole column. Then ds (and
 * before it p) goes through shared memory once, to become the left side of the last product. coopmat.glsl has the sizes.
 * Rows past the sequence are zeros and p never exceeds 1, so that they add nothing. Each sum runs over the other side in
 * order, with one owner: the result is the same every time.
 * Source: Dao et al. 2022, algorithm 4, split in two so that it needs no atomics. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/common.h"
#include "shared/attention.h"
#include "shared/spec_ids.h"

layout(push_constant) uniform Push {
    hrm_attention_params p;
};
layout(set = 0, binding = 0, std430) readonly buffer QkvBlock {
    uvec4 qkv[];
};
layout(set = 0, binding = 3, std430) readonly buffer GradOutputBlock {
    uvec4 grad_o[];
};
#ifdef OWN_KEYS
layout(set = 0, binding = 1, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 2, std430) readonly buffer DeltaBlock {
    float delta[];
};
layout(set = 0, binding = 4, std430) writeonly buffer GradBlock {
    uvec4 result[];
};
#else
layout(set = 0, binding = 1, std430) readonly buffer OutputBlock {
    uvec4 o[];
};
layout(set = 0, binding = 2, std430) readonly buffer LseBlock {
    float lse[];
};
layout(set = 0, binding = 4, std430) writeonly buffer DeltaBlock {
    float delta[];
};
layout(set = 0, binding = 5, std430) writeonly buffer GradBlock {
    uvec4 result[];
};
#endif
#include "attention/coopmat.glsl"

layout(constant_id = HRM_SPEC_DTYPE_B) const uint DTYPE_GRAD = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_R) const uint DTYPE_O = HRM_DTYPE_F32;

shared uvec4 x_tile[OWN * PITCH], y_tile[OWN * PITCH];       /* own rows: q and do, or k and v */
shared uvec4 u_tile[OTHERS * PITCH], w_tile[OTHERS * PITCH]; /* others:   k and v, or q and do */
#ifdef OWN_KEYS
const uint STAT_PITCH = (OTHERS / 4) | 1u;
shared vec4 lse_tile[M * STAT_PITCH], delta_tile[M * STAT_PITCH]; /* the queries' numbers, M times */
#endif

/* f32 weights of the band in `score` to factors, in place. All subgroups of the band. */
void round_weights() {
    uint part = own_part();
    uvec4 weights[LANE_ROWS][PART];
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
        uint at = own_row(r) * SCORE_PITCH + part * PART * 2;
        [[unroll]] for (uint i = 0; i < PART; i++)
            weights[r][i] = to_factors(uintBitsToFloat(score[at + 2 * i]), uintBitsToFloat(score[at + 2 * i + 1]));
    }
    meet(); /* they were read */
    if (has_row()) {
        [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
            [[unroll]] for (uint i = 0; i < PART; i++)
                score[own_row(r) * SCORE_PITCH + part * PART + i] = weights[r][i];
        }
    }
    meet();
}

#define PUT_WEIGHTS(matrices)                                                                                          \
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {                                                                  \
        [[unroll]] for (uint c = 0; c < BLOCKS; c++)                                                                   \
            coopMatStore(matrices[t][c], score,                                                                        \
                         (band * BAND + t * M) * SCORE_PITCH + (share * BLOCKS + c) * (N / 4), SCORE_PITCH, BY_ROWS);  \
    }

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * OWN;
    uint b = pair / p.heads, h = pair - b * p.heads;
    uint o_stride = p.heads * OCTETS, stride = 3 * o_stride; /* octets between rows of o and of qkv */
    uint q_base = b * p.seq * stride + h * OCTETS, o_base = b * p.seq * o_stride + h * OCTETS;
    uint k_base = q_base + o_stride, v_base = k_base + o_stride;
    uint band = gl_SubgroupID / SPLIT, share = gl_SubgroupID % SPLIT;
    bool live = first + band * BAND < p.seq; /* else the band has no rows, and only helps to stage */
    float scale = p.scale * LOG2_E;

    SUM grad_x[ROW_TILES][COLUMNS];
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) grad_x[t][c] = SUM(0);
    }
#ifdef OWN_KEYS
    STAGE(x_tile, qkv, DTYPE_QKV, k_base, stride, first, OWN)
    STAGE(y_tile, qkv, DTYPE_QKV, v_base, stride, first, OWN)
    SUM grad_y[ROW_TILES][COLUMNS];
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) grad_y[t][c] = SUM(0);
    }
#else
    STAGE(x_tile, qkv, DTYPE_QKV, q_base, stride, first, OWN)
    STAGE(y_tile, grad_o, DTYPE_GRAD, o_base, o_stride, first, OWN)
    float own_delta[LANE_ROWS];
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
        uint row = own_row(r), i = min(first + row, p.seq - 1);
        vec4 sum = vec4(0);
        for (uint d = own_part(); d < OCTETS; d += TEAM) {
            uint at = o_base + i * o_stride + d;
            sum += LOAD_LOW(grad_o, DTYPE_GRAD, at) * LOAD_LOW(o, DTYPE_O, at);
            sum += LOAD_HIGH(grad_o, DTYPE_GRAD, at) * LOAD_HIGH(o, DTYPE_O, at);
        }
        own_delta[r] = team_sum((sum.x + sum.y) + (sum.z + sum.w));
        if (has_row() && own_part() == 0 && first + row < p.seq) delta[pair * p.seq + i] = own_delta[r];
        if (has_row()) put_number(row, 0, lse[pair * p.seq + i] * LOG2_E);
    }
    meet();
    SUM row_lse[ROW_TILES], row_delta[ROW_TILES];
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++)
        coopMatLoad(row_lse[t], score, (band * BAND + t * M) * SCORE_PITCH, SCORE_PITCH, BY_ROWS);
    meet();
    if (has_row()) {
        [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) put_number(own_row(r), 0, own_delta[r]);
    }
    meet();
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++)
        coopMatLoad(row_delta[t], score, (band * BAND + t * M) * SCORE_PITCH, SCORE_PITCH, BY_ROWS);
#endif

    for (uint j = 0; j < p.seq; j += OTHERS) {
        barrier(); /* the tiles before were read */
#ifdef OWN_KEYS
        STAGE(u_tile, qkv, DTYPE_QKV, q_base, stride, j, OTHERS)
        STAGE(w_tile, grad_o, DTYPE_GRAD, o_base, o_stride, j, OTHERS)
        for (uint i = gl_LocalInvocationID.x; i < M * (OTHERS / 4); i += THREADS) {
            uint column = i % (OTHERS / 4), query = pair * p.seq + j + column * 4, at = i / (OTHERS / 4) * STAT_PITCH + column;
            vec4 l = vec4(0), d = vec4(0);
            [[unroll]] for (uint e = 0; e < 4; e++) {
                if (j + column * 4 + e >= p.seq) continue;
                l[e] = lse[query + e] * LOG2_E;
                d[e] = delta[query + e];
            }
            lse_tile[at] = l;
            delta_tile[at] = d;
        }
#else
        STAGE(u_tile, qkv, DTYPE_QKV, k_base, stride, j, OTHERS)
        STAGE(w_tile, qkv, DTYPE_QKV, v_base, stride, j, OTHERS)
#endif
        barrier();
        SUM s[ROW_TILES][BLOCKS], ds[ROW_TILES][BLOCKS]; /* s becomes p */
        if (live) {
            [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                [[unroll]] for (uint c = 0; c < BLOCKS; c++) {
                    s[t][c] = SUM(0);
                    ds[t][c] = SUM(0);
                }
            }
            for (uint k = 0; k < WIDTH; k += K) {
                LEFT x[ROW_TILES], y[ROW_TILES];
                [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                    coopMatLoad(x[t], x_tile, (band * BAND + t * M) * PITCH + k / 8, PITCH, BY_ROWS);
                    coopMatLoad(y[t], y_tile, (band * BAND + t * M) * PITCH + k / 8, PITCH, BY_ROWS);
                }
                [[unroll]] for (uint c = 0; c < BLOCKS; c++) {
                    RIGHT u, w;
                    coopMatLoad(u, u_tile, (share * BLOCKS + c) * N * PITCH + k / 8, PITCH, BY_COLUMNS);
                    coopMatLoad(w, w_tile, (share * BLOCKS + c) * N * PITCH + k / 8, PITCH, BY_COLUMNS);
                    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                        s[t][c] = coopMatMulAdd(x[t], u, s[t][c]);
                        ds[t][c] = coopMatMulAdd(y[t], w, ds[t][c]);
                    }
                }
            }
            [[unroll]] for (uint c = 0; c < BLOCKS; c++) {
#ifdef OWN_KEYS
                SUM query_lse, query_delta;
                coopMatLoad(query_lse, lse_tile, (share * BLOCKS + c) * (N / 4), STAT_PITCH, BY_ROWS);
                coopMatLoad(query_delta, delta_tile, (share * BLOCKS + c) * (N / 4), STAT_PITCH, BY_ROWS);
#define QUERY_LSE query_lse
#define QUERY_DELTA query_delta
#else
#define QUERY_LSE row_lse[t]
#define QUERY_DELTA row_delta[t]
#endif
                [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                    for (uint i = 0; i < s[t][c].length(); i++) {
                        /* rounding of large scores may put a score above the lse */
                        float weight = exp2(min(s[t][c][i] * scale - QUERY_LSE[i], 0));
                        s[t][c][i] = weight;
                        ds[t][c][i] = weight * (ds[t][c][i] - QUERY_DELTA[i]);
                    }
                }
            }
#ifdef OWN_KEYS
            PUT_WEIGHTS(s)
#else
            PUT_WEIGHTS(ds)
#endif
        }
        meet();
        round_weights();
#ifdef OWN_KEYS
        if (live) { ADD_WEIGHTED(grad_y, w_tile) }
        meet(); /* p was read: ds takes its place */
        if (live) { PUT_WEIGHTS(ds) }
        meet();
        round_weights();
#endif
        if (live) { ADD_WEIGHTED(grad_x, u_tile) }
    }

    float factor[LANE_ROWS];
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) factor[r] = p.scale;
    barrier(); /* the last weights were read */
#ifdef OWN_KEYS
    put_rows(grad_x, factor, first, p.seq, k_base, stride);
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) factor[r] = 1;
    put_rows(grad_y, factor, first, p.seq, v_base, stride);
#else
    put_rows(grad_x, factor, first, p.seq, q_base, stride);
#endif
}
