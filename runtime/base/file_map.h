/* A whole file, mapped: read-only, or private (written pages become this process's own).
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
    void *writable; /* data of a private map; NULL when the map is read-only */
} hrm_file_map;

/* Errors: IO (missing, permission, a folder, a pipe or device), FORMAT (empty), OUT_OF_MEMORY (address space). The
 * message names the file. */
hrm_status hrm_file_map_open(const char *path, hrm_file_map *out);

/* The same, writable: a page that is written becomes this process's own, the file never changes, and other pages take
 * no memory of their own. Replacing the file by rename changes nothing here: the map keeps the file it was opened on.
 * No memory is reserved for pages that may never be written (a table of 2 GB on a machine of 2 GB): writing more of
 * them than the machine has memory for ends the process. Needs no permission to write the file. */
hrm_status hrm_file_map_open_private(const char *path, hrm_file_map *out);

/* NULL and closed maps do nothing. */
void hrm_file_map_close(hrm_file_map *map);

#endif
