#include "run_checkpoints.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_folder.h"

static const char *const names[] = {CLI_CHECKPOINT_LAST, CLI_CHECKPOINT_PREVIOUS, CLI_CHECKPOINT_BEST,
                                    CLI_CHECKPOINT_NEXT};
enum { NAMES = sizeof names / sizeof *names };

char *cli_checkpoint_name_step(uint32_t step, char *out) {
    snprintf(out, CLI_CHECKPOINT_NAME, CLI_CHECKPOINT_FOLDER "/step-%u.safetensors", step);
    return out;
}

/* ---- reading ---- */

char *cli_checkpoint_read_note(const char *path, const char *key) {
    hrm_checkpoint *checkpoint = NULL;
    const char *name, *value;
    char *note = NULL;
    if (access(path, R_OK) != 0 || hrm_checkpoint_open(path, NULL, &checkpoint) != HRM_OK) return NULL;
    for (uint32_t i = 0; !note && hrm_checkpoint_get_note(checkpoint, i, &name, &value); i++)
        if (strcmp(name, key) == 0) note = strdup(value);
    hrm_checkpoint_close(checkpoint);
    return note;
}

uint32_t cli_checkpoint_get_step(const char *path) {
    char *text = cli_checkpoint_read_note(path, "hrm.steps");
    const unsigned long step = text ? strtoul(text, NULL, 10) : 0;
    free(text);
    return step <= UINT32_MAX ? (uint32_t)step : 0;
}

static bool exists(const char *run, const char *name) {
    char path[CLI_RUN_PATH];
    return access(cli_run_path(run, name, path), F_OK) == 0;
}

/* The step in a name "step-N.safetensors", or 0. */
static uint32_t parse_step(const char *name) {
    static const char before[] = "step-", after[] = ".safetensors";
    if (strncmp(name, before, sizeof before - 1) != 0) return 0;
    const char *digits = name + sizeof before - 1;
    char *end;
    if (*digits < '1' || *digits > '9') return 0;
    const unsigned long step = strtoul(digits, &end, 10);
    return strcmp(end, after) == 0 && step <= UINT32_MAX ? (uint32_t)step : 0;
}

uint32_t cli_checkpoints_find_step(const char *run, uint32_t below) {
    char folder[CLI_RUN_PATH];
    uint32_t newest = 0;
    DIR *list = opendir(cli_run_path(run, CLI_CHECKPOINT_FOLDER, folder));
    if (!list) return 0;
    for (const struct dirent *entry; (entry = readdir(list));) {
        const uint32_t step = parse_step(entry->d_name);
        if (step > newest && step < below) newest = step;
    }
    closedir(list);
    return newest;
}

bool cli_checkpoints_own(const char *name, size_t length) {
    char copy[CLI_CHECKPOINT_NAME];
    const size_t folder = sizeof CLI_CHECKPOINT_FOLDER; /* and its slash */
    if (length >= sizeof copy) return false;
    snprintf(copy, sizeof copy, "%.*s", (int)length, name);
    for (int i = 0; i < NAMES; i++)
        if (strcmp(names[i] + folder, copy) == 0) return true;
    return parse_step(copy) > 0;
}

bool cli_checkpoints_exist(const char *run) {
    for (int i = 0; i < NAMES; i++)
        if (exists(run, names[i])) return true;
    return cli_checkpoints_find_step(run, UINT32_MAX) > 0;
}

/* ---- names ---- */

/* Names survive a power failure only when their folder is synced; where that cannot be done, they survive a crash of
 * the program all the same. */
static void sync_folder(const char *run) {
    char folder[CLI_RUN_PATH];
    const int file = open(cli_run_path(run, CLI_CHECKPOINT_FOLDER, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return;
    fsync(file);
    close(file);
}

/* A second name by a hard link, in one go. */
static bool link_over(const char *from, const char *to) {
    char temporary[CLI_RUN_PATH + 32];
    snprintf(temporary, sizeof temporary, "%s.tmp-%ld", to, (long)getpid());
    unlink(temporary);
    if (link(from, temporary) != 0) return false;
    const bool fine = rename(temporary, to) == 0;
    const int error = errno;
    unlink(temporary); /* still there when both names were the same file already */
    errno = error;
    return fine;
}

static bool copy_bytes(int from, int to) {
    char chunk[1 << 16];
    for (;;) {
        const ssize_t n = read(from, chunk, sizeof chunk);
        if (n == 0) return fsync(to) == 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        for (ssize_t done = 0; done < n;) {
            const ssize_t m = write(to, chunk + done, (size_t)(n - done));
            if (m < 0 && errno != EINTR) return false;
            if (m > 0) done += m;
        }
    }
}

static bool copy_over(const char *from, const char *to) {
    char temporary[CLI_RUN_PATH + 32];
    snprintf(temporary, sizeof temporary, "%s.tmp-%ld", to, (long)getpid());
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return false;
    const int out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool fine = out >= 0 && copy_bytes(in, out);
    int error = errno;
    close(in);
    if (out >= 0 && close(out) != 0 && fine) {
        fine = false;
        error = errno;
    }
    if (fine && rename(temporary, to) != 0) {
        fine = false;
        error = errno;
    }
    if (!fine) unlink(temporary);
    errno = error;
    return fine;
}

bool cli_checkpoint_alias(const char *from, const char *to) {
    if (link_over(from, to) || copy_over(from, to)) return true;
    cli_error("%s cannot be written: %s", to, strerror(errno));
    return false;
}

bool cli_checkpoints_rotate(const char *run) {
    char next[CLI_RUN_PATH], last[CLI_RUN_PATH], previous[CLI_RUN_PATH];
    cli_run_path(run, CLI_CHECKPOINT_NEXT, next);
    cli_run_path(run, CLI_CHECKPOINT_LAST, last);
    cli_run_path(run, CLI_CHECKPOINT_PREVIOUS, previous);
    /* where there are links, last is never missing; else next and previous stand while it is */
    if (access(last, F_OK) == 0 && !link_over(last, previous) && rename(last, previous) != 0) return false;
    if (rename(next, last) != 0) return false;
    sync_folder(run);
    return true;
}

void cli_checkpoints_recover(const char *run) {
    if (exists(run, CLI_CHECKPOINT_NEXT) && !cli_checkpoints_rotate(run))
        cli_error("%s/" CLI_CHECKPOINT_NEXT " cannot be renamed: %s", run, strerror(errno));
}

void cli_checkpoints_prune(const char *run, uint32_t keep) {
    char name[CLI_CHECKPOINT_NAME], path[CLI_RUN_PATH];
    uint32_t step = UINT32_MAX, kept = 0;
    while (keep && (step = cli_checkpoints_find_step(run, step)))
        if (++kept > keep) unlink(cli_run_path(run, cli_checkpoint_name_step(step, name), path));
}

bool cli_checkpoints_remove(const char *run) {
    char name[CLI_CHECKPOINT_NAME], path[CLI_RUN_PATH];
    for (int i = 0; i < NAMES; i++) {
        if (unlink(cli_run_path(run, names[i], path)) == 0 || errno == ENOENT) continue;
        cli_error("%s cannot be removed: %s", path, strerror(errno));
        return false;
    }
    for (uint32_t step = UINT32_MAX; (step = cli_checkpoints_find_step(run, step));)
        if (unlink(cli_run_path(run, cli_checkpoint_name_step(step, name), path)) != 0) {
            cli_error("%s cannot be removed: %s", path, strerror(errno));
            return false;
        }
    rmdir(cli_run_path(run, CLI_CHECKPOINT_FOLDER, path));
    return true;
}
