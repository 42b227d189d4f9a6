/* y[b,p] for p < puzzle_len: the puzzle embedding of batch row b, spread over puzzle_len rows, zeros past its end;
 * y[b,puzzle_len + s] = table[tokens[b,s]]. With positions every row becomes 0.707106781 * (row + positions[p]), and all
 * is multiplied by scale. Ids past the end of a table count as its last row.
 *
 * Bindings  0 tokens [batch, seq] u32              1 table [vocab, cols]
 *           2 puzzle_ids [batch] u32 (EMBED_IDS)   3 puzzle_table [puzzles, puzzle_cols] (EMBED_PUZZLE)
 *           4 positions [SEQ, cols] (EMBED_POSITIONS)
 *           5 y [batch, SEQ, cols], SEQ = puzzle_len + seq
 * Absent tensors are bound to the token array or the table. One workgroup writes per_group rows of y, a row per team
 * (lib/reduce.glsl), so that ids are fetched and positions divided once a row.
 * Source: reference models/hrm/hrm_act_v1.py, _input_embeddings. */
#version 450
#extension GL_GOOGLE_include_directive : require
#define HRM_REDUCE_TEAM_ONLY
#include "shared/embed.h"
#include "shared/spec_ids.h"
layout(local_size_x_id = HRM_SPEC_LOCAL_X) in; /* lib/reduce.glsl needs to know it */
#include "lib/grid.glsl"
#include "lib/reduce.glsl"
#include "lib/vec.glsl"

layout(constant_id = HRM_SPEC_EMBED_COLS) const uint COLS = 1;
layout(constant_id = HRM_SPEC_EMBED_SEQ) const uint SEQ = 1;
layout(push_constant) uniform params_block { hrm_embed_params params; };
layout(set = 0, binding = 0, std430) readonly buffer tokens_block { uint tokens[]; };
HRM_INPUT(1, table);
layout(set = 0, binding = 2, std430) readonly buffer puzzle_ids_block { uint puzzle_ids[]; };
HRM_INPUT(3, puzzle_table);
HRM_INPUT(4, positions);
HRM_OUTPUT(5, y);

void write_row(uint row) {
    uint batch_row = row / SEQ, position = row % SEQ;
    bool is_puzzle = position < params.puzzle_len;
    uint token = 0, puzzle = batch_row;
    if (!is_puzzle) token = tokens[batch_row * (SEQ - params.puzzle_len) + position - params.puzzle_len];
    if ((params.flags & HRM_EMBED_IDS) != 0) puzzle = puzzle_ids[batch_row];
    uint token_base = min(token, params.vocab - 1) * COLS;
    uint puzzle_base = min(puzzle, params.puzzles - 1) * params.puzzle_cols;
    for (uint column = team_lane(); column < COLS; column += team_lanes()) {
        uint e = position * COLS + column; /* of the puzzle embedding, for a puzzle position */
        HRM_VEC v = HRM_VEC(0.0);
        if (!is_puzzle) v = HRM_LOAD(table, token_base + column);
        if (is_puzzle && e < params.puzzle_cols) v = HRM_LOAD(puzzle_table, puzzle_base + e);
        if ((params.flags & HRM_EMBED_POSITIONS) != 0) v = HRM_EMBED_POSITION_FACTOR * (v + HRM_LOAD(positions, e));
        HRM_STORE(y, row * COLS + column, params.scale * v);
    }
}

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.rows) return;
    uint end = min(begin + params.per_group, params.rows);
    for (uint row = begin + team_index(); row < end; row += team_count()) write_row(row);
}
