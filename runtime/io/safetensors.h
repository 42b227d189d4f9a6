/* Reading safetensors: a little-endian u64 with the length of a JSON header, the header, then raw row-major values.
 *
 * Promises: a file that opens is sound: every tensor lies inside the file, shape times type equals its range, ranges
 * neither overlap nor leave gaps (as the format demands), no name occurs twice. Nothing is copied: data points into the
 * mapping or the caller's bytes, and may be misaligned, so read it with memcpy or the copy functions below.
 * Source: the format description of huggingface/safetensors. */
#ifndef HRM_IO_SAFETENSORS_H
#define HRM_IO_SAFETENSORS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HRM_SAFETENSORS_MAX_RANK 8
#define HRM_SAFETENSORS_MAX_HEADER_BYTES 100000000u /* the reference implementation's limit */
#define HRM_SAFETENSORS_CHECKSUM_DIGITS 16          /* of a checksum in the metadata: 0-9, a-f */

/* X(suffix, bytes per element); the suffix is the name in the file. */
#define HRM_SAFETENSORS_DTYPE_LIST(X)                                                                                  \
    X(BOOL, 1)                                                                                                         \
    X(U8, 1)                                                                                                           \
    X(I8, 1) X(U16, 2) X(I16, 2) X(F16, 2) X(BF16, 2) X(U32, 4) X(I32, 4) X(F32, 4) X(U64, 8) X(I64, 8) X(F64, 8)

typedef enum hrm_safetensors_dtype {
#define HRM_SAFETENSORS_ENUM(name, bytes) HRM_ST_##name,
    HRM_SAFETENSORS_DTYPE_LIST(HRM_SAFETENSORS_ENUM)
#undef HRM_SAFETENSORS_ENUM
        HRM_ST_DTYPE_COUNT
} hrm_safetensors_dtype;

/* "F32"; bytes of one element. */
const char *hrm_safetensors_dtype_name(hrm_safetensors_dtype dtype);
size_t hrm_safetensors_dtype_size(hrm_safetensors_dtype dtype);

typedef struct hrm_safetensors_tensor {
    const char *name;
    hrm_safetensors_dtype dtype;
    uint32_t rank; /* 0: a scalar, count 1 */
    uint64_t shape[HRM_SAFETENSORS_MAX_RANK];
    uint64_t count;   /* product of the shape */
    const void *data; /* any alignment */
    size_t bytes;     /* count * size of dtype */
} hrm_safetensors_tensor;

typedef struct hrm_safetensors hrm_safetensors;

/* Maps and checks a file. Errors: those of hrm_file_map_open, and of parse with the file named before them. */
hrm_status hrm_safetensors_open(const char *path, hrm_safetensors **out);

/* The same with values that may be written, which changes this process's copy and never the file: see
 * hrm_file_map_open_private. */
hrm_status hrm_safetensors_open_private(const char *path, hrm_safetensors **out);

/* The same over bytes that outlive the object.
 * Errors: FORMAT (what is wrong, and where), UNSUPPORTED (unknown type, more than 8 dimensions), OUT_OF_MEMORY. */
hrm_status hrm_safetensors_parse(const void *bytes, size_t size, hrm_safetensors **out);

/* NULL does nothing. Tensors, names and metadata borrowed from it die. */
void hrm_safetensors_close(hrm_safetensors *file);

/* Tensors in the order of the header. index < count. */
size_t hrm_safetensors_count(const hrm_safetensors *file);
const hrm_safetensors_tensor *hrm_safetensors_get(const hrm_safetensors *file, size_t index);

/* NULL when there is none of that name. */
const hrm_safetensors_tensor *hrm_safetensors_find(const hrm_safetensors *file, const char *name);

/* A tensor's values, to be written, any alignment; NULL unless the file was opened by hrm_safetensors_open_private. */
void *hrm_safetensors_get_writable(const hrm_safetensors *file, size_t index);

/* The string map "__metadata__", in the order of the header; absent counts as empty. */
size_t hrm_safetensors_metadata_count(const hrm_safetensors *file);
void hrm_safetensors_metadata_at(const hrm_safetensors *file, size_t index, const char **key, const char **value);
const char *hrm_safetensors_metadata(const hrm_safetensors *file, const char *key); /* NULL when absent */

/* Where a checksum's 16 digits stand in the text of a header written as ours are (key behind '{' or ',', no spaces);
 * 0: nowhere. */
size_t hrm_safetensors_find_checksum(const char *header, size_t bytes, const char *key, const char *digits);

/* Compares the file with the checksum that hrm_safetensors_writer_set_checksum put under `key`: the whole file, header
 * and values in file order (base/checksum.h), the 16 digits of the checksum itself taken as zeros. Reads all of it, at
 * the speed of disk or memory. Values written to a private mapping count as damage: verify first.
 * *has_checksum is false, and nothing is read, when there is no such metadata.
 * Errors: FORMAT (damaged; a file that another program rewrote and that kept the metadata is told the same way). */
hrm_status hrm_safetensors_verify(const hrm_safetensors *file, const char *key, bool *has_checksum);

/* Copies all elements, converted; dst has room for `count`, which must equal tensor->count.
 *   f32: from F32, BF16, F16 (exact) and F64 (rounded)
 *   f64: from the same types, exact
 *   i64: from BOOL and every integer type; a U64 beyond INT64_MAX is an error
 * Errors: INVALID_ARGUMENT (count), UNSUPPORTED (type), FORMAT (U64 out of range). */
hrm_status hrm_safetensors_copy_f32(const hrm_safetensors_tensor *tensor, float *dst, uint64_t count);
hrm_status hrm_safetensors_copy_f64(const hrm_safetensors_tensor *tensor, double *dst, uint64_t count);
hrm_status hrm_safetensors_copy_i64(const hrm_safetensors_tensor *tensor, int64_t *dst, uint64_t count);

#endif
