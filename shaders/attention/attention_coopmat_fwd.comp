/* Attention forward on matrix units.
 *
 *   s_ij = scale * q_i . k_j      p_ij = exp(s_ij - lse_i)      o_i = sum_j p_ij v_j      lse_i = log sum_j exp(s_ij)
 *
 * 0  qkv  [B, T, 3, H, HEAD_DIM]  DTYPE_QKV: rows of q, then k, then v
 * 1  o    [B, T, H, HEAD_DIM]     DTYPE_RESULT
 * 2  lse  [B, H, T]               f32, natural logarithm; written only with save_lse
 *
 * q, k, v and the weights are 16-bit factors; sums, softmax and its statistics are f32. The scale (and log2 e: powers
 * of two throughout) meets the f32 score, so that no factor is rounded for it, and scores cannot overflow. One workgroup
 * computes OWN queries of one (b, h) and walks over tiles of OTHERS keys; coopmat.glsl has the sizes and how rows are
 * reached.
 *
 * The outputs stay in registers, where a matrix cannot be scaled by rows. So a row's maximum is raised only when it has
 * grown by a factor of 2^SLACK (a weight may be that large: harmless to 16 bits, which keep their relative precision,
 * and to f32 sums), which rarely happens after the first tile; then every output is multiplied, element by element, by a
 * matrix that holds its row's factor in every column. The choice is the row's own: its bits depend on no other row.
 * Sources: Milakov & Gimelshein 2018 (online softmax); Dao et al. 2022 (no T x T matrix); the
 * rescaling only past a threshold as in FlashAttention-4; ggml's flash_attn_cm1.comp (scores through shared memory). */
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
layout(set = 0, binding = 1, std430) writeonly buffer OutputBlock {
    uvec4 result[];
};
layout(set = 0, binding = 2, std430) writeonly buffer LseBlock {
    float lse[];
};
#include "attention/coopmat.glsl"

const float SLACK = 8; /* in powers of two; a weight of 2^8 is far from the 2^16 where f16 ends */

shared uvec4 q_tile[OWN * PITCH], k_tile[OTHERS * PITCH], v_tile[OTHERS * PITCH];
shared uint raised[SUBGROUPS]; /* whether a row's maximum was raised in this tile */

