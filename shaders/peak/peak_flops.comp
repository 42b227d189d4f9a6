/* y[i] = the sum of 16 values, value j being j / 16 run through x = x * factor + term, 8 * rounds times: as much
 * arithmetic as a device can do, with almost no memory. The 16 chains are independent, which covers the latency of a
 * multiply-add, and together with the constants they fit the vector registers of a processor. Eight steps a
 * round: with 4 lavapipe (Mesa 22.3.6, 512 bits, Zen 4) reaches 131 GF/s, with 8 140, with 32 77.
 *
 * Binding  0 y [count]. f32. A workgroup computes as many y as it has invocations. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/peak.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_peak_params p; };
layout(set = 0, binding = 0, std430) writeonly buffer y_block { float y[]; };

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    float factor = p.factor, term = p.term;
    vec4 x[4];
    [[unroll]] for (uint j = 0; j < 4; j++) x[j] = (vec4(0, 1, 2, 3) + 4.0 * j) / 16.0;
    for (uint round = 0; round < p.rounds; round++) {
        [[unroll]] for (uint n = 0; n < 8; n++) {
            [[unroll]] for (uint j = 0; j < 4; j++) x[j] = x[j] * factor + term;
        }
    }
    vec4 sum = (x[0] + x[1]) + (x[2] + x[3]);
    if (i < p.count) y[i] = (sum.x + sum.y) + (sum.z + sum.w);
}
