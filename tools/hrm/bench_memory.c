/* hrm bench memory: how a step grows. One size is changed at a time, the others stay. */
#include "bench.h"
#include "recipe.h"

typedef struct memory_options {
    cli_recipe recipe;
    uint32_t runs, steps;
    bool json;
} memory_options;

typedef enum grow_kind { GROW_BATCH, GROW_LENGTH, GROW_WIDTH, GROW_COUNT } grow_kind;
static const char *const size_names[GROW_COUNT] = {"batch", "length", "width"};

static uint32_t *find_size(hrm_trainer_config *c, grow_kind kind) {
    return kind == GROW_BATCH ? &c->batch : kind == GROW_LENGTH ? &c->model.seq_len : &c->model.hidden_size;
}

/* Whether a model can have this width: heads keep theirs as long as there is more than one, then they shrink; a head is
 * a multiple of 8. */
static bool is_width(uint32_t width, uint32_t heads) {
    return heads > 0 && width % heads == 0 && width / heads % 8 == 0;
}

/* The recipe with one size halved so often that the last of `steps` is the recipe's own. False where that gives no
 * model. */
static bool resize(const hrm_trainer_config *recipe, grow_kind kind, uint32_t step, uint32_t steps,
                   hrm_trainer_config *c) {
    *c = *recipe;
    uint32_t *size = find_size(c, kind);
    const uint32_t shift = steps - 1 - step;
    *size >>= shift;
    if (*size == 0) return false;
    if (kind == GROW_WIDTH) {
        c->model.num_heads = c->model.num_heads >> shift ? c->model.num_heads >> shift : 1;
        if (c->model.puzzle_emb_dim) c->model.puzzle_emb_dim = *size;
        if (!is_width(*size, c->model.num_heads)) return false;
    }
    if (kind == GROW_LENGTH) c->model.grid_width = 0; /* no longer a square */
    c->micro_batch = c->batch;
    return true;
}

static int run_memory(memory_options *o) {
    bench_device device;
    json_t *list = o->json ? json_array() : NULL;
    hrm_trainer_config *recipe = &o->recipe.config;
    bench_shape_recipe(o->recipe.preset, recipe);
    /* the defaults that 0 stands for: they are halved here */
    if (recipe->model.hidden_size == 0) recipe->model.hidden_size = 512;
    if (recipe->model.num_heads == 0) recipe->model.num_heads = 8;
    if (bench_device_open(&device, o->json) != HRM_OK) {
        json_decref(list);
        return cli_fail_last();
    }
    if (!o->json)
        printf("%-8s %7s %12s %11s %9s %11s %9s %10s %9s %9s\n", "varied", "size", "parameters", "memory", "growth",
               "GFLOP/step", "growth", "ms/step", "growth", "GF/s");
    hrm_status status = HRM_OK;
    for (int kind = 0; kind < GROW_COUNT && status == HRM_OK; kind++) {
        hrm_bench_time last = HRM_INIT(hrm_bench_time);
        uint32_t last_size = 0;
        for (uint32_t step = 0; step < o->steps && status == HRM_OK; step++) {
            hrm_trainer_config c;
            if (!resize(recipe, (grow_kind)kind, step, o->steps, &c)) continue; /* too small to be halved so often */
            const uint32_t size = *find_size(&c, (grow_kind)kind);
            hrm_bench_time t = HRM_INIT(hrm_bench_time);
            const hrm_bench_step_config config = {
                .struct_size = (uint32_t)sizeof config, .runs = o->runs, .recipe = &c};
            status = hrm_bench_step(device.device, &config, &t, NULL, NULL);
            if (status != HRM_OK) break;
            if (list) {
                json_t *row = bench_time_to_json(&t);
                json_object_set_new(row, "varied", json_string(size_names[kind]));
                json_object_set_new(row, "size", json_integer(size));
                json_array_append_new(list, row);
            } else {
                char memory[32];
                printf("%-8s %7u %12llu %11s", size_names[kind], size, (unsigned long long)t.parameters,
                       cli_format_bytes(t.device_bytes, memory, sizeof memory));
                if (last_size)
                    printf(" %8.2fx %11.1f %8.2fx %10.1f %8.2fx %9.1f\n",
                           (double)t.device_bytes / (double)last.device_bytes, 1e-9 * t.flops, t.flops / last.flops,
                           t.median_ms, t.median_ms / last.median_ms, t.gflops);
                else
                    printf(" %9s %11.1f %9s %10.1f %9s %9.1f\n", "", 1e-9 * t.flops, "", t.median_ms, "", t.gflops);
                fflush(stdout);
            }
            last = t;
            last_size = size;
        }
    }
    int code = CLI_OK;
    if (status != HRM_OK) {
        json_decref(list);
        code = cli_fail_last();
    } else if (list) {
        code = cli_print_json(json_pack("{s:o, s:o}", "device", bench_device_to_json(&device), "results", list))
                   ? CLI_OK
                   : CLI_FAILED;
    }
    bench_device_close(&device);
    return code;
}

int cli_bench_memory(int argc, char **argv) {
    memory_options o = {.runs = 2, .steps = 4};
    if (!cli_recipe_init(&o.recipe, argc, argv)) return CLI_FAILED;
    cli_option table[CLI_RECIPE_ROWS + 8] = {
        {.name = "runs", .kind = CLI_U32, .value = &o.runs, .min = 1, .max = 1000, .help = "timed steps of each"},
        {.name = "sizes",
         .kind = CLI_U32,
         .value = &o.steps,
         .min = 2,
         .max = 8,
         .help =
             "so many sizes of each kind, each twice the one before, as far as there are such models; the last is the "
             "recipe's"},
        {.name = "json", .kind = CLI_FLAG, .value = &o.json, .help = "print JSON"},
    };
    cli_recipe_options(&o.recipe, table + 3);
    const cli_spec spec = {
        .command = "bench memory",
        .about =
            "Measures training steps of a recipe at growing batch, puzzle length and model width, one at a time: "
            "device "
            "memory, work and time, and how much each grew when the size doubled. Time and saved memory should grow "
            "with batch in proportion; with length a little faster, for attention; with width up to four times.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm bench memory\n  hrm bench memory --preset sudoku-extreme-1k --batch 8\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_recipe_finish(&o.recipe);
    return run_memory(&o);
}
