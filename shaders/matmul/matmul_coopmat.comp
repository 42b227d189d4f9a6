/* C = A B (and its end) on matrix units: VK_KHR_cooperative_matrix, products of 16-bit numbers, sums in f32.
 *
 *   -DHRM_FORM=0  NT  AB[i,j] = sum_k A[i,k] B[j,k]
 *   -DHRM_FORM=1  NN  AB[i,j] = sum_k A[i,k] B[k,j]
 *   -DHRM_FORM=2  TN  AB[i,j] = sum_k A[k,i] B[k,j]
 *   -DHRM_BF16    the matrices hold bf16, else f16
 *
 * Bindings  0 A [m,k] or [k,m]   1 B [n,k] or [k,n]   2 to 7: matmul_end.glsl
 * A and B are f32, bf16 or f16 each, rounded to the matrices' type on their way into shared memory; f32 ones of any length
 * and stride with HRM_MATMUL_A_SCALAR, _B_SCALAR, else multiples of 4; 16-bit ones multiples of 8. Sums are f32, the k
 * order is fixed by the device's matrices and TILE_K: a row of C depends neither on m nor on its neighbours.
 *
 * One workgroup of 4 subgroups computes TILE_M x TILE_N of AB, COOPMAT_ACROSS of them side by side, each WAVE_M x WAVE_N in
 * COOPMAT_M x COOPMAT_N accumulators that stay in registers. TILE_K of k at a time lies in shared memory as it lies in the
 * buffers, only the layout of the matrix load differs; the next ones are fetched into registers meanwhile. Everything in
 * shared memory is counted in 16 bytes ("words": 8 elements of an operand, or 4 sums). Rows are padded by one, which
 * spreads eight rows of one matrix over all banks. At the end a subgroup lays one row of its accumulators at a time into
 * shared memory, so that stores are whole lines.
 *
 * Rows and columns past the edge of C multiply whatever lies at a valid address and are never stored; past the end of k
 * both operands are zero.
 * Method: the usual one, e.g. A. Kerr et al., CUTLASS: fast linear algebra in CUDA C++ (2017). */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "shared/dtype.h"
#include "shared/matmul.h"
#include "shared/spec_ids.h"

#ifdef HRM_BF16
#extension GL_EXT_bfloat16 : require
#define ELEMENT bfloat16_t
#define MATRIX_TYPE HRM_DTYPE_BF16
#else
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define ELEMENT float16_t
#define MATRIX_TYPE HRM_DTYPE_F16
#endif

layout(local_size_x = 128, local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_TILE_M) const uint TILE_M = 64;
layout(constant_id = HRM_SPEC_TILE_N) const uint TILE_N = 64;
layout(constant_id = HRM_SPEC_TILE_K) const uint TILE_K = 32;
layout(constant_id = HRM_SPEC_COOPMAT_M) const uint COOPMAT_M = 16;
layout(constant_id = HRM_SPEC_COOPMAT_N) const uint COOPMAT_N = 16;
layout(constant_id = HRM_SPEC_COOPMAT_K) const uint COOPMAT_K = 16;
layout(constant_id = HRM_SPEC_COOPMAT_ACROSS) const uint ACROSS = 2;
layout(constant_id = HRM_SPEC_DTYPE_A) const uint A_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_B) const uint B_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(push_constant) uniform params_block { hrm_matmul_block_params p; };
#include "matmul/matmul_end.glsl"

#define OPERAND(index, name)                                                                                           \
    layout(set = 0, binding = index, std430) readonly buffer name##_words_block { uvec4 name##_words[]; };             \
    layout(set = 0, binding = index, std430) readonly buffer name##_scalar_block { uint name##_scalar[]; }
OPERAND(0, a);
OPERAND(1, b);

const uint THREADS = gl_WorkGroupSize.x;
const uint LANES = THREADS / HRM_COOPMAT_SUBGROUPS;
const uint WAVE_M = TILE_M / (HRM_COOPMAT_SUBGROUPS / ACROSS), WAVE_N = TILE_N / ACROSS;
const uint ROWS = WAVE_M / COOPMAT_M, COLUMNS = WAVE_N / COOPMAT_N; /* accumulators of a subgroup */

/* An operand's part of a step: LINES of the buffer's rows, CHUNKS of 8 elements of each; PITCH words from line to line.
 * PARTS of the chunks are fetched by one invocation. */
