/* Tensor views: a region of a buffer with dtype, shape and strides. Views own nothing. */
#ifndef HRM_OPS_TENSOR_H
#define HRM_OPS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/buffer.h"

typedef enum hrm_dtype {
    HRM_F32_T = 0,
    HRM_U32_T = 1,
    HRM_BF16_T = 2, /* 16-bit types lie as pairs in 32-bit words, the even element in the low half: no kernel needs */
    HRM_F16_T = 3,  /* 16-bit storage to read them */
} hrm_dtype;

static inline uint32_t hrm_dtype_get_bytes(hrm_dtype dtype) {
    return dtype == HRM_BF16_T || dtype == HRM_F16_T ? 2 : 4;
}

static inline bool hrm_dtype_is_16bit(hrm_dtype dtype) {
    return dtype == HRM_BF16_T || dtype == HRM_F16_T;
}

enum { HRM_TENSOR_MAX_RANK = 4 };

/* Row-major. `shape` and `stride` (in elements) use the first `rank` entries. buffer == NULL means "no tensor": every
 * optional argument of an op is passed so. */
typedef struct hrm_tensor {
    hrm_buffer *buffer;
    uint64_t offset; /* bytes; a multiple of the device's binding alignment */
    hrm_dtype dtype;
    uint32_t rank;
    uint64_t shape[HRM_TENSOR_MAX_RANK];
    uint64_t stride[HRM_TENSOR_MAX_RANK];
} hrm_tensor;

static inline bool hrm_tensor_is_set(const hrm_tensor *t) {
    return t->buffer != NULL;
}

/* Elements of the view (1 for rank 0). */
uint64_t hrm_tensor_get_count(const hrm_tensor *t);
bool hrm_tensor_is_contiguous(const hrm_tensor *t);
/* The bytes from the first to the last element: what a kernel binds. */
hrm_span hrm_tensor_get_span(const hrm_tensor *t);
/* Contiguous views of a buffer region. */
hrm_tensor hrm_tensor_1d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t n);
hrm_tensor hrm_tensor_2d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t rows, uint64_t cols);
hrm_tensor hrm_tensor_3d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t a, uint64_t b, uint64_t c);
/* The same elements as one row of `count` (contiguous views only). */
hrm_tensor hrm_tensor_flat(hrm_tensor t);
/* Contiguous [rows, cols] over the same elements. */
hrm_tensor hrm_tensor_as_2d(hrm_tensor t, uint64_t rows, uint64_t cols);

#endif
