#include "run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_checkpoints.h"

#define LOCK_NAME "lock"

/* What hrm train writes, besides checkpoints and the lock. */
static const char *const own_files[] = {"config.json", "environment.json",  "options.json", "metrics.jsonl",
                                        "summary.csv", "model.safetensors", "table.txt"};
enum { OWN_FILES = sizeof own_files / sizeof *own_files };

char *cli_run_path(const char *run, const char *name, char *out) {
    const int n = snprintf(out, CLI_RUN_PATH, "%s/%s", run, name);
    if (n < 0 || n >= CLI_RUN_PATH) out[0] = '\0'; /* never: cli_run_folder_open checks the length */
    return out;
}

/* ---- making it ---- */

static bool make_folders(const char *path) {
    char part[CLI_RUN_PATH];
    size_t n = strlen(path);
    if (n >= sizeof((cli_run_folder *)0)->path) {
        cli_error("%.60s...: the path is too long", path);
        return false;
    }
    memcpy(part, path, n + 1);
    while (n > 1 && part[n - 1] == '/') part[--n] = '\0';
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char kept = part[i];
        part[i] = '\0';
        bool made = mkdir(part, 0777) == 0 || errno == EEXIST;
        if (!made) {
            cli_error("the folder %s cannot be created: %s", part, strerror(errno));
            return false;
        }
        part[i] = kept;
    }
    struct stat info;
    if (stat(part, &info) != 0 || !S_ISDIR(info.st_mode)) {
        cli_error("%s is a file; --out needs a folder to write into", part);
        return false;
    }
    return true;
}

/* Files are written beside their place and renamed, so the folder itself must take new files, and nothing but a file
 * may stand in their place. */