#if HRM_FORM == 2
const uint A_LINES = TILE_K, A_CHUNKS = TILE_M / 8;
#define A_LAYOUT gl_CooperativeMatrixLayoutColumnMajor
#else
const uint A_LINES = TILE_M, A_CHUNKS = TILE_K / 8;
#define A_LAYOUT gl_CooperativeMatrixLayoutRowMajor
#endif
#if HRM_FORM == 0
const uint B_LINES = TILE_N, B_CHUNKS = TILE_K / 8;
#define B_LAYOUT gl_CooperativeMatrixLayoutColumnMajor
#else
const uint B_LINES = TILE_K, B_CHUNKS = TILE_N / 8;
#define B_LAYOUT gl_CooperativeMatrixLayoutRowMajor
#endif
const uint A_PITCH = A_CHUNKS + 1, A_WORDS = A_LINES * A_PITCH, A_PARTS = (A_LINES * A_CHUNKS + THREADS - 1) / THREADS;
const uint B_PITCH = B_CHUNKS + 1, B_WORDS = B_LINES * B_PITCH, B_PARTS = (B_LINES * B_CHUNKS + THREADS - 1) / THREADS;

/* The rows of sums that each subgroup stores at a time. */
const uint STRIP_PITCH = WAVE_N / 4 + 1, STRIP_WORDS = COOPMAT_M * STRIP_PITCH;
const uint OPERAND_WORDS = A_WORDS + B_WORDS, END_WORDS = HRM_COOPMAT_SUBGROUPS * STRIP_WORDS;
shared uvec4 memory[OPERAND_WORDS > END_WORDS ? OPERAND_WORDS : END_WORDS];
shared float squares_of[END == HRM_MATMUL_ENDS_RMS_NORM ? HRM_COOPMAT_SUBGROUPS * COOPMAT_M : 1];

/* Eight elements as they were fetched, in the matrices' type. `left` of them are there, the others zero. */
uvec4 to_matrix(uvec4 low, uvec4 high, uint type, uint left) {
    if (type == MATRIX_TYPE) return left > 0 ? low : uvec4(0);
    vec4 x, y;
    if (type == HRM_DTYPE_F32) {
        x = uintBitsToFloat(low);
        y = uintBitsToFloat(high);
    } else {
        half_unpack8(low, type, x, y);
    }
    if (left < 8) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            if (i >= left) x[i] = 0;
            if (i + 4 >= left) y[i] = 0;
        }
    }
#ifdef HRM_BF16
    return half_pack8(x, y, HRM_DTYPE_BF16);
#else
    return uvec4(packFloat2x16(f16vec2(x.xy)), packFloat2x16(f16vec2(x.zw)), packFloat2x16(f16vec2(y.xy)),
                 packFloat2x16(f16vec2(y.zw)));
#endif
}

/* Fetches eight elements from `at` on, of which all before `end` may be read; words past it repeat others. */
#define FETCH(name, TYPE, is_scalar, at, end, low, high)                                                               \
    if (TYPE != HRM_DTYPE_F32) {                                                                                       \
        low = name##_words[(at) / 8];                                                                                  \
    } else if (is_scalar) {                                                                                            \
        [[unroll]] for (uint e = 0; e < 4; e++) low[e] = name##_scalar[min((at) + e, (end) - 1)];                      \
        [[unroll]] for (uint e = 0; e < 4; e++) high[e] = name##_scalar[min((at) + 4 + e, (end) - 1)];                 \
    } else {                                                                                                           \
        low = name##_words[(at) / 4];                                                                                  \
        high = name##_words[(at) / 4 + ((at) + 4 < (end) ? 1 : 0)];                                                    \
    }

/* The chunks of this invocation: k counts in lines (K_LINES) or along them. first[i] is the number of the element at
 * k = 0 of the line, so that a step only adds k or k lines. Chunks past the edge of C fetch the last valid ones. */
#define FETCH_PARTS(name, TYPE, is_scalar, PARTS, CHUNKS, K_LINES, ld, first, limit, low, high)                        \
    [[unroll]] for (uint i = 0; i < PARTS; i++) {                                                                      \
        uint chunk = gl_LocalInvocationIndex + i * THREADS, line = chunk / CHUNKS, minor = chunk % CHUNKS * 8;         \
        if (K_LINES) {                                                                                                 \
            uint row = min(k + line, k_end - 1) * ld;                                                                  \
            FETCH(name, TYPE, is_scalar, row + first[i], row + limit, low[i], high[i])                                 \
        } else {                                                                                                       \
            uint along = k + minor < k_end ? k + minor : k;                                                            \
            FETCH(name, TYPE, is_scalar, first[i] + along, first[i] + k_end, low[i], high[i])                          \
        }                                                                                                              \
    }
