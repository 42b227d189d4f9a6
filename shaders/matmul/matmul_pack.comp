/* packed[k, j] = w[j, k] for j < n, 0 for n <= j < 4 * n4: the K-major copy of a weight that family A multiplies with.
 *
 *   -DHRM_TEXEL  w is read as texels (k and ldw are multiples of 4); for CPU drivers, where that is fast
 *
 * Bindings  0 w [n,k]   1 packed [k, n4] vec4
 * One invocation transposes a block of 4 x 4; columns of blocks vary fastest, so that neighbours store neighbours. */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shared/matmul.h"
#include "shared/spec_ids.h"
#include "lib/grid.glsl"

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform params_block { hrm_matmul_pack_params p; };
#ifdef HRM_TEXEL
layout(set = 0, binding = 0, rgba32f) readonly uniform imageBuffer w;
#else
layout(set = 0, binding = 0, std430) readonly buffer w_block { float w[]; };
#endif
layout(set = 0, binding = 1, std430) writeonly buffer packed_block { vec4 packed[]; };

/* w[j, k .. k + 3] with zeros outside. */
vec4 load_w(uint j, uint k) {
    uint at = min(j, p.n - 1) * p.ldw + k;
#ifdef HRM_TEXEL
    vec4 x = imageLoad(w, int(at >> 2));
#else
    uint rest = p.k - k - 1;
    vec4 x = vec4(w[at], w[at + min(rest, 1)], w[at + min(rest, 2)], w[at + min(rest, 3)]);
#endif
    return j < p.n ? x : vec4(0);
}

void main() {
    uint block = flat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, k4 = (p.k + 3) / 4;
    if (block >= k4 * p.n4) return;
    uint k = block / p.n4 * 4, column = block % p.n4;
    vec4 rows[4];
    [[unroll]] for (uint i = 0; i < 4; i++) rows[i] = load_w(4 * column + i, k);
    [[unroll]] for (uint i = 0; i < 4; i++) {
        if (k + i < p.k) packed[(k + i) * p.n4 + column] = vec4(rows[0][i], rows[1][i], rows[2][i], rows[3][i]);
    }
}