void main() {
    uint group = flat_group();
    if (group >= p.groups) return;
    uint pair = group / p.blocks;
    uint first = (group - pair * p.blocks) * OWN;
    uint b = pair / p.heads, h = pair - b * p.heads;
    uint o_stride = p.heads * OCTETS, stride = 3 * o_stride; /* octets between rows of o and of qkv */
    uint q_base = b * p.seq * stride + h * OCTETS;
    uint k_base = q_base + o_stride, v_base = k_base + o_stride;
    uint band = gl_SubgroupID / SPLIT, share = gl_SubgroupID % SPLIT, part = own_part();
    bool live = first + band * BAND < p.seq; /* else the band has no queries, and only helps to stage */
    float scale = p.scale * LOG2_E;

    STAGE(q_tile, qkv, DTYPE_QKV, q_base, stride, first, OWN)
    SUM outputs[ROW_TILES][COLUMNS];
    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) outputs[t][c] = SUM(0);
    }
    float top[LANE_ROWS], total[LANE_ROWS]; /* of the lane's rows: the maximum, and its part's sum */
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
        top[r] = LOWEST;
        total[r] = 0;
    }

    for (uint j = 0; j < p.seq; j += OTHERS) {
        barrier(); /* the tiles before were read */
        STAGE(k_tile, qkv, DTYPE_QKV, k_base, stride, j, OTHERS)
        STAGE(v_tile, qkv, DTYPE_QKV, v_base, stride, j, OTHERS)
        barrier();
        if (live) {
            SUM s[ROW_TILES][BLOCKS];
            [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                [[unroll]] for (uint c = 0; c < BLOCKS; c++) s[t][c] = SUM(0);
            }
            for (uint k = 0; k < WIDTH; k += K) {
                LEFT q[ROW_TILES];
                [[unroll]] for (uint t = 0; t < ROW_TILES; t++)
                    coopMatLoad(q[t], q_tile, (band * BAND + t * M) * PITCH + k / 8, PITCH, BY_ROWS);
                [[unroll]] for (uint c = 0; c < BLOCKS; c++) {
                    RIGHT keys;
                    coopMatLoad(keys, k_tile, (share * BLOCKS + c) * N * PITCH + k / 8, PITCH, BY_COLUMNS);
                    [[unroll]] for (uint t = 0; t < ROW_TILES; t++) s[t][c] = coopMatMulAdd(q[t], keys, s[t][c]);
                }
            }
            [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                [[unroll]] for (uint c = 0; c < BLOCKS; c++)
                    coopMatStore(s[t][c], score,
                                 (band * BAND + t * M) * SCORE_PITCH + (share * BLOCKS + c) * (N / 4), SCORE_PITCH,
                                 BY_ROWS);
            }
            if (gl_SubgroupInvocationID == 0) raised[gl_SubgroupID] = 0;
        }
        meet();

        uvec4 weights[LANE_ROWS][PART];
        float fade[LANE_ROWS];
        if (live) {
            [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
                uint at = own_row(r) * SCORE_PITCH + part * PART * 2;
                vec4 s[PART * 2];
                float most = LOWEST;
                [[unroll]] for (uint i = 0; i < PART * 2; i++) {
                    uvec4 key = j + (part * PART * 2 + i) * 4 + uvec4(0, 1, 2, 3);
                    s[i] = mix(vec4(LOWEST), uintBitsToFloat(score[at + i]) * scale, lessThan(key, uvec4(p.seq)));
                    most = max(most, max(max(s[i].x, s[i].y), max(s[i].z, s[i].w)));
                }
                most = team_max(most);
                bool raise = most > top[r] + SLACK; /* always in the first tile */
                fade[r] = raise ? exp2(top[r] - most) : 1;
                top[r] = raise ? most : top[r];
                if (raise && j > 0) raised[gl_SubgroupID] = 1;
                float sum = 0;
                [[unroll]] for (uint i = 0; i < PART * 2; i++) {
                    s[i] = exp2(s[i] - top[r]);
                    sum += (s[i].x + s[i].y) + (s[i].z + s[i].w);
                }
                total[r] = total[r] * fade[r] + sum;
                [[unroll]] for (uint i = 0; i < PART; i++) weights[r][i] = to_factors(s[2 * i], s[2 * i + 1]);
            }
        }
        meet(); /* the scores were read */
        uint any = 0;
        if (live) {
            [[unroll]] for (uint i = 0; i < SPLIT; i++) any |= raised[band * SPLIT + i];
            if (has_row()) {
                [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
                    uint row = own_row(r);
                    [[unroll]] for (uint i = 0; i < PART; i++) score[row * SCORE_PITCH + part * PART + i] = weights[r][i];
                    if (any != 0) put_number(row, OTHERS / 8, fade[r]);
                }
            }
        }
        meet();
        if (live) {
            if (any != 0) {
                [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
                    SUM factor;
                    coopMatLoad(factor, score, (band * BAND + t * M) * SCORE_PITCH + OTHERS / 8, SCORE_PITCH, BY_ROWS);
                    [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                        for (uint i = 0; i < factor.length(); i++) outputs[t][c][i] *= factor[i];
                    }
                }
            }
            ADD_WEIGHTED(outputs, v_tile)
        }
    }

    float factor[LANE_ROWS];
    [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
        float sum = team_sum(total[r]);
        uint i = first + own_row(r);
        factor[r] = 1 / sum;
        if (p.save_lse != 0 && has_row() && part == 0 && i < p.seq)
            lse[pair * p.seq + i] = (top[r] + log2(sum)) * LN_2;
    }
    barrier(); /* the last weights were read */
    put_rows(outputs, factor, first, p.seq, b * p.seq * o_stride + h * OCTETS, o_stride);
}
