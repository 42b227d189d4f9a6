/* One Adam-atan2 step with decoupled weight decay over a flat range, with g = grad / 2^loss_scale_log2:
 *   p *= 1 - lr * weight_decay
 *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *   p -= step_size * atan2(m, sqrt(v) * v_scale)
 *   ema = ema_decay * ema + (1 - ema_decay) * p, with -DHRM_EMA; a decay of 0 copies p
 * step_size = lr / (1 - beta1^t) and v_scale = 1 / sqrt(1 - beta2^t) come from the step block: the first moment's bias is
 * corrected in the step size, not inside the atan2. atan2(0, 0) = 0. With skip in the step block nothing is written.
 *
 *   0 r grad    1 r step_block    2 r p    3 r m    4 r v    5 w p    6 w m    7 w v    8 r ema    9 w ema    (f32)
 * Bindings 5 to 7 and 9 are the same memory as 2 to 4 and 8: each element is read, then written, by one invocation. One
 * workgroup updates per_group consecutive elements (HRM_WIDTH floats each).
 *
 * A v below the smallest normal number (gradients below 1e-19) may be flushed to 0 by the device, which would make the
 * step pi/2 * step_size however small the gradient; the root is therefore taken of no less than that number.
 * Maths: Everett et al., "Scaling exponents across parameterizations and optimizers", 2024, in the form of the adam-atan2
 * package that the reference uses. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "lib/math.glsl"
#include "lib/vec.glsl"
#include "shared/common.h"
#include "shared/optim.h"
#include "shared/spec_ids.h"
#include "shared/step_block.h"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(constant_id = HRM_SPEC_FLAGS) const bool IN_PAIRS = false; /* first and count are even */
layout(push_constant) uniform Push { hrm_adam_atan2_params params; };
HRM_INPUT(0, grad);
layout(std430, set = 0, binding = 1) readonly buffer Step { hrm_step_block step_block; };
HRM_INPUT(2, p_old);
HRM_INPUT(3, m_old);
HRM_INPUT(4, v_old);
HRM_OUTPUT(5, p_new);
HRM_OUTPUT(6, m_new);
HRM_OUTPUT(7, v_new);
#ifdef HRM_EMA
HRM_INPUT(8, ema_old);
HRM_OUTPUT(9, ema_new);
#endif

#if HRM_WIDTH == 4
#define ANGLE hrm_atan2_of /* d is above 0 */
#else
#define ANGLE hrm_atan2
#endif

struct update {
    HRM_VEC p, m, v;
#ifdef HRM_EMA
    HRM_VEC ema;
#endif
};

/* What the step says, read once: on CPU drivers a load of the block is a loop over lanes. */
float unscale, keep, v_scale, step_size, ema_decay;

update updated(uint i) {
    update u;
    HRM_VEC g = HRM_LOAD(grad, i) * unscale;
    u.m = params.beta1 * HRM_LOAD(m_old, i) + params.one_minus_beta1 * g;
    u.v = params.beta2 * HRM_LOAD(v_old, i) + params.one_minus_beta2 * (g * g);
    HRM_VEC d = sqrt(max(u.v, HRM_VEC(1.17549435e-38))) * v_scale;
    u.p = HRM_LOAD(p_old, i) * keep - step_size * ANGLE(u.m, d);
#ifdef HRM_EMA
    u.ema = ema_decay == 0.0 ? u.p : ema_decay * HRM_LOAD(ema_old, i) + (1.0 - ema_decay) * u.p;
#endif
    return u;
}

void main() {
    uint group = flat_group() * params.per_group;
    if (group >= params.count || step_block.skip != 0) return;
    uint begin = params.first + group;
    uint end = params.first + min(group + params.per_group, params.count);
    unscale = hrm_power_of_two(-int(step_block.loss_scale_log2));
    keep = 1.0 - step_block.lr * params.weight_decay;
    v_scale = step_block.adam_v_scale;
    step_size = step_block.adam_step_size;
    ema_decay = step_block.ema_decay;
    if (IN_PAIRS) {
        for (uint i = begin / 2 + gl_LocalInvocationID.x; i < end / 2; i += gl_WorkGroupSize.x) {
            update u = updated(2 * i), w = updated(2 * i + 1);
            HRM_STORE_PAIR(p_new, i, u.p, w.p);
            HRM_STORE_PAIR(m_new, i, u.m, w.m);
            HRM_STORE_PAIR(v_new, i, u.v, w.v);
#ifdef HRM_EMA
            HRM_STORE_PAIR(ema_new, i, u.ema, w.ema);
#endif
        }
        return;
    }
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        update u = updated(i);
        HRM_STORE(p_new, i, u.p);
        HRM_STORE(m_new, i, u.m);
        HRM_STORE(v_new, i, u.v);
#ifdef HRM_EMA
        HRM_STORE(ema_new, i, u.ema);
#endif
    }
}
