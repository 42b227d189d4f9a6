/* dst[i, :] = src[index[i], :] for rows of 4-byte words, bit for bit. An index past the end of src gives rows of
 * 0xffffffff, a NaN and no valid token: a mistake shows.
 *   0 r src [src_rows, n] any    1 r index [rows] u32    2 w dst [rows, n], apart from src
 * One workgroup writes per_group consecutive elements of one row, of HRM_WIDTH words each. */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/grid.glsl"
#include "shared/act.h"
#include "shared/common.h"
#include "shared/spec_ids.h"

#if HRM_WIDTH == 4
#define WORDS uvec4
#else
#define WORDS uint
#endif

layout(local_size_x_id = HRM_SPEC_LOCAL_X) in;
layout(push_constant) uniform Push { hrm_gather_rows_params p; };
layout(std430, set = 0, binding = 0) readonly buffer Src { WORDS src[]; };
layout(std430, set = 0, binding = 1) readonly buffer Index { uint index[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Dst { WORDS dst[]; };

void main() {
    uint groups_per_row = (p.row_elements + p.per_group - 1) / p.per_group;
    uint group = flat_group(), to = group / groups_per_row;
    if (to >= p.rows) return;
    uint from = index[to];
    uint begin = group % groups_per_row * p.per_group;
    uint end = min(begin + p.per_group, p.row_elements);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        WORDS words = WORDS(0xffffffffu);
        if (from < p.src_rows) words = src[from * p.row_elements + i];
        dst[to * p.row_elements + i] = words;
    }
}
