/* 16-bit elements without 16-bit features: pairs in 32-bit words, the even element in the low half. `dtype` is a
 * specialization constant (HRM_SPEC_DTYPE_*, values HRM_DTYPE_BF16 or HRM_DTYPE_F16), so that the pipeline holds one of
 * the two conversions.
 *
 *   half_unpack2(word, dtype), half_unpack4, half_unpack8     exact; an f16 subnormal may be read as 0, as devices are
 *                                                             free to flush them in unpackHalf2x16
 *   half_pack2(vec2, dtype), half_pack4, half_pack8           to nearest, ties to even; overflow gives infinity, a NaN
 *                                                             stays a NaN: the bits of runtime/base/half.h
 *
 * Rounding is integer arithmetic for both types. packHalf2x16 would round f16 as the driver likes: RADV rounds towards
 * zero, which biases every store and turns an overflow into 65504 where loss scaling waits for an infinity.
 *
 * A tensor whose dtype is a constant of the pipeline is declared at one binding, as floats and as words:
 *
 *   HRM_ANY4(readonly, 0, a)                 elements in fours: every row's start and length are multiples of 4
 *   HRM_ANY1(readonly, 1, b)                 single elements
 *   vec4 x = HRM_ANY4_LOAD(a, DTYPE_A, i);   elements 4 i .. 4 i + 3
 *   float y = HRM_ANY1_LOAD(b, DTYPE_B, i);  element i
 *   HRM_ANY4_STORE(c, DTYPE_C, i, x)
 *
 * Both views are the same memory, and a pipeline uses one of them. Single 16-bit elements are never stored: two
 * invocations would write one word. */
#ifndef HRM_LIB_HALF_GLSL
#define HRM_LIB_HALF_GLSL
#include "shared/dtype.h"

vec2 half_unpack2(uint word, uint dtype) {
    if (dtype == HRM_DTYPE_F16) return unpackHalf2x16(word);
    return vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u));
}

vec4 half_unpack4(uvec2 words, uint dtype) {
    return vec4(half_unpack2(words.x, dtype), half_unpack2(words.y, dtype));
}

void half_unpack8(uvec4 words, uint dtype, out vec4 low, out vec4 high) {
    low = half_unpack4(words.xy, dtype);
    high = half_unpack4(words.zw, dtype);
}

/* Element i (its lowest bit counts) of a word. */
float half_unpack1(uint word, uint i, uint dtype) {
    vec2 pair = half_unpack2(word, dtype);
    return (i & 1u) == 0u ? pair.x : pair.y;
}

/* bf16 in the upper half. Adding 0x7fff, or 0x8000 when the kept part is odd, carries exactly when rounding up is due;
 * past the largest finite value the carry lands on infinity. */
uvec2 half_round_bf16(uvec2 bits) {
    uvec2 rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    return mix(rounded, bits | 0x400000u, greaterThan(bits & 0x7fffffffu, uvec2(0x7f800000u)));
}

/* f16 in the lower half. Below 2^-14 the results are multiples of 2^-24, the unit of f32 numbers from 0.5 to 1: adding
 * 0.5 rounds to them, and leaves their number in the mantissa. */
uvec2 half_round_f16(uvec2 bits) {
    uvec2 magnitude = bits & 0x7fffffffu;
    uvec2 normal = min((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13, uvec2(0x7c00u));
    precise vec2 raised = uintBitsToFloat(min(magnitude, uvec2(0x38800000u))) + 0.5;
    uvec2 small = floatBitsToUint(raised) - 0x3f000000u;
    uvec2 half_bits = mix(normal, small, lessThan(magnitude, uvec2(0x38800000u)));
    half_bits = mix(half_bits, 0x7e00u | ((magnitude >> 13) & 0x3ffu), greaterThan(magnitude, uvec2(0x7f800000u)));
    return half_bits | ((bits >> 16) & 0x8000u);
}

uint half_pack2(vec2 x, uint dtype) {
    uvec2 bits = floatBitsToUint(x);
    if (dtype == HRM_DTYPE_F16) {
        uvec2 h = half_round_f16(bits);
        return h.x | (h.y << 16);
    }
    uvec2 b = half_round_bf16(bits);
    return (b.x >> 16) | (b.y & 0xffff0000u);
}

uvec2 half_pack4(vec4 x, uint dtype) {
    return uvec2(half_pack2(x.xy, dtype), half_pack2(x.zw, dtype));
}

uvec4 half_pack8(vec4 low, vec4 high, uint dtype) {
    return uvec4(half_pack4(low, dtype), half_pack4(high, dtype));
}

#define HRM_ANY4(access, index, name)                                                                                  \
    layout(set = 0, binding = index, std430) access buffer name##_block { vec4 name[]; };                              \
    layout(set = 0, binding = index, std430) access buffer name##_words_block { uvec2 name##_words[]; }
#define HRM_ANY1(access, index, name)                                                                                  \
    layout(set = 0, binding = index, std430) access buffer name##_block { float name[]; };                             \
    layout(set = 0, binding = index, std430) access buffer name##_words_block { uint name##_words[]; }
#define HRM_ANY4_LOAD(name, dtype, i)                                                                                  \
    ((dtype) == HRM_DTYPE_F32 ? name[i] : half_unpack4(name##_words[i], dtype))
#define HRM_ANY1_LOAD(name, dtype, i)                                                                                  \
    ((dtype) == HRM_DTYPE_F32 ? name[i] : half_unpack1(name##_words[(i) >> 1], i, dtype))
#define HRM_ANY4_STORE(name, dtype, i, x)                                                                              \
    if ((dtype) == HRM_DTYPE_F32)                                                                                      \
        name[i] = x;                                                                                                   \
    else                                                                                                               \
        name##_words[i] = half_pack4(x, dtype)

#endif
