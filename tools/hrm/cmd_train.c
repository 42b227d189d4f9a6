/* hrm train: trains a model on a data set and saves it with its log. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "environment.h"
#include "interrupt.h"
#include "recipe.h"
#include "run_folder.h"

typedef struct train_options {
    const char *data, *out, *resume;
    bool weights_only;
    double time;
    uint32_t log_every, eval_every, eval_limit;
    cli_recipe recipe;
} train_options;

/* Figures of the steps since the last line of the log. */
typedef struct window {
    uint32_t steps;
    double count, exact, accuracy, q_right, segments; /* sums over finished puzzles */
    double loss, token_loss, q_halt_loss, q_continue_loss;
} window;

typedef struct run {
    const train_options *options;
    hrm_dataset *train_set, *test_set;
    hrm_device *device;
    hrm_trainer *trainer;
    cli_run_folder folder;
    hrm_step_report last;
    window log, shown; /* since the last log line; fading, for the bar */
    uint32_t steps;    /* total of the resolved recipe */
    uint32_t first;    /* steps done before a resume */
    double start, eval_seconds;
    double paced_from; /* when the first figures came: the first step compiles the kernels */
    uint32_t paced_step;
    bool timed_out;
} run;

static void window_add(window *w, const hrm_step_report *r, double keep) {
    double *sums[] = {&w->count, &w->exact,      &w->accuracy,    &w->q_right,        &w->segments,
                      &w->loss,  &w->token_loss, &w->q_halt_loss, &w->q_continue_loss};
    const double n = r->count;
    const double adds[] = {n,
                           n * (double)r->exact_accuracy,
                           n * (double)r->accuracy,
                           n * (double)r->q_halt_accuracy,
                           n * (double)r->segments,
                           (double)r->loss,
                           (double)r->token_loss,
                           (double)r->q_halt_loss,
                           (double)r->q_continue_loss};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) *sums[i] = *sums[i] * keep + adds[i];
    w->steps++;
}

/* ---- the log ---- */

static void add_choice(void *user, const char *op, const char *row, double gflops, const char *how) {
    json_object_set_new(user, op, json_pack("{s:s, s:f, s:s}", "row", row, "gflops", gflops, "how", how));
}

static bool log_header(run *r) {
    hrm_trainer_config config = HRM_INIT(hrm_trainer_config);
    hrm_device_info device = HRM_INIT(hrm_device_info);
    hrm_dataset_info data = HRM_INIT(hrm_dataset_info);
    json_t *rows = json_object();
    hrm_status status = hrm_trainer_get_config(r->trainer, &config);
    if (status == HRM_OK) status = hrm_device_get_info(r->device, &device);
    if (status == HRM_OK) status = hrm_dataset_get_info(r->train_set, &data);
    if (status == HRM_OK) status = hrm_device_visit_choices(r->device, add_choice, rows);
    if (status != HRM_OK) {
        json_decref(rows);
        cli_fail_last();
        return false;
    }
    r->steps = config.steps;
    json_t *line =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:i}, s:{s:s, s:i, s:i, s:i}, s:o, s:o}", "type",
                  r->options->resume ? "resume" : "start", "hrm", hrm_version_string(), "device", "name", device.name,
                  "driver", device.driver_name, "driver_info", device.driver_info, "uuid", device.uuid, "vector_width",
                  cli_environment_get_vector_width(), "subgroup_size", (int)device.subgroup_size, "data", "folder",
                  r->options->data, "puzzles", (int)data.count, "grid_width", (int)data.grid_width, "grid_height",
                  (int)data.grid_height, "config", cli_recipe_to_json(&config), "kernels", rows);
    if (r->options->resume) json_object_set_new(line, "after_step", json_integer(hrm_trainer_get_step(r->trainer)));
    return cli_run_folder_log(&r->folder, line);
}

static bool log_steps(run *r) {
    const window *w = &r->log;
    const double n = w->steps ? w->steps : 1, count = w->count > 0 ? w->count : 1;
    json_t *line =
        json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:f, s:f, s:f, s:f}", "type", "step", "step",
                  (int)r->last.step, "seconds", cli_now() - r->start, "loss", w->loss / n, "token_loss",
                  w->token_loss / n, "q_halt_loss", w->q_halt_loss / n, "q_continue_loss", w->q_continue_loss / n, "lr",
                  (double)r->last.lr, "finished", (int)(w->count + 0.5), "accuracy", w->accuracy / count, "exact",
                  w->exact / count, "q_halt_accuracy", w->q_right / count, "segments", w->segments / count);
    memset(&r->log, 0, sizeof r->log);
    return cli_run_folder_log(&r->folder, line);
}

