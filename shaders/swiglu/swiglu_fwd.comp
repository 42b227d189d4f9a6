/* y = silu(gate) * up, silu(g) = g sigmoid(g)
 *
 * Bindings  0 gate_up [rows, 2 cols]: gate, then up    1 y [rows, cols]
 * each f32 or 16-bit. One workgroup computes per_group consecutive elements of y.
 * Source: Shazeer, "GLU variants improve Transformer", 2020. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/spec_ids.h"
#include "shared/swiglu.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"
#include "swiglu/sigmoid.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_SWIGLU_COLS) const uint COLS = 1;
layout(push_constant) uniform params_block { hrm_swiglu_params params; };
HRM_INPUT_T(0, gate_up, HRM_SPEC_DTYPE_A);
HRM_OUTPUT_T(1, y, HRM_SPEC_DTYPE_C);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        uint at = i + i / COLS * COLS; /* row * 2 cols + column */
        HRM_VEC gate = HRM_LOAD_T(gate_up, at), up = HRM_LOAD_T(gate_up, at + COLS);
        HRM_STORE_T(y, i, gate * sigmoid(gate) * up);
    }
}
