#include "run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS "metrics.jsonl"
#define SUMMARY "summary.csv"

/* A text that grows. */
typedef struct text {
    char *bytes;
    size_t size;
    bool short_of_memory;
} text;

static void text_add(text *t, const char *bytes, size_t size) {
    char *more = t->short_of_memory ? NULL : realloc(t->bytes, t->size + size + 1);
    if (!more) {
        t->short_of_memory = true;
        return;
    }
    memcpy(more + t->size, bytes, size);
    t->bytes = more;
    t->size += size;
    more[t->size] = '\0';
}

/* ---- appending ---- */

/* All of it or nothing. The error is left in errno. `heading` goes into a file that is new. */
static bool append_text(const char *path, const char *heading, const char *bytes) {
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return false;
    text all = {0};
    const off_t before = lseek(file, 0, SEEK_END);
    if (before == 0 && heading) text_add(&all, heading, strlen(heading));
    text_add(&all, bytes, strlen(bytes));
    size_t done = 0;
    int error = all.short_of_memory ? ENOMEM : 0;
    while (!error && done < all.size) {
        const ssize_t n = write(file, all.bytes + done, all.size - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            error = errno;
    }
    free(all.bytes);
    if (error && before >= 0 && done > 0 && ftruncate(file, before) != 0) error = errno;
    close(file);
    errno = error;
    return error == 0;
}

/* Writes `line` behind what is still waiting, or lets it wait too. */
static void append(cli_run_log *log, cli_run_log_file *file, const char *name, const char *heading, const char *line) {
    char path[CLI_RUN_PATH];
    text all = {.bytes = file->waiting, .size = file->waiting ? strlen(file->waiting) : 0};
    text_add(&all, line, strlen(line));
    file->waiting = all.bytes;
    cli_run_path(log->folder->path, name, path);
    bool fine = !all.short_of_memory && cli_run_folder_ensure(log->folder) && append_text(path, heading, all.bytes);
    if (fine) {
        if (file->failing) cli_error("%s can be written again; no line is lost", path);
        free(file->waiting);
        *file = (cli_run_log_file){0};
    } else if (!file->failing) {
        cli_error("%s cannot be written: %s; training goes on, and it is tried again with the next line", path,
                  strerror(errno));
        file->failing = true;
    }
}

/* The members of a step line, as names or as values. NULL: no memory. */
static char *make_row(json_t *line, bool names) {
    text row = {0};
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value) {
        if (strcmp(key, "type") == 0) continue;
        char *cell = names || json_is_null(value) ? strdup(names ? key : "")
                                                  : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        if (row.size) text_add(&row, ",", 1);
        if (cell)
            text_add(&row, cell, strlen(cell));
        else
            row.short_of_memory = true;
        free(cell);
    }
    text_add(&row, "\n", 1);
    if (!row.short_of_memory) return row.bytes;
    free(row.bytes);
    return NULL;
}

void cli_run_log_add(cli_run_log *log, json_t *line) {
    const char *type = json_string_value(json_object_get(line, "type"));
    const bool is_step = type && strcmp(type, "step") == 0;
    text all = {.bytes = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL};
    char *heading = is_step ? make_row(line, true) : NULL, *row = is_step ? make_row(line, false) : NULL;
    if (all.bytes) {
        all.size = strlen(all.bytes);
        text_add(&all, "\n", 1);
    }
    if (!all.bytes || all.short_of_memory || (is_step && (!heading || !row)))
        cli_error("no host memory for a line of %s: it is left out", METRICS);
    else
        append(log, &log->metrics, METRICS, NULL, all.bytes);
    if (heading && row) append(log, &log->summary, SUMMARY, heading, row);
    free(all.bytes);
    free(heading);
    free(row);
    json_decref(line);
}

bool cli_run_log_finish(cli_run_log *log) {
    if (!log->metrics.waiting && !log->summary.waiting) return true;
    if (log->metrics.waiting) append(log, &log->metrics, METRICS, NULL, "");
    if (log->summary.waiting) append(log, &log->summary, SUMMARY, NULL, "");
    if (!log->metrics.waiting && !log->summary.waiting) return true;
    cli_error("%s/%s could not be written to the end: its last lines are lost", log->folder->path,
              log->metrics.waiting ? METRICS : SUMMARY);
    return false;
}

void cli_run_log_close(cli_run_log *log) {
    free(log->metrics.waiting);
    free(log->summary.waiting);
    memset(log, 0, sizeof *log);
}

/* ---- continuing ---- */

/* A line that still holds at `step`: its step is done, and it does not say that the run ended. A line cut short by a
 * crash is none. */
static bool keeps_metrics(const char *bytes, uint32_t step, double *seconds) {
    json_t *line = json_loads(bytes, 0, NULL);
    const char *type = json_string_value(json_object_get(line, "type"));
    const json_t *at = json_object_get(line, "step"), *time = json_object_get(line, "seconds");
    if (!at) at = json_object_get(line, "after_step");
    const bool kept = type && strcmp(type, "end") != 0 && bytes[strlen(bytes) - 1] == '\n' &&
                      (!at || json_integer_value(at) <= (json_int_t)step);
    if (kept && json_is_number(time)) *seconds = json_number_value(time);
    json_decref(line);
    return kept;
}

/* Likewise for a row of the summary, which begins with its step; the heading is kept. */
static bool keeps_row(const char *bytes, uint32_t step, double *seconds) {
    (void)seconds;
    const size_t n = strlen(bytes);
    return n > 0 && bytes[n - 1] == '\n' && (bytes[0] > '9' || strtoull(bytes, NULL, 10) <= step);
}

static bool copy_kept(const char *source, const char *out, const char *name, uint32_t step, double *seconds,
                      bool (*keeps)(const char *bytes, uint32_t step, double *seconds)) {
    char from[CLI_RUN_PATH], to[CLI_RUN_PATH];
    text kept = {0};
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(cli_run_path(source, name, from), "re");
    if (!file) return true; /* a checkpoint alone can be continued too */
    while (getline(&line, &room, file) > 0)
        if (keeps(line, step, seconds)) text_add(&kept, line, strlen(line));
    bool fine = !ferror(file) && !kept.short_of_memory;
    if (!fine) cli_error("%s cannot be read: %s", from, strerror(errno));
    fclose(file);
    free(line);
    cli_run_path(out, name, to);
    fine = fine && cli_write_text(to, kept.bytes ? kept.bytes : "", kept.size);
    free(kept.bytes);
    return fine;
}

bool cli_run_log_open(cli_run_log *log, cli_run_folder *folder, const char *source, uint32_t step, double *seconds) {
    *log = (cli_run_log){.folder = folder};
    *seconds = 0;
    return !source || (copy_kept(source, folder->path, METRICS, step, seconds, keeps_metrics) &&
                       copy_kept(source, folder->path, SUMMARY, step, seconds, keeps_row));
}
