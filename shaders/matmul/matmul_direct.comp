/* C = A B without shared memory or subgroups: every invocation keeps ROWS x 4 elements of C and reads what it needs.
 * For CPU drivers on which neither shared memory (a loop over lanes, and barriers switch coroutines) nor texel buffers
 * pay.
 *
 *   -DHRM_FORM=0  NT  C[i,j] = sum_k A[i,k] B[j,k]
 *   -DHRM_FORM=1  NN  C[i,j] = sum_k A[i,k] B[k,j]
 *   -DHRM_FORM=2  TN  C[i,j] = sum_k A[k,i] B[k,j]
 *   -DHRM_VEC4    A and B are read 4 elements at a time: lda, ldb and the rows' lengths are multiples of 4
 *
 * Bindings  0 A [m,k] or [k,m]   1 B [n,k] or [k,n]   2 R [m,n] residual (any tensor without)   3 C [m,n]
 * each f32, bf16 or f16; rows of 16-bit ones are multiples of 8 long and apart.
 * Sums are f32, k ascending, one product at a time: a row of C does not depend on m.
 *
 * Invocation i computes rows ROWS * (i / n4) .. and columns 4 * (i % n4) .., n4 = ceil(n / 4): neighbours share rows.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"
#include "lib/half.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(constant_id = HRM_SPEC_DTYPE_A) const uint TYPE_A = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_B) const uint TYPE_B = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint TYPE_C = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_R) const uint TYPE_R = HRM_DTYPE_F32;
layout(push_constant) uniform params_block { hrm_matmul_params p; };

#ifdef HRM_VEC4
HRM_ANY4(readonly, 0, a);
HRM_ANY4(readonly, 1, b);
#else
HRM_ANY1(readonly, 0, a);
HRM_ANY1(readonly, 1, b);
#endif
HRM_ANY1(readonly, 2, r);
layout(set = 0, binding = 3, std430) buffer c_block { float c[]; };
layout(set = 0, binding = 3, std430) buffer c_words_block { uvec2 c_words[]; };

const uint ROWS = 4;

/* 4 elements from `at` on, in a line that starts at element `start` and has `end` of them; zeros past its end. Loads
 * are unconditional: SwiftShader's compiler takes gigabytes for a kernel of many small branches. */
#ifdef HRM_VEC4
#define LOAD(source, type, start, at, end) HRM_ANY4_LOAD(source, type, ((start) + min(at, (end) - 4)) / 4)
#else
#define ONE(source, type, start, at, end) HRM_ANY1_LOAD(source, type, (start) + min(at, (end) - 1))
#define LOAD(source, type, start, at, end)                                                                             \
    masked(vec4(ONE(source, type, start, at, end), ONE(source, type, start, (at) + 1, end),                            \
                ONE(source, type, start, (at) + 2, end), ONE(source, type, start, (at) + 3, end)),                     \
           at, end)
#endif
vec4 masked(vec4 x, uint at, uint end) {
    return mix(x, vec4(0), greaterThanEqual(uvec4(at) + uvec4(0, 1, 2, 3), uvec4(end)));
}

void main() {
    uint n4 = (p.n + 3) / 4, i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x +
                                 gl_LocalInvocationID.x;
    uint row0 = i / n4 * ROWS, column = i % n4 * 4;
    if (row0 >= p.m) return;
    uint k_begin = gl_WorkGroupID.z * p.k_split, k_end = min(k_begin + p.k_split, p.k);

    vec4 sum[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++) sum[row] = vec4(0);
    for (uint k = k_begin; k < k_end; k += 4) {
        /* b[kk] holds B's 4 columns of row k + kk; left[row] holds A's 4 k of a row, or for TN left[kk] its 4 rows. */
        vec4 right[4], left[4];
#if HRM_FORM == 0
        vec4 across[4];
        [[unroll]] for (uint j = 0; j < 4; j++) across[j] = LOAD(b, TYPE_B, min(column + j, p.n - 1) * p.ldb, k, k_end);
        [[unroll]] for (uint kk = 0; kk < 4; kk++)
            right[kk] = vec4(across[0][kk], across[1][kk], across[2][kk], across[3][kk]);
#else
        [[unroll]] for (uint kk = 0; kk < 4; kk++)
            right[kk] = LOAD(b, TYPE_B, min(k + kk, k_end - 1) * p.ldb, column, p.n);
#endif
#if HRM_FORM == 2
        [[unroll]] for (uint kk = 0; kk < 4; kk++) {
            left[kk] = LOAD(a, TYPE_A, min(k + kk, k_end - 1) * p.lda, row0, p.m);
            left[kk] = mix(left[kk], vec4(0), bvec4(k + kk >= k_end));
        }
#else
        [[unroll]] for (uint row = 0; row < ROWS; row++)
            left[row] = LOAD(a, TYPE_A, min(row0 + row, p.m - 1) * p.lda, k, k_end);
#endif
        [[unroll]] for (uint kk = 0; kk < 4; kk++) {
            [[unroll]] for (uint row = 0; row < ROWS; row++) {
#if HRM_FORM == 2
                sum[row] += left[kk][row] * right[kk];
#else
                sum[row] += left[row][kk] * right[kk];
#endif
            }
        }
    }

    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        uint at = gl_WorkGroupID.z * p.c_split + (row0 + row) * p.ldc + column;
        uint r_at = (row0 + row) * p.ldr + column;
        if (TYPE_C == HRM_DTYPE_F32) {
            [[unroll]] for (uint j = 0; j < 4; j++) {
                if (row0 + row < p.m && column + j < p.n) {
                    float value = sum[row][j];
                    if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) value += HRM_ANY1_LOAD(r, TYPE_R, r_at + j);
                    if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) value += c[at + j];
                    c[at + j] = value;
                }
            }
        } else if (row0 + row < p.m) {
            if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) {
                [[unroll]] for (uint j = 0; j < 4; j++) sum[row][j] += HRM_ANY1_LOAD(r, TYPE_R, r_at + j);
            }
            if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) sum[row] += half_unpack4(c_words[at / 4], TYPE_C);
            c_words[at / 4] = half_pack4(sum[row], TYPE_C);
        }
    }
}
