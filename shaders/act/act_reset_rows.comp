/* Rows that had halted take the new batch's row: where halted[b] != 0, steps[b] = 0, tokens[b, :] = new_tokens[b, :],
 * ids[b] = new_ids[b] and, with -DHRM_LABELS, labels[b, :] = new_labels[b, :]. Other rows keep theirs: their row of the
 * new batch is lost.
 *   0 r halted [B]    1 r new_tokens [B, S]    2 r new_ids [B]    3 w steps [B]    4 w tokens [B, S]    5 w ids [B]
 *   6 r new_labels [B, S]    7 w labels [B, S]                                                               (u32)
 * One token an invocation. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "shared/act.h"
#include "shared/common.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_act_reset_rows_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Halted { uint halted[]; };
layout(std430, set = 0, binding = 1) readonly buffer NewTokens { uint new_tokens[]; };
layout(std430, set = 0, binding = 2) readonly buffer NewIds { uint new_ids[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Steps { uint steps[]; };
layout(std430, set = 0, binding = 4) writeonly buffer Tokens { uint tokens[]; };
layout(std430, set = 0, binding = 5) writeonly buffer Ids { uint ids[]; };
#ifdef HRM_LABELS
layout(std430, set = 0, binding = 6) readonly buffer NewLabels { uint new_labels[]; };
layout(std430, set = 0, binding = 7) writeonly buffer Labels { uint labels[]; };
#endif

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= p.batch * p.seq) return;
    uint b = i / p.seq;
    if (halted[b] == 0) return;
    tokens[i] = new_tokens[i];
#ifdef HRM_LABELS
    labels[i] = new_labels[i];
#endif
    if (i % p.seq != 0) return;
    steps[b] = 0;
    ids[b] = new_ids[b];
}
