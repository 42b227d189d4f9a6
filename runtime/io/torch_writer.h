/* Writing what torch.save writes: list tensors, then write them in one go; torch.load gives an OrderedDict of CPU
 * tensors, with weights_only too.
 *
 * Promises: the same list gives the same bytes (with the same libzip). Tensors lie in the order added, each with a
 * storage of its own, stored uncompressed at a multiple of 64 bytes. data.pkl is what Python's pickle makes of such a
 * dict. The file is replaced atomically, as base/file_write.h promises. Data is borrowed until the write, or made while
 * writing, and never held whole. Tensors and archives beyond 4 GiB are written as ZIP64.
 * Built without libzip (-DHRM_TORCH=OFF) create fails with UNSUPPORTED. */
#ifndef HRM_IO_TORCH_WRITER_H
#define HRM_IO_TORCH_WRITER_H

#include "io/safetensors_writer.h"

typedef struct hrm_torch_writer hrm_torch_writer;

/* Errors: OUT_OF_MEMORY, UNSUPPORTED (built without libzip). */
hrm_status hrm_torch_writer_create(hrm_torch_writer **out);

/* NULL does nothing. */
void hrm_torch_writer_destroy(hrm_torch_writer *writer);

/* Name and shape are copied; data is borrowed until the last write.
 * Errors: INVALID_ARGUMENT (name used already, empty or not UTF-8, bad rank or size, a dtype without a storage in
 * PyTorch: U16, U32, U64), OUT_OF_MEMORY. */
hrm_status hrm_torch_writer_add(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype, uint32_t rank,
                                const uint64_t *shape, const void *data);

/* The same for a tensor that is produced while writing; called as hrm_safetensors_fill_fn says. */
hrm_status hrm_torch_writer_add_callback(hrm_torch_writer *writer, const char *name, hrm_safetensors_dtype dtype,
                                         uint32_t rank, const uint64_t *shape, hrm_safetensors_fill_fn fill,
                                         void *user);

/* Writes everything; may be called again, for the same or another path. Errors: IO, OUT_OF_MEMORY, a callback's. */
hrm_status hrm_torch_writer_write(hrm_torch_writer *writer, const char *path);

#endif
