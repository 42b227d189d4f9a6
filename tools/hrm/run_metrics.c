#include "run_metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS "metrics.jsonl"

/* ---- files ---- */

/* "folder/name"; false when it does not fit. */
static bool join(const char *folder, const char *name, char *out, size_t size) {
    const int n = snprintf(out, size, "%s/%s", folder, name);
    return n > 0 && (size_t)n < size;
}

bool cli_run_metrics_exist(const char *folder) {
    char path[4096 + 32];
    struct stat info;
    return join(folder, METRICS, path, sizeof path) && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* A whole file, or as much as there is of one that grows; NULL with errno set. A pipe is refused, not waited for. */
static char *read_text(const char *path, size_t *size) {
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    char *text = NULL;
    int error = 0;
    *size = 0;
    if (file < 0) return NULL;
    if (fstat(file, &info) != 0)
        error = errno;
    else if (!S_ISREG(info.st_mode))
        error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    else if (!(text = malloc((size_t)info.st_size + 1)))
        error = ENOMEM;
    while (!error && *size < (size_t)info.st_size) {
        const ssize_t n = read(file, text + *size, (size_t)info.st_size - *size);
        if (n == 0) break; /* it became shorter */
        if (n > 0)
            *size += (size_t)n;
        else if (errno != EINTR)
            error = errno;
    }
    close(file);
    if (!error) return text;
    free(text);
    errno = error;
    return NULL;
}

/* One JSON object in a file of its own; NULL when there is none. A damaged one is reported and left out. */
static json_t *read_object(const char *folder, const char *name) {
    char path[4096 + 32];
    json_error_t error;
    size_t size;
    if (!join(folder, name, path, sizeof path)) return NULL;
    char *text = read_text(path, &size);
    if (!text) {
        if (errno != ENOENT) cli_error("%s: %s; it is left out", path, strerror(errno));
        return NULL;
    }
    json_t *object = json_loadb(text, size, 0, &error);
    free(text);
    if (json_is_object(object)) return object;
    if (object)
        cli_error("%s: no JSON object; it is left out", path);
    else
        cli_error("%s, line %d: %s; it is left out", path, error.line, error.text);
    json_decref(object);
    return NULL;
}

/* The lock is the kernel's and goes with its process, however that ends. Looking takes it for a moment, shared. */
static bool is_running(const char *folder) {
    char path[4096 + 32];
    if (!join(folder, "lock", path, sizeof path)) return false;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    return held;
}

/* ---- rows ---- */

static bool grow_column(double **column, size_t room) {
    double *more = realloc(*column, room * sizeof *more);
    if (more) *column = more;
    return more != NULL;
}

static double get_number(const json_t *line, const char *name) {
    const json_t *value = json_object_get(line, name);
    if (json_is_boolean(value)) return json_is_true(value);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* One pair of functions for each kind of row: cut what lies at or after a step, add a line. */
#define DEFINE_ROWS(kind, COLUMNS)                                                                                     \
    static void cut_##kind(cli_##kind##_rows *rows, double step) {                                                     \
        while (rows->count > 0 && rows->step[rows->count - 1] >= step) rows->count--;                                  \
    }                                                                                                                  \
    static bool add_##kind(cli_##kind##_rows *rows, const json_t *line) {                                              \
        bool fine = true;                                                                                              \
        cut_##kind(rows, get_number(line, "step"));                                                                    \
        if (rows->count == rows->room) {                                                                               \
            const size_t room = rows->room ? 2 * rows->room : 256;                                                     \
            COLUMNS(GROW_COLUMN)                                                                                       \
            if (!fine) return false;                                                                                   \
            rows->room = room;                                                                                         \
        }                                                                                                              \
        COLUMNS(SET_COLUMN)                                                                                            \
        rows->count++;                                                                                                 \
        return true;                                                                                                   \
    }
#define GROW_COLUMN(name) fine = fine && grow_column(&rows->name, room);
#define SET_COLUMN(name) rows->name[rows->count] = get_number(line, #name);
DEFINE_ROWS(step, CLI_STEP_COLUMNS)
DEFINE_ROWS(eval, CLI_EVAL_COLUMNS)

/* ---- lines ---- */

static void keep(json_t **place, json_t *line) {
    json_decref(*place);
    *place = json_incref(line);
}

/* Takes in one line. False when it is none that hrm train writes (`why` says so), or memory is short (`why` is NULL).
 */
static bool take_line(cli_run_metrics *run, json_t *line, const char **why) {
    const char *type = json_string_value(json_object_get(line, "type"));
    const json_t *after = json_object_get(line, "after_step");
    const bool is_step = type && strcmp(type, "step") == 0, is_eval = type && strcmp(type, "eval") == 0;
    *why = !type ? "no object with a \"type\"" : NULL;
    if ((is_step || is_eval) && !(get_number(line, "step") >= 0)) *why = "a line without its \"step\"";
    if (*why) return false;
    if (is_step) return add_step(&run->steps, line);
    if (is_eval) return add_eval(&run->evals, line);
    if (strcmp(type, "end") == 0) keep(&run->end, line);
    if (strcmp(type, "start") == 0 || strcmp(type, "resume") == 0) {
        /* What was done after the step it goes on from is done again. */
        const double from = json_is_number(after) ? json_number_value(after) + 1 : 0;
        cut_step(&run->steps, from);
        cut_eval(&run->evals, from);
        keep(&run->header, line);
        json_decref(run->end);
        run->end = NULL;
    }
    return true;
}

