/* What a run says about itself: its configuration, where it runs, the first and the last line of its log, the table. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "environment.h"
#include "run_checkpoints.h"
#include "train.h"

/* ---- the start ---- */

static json_t *describe_device(const cli_train *t) {
    hrm_device_info d = HRM_INIT(hrm_device_info);
    char vulkan[48];
    if (hrm_device_get_info(t->device, &d) != HRM_OK) return NULL;
    snprintf(vulkan, sizeof vulkan, "%u.%u.%u", d.vulkan_major, d.vulkan_minor, d.vulkan_patch);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name", d.name, "driver", d.driver_name,
                     "driver_info", d.driver_info, "uuid", d.uuid, "vulkan", vulkan, "features", d.features,
                     "vector_width", cli_environment_get_vector_width(), "subgroup_size", (json_int_t)d.subgroup_size,
                     "device_local_bytes", (json_int_t)d.device_local_bytes);
}

static json_t *checksum(const hrm_dataset *set) {
    uint64_t sum;
    char text[17];
    if (!set || hrm_dataset_get_checksum(set, &sum) != HRM_OK) return json_null();
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
    return json_string(text);
}

static json_t *describe_data(const cli_train *t) {
    hrm_dataset_info d = HRM_INIT(hrm_dataset_info);
    if (hrm_dataset_get_info(t->train_set, &d) != HRM_OK) return NULL;
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "folder", t->options->data, "puzzles", (json_int_t)d.count,
                     "grid_width", (json_int_t)d.grid_width, "grid_height", (json_int_t)d.grid_height, "checksum",
                     checksum(t->train_set), "test_checksum", checksum(t->test_set));
}

static void add_choice(void *user, const char *op, const char *row, double gflops, const char *how) {
    json_object_set_new(user, op, json_pack("{s:s, s:f, s:s}", "row", row, "gflops", gflops, "how", how));
}

static json_t *describe_kernels(const cli_train *t) {
    json_t *rows = json_object();
    if (hrm_device_visit_choices(t->device, add_choice, rows) == HRM_OK) return rows;
    json_decref(rows);
    return NULL;
}

static json_t *describe_plan(const cli_train *t) {
    hrm_training_plan p = HRM_INIT(hrm_training_plan);
    if (hrm_trainer_get_plan(t->trainer, &p) != HRM_OK) return NULL;
    const struct {
        const char *name;
        uint64_t value;
    } sizes[] = {{"micro_batch", p.micro_batch},
                 {"micro_batches", p.micro_batches},
                 {"parameters", p.parameters},
                 {"device_bytes", p.device_bytes},
                 {"evaluation_bytes", p.evaluation_bytes},
                 {"allocated_bytes", p.allocated_bytes},
                 {"host_table_bytes", p.host_table_bytes},
                 {"limit_bytes", p.limit_bytes}};
    json_t *plan = json_object(), *bytes = json_object();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        json_object_set_new(plan, sizes[i].name, json_integer((json_int_t)sizes[i].value));
    for (uint32_t i = 0; i < HRM_TRAINER_LIFETIME_COUNT; i++)
        json_object_set_new(bytes, hrm_training_plan_get_lifetime_name(i), json_integer((json_int_t)p.bytes[i]));
    json_object_set_new(plan, "bytes", bytes);
    return plan;
}

static json_t *describe_config(const cli_train *t) {
    char *text = hrm_trainer_config_to_json(&t->config);
    json_t *config = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return config;
}

static json_t *present_time(void) {
    char text[32];
    struct tm parts;
    const time_t now = time(NULL);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    return json_string(text);
}

bool cli_train_record_start(cli_train *t) {
    json_t *device = describe_device(t), *data = describe_data(t), *config = describe_config(t),
           *kernels = describe_kernels(t), *plan = describe_plan(t);
    json_t *line =
        json_pack("{s:s, s:s, s:O?, s:O?, s:O?, s:O?}", "type", t->options->resume ? "resume" : "start", "hrm",
                  hrm_version_string(), "device", device, "data", data, "config", config, "kernels", kernels);
    json_t *environment =
        json_pack("{s:s, s:s, s:O?, s:O?, s:O?, s:o?, s:I, s:O?, s:o, s:I}", "hrm", hrm_version_string(), "revision",
                  hrm_build_revision(), "device", device, "data", data, "kernels", kernels, "plan", plan, "seed",
                  (json_int_t)t->config.seed, "command", t->options->command, "started", present_time(), "after_step",
                  (json_int_t)t->first);
    if (t->options->resume) json_object_set_new(line, "after_step", json_integer((json_int_t)t->first));
    bool fine = device && data && config && kernels && line && environment;
    if (!fine) cli_error("%s cannot be described: %s", t->folder.path, hrm_last_error());
    if (fine) {
        fine = cli_run_folder_write_record(&t->folder, "config.json", json_incref(config)) &&
               cli_run_folder_write_record(&t->folder, "environment.json", json_incref(environment)) &&
               cli_run_folder_write_record(&t->folder, "options.json", cli_train_options_to_json(t->options));
    }
    if (fine) cli_run_log_add(&t->log, json_incref(line));
    json_t *const parts[] = {device, data, config, kernels, line, environment};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) json_decref(parts[i]);
    return fine;
}

/* ---- the end ---- */

