#include "ops/tensor.h"

#include <assert.h>

#include "shared/dtype.h"

static_assert((int)HRM_F32_T == HRM_DTYPE_F32 && (int)HRM_BF16_T == HRM_DTYPE_BF16 && (int)HRM_F16_T == HRM_DTYPE_F16,
              "kernels know dtypes by these numbers");

uint64_t hrm_tensor_get_count(const hrm_tensor *t) {
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++) n *= t->shape[i];
    return n;
}

bool hrm_tensor_is_contiguous(const hrm_tensor *t) {
    uint64_t n = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        if (t->shape[i] != 1 && t->stride[i] != n) return false;
        n *= t->shape[i];
    }
    return true;
}

hrm_span hrm_tensor_get_span(const hrm_tensor *t) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] == 0) return (hrm_span){t->buffer, t->offset, 0};
        last += (t->shape[i] - 1) * t->stride[i];
    }
    return (hrm_span){t->buffer, t->offset, (last + 1) * hrm_dtype_get_bytes(t->dtype)};
}

hrm_tensor hrm_tensor_1d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t n) {
    return (hrm_tensor){.buffer = buffer, .offset = offset, .dtype = dtype, .rank = 1, .shape = {n}, .stride = {1}};
}

hrm_tensor hrm_tensor_2d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t rows, uint64_t cols) {
    return (hrm_tensor){
        .buffer = buffer, .offset = offset, .dtype = dtype, .rank = 2, .shape = {rows, cols}, .stride = {cols, 1}};
}

hrm_tensor hrm_tensor_3d(hrm_buffer *buffer, uint64_t offset, hrm_dtype dtype, uint64_t a, uint64_t b, uint64_t c) {
    return (hrm_tensor){
        .buffer = buffer, .offset = offset, .dtype = dtype, .rank = 3, .shape = {a, b, c}, .stride = {b * c, c, 1}};
}

hrm_tensor hrm_tensor_flat(hrm_tensor t) {
    assert(hrm_tensor_is_contiguous(&t));
    return hrm_tensor_1d(t.buffer, t.offset, t.dtype, hrm_tensor_get_count(&t));
}

hrm_tensor hrm_tensor_as_2d(hrm_tensor t, uint64_t rows, uint64_t cols) {
    assert(hrm_tensor_is_contiguous(&t) && hrm_tensor_get_count(&t) == rows * cols);
    return hrm_tensor_2d(t.buffer, t.offset, t.dtype, rows, cols);
}
