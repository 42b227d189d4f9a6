/* hrm tune: which kernels are fastest for a model on this device. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "interrupt.h"

/* What `hrm train --preset` takes, with the puzzles it is for: tokens and kinds of them. */
static const struct preset {
    const char *name;
    hrm_task task;
    uint32_t seq_len, vocab_size;
} presets[] = {
    {"demo", HRM_TASK_MAZE_DEMO, 36, HRM_MAZE_VOCAB},
    {"sudoku-demo", HRM_TASK_SUDOKU_DEMO, 16, 6},
    {"sudoku-extreme-1k", HRM_TASK_SUDOKU, 81, 11},
    {"maze-hard-1k", HRM_TASK_MAZE_HARD, 900, HRM_MAZE_VOCAB},
    {"arc-1", HRM_TASK_ARC_1, 900, 12},
    {"arc-2", HRM_TASK_ARC_2, 900, 12},
};
enum { PRESETS = sizeof presets / sizeof *presets };

typedef struct tune_options {
    const char *model;
    uint32_t preset, batch, solve_batch, precision, runs;
    bool json, quick, dry_run, list, reset;
    bool given_preset, given_batch, given_runs;
} tune_options;

/* ---- output ---- */

typedef struct tune_output {
    json_t *list;  /* NULL: text */
    char key[128]; /* of the last result printed */
    uint32_t shapes;
    double start;
} tune_output;

static json_t *result_to_json(const hrm_tune_result *r) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:f, s:b, s:b}", "problem", r->key, "use", r->use, "row", r->row,
                          "gflops", r->gflops, "share", r->share, "chosen", r->chosen, "refused", r->refused);
    if (r->error >= 0) json_object_set_new(o, "error", cli_json_number(r->error));
    if (r->reason) json_object_set_new(o, "reason", json_string(r->reason));
    return o;
}

/* A heading for each shape, below it a line for each kernel. */
static void print_result(void *user, const hrm_tune_result *r) {
    tune_output *out = user;
    bool first = strcmp(out->key, r->key) != 0;
    snprintf(out->key, sizeof out->key, "%s", r->key);
    if (first) out->shapes++;
    if (out->list) {
        json_array_append_new(out->list, result_to_json(r));
        return;
    }
    cli_progress_clear();
    if (first) printf("%s  %s\n", r->key, r->use);
    printf("  %c %-24s", r->chosen ? '*' : ' ', r->row);
    if (r->gflops > 0) printf(" %8.1f GF/s", r->gflops);
    if (r->gflops > 0 && r->share > 0) printf(" %4.0f %%", r->share * 100);
    if (r->reason) printf("  %s", r->reason);
    if (r->refused && !r->reason) printf("  refused: it computed wrong results (relative error %.1e)", r->error);
    printf("\n");
    fflush(stdout);
}

static bool show_progress(void *user, uint32_t done, uint32_t total, const char *use) {
    tune_output *out = user;
    if (done == 0) {
        cli_progress_begin(CLI_PROGRESS_BAR, "tuning", "shape", total);
        out->start = cli_now();
    }
    cli_progress_update(done, "%s", use);
    return !cli_interrupt_code();
}

static bool describe_device(hrm_device *device, const tune_options *options, hrm_device_info *info) {
    *info = HRM_INIT(hrm_device_info);
    if (hrm_device_get_info(device, info) != HRM_OK) return false;
    if (!options->json) printf("%s, %s %s\n\n", info->name, info->driver_name, info->driver_info);
    return true;
}

static int finish(tune_output *out, const hrm_device_info *info, int code) {
    if (!out->list) return code;
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:o}", "device", info->name, "uuid", info->uuid, "driver",
                            info->driver_name, "driver_info", info->driver_info, "results", out->list);
    return cli_print_json(all) ? code : CLI_FAILED;
}

/* ---- what is asked for ---- */

static int read_config(const tune_options *o, hrm_tune_config *config) {
    *config = HRM_INIT(hrm_tune_config);
    config->solve_batch = o->solve_batch;
    config->precision = (hrm_precision)o->precision;
    config->runs = o->given_runs ? o->runs : o->quick ? 3 : o->runs;
    config->batch = o->batch;
    if (o->model) {
        hrm_checkpoint *checkpoint = NULL;
        hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
        hrm_status status = hrm_checkpoint_open(o->model, NULL, &checkpoint);
        if (status == HRM_OK) status = hrm_checkpoint_get_info(checkpoint, &info);
        config->model = info.config;
        bool none = status == HRM_OK && info.problem[0];
        char problem[256];
        snprintf(problem, sizeof problem, "%s", none ? info.problem : "");
        hrm_checkpoint_close(checkpoint);
        if (none) return cli_fail("%s: no model that can be loaded: %s", o->model, problem);
        return status == HRM_OK ? CLI_OK : cli_fail_last();
    }
    const struct preset *preset = &presets[o->preset];
    hrm_trainer_config recipe = HRM_INIT(hrm_trainer_config);
    if (hrm_trainer_config_preset(preset->task, &recipe) != HRM_OK) return cli_fail_last();
    config->model = recipe.model;
    config->model.seq_len = preset->seq_len;
    config->model.vocab_size = preset->vocab_size;
    return CLI_OK;
}

