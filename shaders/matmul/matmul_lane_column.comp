/* C = A B for CPU drivers, family A: the lanes of one subgroup hold columns, 4 each.
 *
 *   -DHRM_BROADCAST  subgroupBroadcast instead of subgroupShuffle, which is faster on Mesa 25 and 26
 *   -DHRM_STORE64    64-bit stores for 16 lanes of lavapipe 22: its store is a loop over lanes in which every component
 *                    taken from a 512-bit register costs a failed store forwarding, ~14 cycles; fewer, wider components
 *                    help. (256 bits forward well; Mesa 26.1.6 aborts on 64-bit words at 16 lanes.)
 *
 *   NN (also NT through a packed, transposed B)   C[i,j] = sum_k A[i,k] B[k,j]
 *   TN (-DHRM_TRANSPOSED_A)                       C[i,j] = sum_k A[k,i] B[k,j]
 *
 * Bindings  A [m,k] or [k,m], B [k,n], R [m,n] residual, C [m,n], each under every type that some variant uses:
 *   0 A texels   1 B texels   2 A floats   3 B floats   4 R texels   5 R floats
 *   6 C texels (read)   7 C floats   8 C vec4   then P vec4, or with HRM_STORE64
 *   9 C pairs of 64-bit words   10 C fours of 64-bit words   11 P pairs of 64-bit words
 * The flags say which are used. With HRM_MATMUL_SWIGLU, AB [m, 2f] is gate and up, and C [m,f] = silu(gate) * up: a
 * wide intermediate result is read by nobody, and stored, to P [m, 2f], only with HRM_MATMUL_HAS_PRE. With
 * HRM_MATMUL_SWIGLU_BWD, AB [m,f] is the gradient of that C, R [m, 2f] is gate and up, and C [m, 2f] gets their
 * gradients. Both are the formulas of ../swiglu, to the same bits.
 * Sums are f32: KU products at a time are added up, then added to the accumulator; k ascends. Which rows share a
 * workgroup, and how many, changes nothing in a row's sum.
 *
 * One workgroup = one subgroup computes ROWS rows x NB blocks of 4 * LANES columns; with HRM_MATMUL_HALF_BLOCK half a
 * block more, for which the upper lanes hold the lower lanes' columns of the rows ROWS / 2 further down. Per KU k it
 * loads KU rows of B, each lane its columns, and A once, lane = row (TN: lane = 4 rows of one k); constant-lane shuffles
 * then give every lane each element of A. Texel-buffer loads are straight vector loads on lavapipe;
 * storage-buffer loads and stores are loops over lanes.
 * What one step costs beside 2 instructions a multiply-add (Mesa 22.3.6, 512 bits, read in its code): a texel load of
 * 16 lanes ~85 instructions, 44 of them to take lane addresses apart; an element of A ~3, shared by 4 NB columns; an
 * accumulator 3 (load, select under the loop's mask, store), shared by KU.
 * LANES must equal the subgroup size; [[unroll]] with specialized bounds is unrolled by the driver, after which every
 * array index is constant, so that arrays are registers. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"

#ifndef HRM_TRANSPOSED_A
#define HRM_VEC vec4
#define HRM_IVEC ivec4
#include "swiglu/sigmoid.glsl"
#endif

#ifdef HRM_STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#ifdef HRM_BROADCAST
#extension GL_KHR_shader_subgroup_ballot : require
#define LANE_VALUE(x, lane) subgroupBroadcast(x, lane)
#else
#extension GL_KHR_shader_subgroup_shuffle : require
#define LANE_VALUE(x, lane) subgroupShuffle(x, lane)
#endif

layout(local_size_x = 8, local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_LOCAL_X) const int LANES = 8;
layout(constant_id = HRM_SPEC_TILE_M) const int ROWS = 16;
layout(constant_id = HRM_SPEC_TILE_N) const int NB = 1;
layout(constant_id = HRM_SPEC_TILE_K) const int KU = 4;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(push_constant) uniform params_block { hrm_matmul_params p; };

layout(set = 0, binding = 0, rgba32f) readonly uniform imageBuffer a_texels;
layout(set = 0, binding = 1, rgba32f) readonly uniform imageBuffer b_texels;
layout(set = 0, binding = 2, std430) readonly buffer a_block { float a_floats[]; };
layout(set = 0, binding = 3, std430) readonly buffer b_block { float b_floats[]; };
layout(set = 0, binding = 4, rgba32f) readonly uniform imageBuffer r_texels;
layout(set = 0, binding = 5, std430) readonly buffer r_block { float r_floats[]; };
layout(set = 0, binding = 6, rgba32f) readonly uniform imageBuffer c_texels;
layout(set = 0, binding = 7, std430) buffer c_block { float c_floats[]; };
layout(set = 0, binding = 8, std430) writeonly buffer c_vec4_block { vec4 c_vec4[]; };
#ifdef HRM_STORE64
layout(set = 0, binding = 9, std430) writeonly buffer c_128_block { u64vec2 c_128[]; };
layout(set = 0, binding = 10, std430) writeonly buffer c_256_block { u64vec4 c_256[]; };
layout(set = 0, binding = 11, std430) writeonly buffer p_128_block { u64vec2 p_128[]; };
u64vec2 words_of(vec4 v) {
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#else
layout(set = 0, binding = 9, std430) writeonly buffer p_vec4_block { vec4 p_vec4[]; };
#endif

bool has(uint flag) {
    return (FLAGS & flag) != 0;
}

/* Lanes hold 8 neighbouring columns when they store 256 bits, else 4, in blocks of LANES * 4. With SwiGLU a lane's two
 * blocks are the same columns of the two halves. */
