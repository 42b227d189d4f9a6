/* bf16 and IEEE binary16, kept as uint16_t, to and from f32.
 *
 * Promises: widening is exact; narrowing rounds to nearest, ties to even, overflows to infinity, keeps subnormals and
 * the sign of zero; a NaN stays a NaN (its top payload bits kept, the quiet bit set). Bit manipulation only: nothing
 * depends on the rounding mode or on flush-to-zero. */
#ifndef HRM_BASE_HALF_H
#define HRM_BASE_HALF_H

#include <stddef.h>
#include <stdint.h>

float hrm_bf16_to_f32(uint16_t bits);
uint16_t hrm_bf16_from_f32(float value);
float hrm_f16_to_f32(uint16_t bits);
uint16_t hrm_f16_from_f32(float value);

#endif
