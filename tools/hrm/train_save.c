/* Checkpoints while training, and the model at its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_checkpoints.h"
#include "train.h"

bool cli_train_clock_asks_to_save(const cli_train *t) {
    enum { RETRY_SECONDS = 60 };
    const double since = cli_now() - t->last_save, minutes = (double)t->options->save_minutes;
    return t->folder.remade || (minutes > 0 && since >= 60 * minutes) || (t->save_failed && since >= RETRY_SECONDS);
}

static bool is_multiple(const cli_train *t, uint32_t every) {
    return every && hrm_trainer_get_step(t->trainer) % every == 0;
}

bool cli_train_save_is_due(const cli_train *t) {
    const bool is_new_best = t->best.step && t->best.step == hrm_trainer_get_step(t->trainer);
    return t->dirty && (is_new_best || is_multiple(t, t->options->save_every) ||
                        is_multiple(t, t->options->checkpoint_every) || cli_train_clock_asks_to_save(t));
}

/* The notes hold nothing that differs between two equal runs. False with the reason in `why`. */
static bool write_next(const cli_train *t, const char *path, char *why, size_t size) {
    char steps[16], seed[24], *run = cli_train_make_note(t);
    snprintf(steps, sizeof steps, "%u", t->last.step);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)t->config.seed);
    const char *notes[] = {"hrm.version", hrm_version_string(), "hrm.steps", steps, "hrm.seed", seed, "hrm.run", run,
                           NULL};
    const bool fine = run && hrm_trainer_save(t->trainer, path, notes) == HRM_OK;
    if (!fine) snprintf(why, size, "%s", run ? hrm_last_error() : "no host memory");
    free(run);
    return fine;
}

/* Further names of the checkpoint just saved. */
static bool name_checkpoint(const cli_train *t, const char *last) {
    char name[CLI_CHECKPOINT_NAME], path[CLI_RUN_PATH];
    bool fine = true;
    if (t->best.step == t->last.step)
        fine = cli_checkpoint_alias(last, cli_run_path(t->folder.path, CLI_CHECKPOINT_BEST, path));
    if (is_multiple(t, t->options->checkpoint_every)) {
        cli_checkpoint_name_step(t->last.step, name);
        fine = cli_checkpoint_alias(last, cli_run_path(t->folder.path, name, path)) && fine;
        cli_checkpoints_prune(t->folder.path, t->options->keep);
    }
    return fine;
}

/* False with the reason in `why`. */
static bool try_to_save(const cli_train *t, cli_run_folder *folder, char *why, size_t size) {
    char next[CLI_RUN_PATH];
    if (!cli_run_folder_ensure(folder)) {
        snprintf(why, size, "%.900s: the folder is gone and cannot be made again", folder->path);
        return false;
    }
    if (!write_next(t, cli_run_path(folder->path, CLI_CHECKPOINT_NEXT, next), why, size)) return false;
    if (!cli_checkpoints_rotate(folder->path)) {
        snprintf(why, size, "cannot rename %.900s: %s", next, strerror(errno));
        return false;
    }
    return true;
}

/* What the run knows as its best must be a file: it went with a folder that was removed, or alone. */
static void forget_lost_best(cli_train *t) {
    char best[CLI_RUN_PATH];
    if (t->best.step == 0 || t->best.step == t->last.step ||
        access(cli_run_path(t->folder.path, CLI_CHECKPOINT_BEST, best), F_OK) == 0 || errno != ENOENT)
        return;
    cli_error("the best checkpoint, of step %u, is not there any more: the next test counts as the best", t->best.step);
    t->best = (cli_train_best){.evaluated = t->best.evaluated};
}

/* A step may be saved twice: before a long test, and after it. */
static bool save(cli_train *t, char *why, size_t size) {
    char last[CLI_RUN_PATH];
    t->last_save = cli_now();
    forget_lost_best(t);
    t->save_failed = !try_to_save(t, &t->folder, why, size);
    if (t->save_failed) {
        /* what the run knows as its best must be a file */
        if (t->best.step == t->last.step) t->best = t->best_before;
        return false;
    }
    t->saved = t->last.step;
    t->dirty = t->folder.remade = false;
    if (!name_checkpoint(t, cli_run_path(t->folder.path, CLI_CHECKPOINT_LAST, last)) && t->best.step == t->last.step)
        t->best = t->best_before;
    cli_run_log_add(&t->log, json_pack("{s:s, s:I, s:f, s:s}", "type", "save", "step", (json_int_t)t->saved, "seconds",
                                       cli_train_seconds(t), "file", CLI_CHECKPOINT_LAST));
    return true;
}

/* "the checkpoint of step 120 stays (run/checkpoints/last.safetensors)". Returns out. */
static char *say_newest(const cli_train *t, char *out, size_t size) {
    const uint32_t step = cli_run_get_step(t->folder.path);
    if (step)
        snprintf(out, size, "the checkpoint of step %u stays (%s/" CLI_CHECKPOINT_LAST ")", step, t->folder.path);
    else
        snprintf(out, size, "no checkpoint has been saved yet");
    return out;
}

bool cli_train_save(cli_train *t) {
    char why[1024], newest[CLI_RUN_PATH + 96];
    if (!cli_train_sync(t)) return false;
    if (!save(t, why, sizeof why))
        cli_error("step %u could not be saved: %s; %s, and it will be tried again", t->last.step, why,
                  say_newest(t, newest, sizeof newest));
    return true;
}

/* The weights alone, of the best checkpoint where there is one. */
static bool export_model(cli_train *t) {
    char from[CLI_RUN_PATH], to[CLI_RUN_PATH];
    hrm_checkpoint *checkpoint = NULL;
    hrm_convert_config config = HRM_INIT(hrm_convert_config);
    config.kind = HRM_CHECKPOINT_SAFETENSORS;
    config.weights_only = 1;
    cli_run_path(t->folder.path, t->best.step ? CLI_CHECKPOINT_BEST : CLI_CHECKPOINT_LAST, from);
    cli_run_path(t->folder.path, "model.safetensors", to);
    hrm_status status = hrm_checkpoint_open(from, NULL, &checkpoint);
    if (status == HRM_OK) status = hrm_checkpoint_convert(checkpoint, &config, to);
    hrm_checkpoint_close(checkpoint);
    if (status != HRM_OK) cli_error("%s; the state of the run is whole: %s", hrm_last_error(), from);
    return status == HRM_OK;
}

bool cli_train_save_end(cli_train *t, bool with_model) {
    char why[1024], newest[CLI_RUN_PATH + 96];
    if (!cli_train_sync(t)) return false;
    t->folder.next_try = 0;
    if ((t->dirty || t->folder.remade) && !save(t, why, sizeof why)) {
        cli_error("step %u could not be saved: %s; %s", t->last.step, why, say_newest(t, newest, sizeof newest));
        return false;
    }
    return !with_model || export_model(t);
}
