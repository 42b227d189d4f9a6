/* C = A B for CPU drivers, family B: the lanes of one subgroup hold rows; B is the same for all lanes and is read
 * through its address, which a driver that keeps uniform values scalar (Mesa 26) turns into plain loads. Older Mesa
 * takes many seconds to compile such a kernel: it must not be tried there.
 *
 *   -DHRM_FORM=0  NT  C[i,j] = sum_k A[i,k] B[j,k]    a lane holds 1 row, COLUMNS columns
 *   -DHRM_FORM=1  NN  C[i,j] = sum_k A[i,k] B[k,j]    a lane holds 1 row, COLUMNS columns
 *   -DHRM_FORM=2  TN  C[i,j] = sum_k A[k,i] B[k,j]    a lane holds 4 rows, COLUMNS columns
 *
 * Bindings  0 A texels   1 B by address   2 R [m,n] residual   3 C floats   4 C vec4
 * k, or n where B's rows run along it, and all strides are multiples of 4; TN takes any k, and m a multiple of 4.
 * Sums are f32, k ascending, one product at a time. One workgroup = one subgroup computes LANES (TN: 4 * LANES) rows x
 * COLUMNS columns. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"

layout(local_size_x = 8, local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_LOCAL_X) const int LANES = 8;
layout(constant_id = HRM_SPEC_TILE_N) const int COLUMNS = 16;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(push_constant) uniform params_block { hrm_matmul_params p; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer vec4_array { vec4 at[]; };
layout(set = 0, binding = 0, rgba32f) readonly uniform imageBuffer a_texels;
layout(set = 0, binding = 2, std430) readonly buffer r_block { float r_floats[]; };
layout(set = 0, binding = 3, std430) buffer c_block { float c_floats[]; };
layout(set = 0, binding = 4, std430) writeonly buffer c_vec4_block { vec4 c_vec4[]; };

#if HRM_FORM == 2
const int ROWS = 4;
#else
const int ROWS = 1;
#endif

void store(int row, int column, vec4 x) {
    int at = int(gl_WorkGroupID.z * p.c_split) + row * int(p.ldc) + column;
    if ((FLAGS & (HRM_MATMUL_C_SCALAR | HRM_MATMUL_RESIDUAL | HRM_MATMUL_ACCUMULATE)) == 0) {
        if (column < int(p.n)) c_vec4[at >> 2] = x;
    } else {
        [[unroll]] for (int c = 0; c < 4; c++) {
            if (column + c < int(p.n)) {
                float value = x[c];
                if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) value += r_floats[row * int(p.ldr) + column + c];
                if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) value += c_floats[at + c];
                c_floats[at + c] = value;
            }
        }
    }
}

void main() {
    vec4_array b = vec4_array(uvec2(p.b_address_lo, p.b_address_hi));
    int row = (int(gl_WorkGroupID.y) * LANES + int(gl_LocalInvocationID.x)) * ROWS;
    int column0 = int(gl_WorkGroupID.x) * COLUMNS, m = int(p.m), n = int(p.n), ldb4 = int(p.ldb) >> 2;
    int k_begin = int(gl_WorkGroupID.z * p.k_split), k_end = min(k_begin + int(p.k_split), int(p.k));

    precise vec4 sum[ROWS * COLUMNS / 4];
    [[unroll]] for (int i = 0; i < ROWS * COLUMNS / 4; i++) sum[i] = vec4(0);
#if HRM_FORM == 0
    int a_at = min(row, m - 1) * int(p.lda);
    for (int k = k_begin; k < k_end; k += 4) {
        vec4 a = imageLoad(a_texels, (a_at + k) >> 2);
        [[unroll]] for (int j = 0; j < COLUMNS; j++) {
            vec4 weights = b.at[min(column0 + j, n - 1) * ldb4 + (k >> 2)];
            precise float s = sum[j / 4][j % 4];
            s += a.x * weights.x;
            s += a.y * weights.y;
            s += a.z * weights.z;
            s += a.w * weights.w;
            sum[j / 4][j % 4] = s;
        }
    }
#elif HRM_FORM == 1
    int a_at = min(row, m - 1) * int(p.lda), last4 = (n - 1) >> 2;
    for (int k = k_begin; k < k_end; k += 4) {
        vec4 a = imageLoad(a_texels, (a_at + k) >> 2);
        [[unroll]] for (int kk = 0; kk < 4; kk++) {
            [[unroll]] for (int j = 0; j < COLUMNS / 4; j++)
                sum[j] += a[kk] * b.at[(k + kk) * ldb4 + min((column0 >> 2) + j, last4)];
        }
    }
#else
    int a_at = min(row, (m - 1) & ~3), last4 = (n - 1) >> 2;
    for (int k = k_begin; k < k_end; k++) {
        vec4 a = imageLoad(a_texels, (k * int(p.lda) + a_at) >> 2);
        [[unroll]] for (int j = 0; j < COLUMNS / 4; j++) {
            vec4 weights = b.at[k * ldb4 + min((column0 >> 2) + j, last4)];
            [[unroll]] for (int i = 0; i < 4; i++) sum[i * (COLUMNS / 4) + j] += a[i] * weights;
        }
    }
#endif
    [[unroll]] for (int i = 0; i < ROWS; i++) {
        if (row + i < m) {
            [[unroll]] for (int j = 0; j < COLUMNS / 4; j++)
                store(row + i, column0 + 4 * j, sum[i * (COLUMNS / 4) + j]);
        }
    }
}