int column_of(int lane, int block) {
    if (has(HRM_MATMUL_SWIGLU)) return 4 * lane;
    return has(HRM_MATMUL_STORE_256) ? block / 2 * (8 * LANES) + 8 * lane + block % 2 * 4 : 4 * (block * LANES + lane);
}

/* Which two rows are multiplied at a time: one of each half of the tile, where the half block's lanes hold two, and
 * with a transposed A, where that is 4 % faster than neighbours. */
#ifdef HRM_TRANSPOSED_A
const bool PAIRS_ARE_HALVES = true;
#else
const bool PAIRS_ARE_HALVES = (FLAGS & HRM_MATMUL_HALF_BLOCK) != 0;
#endif

/* at: the element of B where row k starts. */
vec4 load_b(int at, int column) {
    if (!has(HRM_MATMUL_B_SCALAR)) return imageLoad(b_texels, (at + column) >> 2);
    int last = int(p.n) - 1;
    return vec4(b_floats[at + min(column, last)], b_floats[at + min(column + 1, last)],
                b_floats[at + min(column + 2, last)], b_floats[at + min(column + 3, last)]);
}

#ifdef HRM_TRANSPOSED_A
const int A_LOADS = (KU / 4 * ROWS + LANES - 1) / LANES;
/* Lane l of load v holds A[k + t / (ROWS / 4), row0 + 4 * (t % (ROWS / 4)) ..], t = v * LANES + l; 0 past k_end. */
vec4 load_a(int row0, int k, int k_end, int v, int lane) {
    int t = v * LANES + lane, kk = k + t / (ROWS / 4), row = row0 + 4 * (t % (ROWS / 4)), last = int(p.m) - 1;
    int at = (has(HRM_MATMUL_K_TAIL) ? min(kk, k_end - 1) : kk) * int(p.lda);
    vec4 a = has(HRM_MATMUL_A_SCALAR)
                 ? vec4(a_floats[at + min(row, last)], a_floats[at + min(row + 1, last)],
                        a_floats[at + min(row + 2, last)], a_floats[at + min(row + 3, last)])
                 : imageLoad(a_texels, (at + min(row, last & ~3)) >> 2);
    return has(HRM_MATMUL_K_TAIL) && kk >= k_end ? vec4(0) : a;
}
#define A_AT(a, row, kk)                                                                                               \
    LANE_VALUE(a[(kk * (ROWS / 4) + row / 4) / LANES][row % 4], (kk * (ROWS / 4) + row / 4) % LANES)
#else
const int ROW_LOADS = (ROWS + LANES - 1) / LANES, A_LOADS = KU / 4 * ROW_LOADS;
/* Lane l of load q * ROW_LOADS + v holds A[row0 + v * LANES + l, k + 4 q .. k + 4 q + 3]; 0 past k_end. */
vec4 load_a(int row0, int k, int k_end, int load, int lane) {
    int v = load % ROW_LOADS, first = k + load / ROW_LOADS * 4;
    int row_at = min(row0 + v * LANES + lane, int(p.m) - 1) * int(p.lda);
    if (!has(HRM_MATMUL_A_SCALAR)) {
        if (!has(HRM_MATMUL_K_TAIL)) return imageLoad(a_texels, (row_at + first) >> 2);
        vec4 a = imageLoad(a_texels, (row_at + min(first, k_end - 4)) >> 2);
        return first < k_end ? a : vec4(0);
    }
    int at = row_at + min(first, k_end - 1), rest = k_end - first - 1;
    return vec4(rest >= 0 ? a_floats[at] : 0, rest > 0 ? a_floats[at + min(rest, 1)] : 0,
                rest > 1 ? a_floats[at + min(rest, 2)] : 0, rest > 2 ? a_floats[at + min(rest, 3)] : 0);
}
#define A_AT(a, row, kk) LANE_VALUE(a[kk / 4 * ROW_LOADS + row / LANES][kk % 4], row % LANES)
#endif

