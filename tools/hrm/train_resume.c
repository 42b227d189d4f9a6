/* Going on with a run: its newest checkpoint that is whole, its options, its log. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_checkpoints.h"
#include "train.h"

#define NOTE_KEY "hrm.run"

/* ---- what travels in a checkpoint ---- */

static const char *best_by_name(const cli_train *t) {
    const cli_choice *c = cli_best_by_choices;
    while (c[1].name && c->value != t->options->best_by) c++;
    return c->name;
}

char *cli_train_make_note(const cli_train *t) {
    const cli_train_best *b = &t->best;
    json_t *note = json_pack("{s:o, s:{s:s, s:I, s:f, s:f, s:I, s:I}}", "window", cli_train_window_to_json(&t->window),
                             "best", "by", best_by_name(t), "step", (json_int_t)b->step, "value", b->value, "cells",
                             b->cells, "stale", (json_int_t)b->stale, "evaluated", (json_int_t)b->evaluated);
    char *text = note ? json_dumps(note, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(note);
    return text;
}

static bool read_note(cli_train *t, const char *path) {
    char *text = cli_checkpoint_read_note(path, NOTE_KEY);
    if (!text) return true; /* saved by another program through the library: nothing is pending */
    json_t *note = json_loads(text, 0, NULL);
    const char *by = "";
    json_int_t step = 0, stale = 0, evaluated = 0;
    double value = 0, cells = 0;
    const bool fine = cli_train_window_from_json(json_object_get(note, "window"), &t->window) &&
                      json_unpack(note, "{s:{s:s, s:I, s:F, s:F, s:I, s:I}}", "best", "by", &by, "step", &step, "value",
                                  &value, "cells", &cells, "stale", &stale, "evaluated", &evaluated) == 0 &&
                      step >= 0 && step <= UINT32_MAX && stale >= 0 && stale <= UINT32_MAX && evaluated >= 0 &&
                      evaluated <= UINT32_MAX;
    if (fine) {
        t->best = (cli_train_best){.evaluated = (uint32_t)evaluated};
        if (strcmp(by, best_by_name(t)) == 0) /* else: measured otherwise, not to be compared */
            t->best = (cli_train_best){(uint32_t)step, value, cells, (uint32_t)stale, (uint32_t)evaluated};
    } else {
        cli_error("%s: its metadata \"" NOTE_KEY "\" is not as hrm train writes it", path);
    }
    json_decref(note);
    free(text);
    return fine;
}

/* ---- the run that is meant ---- */

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* RUN for RUN/checkpoints/NAME; "" for a file elsewhere. */
static void find_run_of_file(const char *file, char *out, size_t size) {
    snprintf(out, size, "%s", file);
    char *slash = strrchr(out, '/');
    if (slash) *slash = '\0';
    char *folder = slash ? strrchr(out, '/') : NULL;
    const char *name = folder ? folder + 1 : out;
    const bool inside = slash && strcmp(name, CLI_CHECKPOINT_FOLDER) == 0;
    if (folder && inside)
        *folder = '\0';
    else
        snprintf(out, size, "%s", inside ? "." : "");
}

bool cli_train_find_source(cli_train *t, cli_train_options *options) {
    const char *resume = options->resume;
    if (strlen(resume) >= sizeof t->folder.path) {
        cli_error("%.60s...: the path is too long", resume);
        return false;
    }
    if (is_folder(resume)) {
        snprintf(t->source, sizeof t->source, "%s", resume);
        if (!options->out) options->out = resume;
    } else if (access(resume, F_OK) != 0) {
        cli_error("--resume %s: %s", resume, strerror(errno));
        return false;
    } else {
        find_run_of_file(resume, t->source, sizeof t->source);
        if (!options->out) {
            cli_error("--resume %s is a file: --out must name the folder to go on in (--resume RUN goes on in RUN)",
                      resume);
            return false;
        }
    }
    return !t->source[0] || cli_train_options_recall(options, t->source);
}

static bool is_same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool cli_train_goes_on_in_place(const cli_train *t) {
    return t->source[0] && is_same(t->source, t->options->out);
}

/* ---- the checkpoint ---- */

/* Another, older file may serve only where this one is bad in itself. */
static bool is_fault_of_file(hrm_status status) {
    return status == HRM_ERR_FORMAT || status == HRM_ERR_IO;
}

/* Tries one; the first reason why one cannot serve stays in `why`. */
static hrm_status try_checkpoint(cli_train *t, const char *name, char *path, char *why, size_t size) {
    hrm_status status = HRM_ERR_IO;
    cli_run_path(t->source, name, path);
    if (access(path, F_OK) != 0) {
        if (!why[0]) snprintf(why, size, "%.900s is missing", path);
        return status;
    }
    status = hrm_trainer_resume(t->device, path, t->train_set, &t->trainer);
    if (status != HRM_OK && !why[0]) snprintf(why, size, "%s", hrm_last_error());
    return status;
}

/* The newest of a run that is whole. `path` gets its name. */
static hrm_status resume_run(cli_train *t, char *path, char *why, size_t size) {
    char name[CLI_CHECKPOINT_NAME];
    hrm_status status = try_checkpoint(t, CLI_CHECKPOINT_LAST, path, why, size);
    if (is_fault_of_file(status)) status = try_checkpoint(t, CLI_CHECKPOINT_PREVIOUS, path, why, size);
    for (uint32_t step = UINT32_MAX; is_fault_of_file(status) && (step = cli_checkpoints_find_step(t->source, step));)
        status = try_checkpoint(t, cli_checkpoint_name_step(step, name), path, why, size);
    return status;
}

/* The checkpoint at `path` becomes the last of the folder we write to, and the best comes along. */
static bool take_over(cli_train *t, const char *path) {
    char last[CLI_RUN_PATH], best[CLI_RUN_PATH], theirs[CLI_RUN_PATH];
    cli_run_path(t->folder.path, CLI_CHECKPOINT_LAST, last);
    cli_run_path(t->folder.path, CLI_CHECKPOINT_BEST, best);
    if (!is_same(path, last) && !cli_checkpoint_alias(path, last)) return false;
    t->saved = hrm_trainer_get_step(t->trainer);
    if (t->best.step == 0) return true;
    if (t->best.step == t->saved && cli_checkpoint_get_step(best) != t->saved) return cli_checkpoint_alias(last, best);
    cli_run_path(t->source, CLI_CHECKPOINT_BEST, theirs);
    if (t->source[0] && cli_checkpoint_get_step(theirs) == t->best.step)
        return is_same(theirs, best) || cli_checkpoint_alias(theirs, best);
    cli_error("the best checkpoint, of step %u, is not there any more: the next test counts as the best", t->best.step);
    t->best = (cli_train_best){.evaluated = t->best.evaluated};
    return true;
}

bool cli_train_resume(cli_train *t) {
    char path[CLI_RUN_PATH], why[1024] = "";
    hrm_status status;
    const bool in_place = cli_train_goes_on_in_place(t);
    if (in_place) cli_checkpoints_recover(t->source);
    if (is_folder(t->options->resume)) {
        status = resume_run(t, path, why, sizeof why);
    } else {
        snprintf(path, sizeof path, "%s", t->options->resume);
        status = hrm_trainer_resume(t->device, path, t->train_set, &t->trainer);
        if (status != HRM_OK) snprintf(why, sizeof why, "%s", hrm_last_error());
    }
    if (is_fault_of_file(status) && is_folder(t->options->resume))
        cli_error("%s: there is no checkpoint to go on from: %s", t->options->resume, why);
    else if (status != HRM_OK)
        cli_fail_last();
    if (status != HRM_OK) return false;
    const uint32_t step = hrm_trainer_get_step(t->trainer);
    if (why[0]) cli_error("%s: going on from %s instead, after step %u", why, path, step);
    return read_note(t, path) && (in_place || cli_run_folder_clear(&t->folder)) && cli_run_folder_start(&t->folder) &&
           take_over(t, path);
}
