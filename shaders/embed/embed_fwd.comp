/* y[b,p] for p < puzzle_len: the puzzle embedding of batch row b, spread over puzzle_len rows, zeros past its end;
 * y[b,puzzle_len + s] = table[tokens[b,s]]. With positions every row becomes 0.707106781 * (row + positions[p]), and all
 * is multiplied by scale. Ids past the end of a table count as its last row.
 *
 * Bindings  0 tokens [batch, seq] u32              1 table [vocab, cols]
 *           2 puzzle_ids [batch] u32 (EMBED_IDS)   3 puzzle_table [puzzles, puzzle_cols] (EMBED_PUZZLE)
 *           4 positions [SEQ, cols] (EMBED_POSITIONS)
 *           5 y [batch, SEQ, cols], SEQ = puzzle_len + seq
 * Absent tensors are bound to the token array or the table. One workgroup writes per_group consecutive elements of y.
 * Source: reference models/hrm/hrm_act_v1.py, _input_embeddings. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/embed.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_EMBED_COLS) const uint COLS = 1;
layout(constant_id = HRM_SPEC_EMBED_SEQ) const uint SEQ = 1;
layout(push_constant) uniform params_block { hrm_embed_params params; };
layout(set = 0, binding = 0, std430) readonly buffer tokens_block { uint tokens[]; };
HRM_INPUT(1, table);
layout(set = 0, binding = 2, std430) readonly buffer puzzle_ids_block { uint puzzle_ids[]; };
HRM_INPUT(3, puzzle_table);
HRM_INPUT(4, positions);
HRM_OUTPUT(5, y);

HRM_VEC puzzle_part(uint batch_row, uint e) {
    if ((params.flags & HRM_EMBED_PUZZLE) == 0 || e >= params.puzzle_cols) return HRM_VEC(0.0);
    uint id = batch_row;
    if ((params.flags & HRM_EMBED_IDS) != 0) id = puzzle_ids[batch_row];
    return HRM_LOAD(puzzle_table, min(id, params.puzzles - 1) * params.puzzle_cols + e);
}

HRM_VEC token_part(uint batch_row, uint s, uint column) {
    uint id = tokens[batch_row * (SEQ - params.puzzle_len) + s];
    return HRM_LOAD(table, min(id, params.vocab - 1) * COLS + column);
}

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        uint row = i / COLS, column = i % COLS;
        uint batch_row = row / SEQ, position = row % SEQ;
        HRM_VEC v;
        if (position < params.puzzle_len) {
            v = puzzle_part(batch_row, position * COLS + column);
        } else {
            v = token_part(batch_row, position - params.puzzle_len, column);
        }
        if ((params.flags & HRM_EMBED_POSITIONS) != 0)
            v = HRM_EMBED_POSITION_FACTOR * (v + HRM_LOAD(positions, position * COLS + column));
        HRM_STORE(y, i, params.scale * v);
    }
}