/* Read once, before any branch: lavapipe reads push constants lane by lane, each time they are named. */
struct destination {
    int m, n, ldc, ldr, split; /* ldr: of R, or of P;  split: where this workgroup's partial product starts */
};

vec4 add_epilogue(destination d, int row, int column, vec4 sum) {
    if (has(HRM_MATMUL_RESIDUAL)) sum += imageLoad(r_texels, (row * d.ldr + column) >> 2);
    if (has(HRM_MATMUL_ACCUMULATE)) sum += imageLoad(c_texels, (row * d.ldc + column) >> 2);
    return sum;
}

void put_4(int at, vec4 x) {
#ifdef HRM_STORE64
    if (has(HRM_MATMUL_STORE_64)) {
        c_128[at >> 2] = words_of(x);
        return;
    }
#endif
    c_vec4[at >> 2] = x;
}

#ifndef HRM_TRANSPOSED_A
/* P[row, column .. column + 3]; without a residual, ldr is P's. */
void put_pre(destination d, int row, int column, vec4 x) {
    int at = row * d.ldr + column;
#ifdef HRM_STORE64
    p_128[at >> 2] = words_of(x);
#else
    p_vec4[at >> 2] = x;
#endif
}

/* The gradients of 4 columns of gate and up, from that of silu(gate) * up. */
struct gate_up_gradient {
    vec4 gate, up;
};

gate_up_gradient swiglu_bwd(destination d, int row, int column, vec4 g) {
    int at = row * d.ldr + column;
    vec4 gate = imageLoad(r_texels, at >> 2), up = imageLoad(r_texels, (at + d.n) >> 2), s = sigmoid(gate);
    return gate_up_gradient(g * up * s * (1.0 + gate * (1.0 - s)), g * (gate * s));
}
#endif

/* C[row, column .. column + 3]. */
void store_4(destination d, int row, int column, vec4 x) {
    int at = d.split + row * d.ldc + column;
    if (has(HRM_MATMUL_C_SCALAR)) {
        [[unroll]] for (int c = 0; c < 4; c++) {
            if (column + c < d.n) {
                float value = x[c];
                if (has(HRM_MATMUL_RESIDUAL)) value += r_floats[row * d.ldr + column + c];
                if (has(HRM_MATMUL_ACCUMULATE)) value += c_floats[at + c];
                c_floats[at + c] = value;
            }
        }
    } else if (column < d.n) {
#ifndef HRM_TRANSPOSED_A
        if (has(HRM_MATMUL_SWIGLU_BWD)) {
            gate_up_gradient g = swiglu_bwd(d, row, column, x);
            put_4(at, g.gate);
            put_4(at + d.n, g.up);
            return;
        }
#endif
        put_4(at, add_epilogue(d, row, column, x));
    }
}

#ifdef HRM_STORE64
void store_8(destination d, int row, int column, vec4 low, vec4 high) {
    if (column < d.n) {
        int at = d.split + row * d.ldc + column;
#ifndef HRM_TRANSPOSED_A
        if (has(HRM_MATMUL_SWIGLU_BWD)) {
            gate_up_gradient g = swiglu_bwd(d, row, column, low), h = swiglu_bwd(d, row, column + 4, high);
            c_256[at >> 3] = u64vec4(words_of(g.gate), words_of(h.gate));
            c_256[(at + d.n) >> 3] = u64vec4(words_of(g.up), words_of(h.up));
            return;
        }
#endif
        low = add_epilogue(d, row, column, low);
        high = add_epilogue(d, row, column + 4, high);
        c_256[at >> 3] = u64vec4(words_of(low), words_of(high));
    }
}
#endif