/* ---- steps ---- */

static void show_progress(run *r) {
    const window *w = &r->shown;
    const double weight = (1 - pow(0.95, w->steps)) / 0.05, count = w->count > 0 ? w->count : 1;
    cli_progress_update(r->last.step, "loss %.3f exact %.1f%% segments %.1f", w->loss / weight, 100 * w->exact / count,
                        w->segments / count);
}

/* Takes in the figures of a step that has finished. False after printing an error. */
static bool note_report(run *r, const hrm_step_report *report) {
    if (report->step == 0 || report->step == r->last.step) return true;
    r->last = *report;
    if (r->paced_step == 0) {
        r->paced_step = report->step;
        r->paced_from = cli_now() - r->eval_seconds;
    }
    if (!isfinite(report->loss)) {
        cli_error("the loss is not a number at step %u: nothing was saved; try a lower --lr or a longer --warmup",
                  report->step);
        return false;
    }
    window_add(&r->log, report, 1);
    window_add(&r->shown, report, 0.95);
    show_progress(r);
    return report->step % r->options->log_every != 0 || log_steps(r);
}

static bool evaluate_now(run *r) {
    hrm_model *model;
    hrm_step_report report = HRM_INIT(hrm_step_report);
    hrm_evaluation_config config = HRM_INIT(hrm_evaluation_config);
    config.solver = HRM_INIT(hrm_solver_config);
    config.limit = r->options->eval_limit;
    hrm_evaluation e = HRM_INIT(hrm_evaluation);
    double start = cli_now();
    hrm_status status = hrm_trainer_finish(r->trainer, &report);
    if (status == HRM_OK && !note_report(r, &report)) return false;
    if (status == HRM_OK) status = hrm_trainer_get_model(r->trainer, &model);
    if (status == HRM_OK) status = hrm_evaluate(model, r->test_set, &config, &e, NULL, NULL);
    if (status != HRM_OK) {
        cli_fail_last();
        return false;
    }
    r->eval_seconds += cli_now() - start;
    if (!cli_global.quiet) {
        cli_progress_clear();
        printf("step %u: %.1f %% of %u unseen puzzles right, %.2f segments each\n", report.step, 100 * e.exact_accuracy,
               e.count, e.mean_segments);
        fflush(stdout);
    }
    json_t *line = json_pack("{s:s, s:i, s:f, s:i, s:f, s:f, s:f, s:f, s:f}", "type", "eval", "step", (int)report.step,
                             "seconds", cli_now() - r->start, "puzzles", (int)e.count, "accuracy", e.token_accuracy,
                             "exact", e.exact_accuracy, "task", e.task_accuracy, "segments", e.mean_segments,
                             "q_halt_accuracy", e.q_halt_accuracy);
    if (e.kind == HRM_PUZZLE_MAZE) json_object_set_new(line, "valid", json_real(e.maze_valid));
    return cli_run_folder_log(&r->folder, line);
}

/* Steps until the end, the time limit or a signal. False after printing an error. */
static bool train(run *r) {
    const train_options *o = r->options;
    hrm_step_report report = HRM_INIT(hrm_step_report);
    cli_progress_begin(cli_global.quiet ? CLI_PROGRESS_NONE : CLI_PROGRESS_LINES, "train", "step", r->steps);
    for (uint32_t step = hrm_trainer_get_step(r->trainer) + 1; step <= r->steps && !cli_interrupt_code(); step++) {
        if (o->time > 0 && cli_now() - r->start - r->eval_seconds >= o->time) {
            r->timed_out = true;
            break;
        }
        if (hrm_trainer_step(r->trainer, &report) != HRM_OK) {
            cli_fail_last();
            return false;
        }
        if (!note_report(r, &report)) return false;
        if (o->eval_every && (step % o->eval_every == 0 || step == r->steps) && !evaluate_now(r)) return false;
    }
    if (hrm_trainer_finish(r->trainer, &report) != HRM_OK) {
        cli_fail_last();
        return false;
    }
    return note_report(r, &report);
}

