/* hrm bench step: a training step, and which kernels its time goes to. */
#include "bench.h"
#include "recipe.h"

typedef struct step_options {
    cli_recipe recipe;
    const char *data;
    uint32_t runs;
    bool json, labels;
} step_options;

static void print_time(const hrm_trainer_config *recipe, const hrm_bench_time *t, const hrm_bench_peak *peak,
                       bool labels) {
    char memory[32];
    printf("model    %llu parameters, width %u\n", (unsigned long long)t->parameters,
           recipe->model.hidden_size ? recipe->model.hidden_size : 512); /* the default that 0 stands for */
    printf("batch    %u puzzles in %s, %.1f GFLOP a step, %s on the device\n", recipe->batch,
           cli_precision_choices[recipe->precision].name, 1e-9 * t->flops,
           cli_format_bytes(t->device_bytes, memory, sizeof memory));
    printf("step     %.2f ms median of %u, %.2f least, %.2f most: %.1f GF/s, %.1f %% of the peak\n", t->median_ms,
           t->runs, t->min_ms, t->max_ms, t->gflops, peak->gflops > 0 ? 100 * t->gflops / peak->gflops : 0);
    if (labels && t->profiled_ms < 0)
        printf("         (this device has no timestamps: no table of kernels)\n");
    else if (labels)
        printf("         %.2f ms with timestamps around every kernel\n", t->profiled_ms);
}

static int run_step(step_options *o) {
    bench_device device;
    bench_labels labels = {0};
    hrm_dataset *data = NULL;
    hrm_bench_time time = HRM_INIT(hrm_bench_time);
    hrm_trainer_config *recipe = &o->recipe.config;
    int code = CLI_OK;
    hrm_status status = o->data ? hrm_dataset_open(o->data, "train", &data) : HRM_OK;
    if (!o->data) bench_shape_recipe(o->recipe.preset, recipe);
    if (status == HRM_OK) status = bench_device_open(&device, o->json);
    if (status != HRM_OK) {
        hrm_dataset_close(data);
        return cli_fail_last();
    }
    const hrm_bench_step_config config = {
        .struct_size = (uint32_t)sizeof config, .runs = o->runs, .recipe = recipe, .data = data};
    status = hrm_bench_step(device.device, &config, &time, o->labels ? bench_labels_add : NULL, &labels);
    if (status != HRM_OK) {
        code = cli_fail_last();
    } else if (labels.out_of_memory) {
        code = cli_fail("no host memory for the table of kernels");
    } else if (o->json) {
        json_t *result =
            json_pack("{s:o, s:i, s:o, s:o}", "device", bench_device_to_json(&device), "batch", (int)recipe->batch,
                      "step", bench_time_to_json(&time), "labels", bench_labels_to_json(&labels));
        code = cli_print_json(result) ? CLI_OK : CLI_FAILED;
    } else {
        print_time(recipe, &time, &device.peak, o->labels);
        if (labels.count) {
            printf("\n");
            bench_labels_print(&labels, &device.peak);
        }
    }
    bench_labels_free(&labels);
    bench_device_close(&device);
    hrm_dataset_close(data);
    return code;
}

int cli_bench_step(int argc, char **argv) {
    step_options o = {.runs = 5, .labels = true};
    if (!cli_recipe_init(&o.recipe, argc, argv)) return CLI_FAILED;
    cli_option table[CLI_RECIPE_ROWS + 8] = {
        {.name = "runs", .kind = CLI_U32, .value = &o.runs, .min = 1, .max = 1000, .help = "timed steps"},
        {.name = "data",
         .kind = CLI_TEXT,
         .value = &o.data,
         .metavar = "DIR",
         .help = "train on this data set; without one on random tokens of the preset's sizes, which cost the same"},
        {.name = "seq-len",
         .kind = CLI_U32,
         .value = &o.recipe.config.model.seq_len,
         .min = 1,
         .max = 1 << 20,
         .zero = "the preset's",
         .help = "without --data: tokens per puzzle"},
        {.name = "labels",
         .kind = CLI_FLAG,
         .value = &o.labels,
         .negatable = true,
         .help = "the table of kernels, from a second pass with timestamps"},
        {.name = "json", .kind = CLI_FLAG, .value = &o.json, .help = "print JSON"},
    };
    cli_recipe_options(&o.recipe, table + 5);
    const cli_spec spec = {
        .command = "bench step",
        .about =
            "Times steps of training a fresh model, without keeping anything, and shows which kernels the time goes "
            "to: the first row is the next thing to make faster. All options of a recipe hold, as for hrm train.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench step\n  hrm bench step --preset sudoku-extreme-1k --batch 8\n"
                    "  hrm bench step --preset maze-hard-1k --batch 4 --json\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_recipe_finish(&o.recipe);
    return run_step(&o);
}
