/* Named tensors of a file, whatever its kind: safetensors, or a checkpoint of PyTorch.
 *
 * Promises: tensors are read front to back in pieces, so that a file of any size needs little memory; what is listed
 * has been checked against the file. */
#ifndef HRM_IO_TENSOR_FILE_H
#define HRM_IO_TENSOR_FILE_H

#include "io/safetensors.h"

typedef enum hrm_tensor_file_kind { HRM_TENSOR_FILE_SAFETENSORS = 1, HRM_TENSOR_FILE_TORCH = 2 } hrm_tensor_file_kind;

typedef struct hrm_tensor_info {
    const char *name; /* owned by the file */
    hrm_safetensors_dtype dtype;
    uint32_t rank; /* 0: a scalar, count 1 */
    uint64_t shape[HRM_SAFETENSORS_MAX_RANK];
    uint64_t count; /* product of the shape */
    uint64_t bytes; /* count * size of dtype */
} hrm_tensor_info;

typedef struct hrm_tensor_file hrm_tensor_file;
typedef struct hrm_tensor_stream hrm_tensor_stream;

/* The kind is told from the first bytes. Errors: IO, FORMAT (neither kind, or damaged: what and where), UNSUPPORTED. */
hrm_status hrm_tensor_file_open(const char *path, hrm_tensor_file **out);
/* The same with values that may be written through hrm_tensor_file_get_writable_f32: this process's copy changes, never
 * the file, and pages not written take no memory (base/file_map.h). The file may be replaced by rename meanwhile.
 * PyTorch's files open too, without values to write. */
hrm_status hrm_tensor_file_open_private(const char *path, hrm_tensor_file **out);
/* One more owner: each closes. */
void hrm_tensor_file_retain(hrm_tensor_file *file);
/* NULL does nothing; with the last owner the file goes. Close its streams first. */
void hrm_tensor_file_close(hrm_tensor_file *file);

hrm_tensor_file_kind hrm_tensor_file_get_kind(const hrm_tensor_file *file);
size_t hrm_tensor_file_count(const hrm_tensor_file *file);
/* index < count; in the order of the file. */
hrm_tensor_info hrm_tensor_file_get(const hrm_tensor_file *file, size_t index);
/* The values where they lie in the mapped file, any alignment; NULL when they have to be read (PyTorch's files). */
const void *hrm_tensor_file_get_mapped(const hrm_tensor_file *file, size_t index);
/* The values of an F32 tensor where they lie in the private mapping, valid until the last owner closes the file; what
 * is written there is also what get_mapped and streams read from then on. NULL when they cannot be written in place,
 * and have to be read into memory: other types, values at odd places (not a multiple of 4 bytes), PyTorch's files, and
 * files opened by hrm_tensor_file_open. */
float *hrm_tensor_file_get_writable_f32(const hrm_tensor_file *file, size_t index);
/* SIZE_MAX when there is none of that name. */
size_t hrm_tensor_file_find(const hrm_tensor_file *file, const char *name);
/* The metadata of safetensors; NULL when absent, and always for PyTorch's files. */
const char *hrm_tensor_file_metadata(const hrm_tensor_file *file, const char *key);
size_t hrm_tensor_file_metadata_count(const hrm_tensor_file *file);
void hrm_tensor_file_metadata_at(const hrm_tensor_file *file, size_t index, const char **key, const char **value);

/* Reads the whole file and compares it with the checksum under metadata `key`, see hrm_safetensors_verify; call it
 * before anything is written to a private mapping. *has_checksum (may be NULL) tells whether there was one: a file
 * without is OK, as are PyTorch's. Errors: FORMAT ("PATH is damaged: its checksum is X, its data give Y"). */
hrm_status hrm_tensor_file_verify(const hrm_tensor_file *file, const char *key, bool *has_checksum);

/* Reads one tensor from its first value to its last, row-major. */
hrm_status hrm_tensor_stream_open(hrm_tensor_file *file, size_t index, hrm_tensor_stream **out);
void hrm_tensor_stream_close(hrm_tensor_stream *stream);
/* The next `bytes` bytes, little-endian, as stored. Errors: INVALID_ARGUMENT (past the end), IO, FORMAT (damaged). */
hrm_status hrm_tensor_stream_read(hrm_tensor_stream *stream, void *dst, size_t bytes);
/* The next `count` values as f32: from F32, BF16, F16 (exact), F64 (rounded). Errors: also UNSUPPORTED (other types).
 */
hrm_status hrm_tensor_stream_read_f32(hrm_tensor_stream *stream, float *dst, size_t count);

#endif
