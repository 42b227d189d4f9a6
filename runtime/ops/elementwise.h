/* Elementwise f32 ops. Tensors are contiguous and of equal element count; their shapes do not matter.
 * An output may be one of its op's inputs, but must not overlap one partly. */
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

/* y = value everywhere (f32 or u32 bits as given by the tensor's type: u32 takes the value converted). */
void hrm_fill(hrm_recorder *rec, hrm_tensor y, float value);

typedef struct hrm_copy_args {
    hrm_tensor y; /* written; same type and count as x, no overlap */
    hrm_tensor x;
} hrm_copy_args;

void hrm_copy(hrm_recorder *rec, hrm_copy_args args);

#endif
