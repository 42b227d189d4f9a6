/* Sums across lanes, in a fixed order on a given device. Two levels:
 *
 *   workgroup_add(x)  the sum of x over the workgroup, in every invocation
 *   team_add(x)       the sum of x over a "team", in every lane of it
 *
 * A team is what works on one row: a subgroup, so that no barrier is needed (they are slow on CPU drivers) and any
 * subgroup size from 1 to 128 works. Its lanes are team_lane() < team_lanes(), and the workgroup has team_count() of
 * them, of which this is number team_index(). Rows are dealt to teams, not to group numbers, so the host need not know
 * the subgroup size. Where subgroup arithmetic is missing (-DHRM_REDUCE_TREE) the one team is the whole workgroup and
 * sums go through a tree in shared memory.
 *
 * The including file declares the workgroup BEFORE including this one (gl_WorkGroupSize is 1 until then, silently): at
 * most 256 invocations in x and a multiple of the subgroup size, so that subgroups are full. It calls these functions in
 * uniform control flow: workgroup_add, and in the tree form team_add, hold barriers. Costs 1 KiB of shared memory where
 * workgroup_add or the tree form is used; HRM_REDUCE_TEAM_ONLY leaves workgroup_add and its shared memory out. */
#ifndef HRM_LIB_REDUCE_GLSL
#define HRM_LIB_REDUCE_GLSL

#ifdef HRM_REDUCE_TREE

shared float reduce_partial[256];

float workgroup_add(float x) {
    uint i = gl_LocalInvocationID.x;
    barrier(); /* an earlier sum may still be read */
    reduce_partial[i] = x;
    barrier();
    for (uint n = gl_WorkGroupSize.x; n > 1;) {
        uint upper = (n + 1) / 2;
        if (i + upper < n) reduce_partial[i] += reduce_partial[i + upper];
        n = upper;
        barrier();
    }
    return reduce_partial[0];
}

uint team_lane() {
    return gl_LocalInvocationID.x;
}
uint team_lanes() {
    return gl_WorkGroupSize.x;
}
uint team_index() {
    return 0;
}
uint team_count() {
    return 1;
}
float team_add(float x) {
    return workgroup_add(x);
}

#else

#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#ifndef HRM_REDUCE_TEAM_ONLY
shared float reduce_partial[256];

float workgroup_add(float x) {
    float s = subgroupAdd(x);
    if (gl_NumSubgroups == 1) return s;
    barrier(); /* an earlier sum may still be read */
    if (subgroupElect()) reduce_partial[gl_SubgroupID] = s;
    barrier();
    float total = reduce_partial[0];
    for (uint i = 1; i < gl_NumSubgroups; i++) total += reduce_partial[i];
    return total;
}
#endif

uint team_lane() {
    return gl_SubgroupInvocationID;
}
uint team_lanes() {
    return gl_SubgroupSize;
}
uint team_index() {
    return gl_SubgroupID;
}
uint team_count() {
    return gl_NumSubgroups;
}
float team_add(float x) {
    return subgroupAdd(x);
}

#endif
#endif