static const char *reason_names[] = {"", "steps", "time", "patience", "interrupted", "learnt"};
static const char *reason_words[] = {"",
                                     "all are done",
                                     "the time was up",
                                     "no better test for a while (--patience)",
                                     "interrupted",
                                     "the batch is learnt by heart"};

static void add_row(char *table, size_t size, const char *name, const char *format, ...) CLI_PRINTF(4, 5);
static void add_row(char *table, size_t size, const char *name, const char *format, ...) {
    size_t n = strlen(table);
    n += (size_t)snprintf(table + n, size - n, "%-12s", name);
    if (n >= size) return;
    va_list args;
    va_start(args, format);
    const int m = vsnprintf(table + n, size - n, format, args);
    va_end(args);
    if (m >= 0 && n + (size_t)m + 2 <= size) strcpy(table + n + m, "\n");
}

static void add_tests(const cli_train *t, char *table, size_t size) {
    const hrm_evaluation *e = &t->evaluation;
    if (t->best.step)
        add_row(table, size, "best test", "%.2f %% by --best-by %s, after step %u (" CLI_CHECKPOINT_BEST ")",
                100 * t->best.value, cli_best_by_choices[t->options->best_by].name, t->best.step);
    if (e->count)
        add_row(table, size, "last test", "%.2f %% right in every cell, %.2f %% solved, %.2f segments, after step %u",
                100 * e->exact_accuracy, 100 * e->task_accuracy, e->mean_segments, t->best.evaluated);
}

static void add_memory(const cli_train *t, char *table, size_t size) {
    hrm_training_plan plan = HRM_INIT(hrm_training_plan);
    char taken[24], planned[24];
    if (hrm_trainer_get_plan(t->trainer, &plan) != HRM_OK) return;
    const uint64_t tests = t->options->eval_every ? plan.evaluation_bytes : 0;
    add_row(table, size, "memory", "%s on the device (blocks of 8 MiB and more), %s planned, %u puzzles at once",
            cli_format_bytes(plan.allocated_bytes, taken, sizeof taken),
            cli_format_bytes(plan.device_bytes + tests, planned, sizeof planned), plan.micro_batch);
}

static void make_table(const cli_train *t, cli_train_end end, char *table, size_t size) {
    const double pace = cli_train_get_pace(t), busy = t->total.device_seconds + t->total.idle_seconds;
    const cli_train_window *w = &t->shown;
    table[0] = '\0';
    add_row(table, size, "run", "%s", t->folder.path);
    add_row(table, size, "steps", "%u of %u: %s", t->last.step, t->config.steps, reason_words[end]);
    add_row(table, size, "time", "%.1f s, %.1f s of it tests%s", cli_now() - t->start, t->eval_seconds,
            t->first ? ", since it was resumed" : "");
    if (pace > 0) add_row(table, size, "per step", "%.1f ms, %.1f GF/s", 1e3 * pace, t->last.flops * 1e-9 / pace);
    if (w->steps > 0)
        add_row(table, size, "training", "loss %.4f, %.2f %% right in every cell, %.2f segments (last steps)",
                cli_train_window_per_step(w, w->loss), 100 * cli_train_window_per_finished(w, w->exact),
                cli_train_window_per_finished(w, w->segments));
    add_tests(t, table, size);
    add_row(table, size, "skipped", "%u steps as outliers", t->last.skipped_total);
    if (t->config.precision == HRM_PRECISION_F16)
        add_row(table, size, "overflowed", "%u steps; the loss's scale is %.0f at the end", t->last.overflowed_total,
                (double)t->last.loss_scale);
    add_memory(t, table, size);
    if (busy > 0) add_row(table, size, "device idle", "%.1f %%", 100 * t->total.idle_seconds / busy);
    if (end != CLI_TRAIN_STEPS && end != CLI_TRAIN_LEARNT)
        add_row(table, size, "to go on", "hrm train --resume %s%s", t->folder.path,
                end == CLI_TRAIN_PATIENCE ? " --patience N (more than now)" : "");
    if (!t->options->overfit)
        add_row(table, size, "model", "%s/model.safetensors, of step %u", t->folder.path,
                t->best.step ? t->best.step : t->last.step);
}

bool cli_train_record_end(cli_train *t, cli_train_end end) {
    char table[8192], path[CLI_RUN_PATH];
    const double pace = cli_train_get_pace(t);
    json_t *line =
        json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:I}", "type", "end", "reason", reason_names[end], "step",
                  (json_int_t)t->last.step, "seconds", cli_train_seconds(t), "ms_per_step", 1e3 * pace,
                  "gflop_per_step", t->last.flops * 1e-9, "gflops", pace > 0 ? t->last.flops * 1e-9 / pace : 0.0,
                  "skipped", (json_int_t)t->last.skipped_total);
    if (t->config.precision == HRM_PRECISION_F16)
        json_object_set_new(line, "overflowed", json_integer((json_int_t)t->last.overflowed_total));
    if (t->best.step) {
        json_object_set_new(line, "best", cli_json_number(t->best.value));
        json_object_set_new(line, "best_step", json_integer((json_int_t)t->best.step));
    }
    cli_run_log_add(&t->log, line);
    make_table(t, end, table, sizeof table);
    cli_run_path(t->folder.path, "table.txt", path);
    const bool fine = cli_run_log_finish(&t->log) && cli_write_text(path, table, strlen(table));
    if (!cli_global.quiet) printf("%s", table);
    return fine;
}
