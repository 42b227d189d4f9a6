/* What the attention kernels on matrix units share. They multiply 16-bit matrices (f16, or with -DBF16 bf16) and add up
 * in f32; softmax, its statistics and rescaling are f32. Sizes:
 *
 *   M, N, K      a matrix product of the device, spread over a subgroup of LANES invocations; multiples of 8
 *   band         the own rows that SPLIT subgroups work on together: ROW_TILES matrices of M rows. Each of them makes
 *                its share of the columns of every product, and of the rows of what is done row by row.
 *   OWN          own rows of the workgroup, all bands
 *   OTHERS       rows of the other side at a time, a multiple of N * SPLIT and K
 *   WIDTH        the head's width HEAD_DIM with zeros up to a multiple of N * SPLIT and K
 *
 * Rows of 16-bit operands lie in shared memory in octets, eight elements in a uvec4, an odd number of octets apart: then
 * eight rows in turn fall on different banks. (A matrix may be loaded from an array of any scalar or vector type; words
 * need no 16-bit type in memory and are copied from 16-bit tensors as they are.)
 *
 * KHR matrices do not say which invocation holds which element. So what depends on the row or column goes through
 * shared memory: products are stored to `score` in f32, each lane takes a part of a row, and the weights go back to the
 * same row in 16 bits, to be loaded as the left side of the next product. What depends on the row alone is done in
 * registers, element by element, with a second matrix that holds the row's number in every column: matrices of one type
 * hold an element in the same place.
 *
 * A lane-wise pass gives every subgroup SOFT_ROWS rows of its band, TEAM neighbouring lanes each.
 *
 * The including file declares its buffers, `result` (what `put_rows` writes) among them, includes shared/common.h,
 * shared/attention.h and shared/spec_ids.h before, and has its push constants in `p`. */
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "lib/grid.glsl"
#include "lib/half.glsl"
#ifdef BF16
#extension GL_EXT_bfloat16 : require
#define FACTOR bfloat16_t
#define FACTOR_DTYPE HRM_DTYPE_BF16
#else
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define FACTOR float16_t
#define FACTOR_DTYPE HRM_DTYPE_F16
#endif

layout(local_size_x = 64, local_size_x_id = HRM_SPEC_LOCAL_X) in; /* whole subgroups, a multiple of SPLIT of them */
layout(constant_id = HRM_SPEC_HEAD_DIM) const uint HEAD_DIM = 32;  /* a multiple of 8 */
layout(constant_id = HRM_SPEC_TILE_M) const uint ROW_TILES = 1;
layout(constant_id = HRM_SPEC_TILE_N) const uint OTHERS = 16;
layout(constant_id = HRM_SPEC_TILE_K) const uint WIDTH = 32;
layout(constant_id = HRM_SPEC_ATTENTION_M) const uint M = 16;
layout(constant_id = HRM_SPEC_ATTENTION_N) const uint N = 16;
layout(constant_id = HRM_SPEC_ATTENTION_K) const uint K = 16;
layout(constant_id = HRM_SPEC_ATTENTION_LANES) const uint LANES = 32; /* gl_SubgroupSize */
layout(constant_id = HRM_SPEC_ATTENTION_SPLIT) const uint SPLIT = 1;
layout(constant_id = HRM_SPEC_DTYPE_A) const uint DTYPE_QKV = HRM_DTYPE_F32;
layout(constant_id = HRM_SPEC_DTYPE_C) const uint DTYPE_RESULT = HRM_DTYPE_F32;

const uint THREADS = gl_WorkGroupSize.x;
const uint SUBGROUPS = THREADS / LANES;
const uint BAND = ROW_TILES * M;
const uint OWN = SUBGROUPS / SPLIT * BAND;
const uint OCTETS = HEAD_DIM / 8;
const uint WIDE = WIDTH / 8; /* octets of a row, zeros included */
const uint PITCH = WIDE | 1u;
const uint BLOCKS = OTHERS / N / SPLIT; /* columns of score matrices that a subgroup makes */
const uint COLUMNS = WIDTH / N / SPLIT; /* of output matrices */
/* of `score`, in vec4. A row of N numbers fits behind a row of weights. */
const uint SCORE_PITCH = (OTHERS / 4 + N / OTHERS * (OTHERS / 8)) | 1u;

