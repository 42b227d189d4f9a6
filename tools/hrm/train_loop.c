/* The run: opens what it needs, trains step by step until an end, looks after logs, tests and checkpoints. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "run_checkpoints.h"
#include "train.h"

static const double fading = 0.95; /* of the figures in the progress, per step */

double cli_train_seconds(const cli_train *t) {
    return t->before + cli_now() - t->start;
}

double cli_train_get_pace(const cli_train *t) {
    const double now = cli_now() - t->eval_seconds;
    if (t->last.step > t->paced_step && t->paced_step)
        return (now - t->paced_from) / (double)(t->last.step - t->paced_step);
    return t->last.step > t->first ? (now - t->start) / (double)(t->last.step - t->first) : 0;
}

bool cli_train_fail(const cli_train *t, hrm_status status) {
    const uint32_t step = cli_run_get_step(t->folder.path);
    char newest[CLI_RUN_PATH + 128] = "nothing has been saved yet";
    if (step) snprintf(newest, sizeof newest, "%s/" CLI_CHECKPOINT_LAST " is whole, of step %u", t->folder.path, step);
    if (status == HRM_ERR_NOT_FINITE)
        cli_error("%s; %s. Going on would come to the same: start anew with a lower --lr, a longer --warmup%s or with "
                  "--outlier-z 6",
                  hrm_last_error(), newest, t->config.precision == HRM_PRECISION_F16 ? ", with --precision bf16" : "");
    else
        cli_error("%s; %s%s%s", hrm_last_error(), newest, step ? ": go on with --resume " : "",
                  step ? t->folder.path : "");
    return false;
}

/* ---- figures ---- */

/* Writes the step line of what has gathered since the last one. */
static void log_window(cli_train *t) {
    const cli_train_window *w = &t->window;
    /* every row of the batch has finished, and all were right */
    t->learnt = t->options->overfit && w->finished >= t->config.batch && w->exact >= w->finished - 0.5;
    cli_run_log_add(&t->log, cli_train_window_to_line(w, &t->last, cli_train_seconds(t)));
    t->window = (cli_train_window){0};
    t->dirty = true;
}

static void show_progress(const cli_train *t) {
    const cli_train_window *w = &t->shown;
    cli_progress_update(t->last.step, "loss %.3f exact %.1f%% segments %.1f grad %.2g",
                        cli_train_window_per_step(w, w->loss), 100 * cli_train_window_per_finished(w, w->exact),
                        cli_train_window_per_finished(w, w->segments), cli_train_window_get_grad_norm(w));
}

static void show_outlier(cli_train *t) {
    enum { LEAST_SECONDS = 10 };
    if (cli_global.quiet || (t->last_outlier > 0 && cli_now() - t->last_outlier < LEAST_SECONDS)) return;
    t->last_outlier = cli_now();
    cli_progress_clear();
    printf("step %u was skipped as an outlier: its gradient's norm %.3g lies %.1f standard deviations above the mean; "
           "%u skipped so far\n",
           t->last.step, (double)t->last.grad_norm, (double)t->last.grad_norm_z, t->last.skipped_total);
    fflush(stdout);
}

static void show_overflow(const cli_train *t) {
    if (cli_global.quiet) return;
    cli_progress_clear();
    printf("step %u was skipped: its gradient did not fit f16 with the loss times %.0f; now %.0f. %u skipped so far\n",
           t->last.step, (double)t->last.loss_scale, (double)t->last.loss_scale / 2, t->last.overflowed_total);
    fflush(stdout);
}

/* Takes in the figures of one more step; each is given once. */
static void note_report(cli_train *t, const hrm_step_report *report) {
    if (report->step == 0 || report->step == t->last.step) return;
    t->last = *report;
    if (t->paced_step == 0) {
        t->paced_step = report->step;
        t->paced_from = cli_now() - t->eval_seconds;
    }
    cli_train_window_add(&t->window, report, 1);
    cli_train_window_add(&t->total, report, 1);
    cli_train_window_add(&t->shown, report, fading);
    if (report->skipped) show_outlier(t);
    if (report->overflowed) show_overflow(t);
    show_progress(t);
    if (report->step % t->options->log_every == 0 || report->step == t->config.steps) log_window(t);
}

