#include "base/half.h"

#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float hrm_bf16_to_f32(uint16_t bits) {
    return float_of((uint32_t)bits << 16);
}

uint16_t hrm_bf16_from_f32(float value) {
    uint32_t bits = bits_of(value);
    if ((bits & UINT32_C(0x7fffffff)) > UINT32_C(0x7f800000)) return (uint16_t)(bits >> 16 | 0x40);
    /* Adding 0x7fff, or 0x8000 when the kept part is odd, carries exactly when rounding up is due; past the largest
     * finite value the carry lands on infinity. */
    return (uint16_t)((bits + UINT32_C(0x7fff) + (bits >> 16 & 1)) >> 16);
}

float hrm_f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
    if (exponent == 0x1f) return float_of(sign | UINT32_C(0x7f800000) | mantissa << 13);
    if (exponent == 0) {
        if (mantissa == 0) return float_of(sign);
        exponent = 1; /* subnormal: shift the leading one into place */
        while (!(mantissa & 0x400)) {
            mantissa <<= 1;
            exponent--; /* wraps below zero; the bias below brings it back */
        }
        mantissa &= 0x3ff;
    }
    return float_of(sign | (exponent + (127 - 15)) << 23 | mantissa << 13);
}

uint16_t hrm_f16_from_f32(float value) {
    uint32_t bits = bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000;
    uint32_t magnitude = bits & UINT32_C(0x7fffffff);
    if (magnitude > UINT32_C(0x7f800000)) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= UINT32_C(0x477ff000)) return (uint16_t)(sign | 0x7c00); /* 65520: halfway to 2^16, and beyond */
    if (magnitude >= UINT32_C(0x38800000)) {                                 /* 2^-14: normal in binary16 */
        uint32_t rebased = magnitude - ((uint32_t)(127 - 15) << 23);
        return (uint16_t)(sign | (rebased + 0xfff + (rebased >> 13 & 1)) >> 13);
    }
    if (magnitude <= UINT32_C(0x33000000)) return (uint16_t)sign; /* 2^-25 is halfway to the first subnormal: even, 0 */
    uint32_t exponent = magnitude >> 23;
    uint32_t mantissa = (magnitude & UINT32_C(0x7fffff)) | UINT32_C(0x800000);
    uint32_t shift = 126 - exponent; /* 14..24: the result counts units of 2^-24 */
    uint32_t kept = mantissa >> shift, rest = mantissa & ((UINT32_C(1) << shift) - 1);
    uint32_t half = UINT32_C(1) << (shift - 1);
    if (rest > half || (rest == half && (kept & 1))) kept++;
    return (uint16_t)(sign | kept);
}
