/* Paths as text, and the folders the runtime may create.
 *
 * Promises: results go to caller storage of HRM_PATH_MAX bytes and are cut never: a path that does not fit is an
 * error. */
#ifndef HRM_BASE_PATH_H
#define HRM_BASE_PATH_H

#include "base/status.h"

#include <stddef.h>

#define HRM_PATH_MAX 4096

/* "folder/name"; an absolute name, or an empty folder, gives the name alone. out may not overlap the inputs.
 * Errors: INVALID_ARGUMENT (too long; out is then ""). */
hrm_status hrm_path_join(const char *folder, const char *name, char *out, size_t out_size);

/* The folder that holds `path`: "a/b" -> "a", "a" -> ".", "/a" -> "/", "a/b/" -> "a". */
hrm_status hrm_path_parent(const char *path, char *out, size_t out_size);

/* Creates the folder and its parents (mode 0777 less the umask); one that exists is fine.
 * Errors: IO (a component is a file, permission, ...), INVALID_ARGUMENT (empty or too long). */
hrm_status hrm_path_make_folders(const char *path);

/* The folder for regenerable files, created if need be: $XDG_CACHE_HOME/hrm when that is absolute, else
 * $HOME/.cache/hrm, else below the password database's home.
 * Errors: IO (no home, cannot be created); callers are expected to go on without a cache. */
hrm_status hrm_path_cache_folder(char *out, size_t out_size);

#endif
