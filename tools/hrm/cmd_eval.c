/* hrm eval: how good a model is on a data set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct eval_options {
    const char *model, *data, *split, *out;
    cli_solving solving;
    uint32_t limit;
    cli_list sweep;
    bool json;
} eval_options;

typedef struct eval {
    const eval_options *options;
    hrm_dataset *set;
    hrm_device *device;
    hrm_model *model;
    hrm_dataset_info info;
    uint32_t count, max_segments;
    json_t *rows;
} eval;

static hrm_evaluation_config make_config(const eval *e, hrm_halting halting, uint32_t segments) {
    hrm_evaluation_config config = HRM_INIT(hrm_evaluation_config);
    config.solver = cli_solver_config(&e->options->solving);
    config.solver.max_segments = segments;
    config.solver.halting = halting;
    config.limit = e->count;
    return config;
}

static json_t *row_to_json(const char *halting, uint32_t segments, const hrm_evaluation *r) {
    json_t *o =
        json_pack("{s:s, s:i, s:i, s:f, s:f, s:[f, f], s:f, s:[f, f], s:f, s:f, s:f, s:f}", "halting", halting,
                  "max_segments", (int)segments, "puzzles", (int)r->count, "token_accuracy", r->token_accuracy, "exact",
                  r->exact_accuracy, "exact_interval", r->exact_low, r->exact_high, "task", r->task_accuracy,
                  "task_interval", r->task_low, r->task_high, "mean_segments", r->mean_segments, "halted_by_q",
                  r->halted_by_q, "q_halt_accuracy", r->q_halt_accuracy, "seconds", r->seconds);
    if (o && r->kind == HRM_PUZZLE_MAZE) {
        json_object_set_new(o, "valid", json_real(r->maze_valid));
        json_object_set_new(o, "valid_and_shortest", json_real(r->maze_shortest));
        json_object_set_new(o, "mean_excess", json_real(r->maze_mean_excess));
    }
    if (o && r->kind == HRM_PUZZLE_SUDOKU) {
        json_object_set_new(o, "solved", json_real(r->task_accuracy));
        json_object_set_new(o, "givens_kept", json_real(r->sudoku_givens_kept));
        json_object_set_new(o, "mean_violations", json_real(r->sudoku_mean_violations));
    }
    return o;
}

/* The three columns that depend on the kind of puzzle. */
static void print_task_heads(hrm_puzzle_kind kind) {
    if (kind == HRM_PUZZLE_MAZE) printf(" %8s %9s %7s", "valid", "shortest", "excess");
    if (kind == HRM_PUZZLE_SUDOKU) printf(" %8s %9s %7s", "solved", "givens", "broken");
}

static void print_task(const hrm_evaluation *r) {
    if (r->kind == HRM_PUZZLE_MAZE)
        printf(" %7.2f%% %8.2f%% %7.3f", 100 * r->maze_valid, 100 * r->maze_shortest, r->maze_mean_excess);
    if (r->kind == HRM_PUZZLE_SUDOKU)
        printf(" %7.2f%% %8.2f%% %7.3f", 100 * r->task_accuracy, 100 * r->sudoku_givens_kept,
               r->sudoku_mean_violations);
}

static void print_head(const eval *e) {
    const uint32_t precision = e->options->solving.precision;
    printf("%s: %u puzzles of %s, split %s%s%s\n\n", e->options->model, e->count, e->options->data, e->options->split,
           precision == HRM_PRECISION_F32 ? "" : ", in ",
           precision == HRM_PRECISION_F32 ? "" : cli_precision_choices[precision].name);
    printf("%-9s %8s %8s %8s %15s", "halting", "at most", "token", "exact", "95 % interval");
    print_task_heads(e->info.kind);
    printf(" %9s %8s %9s\n", "segments", "Q right", "seconds");
}

static void print_row(const char *halting, uint32_t segments, const hrm_evaluation *r) {
    printf("%-9s %8u %7.2f%% %7.2f%%  %5.1f to %5.1f%%", halting, segments, 100 * r->token_accuracy,
           100 * r->exact_accuracy, 100 * r->exact_low, 100 * r->exact_high);
    print_task(r);
    printf(" %9.3f %7.2f%% %9.3f\n", r->mean_segments, 100 * r->q_halt_accuracy, r->seconds);
    fflush(stdout);
}