void main() {
    int lane = int(gl_LocalInvocationID.x);
    int blocks = has(HRM_MATMUL_SWIGLU) ? 1 : NB; /* of C */
    int columns = (blocks * 4 + (has(HRM_MATMUL_HALF_BLOCK) ? 2 : 0)) * LANES;
    int column0 = int(gl_WorkGroupID.x) * columns, row0 = int(gl_WorkGroupID.y) * ROWS;
    int k_begin = int(gl_WorkGroupID.z * p.k_split), k_end = min(k_begin + int(p.k_split), int(p.k));
    /* Columns past the end: lanes compute what they find in the last whole group of 4 and store nothing. */
    int n = has(HRM_MATMUL_SWIGLU) ? int(p.n) >> 1 : int(p.n), last_column = (n - 1) & ~3;
    int half_step = has(HRM_MATMUL_SWIGLU) ? n : 0;
    destination d = destination(int(p.m), n, int(p.ldc), int(p.ldr), int(gl_WorkGroupID.z * p.c_split));

    vec4 sum[ROWS * NB];
    [[unroll]] for (int i = 0; i < ROWS * NB; i++) sum[i] = vec4(0);
    vec4 half_sum[ROWS / 2];
    [[unroll]] for (int i = 0; i < ROWS / 2; i++) half_sum[i] = vec4(0);
    bool upper = lane >= LANES / 2;
    int half_column = column0 + NB * 4 * LANES + 4 * (upper ? lane - LANES / 2 : lane);
    int ldb = int(p.ldb), b_at = k_begin * ldb;
    for (int k = k_begin; k < k_end; k += KU) {
        vec4 b[KU * NB], half_b[KU];
        [[unroll]] for (int kk = 0; kk < KU; kk++) {
            /* Past k_end, where A counts as 0, any valid row of B will do. */
            int at = has(HRM_MATMUL_K_TAIL) ? min(k + kk, k_end - 1) * ldb : b_at + kk * ldb;
            [[unroll]] for (int j = 0; j < NB; j++)
                b[kk * NB + j] = load_b(at, min(column0 + column_of(lane, j), last_column) + j * half_step);
            if (has(HRM_MATMUL_HALF_BLOCK)) half_b[kk] = load_b(at, min(half_column, last_column));
        }
        vec4 a[A_LOADS];
        [[unroll]] for (int v = 0; v < A_LOADS; v++) a[v] = load_a(row0, k, k_end, v, lane);
        [[unroll]] for (int pair = 0; pair < ROWS / 2; pair++) {
            const int r0 = PAIRS_ARE_HALVES ? pair : 2 * pair, r1 = PAIRS_ARE_HALVES ? pair + ROWS / 2 : 2 * pair + 1;
            precise vec4 part[2 * NB];
            precise vec4 half_part;
            [[unroll]] for (int kk = 0; kk < KU; kk++) {
                float a0 = A_AT(a, r0, kk), a1 = A_AT(a, r1, kk);
                [[unroll]] for (int j = 0; j < NB; j++) {
                    vec4 x0 = a0 * b[kk * NB + j], x1 = a1 * b[kk * NB + j];
                    part[j] = kk == 0 ? x0 : part[j] + x0;
                    part[NB + j] = kk == 0 ? x1 : part[NB + j] + x1;
                }
                if (has(HRM_MATMUL_HALF_BLOCK)) {
                    vec4 x = (upper ? a1 : a0) * half_b[kk];
                    half_part = kk == 0 ? x : half_part + x;
                }
            }
            [[unroll]] for (int j = 0; j < NB; j++) {
                sum[r0 * NB + j] += part[j];
                sum[r1 * NB + j] += part[NB + j];
            }
            if (has(HRM_MATMUL_HALF_BLOCK)) half_sum[pair] += half_part;
        }
        b_at += KU * ldb;
    }

    [[unroll]] for (int i = 0; i < ROWS; i++) {
        if (row0 + i < d.m) {
#ifndef HRM_TRANSPOSED_A
            if (has(HRM_MATMUL_SWIGLU)) {
                vec4 gate = sum[i * NB], up = sum[i * NB + NB - 1];
                int column = column0 + 4 * lane;
                if (has(HRM_MATMUL_HAS_PRE) && column < n) {
                    put_pre(d, row0 + i, column, gate);
                    put_pre(d, row0 + i, column + n, up);
                }
                store_4(d, row0 + i, column, gate * sigmoid(gate) * up);
            } else
#endif
#ifdef HRM_STORE64
            if (has(HRM_MATMUL_STORE_256)) {
                [[unroll]] for (int j = 0; j < NB / 2; j++)
                    store_8(d, row0 + i, column0 + column_of(lane, 2 * j), sum[i * NB + 2 * j],
                            sum[i * NB + 2 * j + 1]);
            } else
#endif
            {
                [[unroll]] for (int j = 0; j < NB; j++)
                    store_4(d, row0 + i, column0 + column_of(lane, j), sum[i * NB + j]);
            }
        }
    }
    if (has(HRM_MATMUL_HALF_BLOCK)) {
        [[unroll]] for (int i = 0; i < ROWS / 2; i++) {
            int row = row0 + i + (upper ? ROWS / 2 : 0);
            if (row < d.m) store_4(d, row, half_column, half_sum[i]);
        }
    }
}
