/* C = A B, the conventional family: tiles in shared memory, a block of registers per invocation. Runs anywhere.
 *
 *   -DHRM_FORM=0  NT  C[i,j] = sum_k A[i,k] B[j,k]
 *   -DHRM_FORM=1  NN  C[i,j] = sum_k A[i,k] B[k,j]
 *   -DHRM_FORM=2  TN  C[i,j] = sum_k A[k,i] B[k,j]
 *   -DHRM_VEC4    A and B are read 4 elements at a time: lda, ldb and the rows' lengths are multiples of 4
 *   -DHRM_SIDE=8  a workgroup of 8 x 8 invocations in place of 16 x 16: what every device allows
 *
 * Bindings  0 A [m,k] or [k,m]   1 B [n,k] or [k,n]   2 R [m,n] residual (any tensor without)   3 C [m,n]
 * each f32, bf16 or f16; rows of 16-bit ones are multiples of 8 long and apart.
 * Sums are f32, k ascending, one product at a time: a row of C depends on neither tile size nor m.
 *
 * One workgroup of SIDE x SIDE computes TILE_M x TILE_N (multiples of STEP = 4 * SIDE) of C, TILE_K of k at a time; an
 * invocation holds rows 4 * y + {0..3} + STEP * i and columns 4 * x + {0..3} + STEP * j, so that neighbours read
 * neighbouring shared words. Shared rows are padded by 4 words: the transposing writes of k-contiguous matrices then
 * spread over the banks.
 * Method: the usual one, e.g. V. Volkov and J. Demmel, Benchmarking GPUs to tune dense linear algebra (SC 2008). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"
#include "lib/half.glsl"

#ifndef HRM_SIDE
#define HRM_SIDE 16
#endif
layout(local_size_x = HRM_SIDE * HRM_SIDE) in;
layout(constant_id = HRM_SPEC_TILE_M) const uint TILE_M = 4 * HRM_SIDE;
layout(constant_id = HRM_SPEC_TILE_N) const uint TILE_N = 4 * HRM_SIDE;
layout(constant_id = HRM_SPEC_TILE_K) const uint TILE_K = 16;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(constant_id = HRM_SPEC_DTYPE_A) const uint TYPE_A = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_B) const uint TYPE_B = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint TYPE_C = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_R) const uint TYPE_R = HRM_DTYPE_F32;
layout(push_constant) uniform params_block { hrm_matmul_params p; };

#ifdef HRM_VEC4
#define ELEMENT vec4
#define WIDTH 4u
#define LOAD HRM_ANY4_LOAD
HRM_ANY4(readonly, 0, a);
HRM_ANY4(readonly, 1, b);
#else
#define ELEMENT float
#define WIDTH 1u
#define LOAD HRM_ANY1_LOAD
HRM_ANY1(readonly, 0, a);
HRM_ANY1(readonly, 1, b);
#endif
HRM_ANY1(readonly, 2, r);
layout(set = 0, binding = 3, std430) buffer c_block { float c[]; };
layout(set = 0, binding = 3, std430) buffer c_words_block { uvec2 c_words[]; };

const uint PITCH_M = TILE_M + 4, PITCH_N = TILE_N + 4;
shared float a_tile[TILE_K * PITCH_M]; /* [k][row] */
shared float b_tile[TILE_K * PITCH_N]; /* [k][column] */

const uint SIDE = HRM_SIDE, STEP = 4 * HRM_SIDE, THREADS = HRM_SIDE * HRM_SIDE;
const uint ROWS = TILE_M / SIDE, COLUMNS = TILE_N / SIDE;

/* Copies the part of a matrix that a step needs: `major` outer lines from line0, `minor` contiguous elements from at0.
 * K_IS_MINOR: lines are rows (columns) of C, elements are k. Outside of the matrix there are zeros. */
#define COPY_TILE(source, type, tile, pitch, lines, elements, line0, at0, line_end, at_end, ld, K_IS_MINOR)           \
    for (uint i = gl_LocalInvocationIndex; i < (lines) * (elements) / WIDTH; i += THREADS) {                           \
        uint line = i / ((elements) / WIDTH), at = i % ((elements) / WIDTH) * WIDTH;                                   \
        bool inside = (line0) + line < (line_end) && (at0) + at < (at_end);                                            \
        uint index = inside ? (((line0) + line) * (ld) + (at0) + at) / WIDTH : 0;                                      \
        ELEMENT x = LOAD(source, type, index);                                                                         \
        x = inside ? x : ELEMENT(0);                                                                                   \
        PUT_##K_IS_MINOR(tile, pitch, line, at, x)                                                                     \
    }
