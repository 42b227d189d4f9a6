/* out[i] = f(x[i]) or f(y[i], x[i]): the functions of lib/math.glsl by themselves, so that tests can bound their errors
 * on the device at hand.
 *   0 r x [n] f32    1 r y [n] f32 (read by atan2 and atan2_of only)    2 w out [n] f32
 * One element an invocation. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "shared/common.h"
#include "shared/loss.h"

layout(local_size_x = 64) in;
layout(push_constant) uniform Push { hrm_math_eval_params p; };
layout(std430, set = 0, binding = 0) readonly buffer X { float x[]; };
layout(std430, set = 0, binding = 1) readonly buffer Y { float y[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Out { float result[]; };

void main() {
    uint i = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= p.count) return;
    float v = x[i];
    float r;
    switch (p.function) {
    case HRM_MATH_EXP: r = hrm_exp(v); break;
    case HRM_MATH_LOG: r = hrm_log(v); break;
    case HRM_MATH_LOG1P: r = hrm_log1p(v); break;
    case HRM_MATH_SIGMOID: r = hrm_sigmoid(v); break;
    case HRM_MATH_SOFTPLUS: r = hrm_softplus(v); break;
    case HRM_MATH_ERFINV: r = hrm_erfinv(v); break;
    case HRM_MATH_ATAN2: r = hrm_atan2(y[i], v); break;
    default: r = hrm_atan2_of(vec4(1.0, 0.0, y[i], -1.0), vec4(1.0, 2.0, v, 0.5)).z; break;
    }
    result[i] = r;
}
