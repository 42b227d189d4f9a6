/* hrm bench solve: how long a segment takes, alone and in a batch, and how long a user waits for the first answer. */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "recipe.h"

extern char **environ;

typedef struct solve_options {
    cli_recipe recipe;
    const char *model, *puzzles;
    uint32_t runs, batch, segments, precision;
    bool json, labels;
} solve_options;

/* Runs `hrm solve` once, its output thrown away. False after printing an error. */
static bool solve_once(const solve_options *o, const char *self, double *seconds) {
    char *const argv[] = {(char *)"hrm",
                          (char *)"solve",
                          (char *)(uintptr_t)o->puzzles,
                          (char *)"--model",
                          (char *)(uintptr_t)o->model,
                          cli_global.device ? (char *)"--device" : NULL,
                          (char *)(uintptr_t)cli_global.device,
                          NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int code = 0;
    if (posix_spawn_file_actions_init(&actions) != 0) return cli_fail("no memory to start hrm solve"), false;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const double start = cli_now();
    const int error = posix_spawn(&child, self, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        cli_fail("cannot start %s: %s", self, strerror(error));
        return false;
    }
    if (waitpid(child, &code, 0) != child || !WIFEXITED(code) || WEXITSTATUS(code) != 0) {
        cli_fail("hrm solve %s --model %s failed; its message stands above", o->puzzles, o->model);
        return false;
    }
    *seconds = cli_now() - start;
    return true;
}

/* Seconds [runs], sorted: whole processes, after one that fills the caches. */
static bool time_first_answer(const solve_options *o, double *seconds) {
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) {
        cli_fail("cannot find this program's own file to start it again");
        return false;
    }
    self[length] = 0;
    double first;
    if (!solve_once(o, self, &first)) return false;
    for (uint32_t i = 0; i < o->runs; i++)
        if (!solve_once(o, self, &seconds[i])) return false;
    bench_sort(seconds, o->runs);
    return true;
}

static void print_time(const solve_options *o, const hrm_bench_time *t, const hrm_bench_peak *peak) {
    char memory[32];
    printf("model    %llu parameters, %s on the device\n", (unsigned long long)t->parameters,
           cli_format_bytes(t->device_bytes, memory, sizeof memory));
    printf(
        "segment  %.3f ms median of %u, %.3f least, %.3f most, for %u puzzle%s at once: %.1f puzzle segments a second",
        t->median_ms, t->runs, t->min_ms, t->max_ms, o->batch, o->batch == 1 ? "" : "s", 1e3 * o->batch / t->median_ms);
    if (t->flops > 0)
        printf(", %.1f GF/s, %.1f %% of the peak", t->gflops, peak->gflops > 0 ? 100 * t->gflops / peak->gflops : 0);
    printf("\n");
}

static hrm_status open_model(solve_options *o, hrm_device *device, hrm_model **model) {
    if (o->model) return cli_load_model(device, o->model, &o->recipe.config.model, model);
    bench_shape_recipe(o->recipe.preset, &o->recipe.config);
    return hrm_model_create(device, &o->recipe.config.model, 1, model);
}

static int bench_on(solve_options *o, const bench_device *device, const double *answers) {
    hrm_model *model = NULL;
    bench_labels labels = {0};
    hrm_bench_time time = HRM_INIT(hrm_bench_time);
    const hrm_bench_solve_config config = {
        .struct_size = (uint32_t)sizeof config, .runs = o->runs, .batch = o->batch, .segments = o->segments};
    int code = CLI_OK;
    hrm_status status = open_model(o, device->device, &model);
    if (status == HRM_OK) status = hrm_model_set_precision(model, (hrm_precision)o->precision);
    if (status == HRM_OK) status = hrm_bench_solve(model, &config, &time, o->labels ? bench_labels_add : NULL, &labels);
    if (status != HRM_OK) {
        code = cli_fail_last();
    } else if (o->json) {
        json_t *result = json_pack("{s:o, s:i, s:i, s:o, s:o}", "device", bench_device_to_json(device), "batch",
                                   (int)o->batch, "segments", (int)o->segments, "segment", bench_time_to_json(&time),
                                   "labels", bench_labels_to_json(&labels));
        if (answers) json_object_set_new(result, "first_answer_ms", json_real(1e3 * answers[o->runs / 2]));
        code = cli_print_json(result) ? CLI_OK : CLI_FAILED;
    } else {
        print_time(o, &time, &device->peak);
        if (answers)
            printf("answer   %.0f ms median of %u, %.0f least, %.0f most: hrm solve %s, from its start to its end\n",
                   1e3 * answers[o->runs / 2], o->runs, 1e3 * answers[0], 1e3 * answers[o->runs - 1], o->puzzles);
        if (labels.count) {
            printf("\n");
            bench_labels_print(&labels, &device->peak);
        }
    }
    bench_labels_free(&labels);
    hrm_model_destroy(model);
    return code;
}

static int run_solve(solve_options *o) {
    bench_device device;
    double *answers = NULL;
    int code = CLI_FAILED;
    if (o->puzzles) { /* before this process takes memory and processors of its own */
        answers = calloc(o->runs, sizeof *answers);
        if (!answers) return cli_fail("no host memory for %u figures", o->runs);
        if (!time_first_answer(o, answers)) {
            free(answers);
            return CLI_FAILED;
        }
    }
    if (bench_device_open(&device, o->json) == HRM_OK) {
        code = bench_on(o, &device, answers);
        bench_device_close(&device);
    } else {
        cli_fail_last();
    }
    free(answers);
    return code;
}

int cli_bench_solve(int argc, char **argv) {
    solve_options o = {.runs = 9, .batch = 1, .segments = 1};
    if (!cli_recipe_init(&o.recipe, argc, argv)) return CLI_FAILED;
    const cli_option table[] = {
        {.name = "preset",
         .kind = CLI_CHOICE,
         .value = &o.recipe.preset,
         .choices = cli_preset_choices,
         .help = "without FILE: a fresh model of this recipe"},
        {.name = "batch",
         .kind = CLI_U32,
         .value = &o.batch,
         .min = 1,
         .max = 65535,
         .help = "puzzles solved together"},
        {.name = "segments",
         .kind = CLI_U32,
         .value = &o.segments,
         .min = 1,
         .max = 65535,
         .help = "rounds of thinking"},
        {.name = "precision",
         .kind = CLI_CHOICE,
         .value = &o.precision,
         .choices = cli_precision_choices,
         .help = "as hrm solve has it"},
        {.name = "runs", .kind = CLI_U32, .value = &o.runs, .min = 1, .max = 1000, .help = "timed runs"},
        {.name = "puzzle",
         .kind = CLI_TEXT,
         .value = &o.puzzles,
         .metavar = "TEXTFILE",
         .help = "with FILE: also times whole processes that solve this puzzle, from start to end, caches warm"},
        {.name = "labels", .kind = CLI_FLAG, .value = &o.labels, .help = "the table of kernels of a segment"},
        {.name = "json", .kind = CLI_FLAG, .value = &o.json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "bench solve",
        .operands_usage = "[FILE]",
        .operands_max = 1,
        .about =
            "Times a model that solves random puzzles: a segment is one round of thinking, transfers included. With a "
            "model FILE and --puzzle also how long a user waits for an answer.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench solve --preset sudoku-extreme-1k --labels\n"
                    "  hrm bench solve run/model.safetensors --puzzle maze.txt\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_recipe_finish(&o.recipe);
    o.model = operands ? argv[0] : NULL;
    if (o.puzzles && !o.model) return cli_usage("--puzzle needs a model FILE to solve it with");
    return run_solve(&o);
}
