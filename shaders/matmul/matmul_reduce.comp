/* C[i,j] = sum over splits of part[s,i,j] (+ R[i,j]) (+ C[i,j]): the second half of a product whose k was split.
 *
 * Bindings  0 part [splits, m * n]   1 R [m,n] residual (any tensor without)   2 C [m,n], read   3 C [m,n], written
 * Sums are f32, s ascending. One invocation computes one element of the row's width (lib/vec.glsl). */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"
#include "lib/vec.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_FLAGS) const uint FLAGS = 0;
layout(push_constant) uniform params_block { hrm_matmul_reduce_params p; };
HRM_INPUT(0, part);
HRM_INPUT(1, r);
HRM_INPUT(2, c_old);
HRM_OUTPUT(3, c);

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, count = p.m * p.n;
    if (i >= count) return;
    HRM_VEC sum = HRM_LOAD(part, i);
    for (uint s = 1; s < p.splits; s++) sum += HRM_LOAD(part, s * count + i);
    uint row = i / p.n, column = i % p.n, at = row * p.ldc + column;
    if ((FLAGS & HRM_MATMUL_RESIDUAL) != 0) sum += HRM_LOAD(r, row * p.ldr + column);
    if ((FLAGS & HRM_MATMUL_ACCUMULATE) != 0) sum += HRM_LOAD(c_old, at);
    HRM_STORE(c, at, sum);
}