static bool take_lines(cli_run_metrics *run, const char *path, const char *text, size_t size) {
    char first[256] = "";
    size_t number = 0;
    for (size_t at = 0; at < size;) {
        const char *newline = memchr(text + at, '\n', size - at);
        const size_t length = newline ? (size_t)(newline - (text + at)) : size - at;
        json_error_t error;
        json_t *line = json_loadb(text + at, length, 0, &error);
        const char *why = line ? NULL : error.text;
        const bool taken = line && take_line(run, line, &why);
        json_decref(line);
        number++;
        at += length + 1;
        if (taken || !newline) continue; /* a run that was killed, or writes right now, leaves a torn last line */
        if (!why) {
            cli_error("%s: no host memory for what is in it", path);
            return false;
        }
        if (run->damaged++ == 0) snprintf(first, sizeof first, "line %zu: %.160s", number, why);
    }
    if (run->damaged == 1) cli_error("%s, %s; the line is left out", path, first);
    if (run->damaged > 1) cli_error("%s, %s; %u such lines are left out", path, first, run->damaged);
    return true;
}

/* ---- runs ---- */

static bool copy_folder(cli_run_metrics *run, const char *folder) {
    size_t n = strlen(folder);
    if (n == 0 || n >= sizeof run->folder) {
        cli_error("%.60s...: the path is %s", folder, n ? "too long" : "empty");
        return false;
    }
    memcpy(run->folder, folder, n + 1);
    while (n > 1 && run->folder[n - 1] == '/') run->folder[--n] = '\0';
    return true;
}

bool cli_run_metrics_read(cli_run_metrics *run, const char *folder) {
    char path[4096 + 32];
    struct stat info;
    size_t size;
    memset(run, 0, sizeof *run);
    if (!copy_folder(run, folder) || !join(run->folder, METRICS, path, sizeof path)) return false;
    if (stat(run->folder, &info) != 0) {
        cli_error("%s: %s; the folder of a run is needed, the --out of 'hrm train'", folder, strerror(errno));
        return false;
    }
    char *text = S_ISDIR(info.st_mode) ? read_text(path, &size) : NULL;
    if (!text) {
        if (!S_ISDIR(info.st_mode))
            cli_error("%s is a file; the folder of a run is needed, the --out of 'hrm train'", folder);
        else if (errno == ENOENT)
            cli_error("%s is not the folder of a run: there is no %s in it; 'hrm runs DIR' lists the runs below a "
                      "folder",
                      folder, METRICS);
        else
            cli_error("%s cannot be read: %s", path, strerror(errno));
        return false;
    }
    const bool fine = take_lines(run, path, text, size);
    free(text);
    if (!fine) return false;
    run->config = read_object(run->folder, "config.json");
    if (!run->config) run->config = json_incref(json_object_get(run->header, "config"));
    run->environment = read_object(run->folder, "environment.json");
    run->running = is_running(run->folder);
    return true;
}

void cli_run_metrics_deinit(cli_run_metrics *run) {
#define FREE_STEP(name) free(run->steps.name);
#define FREE_EVAL(name) free(run->evals.name);
    CLI_STEP_COLUMNS(FREE_STEP)
    CLI_EVAL_COLUMNS(FREE_EVAL)
    json_decref(run->header);
    json_decref(run->end);
    json_decref(run->config);
    json_decref(run->environment);
    memset(run, 0, sizeof *run);
}

const char *cli_run_metrics_name(const cli_run_metrics *run) {
    const char *slash = strrchr(run->folder, '/');
    return slash && slash[1] ? slash + 1 : run->folder;
}

uint32_t cli_run_metrics_total(const cli_run_metrics *run) {
    const json_t *steps = json_object_get(run->config, "steps");
    const json_int_t value = json_integer_value(steps);
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

bool cli_run_metrics_best(const cli_run_metrics *run, size_t *row) {
    double best = -INFINITY;
    for (size_t i = run->evals.count; i-- > 0;) /* the run's own word, by its --best-by: what checkpoints/best holds */
        if (run->evals.best[i] > 0) {
            *row = i;
            return isfinite(run->evals.exact[i]);
        }
    for (size_t i = 0; i < run->evals.count; i++) {
        if (!(run->evals.exact[i] > best)) continue; /* NaN is never best */
        best = run->evals.exact[i];
        *row = i;
    }
    return isfinite(best);
}

char *cli_run_format_time(double seconds, char *out, size_t size) {
    const long s = (long)fmax(0, fmin(seconds, 1e12));
    if (s < 60)
        snprintf(out, size, "%lds", s);
    else if (s < 3600)
        snprintf(out, size, "%ldm%02lds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%ldd%02ldh", s / 86400, s / 3600 % 24);
    return out;
}
