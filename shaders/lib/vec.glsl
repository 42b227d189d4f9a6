/* The element type of elementwise and row kernels, so that one source gives the rows of the table:
 *
 *   -DHRM_WIDTH=1    floats in storage buffers: any size
 *   -DHRM_WIDTH=4    vec4 in storage buffers: the innermost size is a multiple of 4
 *   -DHRM_WIDTH=4 -DHRM_TEXEL -DHRM_STORE64
 *                    for CPU drivers: inputs are storage texel buffers (access letter i), outputs are stored as pairs of
 *                    64-bit words (needs HRM_CAP_INT64). On lavapipe of Mesa 22 a texel load is one vector instruction,
 *                    while a storage-buffer load or store is a loop over lanes and components, so that half as many
 *                    components pay. RMSNorm 2368x512, 512-bit, GB/s on 2 cores of a Sapphire Rapids: texel loads and
 *                    64-bit stores 6.9, texel loads and vec4 stores 4.9, image stores 2.9, storage buffers 3; the same
 *                    without any store 25.
 *                    Two neighbouring elements of a lane stored together are faster still: HRM_STORE_PAIR, of pair i
 *                    (elements 2 i and 2 i + 1); a + b of 4 Mi floats on 2 cores of a Zen 4, 512 bits: 18 -> 21 GB/s,
 *                    256 bits: 27 -> 31. The other rows have it too, as two stores.
 *
 *   -DHRM_WIDTH=4 -DHRM_ANY
 *                    vec4 in storage buffers, but operands declared with HRM_INPUT_T or HRM_OUTPUT_T are f32, bf16 or f16
 *                    by a specialization constant of the given id (lib/half.glsl); in the other rows they are f32
 *
 * Indices count elements of that type. An input may be the memory that the kernel writes, as long as each element is
 * read by the invocation that writes it, and before. */
#ifndef HRM_LIB_VEC_GLSL
#define HRM_LIB_VEC_GLSL

#if HRM_WIDTH == 4
#define HRM_VEC vec4
#define HRM_BVEC bvec4
#define HRM_IVEC ivec4
float vec_sum(vec4 v) {
    return (v.x + v.y) + (v.z + v.w);
}
#else
#define HRM_VEC float
#define HRM_BVEC bool
#define HRM_IVEC int
float vec_sum(float v) {
    return v;
}
#endif

#ifdef HRM_TEXEL
#define HRM_INPUT(index, name) layout(set = 0, binding = index, rgba32f) readonly uniform imageBuffer name
#define HRM_LOAD(name, i) imageLoad(name, int(i))
#else
#define HRM_INPUT(index, name)                                                                                         \
    layout(set = 0, binding = index, std430) readonly buffer name##_block { HRM_VEC name[]; }
#define HRM_LOAD(name, i) name[i]
#endif

#ifdef HRM_STORE64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define HRM_OUTPUT(index, name)                                                                                        \
    layout(set = 0, binding = index, std430) writeonly buffer name##_block { u64vec2 name[]; };                        \
    layout(set = 0, binding = index, std430) writeonly buffer name##_pair_block { u64vec4 name##_pairs[]; }
#define HRM_STORE(name, i, v) name[i] = vec_words(v)
#define HRM_STORE_PAIR(name, i, v, w) name##_pairs[i] = u64vec4(vec_words(v), vec_words(w))
u64vec2 vec_words(vec4 v) {
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#else
#define HRM_OUTPUT(index, name) layout(set = 0, binding = index, std430) buffer name##_block { HRM_VEC name[]; }
#define HRM_STORE(name, i, v) name[i] = v
#define HRM_STORE_PAIR(name, i, v, w)                                                                                  \
    name[2 * (i)] = v;                                                                                                 \
    name[2 * (i) + 1] = w
#endif

#ifdef HRM_ANY
#include "lib/half.glsl"
#define HRM_INPUT_T(index, name, id)                                                                                   \
    layout(constant_id = id) const uint name##_dtype = HRM_DTYPE_F32;                                                  \
    HRM_ANY4(readonly, index, name)
#define HRM_OUTPUT_T(index, name, id)                                                                                  \
    layout(constant_id = id) const uint name##_dtype = HRM_DTYPE_F32;                                                  \
    HRM_ANY4(writeonly, index, name)
#define HRM_LOAD_T(name, i) HRM_ANY4_LOAD(name, name##_dtype, i)
#define HRM_STORE_T(name, i, v) HRM_ANY4_STORE(name, name##_dtype, i, v)
#else
#define HRM_INPUT_T(index, name, id) HRM_INPUT(index, name)
#define HRM_OUTPUT_T(index, name, id) HRM_OUTPUT(index, name)
#define HRM_LOAD_T HRM_LOAD
#define HRM_STORE_T HRM_STORE
#endif

#endif
