/* preds[b, i] = index of the largest of logits[b, P + i, :]: the lowest index among equals; a NaN counts as largest.
 *   0 r logits [B, P + S, V] f32    1 w preds [B, S] u32
 * One token an invocation. As torch.argmax. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "shared/common.h"
#include "shared/loss.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_argmax_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Logits { float logits[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Preds { uint preds[]; };

#include "loss/largest.glsl"

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= p.batch * p.seq) return;
    uint b = i / p.seq, token = i % p.seq;
    uint base = (b * (p.puzzle_len + p.seq) + p.puzzle_len + token) * p.vocab;
    float largest;
    preds[i] = first_largest(base, largest);
}
