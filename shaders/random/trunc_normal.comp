/* y[i] = clamp(scale * erfinv(u), -limit, limit): a normal cut at two base deviations, by the inverse of its
 * distribution from a uniform u in (-erf(sqrt 2), erf(sqrt 2)).
 *   0 w y [n] f32
 * Element i takes word i % 4 of Philox block i / 4 (counter: block, 0, stream; key: seed), so that a value depends on
 * seed, stream and i alone. u is an odd multiple of 2^-24 * erf(sqrt 2): symmetric, never 0.
 * Four elements an invocation. Maths: the reference's models/common.py, trunc_normal_init_. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "lib/philox.glsl"
#include "shared/common.h"
#include "shared/random.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_trunc_normal_params p; };
layout(std430, set = 0, binding = 0) writeonly buffer Y { float y[]; };

void main() {
    uint block = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint first = 4 * block;
    if (first >= p.count) return;
    uvec4 words = philox4x32(uvec4(block, 0, p.stream_lo, p.stream_hi), uvec2(p.seed_lo, p.seed_hi));
    [[unroll]] for (uint k = 0; k < 4; k++) {
        if (first + k >= p.count) break;
        int odd = 2 * int(words[k] >> 8) + 1 - (1 << 24);
        precise float u = float(odd) * 5.9604644775390625e-8 * 0.954499736; /* erf(sqrt 2) */
        precise float value = p.scale * hrm_erfinv(u);
        y[first + k] = clamp(value, -p.limit, p.limit);
    }
}
