/* What is done to a product AB before it is stored: the ends of runtime/ops/matmul.h, four neighbouring columns at a time,
 * in f32. The including file has the f32 sums of its workgroup's part of AB, in registers or shared memory, and hands them
 * over with their row and column:
 *
 *   matmul_end_1(row, column, x)          PLAIN, SWIGLU_BWD: AB's columns `column` to + 3
 *   matmul_end_2(row, column, x1, x2)     SWIGLU, ROPE: a pair, AB's columns from `column` and from column + p.pair
 *   matmul_end_sum(row, column, x)        RMS_NORM, first: x + residual, to be squared and added up over the whole row
 *   matmul_end_scale(row, squares)        then 1 / rms of that row; by one invocation of a row with its rstd
 *   matmul_end_rstd(row, scale)           stored
 *   matmul_end_store(row, column, x)      then the sums times that
 *
 * All check nothing: row < p.m and column < p.n are the including file's business.
 *
 * Pairs must lie in one workgroup. So where PAIRED, the including file's tile of `columns` slots does not hold columns that
 * follow one another: matmul_end_column(slot, columns, apart) is the column of AB (row of B: only NT products have such ends)
 * that belongs in slot `slot`, and slots s and s + apart hold a pair, for s / apart even. `apart` is a multiple of 4 that
 * divides columns / 2: half the tile where it is read back from shared memory, less where an invocation's own registers
 * must hold both. Columns not less than p.n are none.
 *
 * The including file has declared `p` (hrm_matmul_block_params) and FLAGS, sets HRM_SPEC_MATMUL_END and HRM_SPEC_DTYPE_C, _R, _P, and needs these bindings, which follow A and B:
 *   2 R [m,n] residual   3 C   4 pre [m, 2 pair]   5 cos, 6 sin [>= seq, pair] f32   7 rstd [m] f32
 * (any tensor in place of one that the end does not have), access letters "rmmrrw".
 * Ends but PLAIN want n, pair and all strides to be multiples of 4, and so do 16-bit R, C and pre (multiples of 8 by the
 * contract of matmul.h); PLAIN with HRM_MATMUL_C_SCALAR takes any f32 R and C.
 * Sources: swiglu/, rope/, rms_norm/ beside this folder, whose formulas these are. */
#ifndef HRM_MATMUL_END_GLSL
#define HRM_MATMUL_END_GLSL
#extension GL_EXT_control_flow_attributes : require

#define HRM_WIDTH 4
#include "lib/half.glsl"
#include "lib/vec.glsl"
#include "swiglu/sigmoid.glsl"

layout(constant_id = HRM_SPEC_MATMUL_END) const uint END = HRM_MATMUL_ENDS_PLAIN;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint C_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_R) const uint R_TYPE = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_P) const uint P_TYPE = HRM_DTYPE_F32;
const bool PAIRED = END == HRM_MATMUL_ENDS_SWIGLU || END == HRM_MATMUL_ENDS_ROPE;
const bool HAS_RESIDUAL = (FLAGS & HRM_MATMUL_RESIDUAL) != 0, ACCUMULATES = (FLAGS & HRM_MATMUL_ACCUMULATE) != 0;

HRM_ANY4(, 2, r);
HRM_ANY4(, 3, c);
HRM_ANY4(, 4, pre);
layout(set = 0, binding = 2, std430) readonly buffer r_scalar_block { float r_scalar[]; };
layout(set = 0, binding = 3, std430) buffer c_scalar_block { float c_scalar[]; };
layout(set = 0, binding = 5, std430) readonly buffer cos_block { vec4 cos_table[]; };
layout(set = 0, binding = 6, std430) readonly buffer sin_block { vec4 sin_table[]; };
layout(set = 0, binding = 7, std430) writeonly buffer rstd_block { float rstd[]; };

