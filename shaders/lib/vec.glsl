/* The element type of elementwise and row kernels, so that one source gives three rows of the table:
 *
 *   -DHRM_WIDTH=1               floats from storage buffers: any size
 *   -DHRM_WIDTH=4               vec4 from storage buffers: the innermost size is a multiple of 4
 *   -DHRM_WIDTH=4 -DHRM_TEXEL   the same with inputs as storage texel buffers (access letter i): on lavapipe (Mesa 22
 *                               and 25) such a load is one vector instruction, a storage-buffer load a loop over lanes
 *
 * Indices count elements of that type. An input may be the memory that the kernel writes, as long as each element is
 * read by the invocation that writes it, and before. */
#ifndef HRM_LIB_VEC_GLSL
#define HRM_LIB_VEC_GLSL

#if HRM_WIDTH == 4
#define HRM_VEC vec4
float vec_sum(vec4 v) {
    return (v.x + v.y) + (v.z + v.w);
}
#else
#define HRM_VEC float
float vec_sum(float v) {
    return v;
}
#endif

#ifdef HRM_TEXEL
#define HRM_INPUT(index, name) layout(set = 0, binding = index, rgba32f) readonly uniform imageBuffer name
#define HRM_LOAD(name, i) imageLoad(name, int(i))
#else
#define HRM_INPUT(index, name) layout(set = 0, binding = index, std430) readonly buffer name##_block { HRM_VEC name[]; }
#define HRM_LOAD(name, i) name[i]
#endif
#define HRM_OUTPUT(index, name) layout(set = 0, binding = index, std430) buffer name##_block { HRM_VEC name[]; }

#endif
