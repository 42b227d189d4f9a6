/* With s = sigmoid(gate), y = gate s up:
 *     grad_gate = grad_y up s (1 + gate (1 - s)),   grad_up = grad_y gate s
 *
 * Bindings  0 gate_up [rows, 2 cols]: gate, then up    1 grad_y [rows, cols]
 *           2 grad_gate_up [rows, 2 cols], may be gate_up
 * each f32 or 16-bit. One workgroup computes per_group consecutive columns of both halves. */
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
HRM_INPUT_T(1, grad_y, HRM_SPEC_DTYPE_B);
HRM_OUTPUT_T(2, grad_gate_up, HRM_SPEC_DTYPE_C);

void main() {
    uint begin = flat_group() * params.per_group;
    if (begin >= params.count) return;
    uint end = min(begin + params.per_group, params.count);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        uint at = i + i / COLS * COLS; /* row * 2 cols + column */
        HRM_VEC gate = HRM_LOAD_T(gate_up, at), up = HRM_LOAD_T(gate_up, at + COLS), g = HRM_LOAD_T(grad_y, i);
        HRM_VEC s = sigmoid(gate);
        HRM_STORE_T(grad_gate_up, at, g * up * s * (1.0 + gate * (1.0 - s)));
        HRM_STORE_T(grad_gate_up, at + COLS, g * (gate * s));
    }
}
