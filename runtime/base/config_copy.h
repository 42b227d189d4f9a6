/* How every public config is read: an older caller's smaller struct gets defaults for what it lacks; a larger one is
 * refused when it sets something this library does not know. */
#ifndef HRM_BASE_CONFIG_COPY_H
#define HRM_BASE_CONFIG_COPY_H

#include <stddef.h>

#include "base/status.h"

/* Copies `config` (its first member is a uint32_t struct_size) over the zeroed `out` of out_size bytes.
 * NULL config: all zero. Errors: INVALID_ARGUMENT (struct_size 0), VERSION. `what` names it in messages. */
hrm_status hrm_config_copy(const void *config, void *out, size_t out_size, const char *what);

#endif
