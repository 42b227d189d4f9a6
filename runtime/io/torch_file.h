/* Reading what torch.save writes (a ZIP archive since PyTorch 1.6), as a flat list of named tensors.
 *
 * Which tensors: the file's top value must be a dict. When it has a dict with at least one tensor under "state_dict",
 * "model_state_dict", "model" or "module" (tried in this order), that one is listed, else the top dict itself. Entries
 * that are not tensors (step counts, settings) are left out; a dict that is not empty and has no tensor is
 * refused.
 *
 * Promises: a file that opens is sound: one data.pkl in one folder of any name, every name unique, text and not empty,
 * every tensor inside its storage, every storage's record present and exactly as long as its type and count say.
 * Pickles are read as io/pickle.h promises: nothing is executed. Values are read in order through a small buffer,
 * whatever the size of the tensor; only a tensor that is not contiguous (transposed, expanded, sliced in an inner
 * dimension) needs the part of its storage that it covers in memory. Several tensors may share a storage. Records may
 * be stored or deflated; big-endian files are turned while reading. Every record's CRC is checked. Leaves to callers:
 * not changing the file meanwhile. Built without libzip (-DHRM_TORCH=OFF) both ways of opening fail with UNSUPPORTED.
 * Source: torch/serialization.py, caffe2/serialize/inline_container.cc (described, not copied). */
#ifndef HRM_IO_TORCH_FILE_H
#define HRM_IO_TORCH_FILE_H

#include "io/safetensors.h"

#include <stdbool.h>

/* An expanded tensor (stride 0) may be so large, although its storage is small. */
#define HRM_TORCH_MAX_EXPANDED_BYTES ((uint64_t)1 << 30)

typedef struct hrm_torch_file hrm_torch_file;
typedef struct hrm_torch_stream hrm_torch_stream;

/* Errors: IO (as hrm_file_map_open), FORMAT (what is wrong, with which tensor and record), UNSUPPORTED (the format from
 * before 1.6, TorchScript, encryption, other compression, more than 8 dimensions, other types), OUT_OF_MEMORY. */
hrm_status hrm_torch_file_open(const char *path, hrm_torch_file **out);

/* The same over bytes that outlive the object. */
hrm_status hrm_torch_file_parse(const void *bytes, size_t size, hrm_torch_file **out);

/* NULL does nothing. Close its streams before. */
void hrm_torch_file_close(hrm_torch_file *file);

/* Tensors in the order of the dict. index < count. `data` of each is NULL: after reading, set it in a copy of the entry
 * to use hrm_safetensors_copy_f32 and its like. */
size_t hrm_torch_file_count(const hrm_torch_file *file);
const hrm_safetensors_tensor *hrm_torch_file_get(const hrm_torch_file *file, size_t index);

/* False when there is none of that name. */
bool hrm_torch_file_find(const hrm_torch_file *file, const char *name, size_t *index);

/* Starts reading one tensor's values, row-major and little-endian. Streams of one file may be open at once, but belong
 * to the file's thread. Errors: IO, FORMAT, OUT_OF_MEMORY (a tensor that is not contiguous). */
hrm_status hrm_torch_stream_open(hrm_torch_file *file, size_t index, hrm_torch_stream **out);

/* The next `bytes` bytes, a multiple of the element size. The read that takes the last ones also checks the record's
 * CRC: trust nothing before it has succeeded.
 * Errors: INVALID_ARGUMENT (beyond the end, part of an element), IO, FORMAT (CRC, a damaged record). */
hrm_status hrm_torch_stream_read(hrm_torch_stream *stream, void *dst, size_t bytes);

/* NULL does nothing. */
void hrm_torch_stream_close(hrm_torch_stream *stream);

/* open, read everything, close; `bytes` must equal the tensor's. */
hrm_status hrm_torch_file_read(hrm_torch_file *file, size_t index, void *dst, size_t bytes);

#endif
