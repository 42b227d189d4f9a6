/* The flat number of this workgroup in a grid made by hrm_grid_1d (runtime/ops/grid.h), which may hold a few groups more
 * than were asked for: a kernel returns when flat_group() >= its count. */
#ifndef HRM_LIB_GRID_GLSL
#define HRM_LIB_GRID_GLSL

uint flat_group() {
    return gl_WorkGroupID.x + gl_NumWorkGroups.x * (gl_WorkGroupID.y + gl_NumWorkGroups.y * gl_WorkGroupID.z);
}

#endif