/* ---- the end ---- */

/* Saves what was learnt. The notes hold nothing that differs between two equal runs. */
static bool save(run *r) {
    hrm_model *model;
    hrm_trainer_config config = HRM_INIT(hrm_trainer_config);
    char steps[16], seed[24];
    hrm_status status = hrm_trainer_get_config(r->trainer, &config);
    snprintf(steps, sizeof steps, "%u", r->last.step);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)config.seed);
    const char *notes[] = {"hrm.version", hrm_version_string(), "hrm.steps", steps, "hrm.seed", seed, NULL};
    if (status == HRM_OK && !r->options->weights_only)
        status = hrm_trainer_save(r->trainer, r->folder.model_path, notes);
    else if (status == HRM_OK && (status = hrm_trainer_get_model(r->trainer, &model)) == HRM_OK)
        status = hrm_model_save(model, r->folder.model_path, notes);
    if (status != HRM_OK) cli_fail_last();
    return status == HRM_OK;
}

/* Seconds per step, the first left out where there are more. */
static double get_pace(const run *r, double seconds) {
    if (r->last.step <= r->paced_step) return seconds / (double)(r->last.step - r->first);
    return (r->start + seconds - r->paced_from) / (double)(r->last.step - r->paced_step);
}

static bool log_summary(run *r, double seconds, const char *why) {
    if (r->log.steps && !log_steps(r)) return false;
    const double pace = get_pace(r, seconds);
    json_t *line =
        json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:s}", "type", "end", "reason", why, "steps", (int)r->last.step,
                  "seconds", seconds, "ms_per_step", 1e3 * pace, "gflop_per_step", r->last.flops * 1e-9, "gflops",
                  r->last.flops * 1e-9 / pace, "model", r->folder.model_path);
    return cli_run_folder_log(&r->folder, line) && cli_run_folder_commit(&r->folder);
}

static int finish(run *r) {
    const int code = cli_interrupt_code();
    const double seconds = cli_now() - r->start - r->eval_seconds;
    cli_progress_end();
    if (r->last.step == r->first) {
        if (!code) return cli_fail("not one step was done in %.0f s: nothing was saved", r->options->time);
        cli_error("interrupted before the first step was done: nothing was saved");
        return code;
    }
    if (!save(r)) return CLI_FAILED;
    if (!log_summary(r, seconds, code ? "interrupted" : r->timed_out ? "time" : "steps")) return CLI_FAILED;
    if (code) {
        cli_error("interrupted after step %u of %u: saved %s", r->last.step, r->steps, r->folder.model_path);
        return code;
    }
    if (!cli_global.quiet)
        printf("%s: saved after %u steps%s, %.1f s, %.0f ms a step, %.1f GF/s\n", r->folder.model_path, r->last.step,
               r->timed_out ? " (time was up)" : "", seconds, 1e3 * get_pace(r, seconds),
               r->last.flops * 1e-9 / get_pace(r, seconds));
    return CLI_OK;
}

static hrm_status open_parts(run *r) {
    hrm_status status = cli_open_device(&r->device);
    if (status != HRM_OK) return status;
    if (!cli_global.quiet) {
        hrm_device_info info = HRM_INIT(hrm_device_info);
        status = hrm_device_get_info(r->device, &info);
        if (status != HRM_OK) return status;
        printf("device: %s (%s %s)\n", info.name, info.driver_name, info.driver_info);
        fflush(stdout);
    }
    if (r->options->resume) return hrm_trainer_resume(r->device, r->options->resume, r->train_set, &r->trainer);
    return hrm_trainer_create(r->device, &r->options->recipe.config, r->train_set, &r->trainer);
}

static bool check_unfinished(const run *r) {
    const uint32_t step = hrm_trainer_get_step(r->trainer);
    hrm_trainer_config config = HRM_INIT(hrm_trainer_config);
    if (hrm_trainer_get_config(r->trainer, &config) != HRM_OK) {
        cli_fail_last();
        return false;
    }
    if (step < config.steps) return true;
    cli_error("%s: all %u steps of its run are done: there is nothing to continue", r->options->resume, step);
    return false;
}

/* Continued in its own folder, a run keeps its log. */
static bool keep_log(run *r) {
    struct stat from, here;
    if (!r->options->resume || stat(r->options->resume, &from) != 0 || stat(r->folder.model_path, &here) != 0 ||
        from.st_dev != here.st_dev || from.st_ino != here.st_ino)
        return true;
    return cli_run_folder_keep_log(&r->folder, hrm_trainer_get_step(r->trainer));
}

