/* partial[c,v,:] = sum of grad_y over the token rows of chunk c whose token is v, in row order: a scatter without
 * atomics, every sum owned by one invocation.
 *
 * Bindings  0 tokens [rows] u32    1 grad_y [batch, puzzle_len + seq, cols]    2 partial [chunks, vocab, cols]
 * Accumulation: f32. One invocation keeps HRM_EMBED_TOKENS sums of one column in registers and passes once over the
 * rows of its chunk; one workgroup computes the invocations of one chunk, token block and column block. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/embed.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_embed_partial_params params; };
layout(set = 0, binding = 0, std430) readonly buffer tokens_block { uint tokens[]; };
HRM_INPUT(1, grad_y);
HRM_OUTPUT(2, partial);

void main() {
    uint group = flat_group();
    uint column_block = group % params.column_blocks;
    uint token_block = group / params.column_blocks % params.token_blocks;
    uint chunk = group / (params.column_blocks * params.token_blocks);
    uint column = column_block * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (chunk >= params.chunks || column >= params.cols) return;

    uint first = token_block * HRM_EMBED_TOKENS;
    HRM_VEC sums[HRM_EMBED_TOKENS];
    [[unroll]] for (uint k = 0; k < HRM_EMBED_TOKENS; k++) sums[k] = HRM_VEC(0.0);

    uint row = chunk * params.chunk_rows, end = min(row + params.chunk_rows, params.rows);
    uint s = row % params.seq;
    uint at = (row + (row / params.seq + 1) * params.puzzle_len) * params.cols + column;
    for (; row < end; row++) {
        uint k_seen = min(tokens[row], params.vocab - 1) - first; /* wraps for tokens of an earlier block */
        HRM_VEC g = HRM_LOAD(grad_y, at);
        [[unroll]] for (uint k = 0; k < HRM_EMBED_TOKENS; k++) sums[k] += k_seen == k ? g : HRM_VEC(0.0);
        at += params.cols;
        s++;
        if (s == params.seq) {
            s = 0;
            at += params.puzzle_len * params.cols;
        }
    }
    uint to = (chunk * params.vocab + first) * params.cols + column;
    [[unroll]] for (uint k = 0; k < HRM_EMBED_TOKENS; k++) {
        if (first + k < params.vocab) HRM_STORE(partial, to + k * params.cols, sums[k]);
    }
}
