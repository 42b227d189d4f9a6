/* What kind of weights a file holds, told by its first bytes, for callers that take several. Names play no part: the
 * reference's checkpoints have no extension. */
#ifndef HRM_IO_WEIGHTS_KIND_H
#define HRM_IO_WEIGHTS_KIND_H

#include "base/status.h"

#include <stddef.h>

typedef enum hrm_weights_kind {
    HRM_WEIGHTS_UNKNOWN,
    HRM_WEIGHTS_SAFETENSORS,  /* a plausible header length, then '{' */
    HRM_WEIGHTS_TORCH,        /* a ZIP archive, as torch.save has written since 1.6 */
    HRM_WEIGHTS_TORCH_LEGACY, /* a bare pickle with PyTorch's magic number, as it wrote before; not readable here */
    HRM_WEIGHTS_KIND_COUNT
} hrm_weights_kind;

/* Of the first bytes of a file; 32 are enough. */
hrm_weights_kind hrm_weights_kind_of(const void *bytes, size_t size);

/* Errors: those of hrm_file_map_open. */
hrm_status hrm_weights_kind_load(const char *path, hrm_weights_kind *out);

#endif