bool cli_train_sync(cli_train *t) {
    hrm_step_report report = HRM_INIT(hrm_step_report);
    do {
        const hrm_status status = hrm_trainer_next_report(t->trainer, &report);
        if (status != HRM_OK) return cli_train_fail(t, status);
        note_report(t, &report);
    } while (report.step != 0);
    return true;
}

/* ---- steps ---- */

static bool advance(cli_train *t) {
    hrm_step_report report = HRM_INIT(hrm_step_report);
    const hrm_status status = hrm_trainer_step(t->trainer, &report);
    if (status != HRM_OK) return cli_train_fail(t, status);
    t->dirty = true;
    note_report(t, &report);
    return true;
}

/* Tests and checkpoints of the present step. A test may take long: what the clock asks for is saved before it. A signal
 * does not wait for a test; the run that goes on makes up for it. */
static bool look_after(cli_train *t) {
    if (cli_train_eval_is_due(t) && !cli_interrupt_code()) {
        if (t->dirty && cli_train_clock_asks_to_save(t) && !cli_train_save(t)) return false;
        if (!cli_train_evaluate(t)) return false;
    }
    return !cli_train_save_is_due(t) || cli_train_save(t);
}

cli_train_end cli_train_find_end(const cli_train *t) {
    const cli_train_options *o = t->options;
    if (hrm_trainer_get_step(t->trainer) >= t->config.steps && !cli_train_eval_is_due(t)) return CLI_TRAIN_STEPS;
    if (t->learnt) return CLI_TRAIN_LEARNT;
    if (o->eval_every && o->patience && t->best.stale >= o->patience) return CLI_TRAIN_PATIENCE;
    return CLI_TRAIN_GOES_ON;
}

static bool is_time_up(const cli_train *t) {
    return t->options->time > 0 && cli_now() - t->start - t->eval_seconds >= t->options->time;
}

/* Until an end. False after printing an error. */
static bool train(cli_train *t, cli_train_end *end) {
    for (;;) {
        if (!look_after(t)) return false;
        *end = cli_train_find_end(t);
        if (*end == CLI_TRAIN_GOES_ON && cli_interrupt_code()) *end = CLI_TRAIN_INTERRUPTED;
        if (*end == CLI_TRAIN_GOES_ON && is_time_up(t)) *end = CLI_TRAIN_TIME;
        if (*end != CLI_TRAIN_GOES_ON) return cli_train_sync(t);
        if (!advance(t)) return false;
    }
}

/* ---- the end ---- */

/* Stopped before the first step: there is nothing new to save. */
static int finish_without_a_step(const cli_train *t, cli_train_end end) {
    const char *kept = t->first ? "the run stays as it was" : "nothing was saved";
    if (end == CLI_TRAIN_TIME) return cli_fail("not one step was done in %.0f s: %s", t->options->time, kept);
    cli_error("interrupted before the first step was done: %s", kept);
    return cli_interrupt_code();
}

static int finish(cli_train *t, cli_train_end end) {
    const bool overfit = t->options->overfit;
    cli_progress_end();
    if (t->last.step == t->first && (end == CLI_TRAIN_TIME || end == CLI_TRAIN_INTERRUPTED))
        return finish_without_a_step(t, end);
    if (overfit && t->learnt) end = CLI_TRAIN_LEARNT;
    if (!cli_train_save_end(t, !overfit)) return CLI_FAILED;
    if (!cli_train_record_end(t, end)) return CLI_FAILED;
    if (end == CLI_TRAIN_INTERRUPTED) {
        cli_error("interrupted after step %u of %u: saved; 'hrm train --resume %s' goes on", t->last.step,
                  t->config.steps, t->folder.path);
        return cli_interrupt_code();
    }
    if (overfit && end != CLI_TRAIN_LEARNT)
        return cli_fail("one batch was not learnt by heart in %u steps: either they are too few (--steps) or --lr does "
                        "not suit the model, or this device computes something wrong",
                        t->last.step);
    return CLI_OK;
}

/* ---- the start ---- */