static void print_legend(const eval *e) {
    printf("\ntoken: cells right; exact: every cell right, and where the true share lies with 95 %% certainty;\n");
    if (e->info.kind == HRM_PUZZLE_MAZE)
        printf("valid: one unbroken path; shortest: valid and as short as possible; excess: moves too many of valid "
               "paths;\n");
    if (e->info.kind == HRM_PUZZLE_SUDOKU)
        printf("solved: complete, no rule broken, givens kept; givens: all kept; broken: digits that stand twice in a "
               "row,\ncolumn or box, mean;\n");
    printf("segments: rounds of thinking used, mean; Q right: the model knew whether it was right\n");
}

/* ---- answers as JSON lines ---- */

static void add_maze(json_t *line, const eval *e, const uint32_t *tokens, const uint32_t *labels,
                     const uint32_t *answer, char *cells) {
    const uint32_t w = e->info.grid_width, h = e->info.grid_height;
    const size_t n = (size_t)w * h;
    char *puzzle = cells, *got = cells + n, *reference = cells + 2 * n;
    hrm_maze_from_tokens(tokens, w, h, w, h, puzzle);
    hrm_maze_from_tokens(answer, w, h, w, h, got);
    hrm_maze_from_tokens(labels, w, h, w, h, reference);
    hrm_maze_view view = {w, h, puzzle, false};
    hrm_maze_grade grade = HRM_INIT(hrm_maze_grade);
    json_object_set_new(line, "puzzle", json_stringn(puzzle, n));
    json_object_set_new(line, "answer", json_stringn(got, n));
    if (hrm_maze_grade_answer(&view, got, reference, &grade) != HRM_OK) return;
    json_object_set_new(line, "exact", json_boolean(grade.exact));
    json_object_set_new(line, "valid", json_boolean(grade.valid));
    json_object_set_new(line, "shortest", json_boolean(grade.shortest));
    if (grade.valid) json_object_set_new(line, "excess", json_integer(grade.excess));
}

static void add_sudoku(json_t *line, uint32_t side, const uint32_t *tokens, const uint32_t *labels,
                       const uint32_t *answer) {
    uint8_t boards[3][HRM_SUDOKU_MAX_BOARD];
    char text[HRM_SUDOKU_MAX_BOARD + 1];
    const uint32_t *sources[] = {tokens, answer, labels};
    static const char *const names[] = {"puzzle", "answer"};
    hrm_sudoku_grade grade = HRM_INIT(hrm_sudoku_grade);
    for (int b = 0; b < 3; b++) hrm_sudoku_from_tokens(side, sources[b], boards[b]);
    for (int b = 0; b < 2; b++) {
        for (uint32_t i = 0; i < side * side; i++)
            text[i] = boards[b][i] == 0 ? '.' : boards[b][i] <= side ? (char)('0' + boards[b][i]) : '?';
        json_object_set_new(line, names[b], json_stringn(text, side * side));
    }
    if (hrm_sudoku_grade_answer(side, boards[0], boards[1], boards[2], &grade) != HRM_OK) return;
    json_object_set_new(line, "exact", json_boolean(grade.exact));
    json_object_set_new(line, "solved", json_boolean(grade.valid));
    json_object_set_new(line, "changed_givens", json_integer(grade.changed_givens));
    json_object_set_new(line, "violations", json_integer(grade.violations));
}

static bool is_exact(const uint32_t *answer, const uint32_t *labels, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (labels[i] != HRM_IGNORE_LABEL && labels[i] != answer[i]) return false;
    return true;
}

static void add_tokens(json_t *line, const char *name, const uint32_t *tokens, uint32_t count) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) json_array_append_new(list, json_integer(tokens[i]));
    json_object_set_new(line, name, list);
}