static int run_training(const train_options *options) {
    run r = {.options = options};
    int code = CLI_FAILED;
    cli_listen(cli_global.verbose);
    hrm_status status = hrm_dataset_open(options->data, "train", &r.train_set);
    if (status == HRM_OK && options->eval_every) status = hrm_dataset_open(options->data, "test", &r.test_set);
    if (status != HRM_OK)
        cli_fail_last();
    else if (cli_run_folder_open(&r.folder, options->out)) {
        cli_interrupt_catch();
        status = open_parts(&r);
        if (status != HRM_OK) {
            cli_fail_last();
        } else if (check_unfinished(&r) && keep_log(&r) && log_header(&r)) {
            r.first = r.last.step = hrm_trainer_get_step(r.trainer);
            r.start = cli_now();
            if (train(&r)) code = finish(&r);
        }
    }
    cli_progress_end();
    cli_run_folder_close(&r.folder);
    hrm_trainer_destroy(r.trainer);
    hrm_device_destroy(r.device);
    hrm_dataset_close(r.test_set);
    hrm_dataset_close(r.train_set);
    return code;
}

int cli_cmd_train(int argc, char **argv) {
    train_options options = {.log_every = 10};
    enum { OWN_ROWS = 8 };
    cli_option table[CLI_RECIPE_ROWS + OWN_ROWS] = {
        {.name = "data",
         .kind = CLI_TEXT,
         .value = &options.data,
         .metavar = "DIR",
         .required = true,
         .help = "folder of a data set (hrm data)"},
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "DIR",
         .required = true,
         .help = "folder for model.safetensors and log.jsonl; those of an earlier run stay until the new model is "
                 "complete, then they are replaced in one go"},
        {.name = "resume",
         .kind = CLI_TEXT,
         .value = &options.resume,
         .metavar = "FILE",
         .help = "continue the run that this model.safetensors was saved from, with its recipe, on the same data: the "
                 "result is the same, bit for bit, as if it had never stopped"},
        {.name = "weights-only",
         .kind = CLI_FLAG,
         .value = &options.weights_only,
         .help = "save the model without what continuing the run needs: a quarter to a third of the size"},
        {.name = "time",
         .kind = CLI_DURATION,
         .value = &options.time,
         .help = "stop after this time (6m, 90s, 1h30m), even if steps are left; the model is saved"},
        {.name = "log-every",
         .kind = CLI_U32,
         .value = &options.log_every,
         .min = 1,
         .max = 1e9,
         .help = "steps per line of log.jsonl"},
        {.name = "eval-every",
         .kind = CLI_U32,
         .value = &options.eval_every,
         .max = 4e9,
         .zero = "never",
         .help = "steps between tests on the unseen puzzles"},
        {.name = "eval-limit",
         .kind = CLI_U32,
         .value = &options.eval_limit,
         .max = 4e9,
         .zero = "all",
         .help = "unseen puzzles used in those tests"},
    };
    if (!cli_recipe_init(&options.recipe, argc, argv)) return CLI_FAILED;
    cli_recipe_options(&options.recipe, table + OWN_ROWS);
    const cli_spec spec = {
        .command = "train",
        .about = "Trains a model from scratch on the puzzles of a data set. It learns by showing the model puzzles and "
                 "nudging its weights towards the solutions; each step works on a batch of puzzles, for one segment "
                 "(round of thinking) each.\n\nCtrl-C stops after the present step and saves the model; pressing it "
                 "twice stops at once and saves nothing. The defaults, in brackets, are those of the preset.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm data maze --out data --unique && hrm train --data data --out run\n"
                    "  hrm train --data data --out run --time 6m --seed 1 --eval-every 250 --eval-limit 200\n"
                    "  hrm train --preset sudoku-demo --data boards --out run      (hrm data sudoku --out boards)\n"
                    "  hrm train --data data --out run2 --resume run/model.safetensors\n"
                    "  hrm train --help --preset sudoku      the defaults of another preset\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_recipe_finish(&options.recipe);
    if (options.resume && options.recipe.given)
        return cli_usage("the recipe of a resumed run is in its file; leave the options that change it out");
    return run_training(&options);
}
