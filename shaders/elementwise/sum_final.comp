/* Second stage of a compensated sum: y = sum of the parts, in a fixed order.
 *
 * Bindings  0 partial [count, 2]   1 y [1]
 * One workgroup of 64 computes it all: invocation i adds parts i, i + 64, ..., then a tree in shared memory. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shared/elementwise.h"
#include "lib/math.glsl"

layout(local_size_x = 64) in;
layout(push_constant) uniform params_block { hrm_sum_params params; };
layout(set = 0, binding = 0, std430) readonly buffer partial_block { float partial[]; };
layout(set = 0, binding = 1, std430) writeonly buffer y_block { float y[]; };
shared hrm_sum sums[64];

/* Adds b to a, the errors too. */
hrm_sum merge(hrm_sum a, float hi, float lo) {
    hrm_sum_add(a, hi);
    precise float errors = a.lo + lo;
    a.lo = errors;
    return a;
}

void main() {
    uint i = gl_LocalInvocationID.x;
    hrm_sum s = hrm_sum_zero();
    for (uint part = i; part < params.count; part += 64) s = merge(s, partial[2 * part], partial[2 * part + 1]);
    sums[i] = s;
    barrier();
    for (uint n = 32; n > 0; n /= 2) {
        if (i < n) sums[i] = merge(sums[i], sums[i + n].hi, sums[i + n].lo);
        barrier();
    }
    if (i == 0) y[0] = hrm_sum_value(sums[0]);
}