#define PUT_PARTS(TYPE, PARTS, LINES, CHUNKS, PITCH, K_LINES, offset, low, high)                                       \
    [[unroll]] for (uint i = 0; i < PARTS; i++) {                                                                      \
        uint chunk = gl_LocalInvocationIndex + i * THREADS, line = chunk / CHUNKS, minor = chunk % CHUNKS;             \
        uint at = k + (K_LINES ? line : minor * 8), left = at >= k_end ? 0 : K_LINES ? 8 : min(k_end - at, 8);         \
        if (LINES * CHUNKS % THREADS == 0 || line < LINES)                                                             \
            memory[offset + line * PITCH + minor] = to_matrix(low[i], high[i], TYPE, left);                            \
    }

const bool A_IS_SCALAR = (FLAGS & HRM_MATMUL_A_SCALAR) != 0, B_IS_SCALAR = (FLAGS & HRM_MATMUL_B_SCALAR) != 0;
#define FETCH_ALL                                                                                                      \
    FETCH_PARTS(a, A_TYPE, A_IS_SCALAR, A_PARTS, A_CHUNKS, HRM_FORM == 2, p.lda, a_first, p.m, a_low, a_high)          \
    FETCH_PARTS(b, B_TYPE, B_IS_SCALAR, B_PARTS, B_CHUNKS, HRM_FORM != 0, p.ldb, b_first, p.n, b_low, b_high)
#define PUT_ALL                                                                                                        \
    PUT_PARTS(A_TYPE, A_PARTS, A_LINES, A_CHUNKS, A_PITCH, HRM_FORM == 2, 0, a_low, a_high)                            \
    PUT_PARTS(B_TYPE, B_PARTS, B_LINES, B_CHUNKS, B_PITCH, HRM_FORM != 0, A_WORDS, b_low, b_high)

void end_strip(uint strip, uint row0, uint slot0) {
    const uint fours = PAIRED ? WAVE_N / 8 : WAVE_N / 4;
    for (uint e = gl_SubgroupInvocationID; e < COOPMAT_M * fours; e += LANES) {
        uint i = e / fours, j = e % fours, row = row0 + i, at = strip + i * STRIP_PITCH + j;
        uint column = matmul_end_column(slot0 + 4 * j, TILE_N, WAVE_N / 2);
        if (row < p.m && column < p.n) {
            if (PAIRED) {
                matmul_end_2(row, column, uintBitsToFloat(memory[at]), uintBitsToFloat(memory[at + fours]));
            } else {
                matmul_end_1(row, column, uintBitsToFloat(memory[at]));
            }
        }
    }
}

/* All subgroups side by side: their strips are the same rows. */
void end_strip_normed(uint strip, uint row0, uint slot0) {
    for (uint i = 0; i < COOPMAT_M; i++) {
        float squares = 0;
        for (uint j = gl_SubgroupInvocationID; j < WAVE_N / 4; j += LANES) {
            if (row0 + i < p.m && slot0 + 4 * j < p.n) {
                uint at = strip + i * STRIP_PITCH + j;
                vec4 x = matmul_end_sum(row0 + i, slot0 + 4 * j, uintBitsToFloat(memory[at]));
                memory[at] = floatBitsToUint(x);
                squares += dot(x, x);
            }
        }
        squares = subgroupAdd(squares);
        if (gl_SubgroupInvocationID == 0) squares_of[gl_SubgroupID * COOPMAT_M + i] = squares;
    }
    barrier();
    for (uint i = 0; i < COOPMAT_M; i++) {
        float squares = 0;
        [[unroll]] for (uint s = 0; s < HRM_COOPMAT_SUBGROUPS; s++) squares += squares_of[s * COOPMAT_M + i];
        float scale = matmul_end_scale(squares);
        if (row0 + i < p.m && gl_LocalInvocationIndex == 0) matmul_end_rstd(row0 + i, scale);
        for (uint j = gl_SubgroupInvocationID; j < WAVE_N / 4; j += LANES) {
            if (row0 + i < p.m && slot0 + 4 * j < p.n)
                matmul_end_store(row0 + i, slot0 + 4 * j, uintBitsToFloat(memory[strip + i * STRIP_PITCH + j]) * scale);
        }
    }
}

