/* The data.pkl of a written checkpoint: an OrderedDict of CPU tensors, each with a storage of its own whose key is its
 * number. Part of io/torch_writer.c; nobody else includes it.
 *
 * Promises: byte for byte what Python's pickle makes of such a dict with protocol 2, memo included. */
#ifndef HRM_IO_TORCH_PICKLE_H
#define HRM_IO_TORCH_PICKLE_H

#include "io/safetensors.h"

typedef struct hrm_torch_pickle {
    unsigned char *bytes;
    size_t size;
} hrm_torch_pickle;

/* "FloatStorage", or NULL when PyTorch has none for this type. */
const char *hrm_torch_storage_name(hrm_safetensors_dtype dtype);

/* Tensors of names, dtypes with a storage and counts that are right; data is not looked at. deinit the result.
 * Errors: OUT_OF_MEMORY, INVALID_ARGUMENT (strides beyond 2^63). */
hrm_status hrm_torch_pickle_init(const hrm_safetensors_tensor *tensors, size_t count, hrm_torch_pickle *out);

void hrm_torch_pickle_deinit(hrm_torch_pickle *pickle);

#endif
