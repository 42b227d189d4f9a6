#include "run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

static void say_who_holds_it(int file, const char *path) {
    char holder[32] = "";
    const ssize_t n = pread(file, holder, sizeof holder - 1, 0);
    holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
    cli_error("another 'hrm train' (process %s) is writing to this run (its lock is %s): wait for it, stop it, or name "
              "another --out",
              holder[0] ? holder : "unknown", path);
}

/* For the one line that another trainer prints; that it cannot be written is no reason to stop. */
static void write_holder(int file) {
    char holder[32];
    const int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(file, 0) == 0 && pwrite(file, holder, (size_t)n, 0) == n) return;
}

bool cli_run_lock_is_at(const cli_run_lock *lock, const char *path) {
    struct stat held, there;
    return lock->file && fstat(lock->file, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

bool cli_run_lock_take(cli_run_lock *lock, const char *path) {
    do { /* once more when the one who held it removed the file between our opening and locking it */
        cli_run_lock_drop(lock, NULL);
        lock->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->file <= 0) {
            lock->file = 0;
            cli_error("%s cannot be written: %s", path, strerror(errno));
            return false;
        }
        if (flock(lock->file, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK)
                say_who_holds_it(lock->file, path);
            else
                cli_error("%s cannot be locked: %s", path, strerror(errno));
            cli_run_lock_drop(lock, NULL);
            return false;
        }
    } while (!cli_run_lock_is_at(lock, path));
    write_holder(lock->file);
    return true;
}

void cli_run_lock_drop(cli_run_lock *lock, const char *path) {
    if (!lock->file) return;
    if (path && cli_run_lock_is_at(lock, path)) unlink(path);
    close(lock->file);
    lock->file = 0;
}