static bool check_writable(const char *path) {
    char name[CLI_RUN_PATH];
    int fd = mkstemp(cli_run_path(path, ".config.json.tmp-XXXXXX", name));
    if (fd < 0) {
        cli_error("the folder %s cannot be written to: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    unlink(name);
    struct stat info;
    if (stat(cli_run_path(path, CLI_CHECKPOINT_FOLDER, name), &info) == 0 && !S_ISDIR(info.st_mode)) {
        cli_error("%s exists and is not a folder; the run could not keep its checkpoints there", name);
        return false;
    }
    for (int i = 0; i < OWN_FILES; i++) {
        if (stat(cli_run_path(path, own_files[i], name), &info) != 0 || S_ISREG(info.st_mode)) continue;
        cli_error("%s exists and is not a file; the run could not write its own there", name);
        return false;
    }
    return true;
}

static bool holds_run(const char *path) {
    char name[CLI_RUN_PATH];
    for (int i = 0; i < OWN_FILES; i++)
        if (access(cli_run_path(path, own_files[i], name), F_OK) == 0) return true;
    return cli_checkpoints_exist(path);
}

uint32_t cli_run_get_step(const char *run) {
    char name[CLI_RUN_PATH];
    uint32_t step = cli_checkpoint_get_step(cli_run_path(run, CLI_CHECKPOINT_LAST, name));
    if (step == 0) step = cli_checkpoint_get_step(cli_run_path(run, CLI_CHECKPOINT_PREVIOUS, name));
    return step;
}

static bool refuse_run(const char *path) {
    const uint32_t step = cli_run_get_step(path);
    char done[64] = "";
    if (step) snprintf(done, sizeof done, " of %u steps", step);
    cli_error("%s holds a run%s already: go on with it by --resume %s, name another --out, or replace it by "
              "--overwrite",
              path, done, path);
    return false;
}

/* ".NAME.tmp-..." (the library's) and "NAME.tmp-..." (ours): written beside their place and never renamed. */
static bool is_leftover(const char *name) {
    if (name[0] == '.') name++;
    const char *mark = strstr(name, ".tmp-");
    if (!mark) return false;
    const size_t n = (size_t)(mark - name);
    for (int i = 0; i < OWN_FILES; i++)
        if (strlen(own_files[i]) == n && strncmp(own_files[i], name, n) == 0) return true;
    return cli_checkpoints_own(name, n);
}

static void remove_leftovers(const char *folder) {
    DIR *list = opendir(folder);
    if (!list) return;
    for (const struct dirent *entry; (entry = readdir(list));) {
        char name[CLI_RUN_PATH];
        if (is_leftover(entry->d_name)) unlink(cli_run_path(folder, entry->d_name, name));
    }
    closedir(list);
}

bool cli_run_folder_open(cli_run_folder *folder, const char *path, bool takes_run) {
    char name[CLI_RUN_PATH];
    memset(folder, 0, sizeof *folder);
    if (!make_folders(path)) return false;
    snprintf(folder->path, sizeof folder->path, "%s", path);
    for (size_t n = strlen(folder->path); n > 1 && folder->path[n - 1] == '/'; n--) folder->path[n - 1] = '\0';
    if (!check_writable(folder->path)) return false;
    if (!cli_run_lock_take(&folder->lock, cli_run_path(folder->path, LOCK_NAME, name))) return false;
    if (!takes_run && holds_run(folder->path)) {
        folder->started = true; /* not ours, but the lock stands in a run */
        return refuse_run(folder->path);
    }
    remove_leftovers(folder->path);
    remove_leftovers(cli_run_path(folder->path, CLI_CHECKPOINT_FOLDER, name));
    return true;
}

bool cli_run_folder_clear(const cli_run_folder *folder) {
    char name[CLI_RUN_PATH];
    if (!cli_checkpoints_remove(folder->path)) return false;
    for (int i = 0; i < OWN_FILES; i++) {
        if (unlink(cli_run_path(folder->path, own_files[i], name)) == 0 || errno == ENOENT) continue;
        cli_error("%s cannot be removed: %s", name, strerror(errno));
        return false;
    }
    return true;
}

bool cli_run_folder_start(cli_run_folder *folder) {
    char name[CLI_RUN_PATH];
    folder->started = true;
    return make_folders(cli_run_path(folder->path, CLI_CHECKPOINT_FOLDER, name));
}

/* ---- records ---- */

static bool write_record(const cli_run_folder *folder, const char *name, const char *text) {
    char path[CLI_RUN_PATH];
    return cli_write_text(cli_run_path(folder->path, name, path), text, strlen(text));
}

bool cli_run_folder_write_record(cli_run_folder *folder, const char *name, json_t *value) {
    char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    char *ended = text ? realloc(text, strlen(text) + 2) : NULL;
    json_decref(value);
    if (!ended) free(text);
    text = ended ? strcat(ended, "\n") : NULL;
    if (!text) return cli_error("%s: no host memory, or a name is not UTF-8", name), false;
    int i = 0;
    while (i < CLI_RUN_RECORDS - 1 && folder->records[i].name && strcmp(folder->records[i].name, name) != 0) i++;
    free(folder->records[i].text);
    folder->records[i].name = name;
    folder->records[i].text = text;
    return write_record(folder, name, text);
}

/* Makes a removed folder again and takes its lock. */
static bool remake(cli_run_folder *folder, const char *lock, const char *checkpoints) {
    const bool locked = cli_run_lock_is_at(&folder->lock, lock);
    if (!make_folders(checkpoints)) return false;
    if (!locked && !cli_run_lock_take(&folder->lock, lock)) return false;
    cli_error("%s was removed while training; it was made again", locked ? checkpoints : folder->path);
    folder->remade = true;
    for (int i = 0; i < CLI_RUN_RECORDS && folder->records[i].name; i++)
        if (!write_record(folder, folder->records[i].name, folder->records[i].text)) return false;
    return true;
}

bool cli_run_folder_ensure(cli_run_folder *folder) {
    enum { RETRY_SECONDS = 60 };
    char lock[CLI_RUN_PATH], checkpoints[CLI_RUN_PATH];
    cli_run_path(folder->path, LOCK_NAME, lock);
    cli_run_path(folder->path, CLI_CHECKPOINT_FOLDER, checkpoints);
    if (cli_run_lock_is_at(&folder->lock, lock) && access(checkpoints, F_OK) == 0) return true;
    if (cli_now() >= folder->next_try) {
        if (remake(folder, lock, checkpoints)) return true;
        folder->next_try = cli_now() + RETRY_SECONDS;
    }
    errno = ENOENT;
    return false;
}

void cli_run_folder_close(cli_run_folder *folder) {
    char name[CLI_RUN_PATH];
    cli_run_path(folder->path, LOCK_NAME, name);
    cli_run_lock_drop(&folder->lock, folder->started ? NULL : name);
    for (int i = 0; i < CLI_RUN_RECORDS; i++) free(folder->records[i].text);
    memset(folder, 0, sizeof *folder);
}
