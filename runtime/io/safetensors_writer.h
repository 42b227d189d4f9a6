/* Writing safetensors: list tensors and metadata, then write them in one go.
 *
 * Promises: the same list gives the same bytes. Data lies in order of falling element size, else in the order added (so
 * every tensor is naturally aligned), the header lists it in that order, metadata in the order set; the header is
 * padded with spaces to 8 bytes. The file is replaced atomically. Tensor data is borrowed until the write, never
 * copied. */
#ifndef HRM_IO_SAFETENSORS_WRITER_H
#define HRM_IO_SAFETENSORS_WRITER_H

#include "io/safetensors.h"

typedef struct hrm_safetensors_writer hrm_safetensors_writer;

/* Fills dst with the tensor's bytes offset..offset+bytes-1. Called with offsets in rising order, without gaps, at most
 * HRM_SAFETENSORS_CHUNK_BYTES at a time (always a multiple of the element size). Its failure ends the write. */
#define HRM_SAFETENSORS_CHUNK_BYTES ((size_t)4 << 20)
typedef hrm_status (*hrm_safetensors_fill_fn)(void *user, uint64_t offset, void *dst, size_t bytes);

hrm_status hrm_safetensors_writer_create(hrm_safetensors_writer **out);

/* NULL does nothing. */
void hrm_safetensors_writer_destroy(hrm_safetensors_writer *writer);

/* Name and shape are copied; data is borrowed until the last write.
 * Errors: INVALID_ARGUMENT (name used already, not UTF-8 or "__metadata__", bad dtype, rank or size), OUT_OF_MEMORY. */
hrm_status hrm_safetensors_writer_add(hrm_safetensors_writer *writer, const char *name, hrm_safetensors_dtype dtype,
                                      uint32_t rank, const uint64_t *shape, const void *data);

/* The same for a tensor that is produced while writing (downloads from a device). */
hrm_status hrm_safetensors_writer_add_callback(hrm_safetensors_writer *writer, const char *name,
                                               hrm_safetensors_dtype dtype, uint32_t rank, const uint64_t *shape,
                                               hrm_safetensors_fill_fn fill, void *user);

/* Sets or replaces one string of "__metadata__". Errors: INVALID_ARGUMENT (not UTF-8; the checksum's key),
 * OUT_OF_MEMORY. */
hrm_status hrm_safetensors_writer_set_metadata(hrm_safetensors_writer *writer, const char *key, const char *value);

/* Files get a checksum of header and values (base/checksum.h) as metadata `key`, 16 digits 0-9, a-f, which
 * hrm_safetensors_verify compares. The key's place among the metadata is where this call stands. The values are read
 * once, while they are written. Errors: INVALID_ARGUMENT (a key that is empty or not plain ASCII without quotes and
 * backslashes; one that set_metadata has set; a second checksum), OUT_OF_MEMORY. */
hrm_status hrm_safetensors_writer_set_checksum(hrm_safetensors_writer *writer, const char *key);

/* Writes everything; may be called again, for the same or another path. Errors: IO, OUT_OF_MEMORY, a callback's. */
hrm_status hrm_safetensors_writer_write(hrm_safetensors_writer *writer, const char *path);

#endif