static void show_device(const cli_train *t) {
    hrm_device_info info = HRM_INIT(hrm_device_info);
    if (cli_global.quiet || hrm_device_get_info(t->device, &info) != HRM_OK) return;
    printf("device: %s (%s %s)\n", info.name, info.driver_name, info.driver_info);
    fflush(stdout);
}

static bool open_data(cli_train *t) {
    if (!t->options->data) {
        cli_error("--resume %s: it does not say on which data it was trained (there is no options.json of its run): "
                  "name the folder by --data",
                  t->options->resume);
        return false;
    }
    hrm_status status = hrm_dataset_open(t->options->data, "train", &t->train_set);
    if (status == HRM_OK && t->options->eval_every) status = hrm_dataset_open(t->options->data, "test", &t->test_set);
    if (status != HRM_OK) cli_fail_last();
    return status == HRM_OK;
}

/* The trainer, fresh or as it was saved; the folder takes a fresh run only once there is a trainer. */
static bool open_trainer(cli_train *t) {
    const cli_train_options *o = t->options;
    hrm_status status = cli_open_device(&t->device);
    if (status == HRM_OK) show_device(t);
    if (status == HRM_OK && !o->resume)
        status = hrm_trainer_create(t->device, &o->recipe.config, t->train_set, &t->trainer);
    if (status != HRM_OK) {
        cli_fail_last();
        return false;
    }
    if (o->resume ? !cli_train_resume(t) : !cli_run_folder_clear(&t->folder) || !cli_run_folder_start(&t->folder))
        return false;
    status = hrm_trainer_get_config(t->trainer, &t->config);
    if (status != HRM_OK) cli_fail_last();
    return status == HRM_OK;
}

/* A run that came to its end and was closed properly: says so. */
static bool is_complete(const cli_train *t) {
    char path[CLI_RUN_PATH];
    const cli_train_end end = cli_train_find_end(t);
    if (!t->options->resume || end == CLI_TRAIN_GOES_ON) return false;
    if (access(cli_run_path(t->folder.path, "table.txt", path), F_OK) != 0) return false; /* killed while closing */
    if (!cli_global.quiet)
        printf("%s: %s: there is nothing to continue\n", t->folder.path,
               end == CLI_TRAIN_PATIENCE ? "no better test came within --patience" : "all steps are done");
    return true;
}

static bool start(cli_train *t) {
    char path[CLI_RUN_PATH];
    t->first = t->last.step = hrm_trainer_get_step(t->trainer);
    t->start = t->last_save = cli_now();
    unlink(cli_run_path(t->folder.path, "table.txt", path)); /* stands for a run that is closed */
    if (!cli_run_log_open(&t->log, &t->folder, t->source[0] ? t->source : NULL, t->first, &t->before)) return false;
    if (!cli_train_record_start(t)) return false;
    if (t->first && !cli_global.quiet) printf("going on after step %u of %u\n", t->first, t->config.steps);
    cli_progress_begin(cli_global.quiet ? CLI_PROGRESS_NONE : CLI_PROGRESS_LINES, "train", "step", t->config.steps);
    cli_progress_skip(t->first);
    cli_progress_print_every(t->options->print_every ? t->options->print_every : 10 * t->options->log_every);
    return true;
}

static int run(cli_train *t, cli_train_options *options) {
    cli_train_end end;
    cli_listen(cli_global.verbose);
    if (options->resume && !cli_train_find_source(t, options)) return CLI_FAILED;
    if (!open_data(t)) return CLI_FAILED;
    const bool in_place = options->resume && cli_train_goes_on_in_place(t);
    if (!cli_run_folder_open(&t->folder, options->out, options->overwrite || in_place)) return CLI_FAILED;
    cli_interrupt_catch();
    if (!open_trainer(t)) return CLI_FAILED;
    if (is_complete(t)) return CLI_OK;
    if (!start(t) || !train(t, &end)) return CLI_FAILED;
    return finish(t, end);
}

int cli_train_run(cli_train_options *options) {
    cli_train t = {.options = options};
    const int code = run(&t, options);
    cli_progress_end();
    cli_run_log_close(&t.log);
    hrm_trainer_destroy(t.trainer);
    cli_run_folder_close(&t.folder);
    hrm_device_destroy(t.device);
    hrm_dataset_close(t.test_set);
    hrm_dataset_close(t.train_set);
    return code;
}
