#include "run_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_folder(const char *path) {
    char part[4096];
    size_t n = strlen(path);
    if (n >= sizeof part) {
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

/* Models are written to a temporary file and renamed, so the folder itself must take new files. */
static bool check_writable(const char *path, const char *model_path) {
    char probe[4200];
    snprintf(probe, sizeof probe, "%s/.writable-XXXXXX", path);
    int fd = mkstemp(probe);
    if (fd < 0) {
        cli_error("the folder %s cannot be written to: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    unlink(probe);
    struct stat info;
    if (stat(model_path, &info) == 0 && !S_ISREG(info.st_mode)) {
        cli_error("%s exists and is not a file; the model could not be saved there", model_path);
        return false;
    }
    return true;
}

bool cli_run_folder_open(cli_run_folder *folder, const char *path) {
    memset(folder, 0, sizeof *folder);
    if (!make_folder(path)) return false;
    if (strlen(path) + sizeof "/model.safetensors" > sizeof folder->model_path) {
        cli_error("%.60s...: the path is too long", path);
        return false;
    }
    snprintf(folder->model_path, sizeof folder->model_path, "%s/model.safetensors", path);
    snprintf(folder->log_path, sizeof folder->log_path, "%s/log.jsonl", path);
    snprintf(folder->partial_path, sizeof folder->partial_path, "%s/log.jsonl.partial", path);
    if (!check_writable(path, folder->model_path)) return false;
    folder->log = fopen(folder->partial_path, "w");
    if (!folder->log) {
        cli_error("%s cannot be written: %s", folder->partial_path, strerror(errno));
        return false;
    }
    return true;
}

/* A line of an earlier log that still holds: its step is done, and it does not say that the run ended. */
static bool is_kept(const char *text, uint32_t step) {
    json_t *line = json_loads(text, 0, NULL);
    const char *type = json_string_value(json_object_get(line, "type"));
    const json_t *at = json_object_get(line, "step");
    const bool kept = type && strcmp(type, "end") != 0 && (!at || json_integer_value(at) <= (json_int_t)step);
    json_decref(line);
    return kept;
}

bool cli_run_folder_keep_log(cli_run_folder *folder, uint32_t step) {
    FILE *old = fopen(folder->log_path, "r");
    char *text = NULL;
    size_t room = 0;
    bool fine = true;
    if (!old) return true; /* a model alone can be continued too */
    while (fine && getline(&text, &room, old) > 0)
        if (is_kept(text, step)) fine = fputs(text, folder->log) >= 0;
    if (!fine || ferror(old)) {
        cli_error("%s: %s", folder->partial_path, strerror(errno));
        fine = false;
    }
    free(text);
    fclose(old);
    return fine;
}

bool cli_run_folder_log(cli_run_folder *folder, json_t *line) {
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    if (!text) {
        cli_error("no host memory for a line of the log");
        return false;
    }
    bool fine = fprintf(folder->log, "%s\n", text) > 0 && fflush(folder->log) == 0;
    if (!fine) cli_error("%s: %s", folder->partial_path, strerror(errno));
    free(text);
    return fine;
}

bool cli_run_folder_commit(cli_run_folder *folder) {
    bool fine = fflush(folder->log) == 0 && fsync(fileno(folder->log)) == 0 &&
                rename(folder->partial_path, folder->log_path) == 0;
    if (!fine) cli_error("%s: %s", folder->log_path, strerror(errno));
    return fine;
}

void cli_run_folder_close(cli_run_folder *folder) {
    if (!folder->log) return;
    bool empty = ftell(folder->log) == 0;
    fclose(folder->log);
    folder->log = NULL;
    if (empty) unlink(folder->partial_path);
}