#ifdef HRM_VEC4
#define PUT_1(tile, pitch, line, at, x)                                                                                \
    tile[(at) * (pitch) + (line)] = x.x;                                                                               \
    tile[((at) + 1) * (pitch) + (line)] = x.y;                                                                         \
    tile[((at) + 2) * (pitch) + (line)] = x.z;                                                                         \
    tile[((at) + 3) * (pitch) + (line)] = x.w;
#define PUT_0(tile, pitch, line, at, x)                                                                                \
    tile[(line) * (pitch) + (at)] = x.x;                                                                               \
    tile[(line) * (pitch) + (at) + 1] = x.y;                                                                           \
    tile[(line) * (pitch) + (at) + 2] = x.z;                                                                           \
    tile[(line) * (pitch) + (at) + 3] = x.w;
#else
#define PUT_1(tile, pitch, line, at, x) tile[(at) * (pitch) + (line)] = x;
#define PUT_0(tile, pitch, line, at, x) tile[(line) * (pitch) + (at)] = x;
#endif

/* Four neighbouring columns of C, or those of them that C has. */
void put(uint row, uint column, vec4 value) {
    uint at = gl_WorkGroupID.z * p.c_split + row * p.ldc + column;
    if (TYPE_C == HRM_DTYPE_F32) {
        [[unroll]] for (uint j = 0; j < 4; j++) {
            if (row < p.m && column + j < p.n) {
                float x = value[j];
                if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) x += HRM_ANY1_LOAD(r, TYPE_R, row * p.ldr + column + j);
                if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) x += c[at + j];
                c[at + j] = x;
            }
        }
    } else if (row < p.m && column < p.n) {
        if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) {
            [[unroll]] for (uint j = 0; j < 4; j++)
                value[j] += HRM_ANY1_LOAD(r, TYPE_R, row * p.ldr + column + j);
        }
        if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) value += half_unpack4(c_words[at / 4], TYPE_C);
        c_words[at / 4] = half_pack4(value, TYPE_C);
    }
}

void main() {
    uint x = gl_LocalInvocationIndex % SIDE, y = gl_LocalInvocationIndex / SIDE;
    uint row0 = gl_WorkGroupID.y * TILE_M, column0 = gl_WorkGroupID.x * TILE_N;
    uint k_begin = gl_WorkGroupID.z * p.k_split, k_end = min(k_begin + p.k_split, p.k);

    float sum[ROWS * COLUMNS];
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS; i++) sum[i] = 0;
    for (uint k = k_begin; k < k_end; k += TILE_K) {
#if HRM_FORM == 2
        COPY_TILE(a, TYPE_A, a_tile, PITCH_M, TILE_K, TILE_M, k, row0, k_end, p.m, p.lda, 0)
#else
        COPY_TILE(a, TYPE_A, a_tile, PITCH_M, TILE_M, TILE_K, row0, k, p.m, k_end, p.lda, 1)
#endif
#if HRM_FORM == 0
        COPY_TILE(b, TYPE_B, b_tile, PITCH_N, TILE_N, TILE_K, column0, k, p.n, k_end, p.ldb, 1)
#else
        COPY_TILE(b, TYPE_B, b_tile, PITCH_N, TILE_K, TILE_N, k, column0, k_end, p.n, p.ldb, 0)
#endif
        barrier();
        /* Unrolled, all the loads of a tile are wanted at once: RADV 22.3 (Navi 21) then needs 1.6 to 1.8 times the
         * cycles of 64 x 64, and ANV 22.3 (Arc A770) spills 463 registers at 128 x 128 and takes 2.8 times as long. */
        [[dont_unroll]] for (uint kk = 0; kk < TILE_K; kk++) {
            float left[ROWS], right[COLUMNS];
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                left[i] = a_tile[kk * PITCH_M + 4 * y + STEP * (i / 4) + i % 4];
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                right[j] = b_tile[kk * PITCH_N + 4 * x + STEP * (j / 4) + j % 4];
            [[unroll]] for (uint i = 0; i < ROWS; i++) {
                [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[i * COLUMNS + j] += left[i] * right[j];
            }
        }
        barrier();
    }

    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        uint row = row0 + 4 * y + STEP * (i / 4) + i % 4;
        [[unroll]] for (uint j = 0; j < COLUMNS; j += 4) {
            uint at = i * COLUMNS + j;
            put(row, column0 + 4 * x + STEP * (j / 4), vec4(sum[at], sum[at + 1], sum[at + 2], sum[at + 3]));
        }
    }
}