uint matmul_end_column(uint slot, uint columns, uint apart) {
    uint first = gl_WorkGroupID.x * columns;
    if (!PAIRED) return first + slot;
    uint i = first / 2 + slot / (2 * apart) * apart + slot % apart; /* the pair's number */
    uint column = i / p.pair * (2 * p.pair) + i % p.pair;
    return slot / apart % 2 == 0 ? column : column + p.pair;
}

/* One element at a time, where rows do not start or end at multiples of 4. */
void matmul_end_scalar(uint row, uint column, vec4 x) {
    uint at = gl_WorkGroupID.z * p.c_split + row * p.ldc + column;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        if (column + i < p.n) {
            float value = x[i];
            if (HAS_RESIDUAL) value += r_scalar[row * p.ldr + column + i];
            if (ACCUMULATES) value += c_scalar[at + i];
            c_scalar[at + i] = value;
        }
    }
}

void matmul_end_1(uint row, uint column, vec4 x) {
    if (END == HRM_MATMUL_ENDS_SWIGLU_BWD) {
        uint from = row * p.ldp + column, to = row * p.ldc + column;
        vec4 gate = HRM_ANY4_LOAD(pre, P_TYPE, from / 4), up = HRM_ANY4_LOAD(pre, P_TYPE, (from + p.pair) / 4);
        vec4 s = sigmoid(gate);
        HRM_ANY4_STORE(c, C_TYPE, to / 4, x * up * s * (1.0 + gate * (1.0 - s)));
        HRM_ANY4_STORE(c, C_TYPE, (to + p.pair) / 4, x * (gate * s));
    } else if ((FLAGS & HRM_MATMUL_C_SCALAR) != 0) {
        matmul_end_scalar(row, column, x);
    } else {
        uint at = gl_WorkGroupID.z * p.c_split + row * p.ldc + column;
        if (HAS_RESIDUAL) x += HRM_ANY4_LOAD(r, R_TYPE, (row * p.ldr + column) / 4);
        if (ACCUMULATES) x += HRM_ANY4_LOAD(c, C_TYPE, at / 4);
        HRM_ANY4_STORE(c, C_TYPE, at / 4, x);
    }
}

void matmul_end_2(uint row, uint column, vec4 x1, vec4 x2) {
    if (END == HRM_MATMUL_ENDS_SWIGLU) {
        if ((FLAGS & HRM_MATMUL_HAS_PRE) != 0) {
            HRM_ANY4_STORE(pre, P_TYPE, (row * p.ldp + column) / 4, x1);
            HRM_ANY4_STORE(pre, P_TYPE, (row * p.ldp + column + p.pair) / 4, x2);
        }
        HRM_ANY4_STORE(c, C_TYPE, (row * p.ldc + column) / 4, x1 * sigmoid(x1) * x2);
    } else {
        uint at = row * p.ldc + column;
        if (column < p.turned) {
            uint angle = (row % p.seq * p.pair + column % (2 * p.pair)) / 4;
            vec4 co = cos_table[angle], si = sin_table[angle], x = x1;
            x1 = x * co - x2 * si;
            x2 = x2 * co + x * si;
        }
        HRM_ANY4_STORE(c, C_TYPE, at / 4, x1);
        HRM_ANY4_STORE(c, C_TYPE, (at + p.pair) / 4, x2);
    }
}

vec4 matmul_end_sum(uint row, uint column, vec4 x) {
    return HAS_RESIDUAL ? x + HRM_ANY4_LOAD(r, R_TYPE, (row * p.ldr + column) / 4) : x;
}

float matmul_end_scale(float squares) {
    return inversesqrt(squares * p.inv_n + p.eps);
}

void matmul_end_rstd(uint row, float scale) {
    if ((FLAGS & HRM_MATMUL_HAS_RSTD) != 0) rstd[row] = scale;
}

void matmul_end_store(uint row, uint column, vec4 x) {
    HRM_ANY4_STORE(c, C_TYPE, (row * p.ldc + column) / 4, x);
}

#endif
