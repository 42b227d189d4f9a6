/* A whole file, mapped read-only.
 *
 * Promises: data stays valid until close; only regular, non-empty files are mapped. Leaves to callers: not shortening
 * the file meanwhile (as with any mapping, touching the lost part raises SIGBUS). */
#ifndef HRM_BASE_FILE_MAP_H
#define HRM_BASE_FILE_MAP_H

#include "base/status.h"

#include <stddef.h>

typedef struct hrm_file_map {
    const void *data; /* page-aligned; NULL when closed */
    size_t size;
} hrm_file_map;

/* Errors: IO (missing, permission, a folder, a pipe or device), FORMAT (empty), OUT_OF_MEMORY (address space). The
 * message names the file. */
hrm_status hrm_file_map_open(const char *path, hrm_file_map *out);

/* NULL and closed maps do nothing. */
void hrm_file_map_close(hrm_file_map *map);

#endif
