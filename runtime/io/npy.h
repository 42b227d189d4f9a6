/* NumPy's .npy files, one array each: versions 1 and 2, little-endian, C order.
 *
 * Promises: a file that opens is sound: its shape times its type is exactly the data it has. Nothing is copied, and
 * data may be misaligned: read it with memcpy or the copy functions. What is written is byte for byte what NumPy
 * writes. Source: numpy/lib/format.py, NEP 1. */
#ifndef HRM_IO_NPY_H
#define HRM_IO_NPY_H

#include "base/file_map.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define HRM_NPY_MAX_RANK 8

/* X(suffix, NumPy's type string, bytes per element). */
/* clang-format off */
#define HRM_NPY_DTYPE_LIST(X)                                                                                          \
    X(BOOL, "|b1", 1)                                                                                                  \
    X(U8, "|u1", 1) X(I8, "|i1", 1)                                                                                    \
    X(U16, "<u2", 2) X(I16, "<i2", 2) X(F16, "<f2", 2)                                                                 \
    X(U32, "<u4", 4) X(I32, "<i4", 4) X(F32, "<f4", 4)                                                                 \
    X(U64, "<u8", 8) X(I64, "<i8", 8) X(F64, "<f8", 8)
/* clang-format on */

typedef enum hrm_npy_dtype {
#define HRM_NPY_ENUM(name, text, bytes) HRM_NPY_##name,
    HRM_NPY_DTYPE_LIST(HRM_NPY_ENUM)
#undef HRM_NPY_ENUM
        HRM_NPY_DTYPE_COUNT
} hrm_npy_dtype;

const char *hrm_npy_dtype_name(hrm_npy_dtype dtype); /* "<f4" */
size_t hrm_npy_dtype_size(hrm_npy_dtype dtype);

typedef struct hrm_npy {
    hrm_npy_dtype dtype;
    uint32_t rank; /* 0: a scalar, count 1 */
    uint64_t shape[HRM_NPY_MAX_RANK];
    uint64_t count;     /* product of the shape */
    const void *data;   /* any alignment */
    size_t bytes;       /* count * size of dtype */
    size_t data_offset; /* of the data in the file */
    hrm_file_map map;   /* closed when parsed from the caller's bytes */
} hrm_npy;

/* Maps and checks a file; close it. Errors: those of hrm_file_map_open, and of parse with the file named. */
hrm_status hrm_npy_open(const char *path, hrm_npy *out);

/* The same over bytes that outlive the result, which needs no close.
 * Errors: FORMAT (truncated, header not as NumPy writes it, shape and data disagree), VERSION (not 1 or 2),
 * UNSUPPORTED (big-endian, Fortran order, objects, strings, more than 8 dimensions). */
hrm_status hrm_npy_parse(const void *bytes, size_t size, hrm_npy *out);

/* NULL and closed ones do nothing. */
void hrm_npy_close(hrm_npy *array);

/* Where element `index` begins in the file, for messages. */
uint64_t hrm_npy_element_offset(const hrm_npy *array, uint64_t index);

/* Copies elements first..first+count-1, converted.
 *   i64: from BOOL and every integer type; a U64 beyond INT64_MAX is an error
 *   f32: from F16, F32 (exact) and F64 (rounded)
 * Errors: INVALID_ARGUMENT (range), UNSUPPORTED (type), FORMAT (U64 out of range). */
hrm_status hrm_npy_copy_i64(const hrm_npy *array, uint64_t first, uint64_t count, int64_t *dst);
hrm_status hrm_npy_copy_f32(const hrm_npy *array, uint64_t first, uint64_t count, float *dst);

/* Writes one array, atomically. Errors: INVALID_ARGUMENT (dtype, rank, size), IO, OUT_OF_MEMORY. */
hrm_status hrm_npy_write(const char *path, hrm_npy_dtype dtype, uint32_t rank, const uint64_t *shape, const void *data);

/* The same piece by piece: the shape is known up front, the data need not fit into memory. */
typedef struct hrm_npy_writer hrm_npy_writer;

/* Errors: as hrm_npy_write. */
hrm_status hrm_npy_writer_open(const char *path, hrm_npy_dtype dtype, uint32_t rank, const uint64_t *shape,
                               hrm_npy_writer **out);

/* Appends the next `count` elements. Errors: INVALID_ARGUMENT (more than the shape has), IO (sticks). */
hrm_status hrm_npy_writer_append(hrm_npy_writer *writer, const void *elements, uint64_t count);

/* Elements that the shape has and that were not appended yet. */
uint64_t hrm_npy_writer_missing(const hrm_npy_writer *writer);

/* Puts the file in its place. Consumes the writer, also on failure, and sets *writer to NULL.
 * Errors: INVALID_ARGUMENT (elements are missing; no file is left), IO. */
hrm_status hrm_npy_writer_commit(hrm_npy_writer **writer);

/* Leaves no file behind. NULL does nothing. */
void hrm_npy_writer_abort(hrm_npy_writer *writer);

#endif