const uint SOFT_ROWS = BAND / SPLIT;
const uint LANE_ROWS = (SOFT_ROWS + LANES - 1) / LANES; /* rows of a lane */
/* lanes of a row: a power of two, each with whole octets */
const uint TEAM_MOST = (LANES + SOFT_ROWS - 1) / SOFT_ROWS;
const uint TEAM = TEAM_MOST / ((TEAM_MOST + OTHERS / 8 - 1) / (OTHERS / 8));
const uint PART = OTHERS / 8 / TEAM; /* octets of a lane's part of a row */
const float LOG2_E = 1.4426950408889634;
const float LN_2 = 0.6931471805599453;
const float LOWEST = -3.0e38; /* below every score, and finite: LOWEST - LOWEST is 0, not NaN */

#define LEFT coopmat<FACTOR, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define RIGHT coopmat<FACTOR, gl_ScopeSubgroup, K, N, gl_MatrixUseB>
#define SUM coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define BY_ROWS gl_CooperativeMatrixLayoutRowMajor
#define BY_COLUMNS gl_CooperativeMatrixLayoutColumnMajor

/* [own row][other row] f32 scores, then 16-bit weights in the same rows; bits, since no float may change on its way */
shared uvec4 score[OWN * SCORE_PITCH];

/* Eight numbers as factors, to nearest even. */
uvec4 to_factors(vec4 low, vec4 high) {
#ifdef BF16
    return half_pack8(low, high, HRM_DTYPE_BF16);
#else
    f16vec4 a = f16vec4(low), b = f16vec4(high);
    return uvec4(packFloat2x16(a.xy), packFloat2x16(a.zw), packFloat2x16(b.xy), packFloat2x16(b.zw));
#endif
}

/* Octet i of a tensor bound as uvec4, as factors or as numbers. */
#define LOAD_FACTORS(name, dtype, i)                                                                                   \
    (dtype == FACTOR_DTYPE    ? name[i]                                                                                \
     : dtype == HRM_DTYPE_F32 ? to_factors(uintBitsToFloat(name[2 * (i)]), uintBitsToFloat(name[2 * (i) + 1]))         \
                              : to_factors(half_unpack4(name[i].xy, dtype), half_unpack4(name[i].zw, dtype)))
#define LOAD_LOW(name, dtype, i)                                                                                       \
    (dtype == HRM_DTYPE_F32 ? uintBitsToFloat(name[2 * (i)]) : half_unpack4(name[i].xy, dtype))
#define LOAD_HIGH(name, dtype, i)                                                                                      \
    (dtype == HRM_DTYPE_F32 ? uintBitsToFloat(name[2 * (i) + 1]) : half_unpack4(name[i].zw, dtype))

/* Rows from .. from + count - 1 of a tensor (row r starts at octet base + r * stride) to a tile; what lies past the
 * sequence or the head is 0. */
#define STAGE(tile, name, dtype, base, stride, from, count)                                                            \
    for (uint stage_i = gl_LocalInvocationID.x; stage_i < count * WIDE; stage_i += THREADS) {                          \
        uint stage_row = stage_i / WIDE, stage_octet = stage_i % WIDE;                                                 \
        bool stage_live = stage_octet < OCTETS && from + stage_row < p.seq;                                            \
        uint stage_at = stage_live ? base + (from + stage_row) * stride + stage_octet : base;                          \
        uvec4 stage_octets = LOAD_FACTORS(name, dtype, stage_at);                                                      \
        tile[stage_row * PITCH + stage_octet] = stage_live ? stage_octets : uvec4(0);                                  \
    }

/* Among the subgroups of a band. */
void meet() {
    if (SPLIT == 1)
        subgroupBarrier();
    else
        barrier();
}

/* Where this invocation's row r (of LANE_ROWS) lies in the workgroup, and its part in the row; `whole` is false for
 * lanes that have no row of their own: they follow the last one, for the shuffles, and write nothing. */
uint own_row(uint r) {
    uint row = LANE_ROWS > 1 ? gl_SubgroupInvocationID + r * LANES : gl_SubgroupInvocationID / TEAM;
    return gl_SubgroupID * SOFT_ROWS + min(row, SOFT_ROWS - 1);
}
bool has_row() {
    return LANE_ROWS > 1 || gl_SubgroupInvocationID < SOFT_ROWS * TEAM;
}
uint own_part() {
    return LANE_ROWS > 1 ? 0 : gl_SubgroupInvocationID % TEAM;
}