static int tune(hrm_device *device, const tune_options *o, const hrm_device_info *info, tune_output *out) {
    hrm_tune_config config;
    int code = read_config(o, &config);
    if (code != CLI_OK) return code;
    const hrm_tune_watch watch = {.visit = print_result, .progress = show_progress, .user = out};
    cli_interrupt_catch();
    hrm_status status = hrm_tune(device, &config, &watch);
    cli_progress_end();
    if (status == HRM_ERR_CANCELLED && cli_interrupt_code()) {
        cli_error("interrupted: %s", hrm_last_error());
        return finish(out, info, cli_interrupt_code());
    }
    if (status != HRM_OK) return finish(out, info, cli_fail_last());
    if (!o->json)
        printf("\n%u shapes in %.1f s; * is used from now on. 'hrm tune --reset' forgets it\n", out->shapes,
               cli_now() - out->start);
    return finish(out, info, CLI_OK);
}

static int plan(hrm_device *device, const tune_options *o, const hrm_device_info *info, tune_output *out) {
    hrm_tune_config config;
    int code = read_config(o, &config);
    if (code != CLI_OK) return code;
    if (hrm_tune_plan(device, &config, print_result, out) != HRM_OK) return finish(out, info, cli_fail_last());
    if (!o->json) printf("\n%u shapes; * is used now\n", out->shapes);
    return finish(out, info, CLI_OK);
}

static int list(hrm_device *device, const hrm_device_info *info, tune_output *out) {
    if (hrm_tune_visit(device, print_result, out) != HRM_OK) return finish(out, info, cli_fail_last());
    if (!out->list && out->shapes == 0) printf("nothing is remembered for this device\n");
    return finish(out, info, CLI_OK);
}

static int run_tune(const tune_options *o) {
    hrm_device *device;
    hrm_device_info info;
    if (cli_open_device(&device) != HRM_OK) return cli_fail_last();
    tune_output out = {0};
    int code;
    if (o->reset) {
        code = hrm_tune_reset(device) == HRM_OK ? CLI_OK : cli_fail_last();
        if (code == CLI_OK) printf("forgotten: this device's kernels are chosen anew when they are needed\n");
    } else if (!describe_device(device, o, &info)) {
        code = cli_fail_last();
    } else {
        if (o->json) out.list = json_array();
        code = o->list      ? list(device, &info, &out)
               : o->dry_run ? plan(device, o, &info, &out)
                            : tune(device, o, &info, &out);
    }
    hrm_device_destroy(device);
    return code;
}

int cli_cmd_tune(int argc, char **argv) {
    tune_options o = {.preset = 2, .batch = 32, .solve_batch = 1, .runs = 9};
    cli_choice preset_choices[PRESETS + 1] = {{NULL, 0}};
    for (uint32_t i = 0; i < PRESETS; i++) preset_choices[i] = (cli_choice){presets[i].name, i};
    const cli_option table[] = {
        {.name = "model",
         .kind = CLI_TEXT,
         .value = &o.model,
         .metavar = "FILE",
         .help = "for the model in this file: its width, layers and puzzles"},
        {.name = "preset",
         .kind = CLI_CHOICE,
         .value = &o.preset,
         .choices = preset_choices,
         .given = &o.given_preset,
         .help = "for the model of this recipe"},
        {.name = "batch",
         .kind = CLI_U32,
         .value = &o.batch,
         .max = 65535,
         .zero = "only solving",
         .help = "puzzles computed together while training: the micro-batch that 'hrm train --plan' shows. Counts "
                 "with the same next power of two of rows share what is found"},
        {.name = "solve-batch",
         .kind = CLI_U32,
         .value = &o.solve_batch,
         .min = 1,
         .max = 65535,
         .help = "puzzles solved together"},
        {.name = "precision",
         .kind = CLI_CHOICE,
         .value = &o.precision,
         .choices = cli_precision_choices,
         .help = "the precision that 'hrm train' will use"},
        {.name = "runs",
         .kind = CLI_U32,
         .value = &o.runs,
         .min = 1,
         .max = 1000,
         .given = &o.given_runs,
         .help = "timed runs of each kernel; the median counts"},
        {.name = "quick", .kind = CLI_FLAG, .value = &o.quick, .help = "3 runs"},
        {.name = "dry-run",
         .kind = CLI_FLAG,
         .value = &o.dry_run,
         .help = "only show which kernels would be measured at which shapes, and which are used now"},
        {.name = "list", .kind = CLI_FLAG, .value = &o.list, .help = "only show what is remembered for the device"},
        {.name = "reset", .kind = CLI_FLAG, .value = &o.reset, .help = "forget it"},
        {.name = "json", .kind = CLI_FLAG, .value = &o.json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "tune",
        .about = "Measures which kernels are fastest for each matrix product and attention of a model on this device, "
                 "and remembers the fastest in the cache folder; training and solving then use them. Every kernel is "
                 "first compared with the plain f32 one on the same numbers: one whose results differ is never used, "
                 "and said. Without tuning one kernel is measured for each operation and used for all shapes.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm tune                                        the 27M model for Sudoku\n"
                    "  hrm tune --model run/model.safetensors --batch 0   only for solving with that model\n"
                    "  hrm tune --preset maze-hard-1k --batch 8 --precision bf16\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (o.model && o.given_preset) return cli_usage("--model and --preset are two models; give one of them");
    if (o.list + o.reset + o.dry_run > 1) return cli_usage("give one of --list, --reset and --dry-run");
    return run_tune(&o);
}
