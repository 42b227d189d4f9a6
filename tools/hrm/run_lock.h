/* The lock of a run folder: one trainer at a time writes there.
 *
 * Promises: the lock is the kernel's (flock) and goes with the process, however it ends; the file only tells others who
 * holds it, and one that is left behind is no obstacle. Child processes do not inherit it. */
#ifndef HRM_TOOL_RUN_LOCK_H
#define HRM_TOOL_RUN_LOCK_H

#include <stdbool.h>

typedef struct cli_run_lock {
    int file; /* 0: not held (standard input is never a lock) */
} cli_run_lock;

/* Takes the lock file at `path`, or prints a line that names the process holding it and returns false. */
bool cli_run_lock_take(cli_run_lock *lock, const char *path);
/* True while the file at `path` is the one locked: false once its folder was removed. */
bool cli_run_lock_is_at(const cli_run_lock *lock, const char *path);
/* `path` (or NULL: the file stays) is removed. Fine when nothing is held. */
void cli_run_lock_drop(cli_run_lock *lock, const char *path);

#endif