float team_max(float x) {
    [[unroll]] for (uint step = 1; step < TEAM; step *= 2) x = max(x, subgroupShuffleXor(x, step));
    return x;
}
float team_sum(float x) {
    [[unroll]] for (uint step = 1; step < TEAM; step *= 2) x += subgroupShuffleXor(x, step);
    return x;
}

/* N times the same number in a row of `score`, from vec4 `at` on, by the row's team. */
void put_number(uint row, uint at, float x) {
    for (uint i = own_part(); i < N / 4; i += TEAM) score[row * SCORE_PITCH + at + i] = floatBitsToUint(vec4(x));
}

/* Octet i of the result. */
void put_octet(uint i, vec4 low, vec4 high) {
    if (DTYPE_RESULT == HRM_DTYPE_F32) {
        result[2 * i] = floatBitsToUint(low);
        result[2 * i + 1] = floatBitsToUint(high);
    } else if (DTYPE_RESULT == FACTOR_DTYPE) {
        result[i] = to_factors(low, high);
    } else {
        result[i] = half_pack8(low, high, DTYPE_RESULT);
    }
}

/* Stores the band's output matrices, each row times its number, to the result (row r of the sequence starts at octet
 * base + r * stride), as many columns at a time as `score` holds. All subgroups, when nobody reads `score`. */
void put_rows(SUM sums[ROW_TILES][COLUMNS], float factor[LANE_ROWS], uint first, uint seq, uint base, uint stride) {
    uint band = gl_SubgroupID / SPLIT, share = gl_SubgroupID % SPLIT;
    [[unroll]] for (uint from = 0; from < COLUMNS; from += BLOCKS) {
        [[unroll]] for (uint t = 0; t < ROW_TILES; t++) {
            [[unroll]] for (uint c = 0; c < BLOCKS; c++) {
                if (from + c < COLUMNS)
                    coopMatStore(sums[t][min(from + c, COLUMNS - 1)], score,
                                 (band * BAND + t * M) * SCORE_PITCH + (share * BLOCKS + c) * (N / 4), SCORE_PITCH,
                                 BY_ROWS);
            }
        }
        meet();
        [[unroll]] for (uint r = 0; r < LANE_ROWS; r++) {
            uint row = own_row(r);
            if (!has_row() || first + row >= seq) continue;
            for (uint i = own_part(); i < OTHERS / 8; i += TEAM) {
                /* octet i lies in block i * 8 / N of the chunk */
                uint block = i / (N / 8), column = from + block % BLOCKS;
                uint octet = (block / BLOCKS * COLUMNS + column) * (N / 8) + i % (N / 8);
                if (column >= COLUMNS || octet >= OCTETS) continue;
                uint at = row * SCORE_PITCH + 2 * i;
                put_octet(base + (first + row) * stride + octet, uintBitsToFloat(score[at]) * factor[r],
                          uintBitsToFloat(score[at + 1]) * factor[r]);
            }
        }
        meet();
    }
}

/* sums[ROW_TILES][COLUMNS] += weights * tile: [BAND, OTHERS] of `score` and [OTHERS, WIDTH]. */
#define ADD_WEIGHTED(sums, tile)                                                                                       \
    for (uint k = 0; k < OTHERS; k += K) {                                                                  \
        LEFT weights[ROW_TILES];                                                                                       \
        [[unroll]] for (uint t = 0; t < ROW_TILES; t++)                                                                \
            coopMatLoad(weights[t], score, (band * BAND + t * M) * SCORE_PITCH + k / 8, SCORE_PITCH, BY_ROWS);         \
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) {                                                                \
            RIGHT rows;                                                                                                \
            coopMatLoad(rows, tile, k * PITCH + (share * COLUMNS + c) * (N / 8), PITCH, BY_ROWS);                      \
            [[unroll]] for (uint t = 0; t < ROW_TILES; t++) sums[t][c] = coopMatMulAdd(weights[t], rows, sums[t][c]);  \
        }                                                                                                              \
    }
