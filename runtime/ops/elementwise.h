/* Elementwise ops, f32 but for conversions. Tensors are contiguous and of equal element count; their shapes do not
 * matter. An output may be one of its op's inputs, but must not overlap one partly. */
#ifndef HRM_OPS_ELEMENTWISE_H
#define HRM_OPS_ELEMENTWISE_H

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_add_args {
    hrm_tensor y; /* written; may be a, b or c */
    hrm_tensor a;
    hrm_tensor b;
    hrm_tensor c; /* optional */
} hrm_add_args;

/* y = a + b, or (a + b) + c. */
void hrm_add(hrm_recorder *rec, hrm_add_args args);

typedef struct hrm_scale_args {
    hrm_tensor y; /* written; may be x */
    hrm_tensor x;
    float factor;
} hrm_scale_args;

/* y = factor * x. */
void hrm_scale(hrm_recorder *rec, hrm_scale_args args);

/* y = value everywhere, in the tensor's type (u32 takes the value converted, 16-bit ones the value rounded). */
void hrm_fill(hrm_recorder *rec, hrm_tensor y, float value);

typedef struct hrm_copy_args {
    hrm_tensor y; /* written; same type and count as x, no overlap */
    hrm_tensor x;
} hrm_copy_args;

void hrm_copy(hrm_recorder *rec, hrm_copy_args args);

typedef struct hrm_convert_args {
    hrm_tensor y; /* written; shares no memory with x */
    hrm_tensor x;
} hrm_convert_args;

/* y = x, from any of f32, bf16, f16 to any of them; a multiple of 4 elements. Widening is exact (but f16 subnormals may
 * become 0, as devices are free to flush them), narrowing rounds to nearest even: overflow gives infinity, a NaN stays
 * a NaN. This is how the 16-bit copy of a weight is made. */
void hrm_convert(hrm_recorder *rec, hrm_convert_args args);

#endif