void main() {
    uint row0 = gl_WorkGroupID.y * TILE_M;
    uint k_begin = gl_WorkGroupID.z * p.k_split, k_end = min(k_begin + p.k_split, p.k);
    uint wave_row = gl_SubgroupID / ACROSS * WAVE_M, wave_column = gl_SubgroupID % ACROSS * WAVE_N;

    uint a_first[A_PARTS], b_first[B_PARTS];
    uvec4 a_low[A_PARTS], a_high[A_PARTS], b_low[B_PARTS], b_high[B_PARTS];
    [[unroll]] for (uint i = 0; i < A_PARTS; i++) {
        uint chunk = gl_LocalInvocationIndex + i * THREADS;
#if HRM_FORM == 2
        uint at = row0 + chunk % A_CHUNKS * 8;
        a_first[i] = at < p.m ? at : row0;
#else
        a_first[i] = min(row0 + chunk / A_CHUNKS, p.m - 1) * p.lda;
#endif
    }
    [[unroll]] for (uint i = 0; i < B_PARTS; i++) {
        uint chunk = gl_LocalInvocationIndex + i * THREADS;
#if HRM_FORM == 0
        b_first[i] = min(matmul_end_column(chunk / B_CHUNKS, TILE_N, WAVE_N / 2), p.n - 1) * p.ldb;
#else
        uint at = gl_WorkGroupID.x * TILE_N + chunk % B_CHUNKS * 8;
        b_first[i] = at < p.n ? at : gl_WorkGroupID.x * TILE_N;
#endif
    }

    coopmat<float, gl_ScopeSubgroup, COOPMAT_M, COOPMAT_N, gl_MatrixUseAccumulator> sum[ROWS * COLUMNS];
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS; i++)
        sum[i] = coopmat<float, gl_ScopeSubgroup, COOPMAT_M, COOPMAT_N, gl_MatrixUseAccumulator>(0.0);
    uint k = k_begin;
    FETCH_ALL
    [[dont_unroll]] while (true) {
        PUT_ALL
        barrier();
        k += TILE_K;
        if (k < k_end) {
            FETCH_ALL
        }
        [[unroll]] for (uint kk = 0; kk < TILE_K; kk += COOPMAT_K) {
            coopmat<ELEMENT, gl_ScopeSubgroup, COOPMAT_M, COOPMAT_K, gl_MatrixUseA> left[ROWS];
            [[unroll]] for (uint i = 0; i < ROWS; i++) {
                uint at = wave_row + i * COOPMAT_M;
#if HRM_FORM == 2
                coopMatLoad(left[i], memory, kk * A_PITCH + at / 8, A_PITCH, A_LAYOUT);
#else
                coopMatLoad(left[i], memory, at * A_PITCH + kk / 8, A_PITCH, A_LAYOUT);
#endif
            }
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, COOPMAT_K, COOPMAT_N, gl_MatrixUseB> right;
                uint at = wave_column + j * COOPMAT_N;
#if HRM_FORM == 0
                coopMatLoad(right, memory, A_WORDS + at * B_PITCH + kk / 8, B_PITCH, B_LAYOUT);
#else
                coopMatLoad(right, memory, A_WORDS + kk * B_PITCH + at / 8, B_PITCH, B_LAYOUT);
#endif
                [[unroll]] for (uint i = 0; i < ROWS; i++)
                    sum[i * COLUMNS + j] = coopMatMulAdd(left[i], right, sum[i * COLUMNS + j]);
            }
        }
        barrier();
        if (k >= k_end) break;
    }

    uint strip = gl_SubgroupID * STRIP_WORDS;
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            coopMatStore(sum[i * COLUMNS + j], memory, strip + j * COOPMAT_N / 4, STRIP_PITCH,
                         gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        uint first_row = row0 + wave_row + i * COOPMAT_M;
        if (END == HRM_MATMUL_ENDS_RMS_NORM) {
            end_strip_normed(strip, first_row, wave_column);
        } else {
            end_strip(strip, first_row, wave_column);
        }
        barrier();
    }
}
