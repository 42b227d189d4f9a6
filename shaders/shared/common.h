/* The types that let a parameter struct be written once and compile as C11 and as GLSL. Structs are made of 4-byte
 * scalars (and u64 addresses as two words) only, so that C, std430 and push-constant layouts agree without padding. */
#ifdef __STDC__ /* true in C, undefined in GLSL */
#ifndef HRM_SHADERS_SHARED_COMMON_H
#define HRM_SHADERS_SHARED_COMMON_H
#include <assert.h>
#include <stdint.h>
#define HRM_U32 uint32_t
#define HRM_I32 int32_t
#define HRM_F32 float
/* 128 bytes of push constants is all Vulkan promises. */
#define HRM_CHECK_SIZE(t, n) static_assert(sizeof(struct t) == (n) && (n) <= 128, #t)
#endif
#else
#define HRM_U32 uint
#define HRM_I32 int
#define HRM_F32 float
/* a declaration, because GLSL 4.50 has no empty ones */
#define HRM_CHECK_SIZE(t, n) const uint t##_bytes = n
#endif