static bool write_answers(const eval *e, const uint32_t *answers, const hrm_solution *solutions) {
    const uint32_t S = e->info.seq_len;
    uint32_t *tokens = malloc((size_t)S * sizeof *tokens), *labels = malloc((size_t)S * sizeof *labels);
    char *cells = malloc((size_t)S * 3), *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    bool fine = tokens && labels && cells && memory;
    if (!fine) cli_error("no host memory for the answers");
    for (uint32_t i = 0; i < e->count && fine; i++) {
        const uint32_t *answer = answers + (size_t)i * S;
        fine = hrm_dataset_read(e->set, i, 1, tokens, labels, NULL) == HRM_OK;
        if (!fine) {
            cli_fail_last();
            break;
        }
        json_t *line =
            json_pack("{s:i, s:i, s:b, s:o, s:o}", "index", (int)i, "segments", (int)solutions[i].segments, "halted",
                      (int)solutions[i].halted, "q_halt", cli_json_number((double)solutions[i].q_halt), "q_continue",
                      cli_json_number((double)solutions[i].q_continue));
        if (e->info.kind == HRM_PUZZLE_MAZE) {
            add_maze(line, e, tokens, labels, answer, cells);
        } else if (e->info.kind == HRM_PUZZLE_SUDOKU) {
            add_sudoku(line, e->info.grid_width, tokens, labels, answer);
        } else {
            add_tokens(line, "puzzle", tokens, S);
            add_tokens(line, "answer", answer, S);
            json_object_set_new(line, "exact", json_boolean(is_exact(answer, labels, S)));
        }
        fine = json_dumpf(line, memory, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 && fputc('\n', memory) != EOF;
        if (!fine) cli_error("no host memory for the answers");
        json_decref(line);
    }
    if (memory && fclose(memory) != 0) fine = false;
    if (fine) fine = cli_write_text(e->options->out, text, size);
    free(text);
    free(tokens);
    free(labels);
    free(cells);
    return fine;
}

/* ---- measuring ---- */

/* Compiles what a run needs, so that the seconds shown are those of solving. */
static hrm_status warm_up(const eval *e) {
    hrm_evaluation_config config = make_config(e, HRM_HALTING_ADAPTIVE, 2);
    hrm_evaluation result = HRM_INIT(hrm_evaluation);
    const uint32_t batch = e->options->solving.batch ? e->options->solving.batch : 64;
    config.limit = e->count < batch ? e->count : batch;
    return hrm_evaluate(e->model, e->set, &config, &result, NULL, NULL);
}

static hrm_status measure(eval *e, hrm_halting halting, uint32_t segments, uint32_t *answers, hrm_solution *solutions) {
    hrm_evaluation_config config = make_config(e, halting, segments);
    hrm_evaluation result = HRM_INIT(hrm_evaluation);
    hrm_status status = hrm_evaluate(e->model, e->set, &config, &result, answers, solutions);
    if (status != HRM_OK) return status;
    const char *name = cli_halting_choices[halting].name;
    if (e->rows)
        json_array_append_new(e->rows, row_to_json(name, segments, &result));
    else
        print_row(name, segments, &result);
    return HRM_OK;
}

static int measure_all(eval *e) {
    const eval_options *o = e->options;
    uint32_t *answers = NULL;
    hrm_solution *solutions = NULL;
    int code = CLI_OK;
    if (o->out) {
        answers = malloc((size_t)e->count * e->info.seq_len * sizeof *answers);
        solutions = malloc(e->count * sizeof *solutions);
        if (!answers || !solutions) code = cli_fail("no host memory for the answers");
    }
    hrm_status status = code == CLI_OK ? warm_up(e) : HRM_OK;
    if (status == HRM_OK && code == CLI_OK && !o->json) print_head(e);
    for (uint32_t i = 0; i < o->sweep.count && status == HRM_OK && code == CLI_OK; i++)
        status = measure(e, HRM_HALTING_FIXED, o->sweep.items[i], NULL, NULL);
    hrm_halting halting = o->sweep.count ? HRM_HALTING_ADAPTIVE : (hrm_halting)o->solving.halting;
    if (status == HRM_OK && code == CLI_OK) status = measure(e, halting, e->max_segments, answers, solutions);
    if (status != HRM_OK) code = cli_fail_last();
    if (code == CLI_OK && !o->json) print_legend(e);
    if (code == CLI_OK && o->out && !write_answers(e, answers, solutions)) code = CLI_FAILED;
    free(answers);
    free(solutions);
    return code;
}

static hrm_status open_parts(eval *e) {
    hrm_status status = hrm_dataset_open(e->options->data, e->options->split, &e->set);
    if (status == HRM_OK) status = hrm_dataset_get_info(e->set, &e->info);
    if (status == HRM_OK) status = cli_open_device(&e->device);
    hrm_model_config known = HRM_INIT(hrm_model_config);
    known.seq_len = e->info.seq_len;
    known.grid_width = e->info.grid_width;
    if (status == HRM_OK) status = cli_load_model(e->device, e->options->model, &known, &e->model);
    if (status == HRM_OK) status = hrm_model_set_precision(e->model, (hrm_precision)e->options->solving.precision);
    if (status != HRM_OK) return status;
    hrm_model_config config = HRM_INIT(hrm_model_config);
    status = hrm_model_get_config(e->model, &config);
    e->count = e->options->limit && e->options->limit < e->info.count ? e->options->limit : e->info.count;
    e->max_segments = e->options->solving.segments ? e->options->solving.segments : config.halt_max_segments;
    return status;
}

static int run_eval(const eval_options *options) {
    eval e = {.options = options, .info = HRM_INIT(hrm_dataset_info)};
    int code = CLI_OK;
    cli_listen(cli_global.verbose);
    if (open_parts(&e) != HRM_OK) code = cli_fail_last();
    if (code == CLI_OK && e.count == 0) code = cli_fail("%s: split %s holds no puzzles", options->data, options->split);
    if (options->json) e.rows = json_array();
    if (code == CLI_OK) code = measure_all(&e);
    if (options->json && code == CLI_OK) {
        json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:O}", "model", options->model, "data", options->data, "split",
                                options->split, "precision", cli_precision_choices[options->solving.precision].name,
                                "results", e.rows);
        if (!cli_print_json(all)) code = CLI_FAILED;
    }
    json_decref(e.rows);
    hrm_model_destroy(e.model);
    hrm_device_destroy(e.device);
    hrm_dataset_close(e.set);
    return code;
}

