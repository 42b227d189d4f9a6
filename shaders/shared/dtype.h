/* The element types of tensors, as specialization constants (HRM_SPEC_DTYPE_*) hand them to kernels: the values of
 * hrm_dtype (runtime/ops/tensor.h; runtime/ops/tensor.c checks it). */
#ifndef HRM_SHARED_DTYPE_H
#define HRM_SHARED_DTYPE_H
#define HRM_DTYPE_F32 0
#define HRM_DTYPE_BF16 2
#define HRM_DTYPE_F16 3
#endif
