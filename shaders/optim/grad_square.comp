/* Sums of squares of a flat gradient's chunks: partial[c] = sum of g[i]^2 over the HRM_GRAD_CHUNK elements i from
 * c * HRM_GRAD_CHUNK on, the last chunk to the gradient's end.
 *   0 r grad [count] f32    1 w partial [chunks] f32
 * A chunk is a table of fours, HRM_GRAD_COLUMNS to a row: each column is added from top to bottom, its four sums are
 * added, then columns are added in halves (c and c + 64, c and c + 32, ...). That order is the same in every row of the
 * kernel table and for any workgroup, so the bits depend on the gradient alone; with terms >= 0 the error is below
 * (rows + 10) half units in the last place. A square past the largest f32 gives infinity, and that or a NaN anywhere
 * makes its chunk's sum so (no term is negative: nothing cancels).
 * One workgroup computes per_group chunks, an invocation every (workgroup size)th column. The texel row is for CPU
 * drivers, where the workgroup is one subgroup and shuffles take the place of barriers. HRM_WIDTH 1 reads single floats
 * up to `count`: the last chunk, or all. On lavapipe (Mesa 22, 16 lanes, 27 Mi elements), GB/s of processor time: texel
 * loads and shuffles 12.8, storage buffers and barriers 2.0; with rows in the outer loop and columns in the inner one
 * the former had 7.6. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef HRM_TEXEL
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "lib/grid.glsl"
#include "lib/vec.glsl"
#include "shared/common.h"
#include "shared/optim.h"
#include "shared/spec_ids.h"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in; /* a power of two, at most HRM_GRAD_COLUMNS */
layout(push_constant) uniform Push { hrm_grad_square_params params; };
HRM_INPUT(0, grad);
layout(std430, set = 0, binding = 1) writeonly buffer Partial { float partial[]; };

const uint LANES = gl_WorkGroupSize.x;
const uint PER_LANE = HRM_GRAD_COLUMNS / LANES;
const uint ROWS = HRM_GRAD_CHUNK / 4 / HRM_GRAD_COLUMNS;

vec4 load_four(uint four) {
#if HRM_WIDTH == 4
    return HRM_LOAD(grad, four);
#else
    vec4 v = vec4(0.0);
    uint first = 4 * four;
    [[unroll]] for (uint k = 0; k < 4; k++)
        if (first + k < params.count) v[k] = grad[first + k];
    return v;
#endif
}

float add_column(uint first) {
    precise vec4 sum = vec4(0.0);
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        vec4 g = load_four(first + row * HRM_GRAD_COLUMNS);
        precise vec4 square = g * g;
        sum += square;
    }
    precise float s = (sum.x + sum.y) + (sum.z + sum.w);
    return s;
}

#ifdef HRM_TEXEL
float add_lanes(float s) {
    for (uint n = LANES / 2; n > 0; n /= 2) {
        precise float total = s + subgroupShuffleXor(s, n);
        s = total;
    }
    return s;
}
#else
shared float sums[HRM_GRAD_COLUMNS];

float add_lanes(float s) {
    uint lane = gl_LocalInvocationID.x;
    barrier(); /* the last chunk's sum may still be read */
    sums[lane] = s;
    barrier();
    for (uint n = LANES / 2; n > 0; n /= 2) {
        if (lane < n) sums[lane] += sums[lane + n];
        barrier();
    }
    return sums[0];
}
#endif

void main() {
    uint group = flat_group() * params.per_group, lane = gl_LocalInvocationID.x;
    if (group >= params.chunks) return;
    uint end = params.first + min(group + params.per_group, params.chunks);
    for (uint chunk = params.first + group; chunk < end; chunk++) {
        float s[PER_LANE];
        [[unroll]] for (uint k = 0; k < PER_LANE; k++)
            s[k] = add_column(chunk * (HRM_GRAD_CHUNK / 4) + k * LANES + lane);
        [[unroll]] for (uint n = PER_LANE / 2; n > 0; n /= 2)
            [[unroll]] for (uint k = 0; k < n; k++) {
                precise float total = s[k] + s[k + n];
                s[k] = total;
            }
        float total = add_lanes(s[0]);
        if (lane == 0) partial[chunk] = total;
    }
}