int cli_cmd_eval(int argc, char **argv) {
    eval_options options = {.split = "test", .solving.halting = HRM_HALTING_ADAPTIVE};
    const cli_option table[] = {
        {.name = "model",
         .letter = 'm',
         .kind = CLI_TEXT,
         .value = &options.model,
         .metavar = "FILE",
         .required = true,
         .help = "model.safetensors of a training run, or a checkpoint of the PyTorch implementation with its "
                 "all_config.yaml beside it"},
        {.name = "data",
         .kind = CLI_TEXT,
         .value = &options.data,
         .metavar = "DIR",
         .required = true,
         .help = "folder of a data set"},
        {.name = "split",
         .kind = CLI_TEXT,
         .value = &options.split,
         .metavar = "NAME",
         .help = "which part of it: test, or train"},
        CLI_SOLVING_OPTIONS(options.solving),
        {.name = "sweep",
         .kind = CLI_LIST,
         .value = &options.sweep,
         .min = 1,
         .max = 65535,
         .help =
             "fixed halting at each of these numbers of segments, then adaptive: shows what thinking longer is worth"},
        {.name = "limit",
         .kind = CLI_U32,
         .value = &options.limit,
         .min = 1,
         .max = 4e9,
         .zero = "all",
         .help = "only the first so many puzzles"},
        {.name = "json", .kind = CLI_FLAG, .value = &options.json, .help = "print JSON"},
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "FILE",
         .help = "write every answer, one JSON object per line"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "eval",
        .about =
            "Solves the puzzles of a data set with a trained model and grades the answers: cells right, puzzles "
            "entirely right; for mazes whether the path is valid and as short as possible; for Sudoku whether it is "
            "solved by the rules.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm eval --model run/model.safetensors --data data\n"
                    "  hrm eval --model run/model.safetensors --data data --sweep 1,2,4,8\n"
                    "  hrm eval --model run/model.safetensors --data data --json --out answers.jsonl\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    return run_eval(&options);
}
