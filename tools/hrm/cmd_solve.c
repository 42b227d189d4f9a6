/* hrm solve: solves puzzles from a text file, prints and draws them. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "solved.h"

typedef enum picture_kind { PICTURE_NONE, PICTURE_PNG, PICTURE_GIF, PICTURE_TEXT } picture_kind;

typedef struct solve_options {
    const char *file, *model, *out;
    picture_kind kind;
    cli_solving solving;
    uint32_t puzzle_kind;
    bool json;
} solve_options;

typedef struct solve {
    const solve_options *options;
    cli_puzzles list;
    cli_solved *puzzles;
    uint32_t count, grid_width, grid_height;
    hrm_device *device;
    hrm_model *model;
    hrm_solver *solver;
    bool out_of_memory;
} solve;

static bool keep_thought(void *user, uint32_t puzzle, uint32_t segment, const uint32_t *answer, float q_halt,
                         float q_continue) {
    solve *s = user;
    (void)segment, (void)q_halt, (void)q_continue;
    s->out_of_memory = !cli_solved_add_thought(&s->puzzles[puzzle], answer, s->grid_width, s->grid_height);
    return !s->out_of_memory;
}

static int run_solver(solve *s, uint32_t *tokens, uint32_t *answers, hrm_solution *solutions) {
    const solve_options *o = s->options;
    const size_t S = (size_t)s->grid_width * s->grid_height;
    for (uint32_t i = 0; i < s->count; i++)
        if (cli_solved_to_tokens(&s->puzzles[i], s->grid_width, s->grid_height, tokens + i * S) != HRM_OK)
            return cli_fail("%s: %s %u of %u: %s", o->file, cli_puzzle_noun(s->list.kind), i + 1, s->count,
                            hrm_last_error());
    hrm_solver_config config = cli_solver_config(&o->solving);
    if (config.max_batch == 0) config.max_batch = s->count < 64 ? s->count : 64;
    if (hrm_solver_create(s->model, &config, &s->solver) != HRM_OK) return cli_fail_last();
    if (o->kind == PICTURE_GIF) hrm_solver_set_observer(s->solver, keep_thought, s);
    hrm_status status = hrm_solver_run(s->solver, tokens, NULL, s->count, answers, solutions);
    if (s->out_of_memory) return cli_fail("no host memory for the answers between segments");
    for (uint32_t i = 0; i < s->count && status == HRM_OK; i++)
        status = cli_solved_set_answer(&s->puzzles[i], answers + i * S, s->grid_width, s->grid_height, &solutions[i]);
    return status == HRM_OK ? CLI_OK : cli_fail_last();
}

static int solve_all(solve *s) {
    const size_t S = (size_t)s->grid_width * s->grid_height;
    uint32_t *tokens = malloc(s->count * S * sizeof *tokens), *answers = malloc(s->count * S * sizeof *answers);
    hrm_solution *solutions = malloc(s->count * sizeof *solutions);
    int code = tokens && answers && solutions ? run_solver(s, tokens, answers, solutions)
                                              : cli_fail("no host memory for %u puzzles", s->count);
    free(tokens);
    free(answers);
    free(solutions);
    return code;
}

/* ---- showing ---- */

enum { SHOWN_VIOLATIONS = 6 };

static void print_puzzle(const solve *s, uint32_t i) {
    const cli_solved *p = &s->puzzles[i];
    char grade[128], violation[160];
    bool exact;
    if (i) printf("\n");
    cli_solved_print_rows(p, stdout);
    printf("%u segment%s, %s; %s", p->solution.segments, p->solution.segments == 1 ? "" : "s",
           p->solution.halted ? "stopped by itself" : "stopped at the limit",
           cli_solved_describe(p, &p->grade, grade, sizeof grade));
    if (cli_solved_is_exact(p, &exact))
        printf("; %s%s in the text", exact ? "exactly the " : "not the ",
               s->list.kind == HRM_PUZZLE_SUDOKU ? "answer" : "path");
    printf("\n");
    if (s->list.kind != HRM_PUZZLE_SUDOKU) return;
    const uint32_t broken = p->grade.sudoku.violations;
    for (uint32_t v = 0; v < broken && v < SHOWN_VIOLATIONS; v++)
        if (hrm_sudoku_describe_violation(p->source.width, (const uint8_t *)p->answer, v, violation, sizeof violation))
            printf("  %s\n", violation);
    if (broken > SHOWN_VIOLATIONS) printf("  and %u more (--json lists all)\n", broken - SHOWN_VIOLATIONS);
}

static bool print_json(const solve *s) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->count; i++) json_array_append_new(list, cli_solved_to_json(&s->puzzles[i]));
    return cli_print_json(list);
}

static bool write_text(const solve *s) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) {
        cli_error("no host memory for the text");
        return false;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (i) fputc('\n', memory);
        cli_solved_print_rows(&s->puzzles[i], memory);
    }
    bool fine = fclose(memory) == 0 && cli_write_text(s->options->out, text, size);
    free(text);
    return fine;
}

static int draw_all(const solve *s) {
    const solve_options *o = s->options;
    if (o->kind == PICTURE_TEXT) return write_text(s) ? CLI_OK : CLI_FAILED;
    for (uint32_t i = 0; i < s->count; i++) {
        char path[4096];
        cli_number_path(o->out, i + 1, s->count, path, sizeof path);
        bool drawn = o->kind == PICTURE_GIF ? cli_solved_draw_gif(&s->puzzles[i], path)
                                            : cli_solved_draw_png(&s->puzzles[i], path);
        if (!drawn) return CLI_FAILED;
    }
    return CLI_OK;
}

/* ---- the command ---- */

static int open_puzzles(solve *s) {
    if (!cli_puzzles_read(&s->list, s->options->file, (hrm_puzzle_kind)s->options->puzzle_kind)) return CLI_FAILED;
    const uint32_t count = s->list.count;
    s->puzzles = calloc(count, sizeof *s->puzzles);
    if (!s->puzzles) return cli_fail("no host memory for %u puzzles", count);
    for (s->count = 0; s->count < count; s->count++) {
        cli_puzzle puzzle = cli_puzzles_get(&s->list, s->count);
        if (!cli_solved_init(&s->puzzles[s->count], &puzzle)) return cli_fail("no host memory for %u puzzles", count);
    }
    return CLI_OK;
}

/* A model for Sudokus takes boards of exactly its side. */
static int check_sudoku_model(solve *s, const hrm_model_config *config) {
    const uint32_t side = hrm_sudoku_side(config->seq_len), asked = s->puzzles[0].source.width;
    if (side == 0 || config->vocab_size != side + 2)
        return cli_fail(
            "%s is not a model for the Sudokus in %s: it takes %u tokens of %u kinds, a board of %u x %u has "
            "%u of %u; 'hrm train' on a folder of 'hrm data sudoku' makes one",
            s->options->model, s->options->file, config->seq_len, config->vocab_size, asked, asked, asked * asked,
            asked + 2);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->puzzles[i].source.width != side)
            return cli_fail("%s: Sudoku %u of %u has %u x %u cells, but the model solves %u x %u", s->options->file,
                            i + 1, s->count, s->puzzles[i].source.width, s->puzzles[i].source.width, side, side);
    s->grid_width = s->grid_height = side;
    return CLI_OK;
}

static int open_model(solve *s) {
    hrm_model_config config = HRM_INIT(hrm_model_config), known = HRM_INIT(hrm_model_config);
    /* What a checkpoint of PyTorch does not say, and the puzzles do. */
    if (s->list.kind == HRM_PUZZLE_SUDOKU) known.seq_len = s->puzzles[0].source.width * s->puzzles[0].source.height;
    hrm_status status = cli_open_device(&s->device);
    if (status == HRM_OK) status = cli_load_model(s->device, s->options->model, &known, &s->model);
    if (status == HRM_OK) status = hrm_model_set_precision(s->model, (hrm_precision)s->options->solving.precision);
    if (status == HRM_OK) status = hrm_model_get_config(s->model, &config);
    if (status != HRM_OK) return cli_fail_last();
    if (s->list.kind == HRM_PUZZLE_SUDOKU) return check_sudoku_model(s, &config);
    return cli_check_maze_model(&config, s->options->model, &s->grid_width, &s->grid_height) ? CLI_OK : CLI_FAILED;
}

static int run_solve(const solve_options *options) {
    solve s = {.options = options};
    cli_listen(cli_global.verbose);
    int code = open_puzzles(&s);
    if (code == CLI_OK) code = open_model(&s);
    if (code == CLI_OK) code = solve_all(&s);
    if (code == CLI_OK && options->json && !print_json(&s)) code = CLI_FAILED;
    for (uint32_t i = 0; code == CLI_OK && !options->json && i < s.count; i++) print_puzzle(&s, i);
    if (code == CLI_OK && options->kind != PICTURE_NONE) code = draw_all(&s);
    hrm_solver_destroy(s.solver);
    hrm_model_destroy(s.model);
    hrm_device_destroy(s.device);
    for (uint32_t i = 0; i < s.count; i++) cli_solved_deinit(&s.puzzles[i]);
    free(s.puzzles);
    cli_puzzles_deinit(&s.list);
    return code;
}

int cli_cmd_solve(int argc, char **argv) {
    solve_options options = {.solving.halting = HRM_HALTING_ADAPTIVE};
    const cli_option table[] = {
        {.name = "model",
         .letter = 'm',
         .kind = CLI_TEXT,
         .value = &options.model,
         .metavar = "FILE",
         .required = true,
         .help = "the trained model: model.safetensors of a training run, or a checkpoint of the PyTorch "
                 "implementation with "
                 "its all_config.yaml beside it"},
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "OUT",
         .help =
             "draw the result: .png a picture, .gif an animation of the answer after every segment, .txt the solved "
             "puzzles as text. With several puzzles each picture gets a number before the extension"},
        {.name = "kind",
         .kind = CLI_CHOICE,
         .value = &options.puzzle_kind,
         .choices = cli_puzzle_kinds,
         .help = "what the file holds; auto: mazes when it has no digit"},
        CLI_SOLVING_OPTIONS(options.solving),
        {.name = "json", .kind = CLI_FLAG, .value = &options.json, .help = "print JSON"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "solve",
        .operands_usage = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .about =
            "Solves puzzles from a text file ('-' is standard input) with a trained model.\n\nMazes: '#' is a wall, a "
            "space (or '.') free, 'S' the start, 'G' the goal; an empty line separates mazes. The answer has the path "
            "drawn in as 'o'. A path already drawn in the text is hidden from the model and compared with its answer. "
            "Mazes smaller than those the model learnt are surrounded by walls.\n\nSudoku: a line of 81 characters "
            "each ('.' or '0' blank; 16 or 36 for smaller boards), or grids of 9 lines, or CSV with a column q and "
            "optionally a, the answer to compare with.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm solve maze.txt --model run/model.safetensors\n"
                    "  hrm solve maze.txt --model run/model.safetensors -o maze.gif\n"
                    "  hrm solve sudoku.txt --model run/model.safetensors -o sudoku.png\n"
                    "  printf '####\\n#SG#\\n####\\n' | hrm solve - --model run/model.safetensors --json\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    options.file = argv[0];
    if (options.out) {
        options.kind = cli_has_extension(options.out, ".png")   ? PICTURE_PNG
                       : cli_has_extension(options.out, ".gif") ? PICTURE_GIF
                       : cli_has_extension(options.out, ".txt") ? PICTURE_TEXT
                                                                : PICTURE_NONE;
        if (options.kind == PICTURE_NONE)
            return cli_usage("--out: '%s' does not end in .png, .gif or .txt", options.out);
    }
    return run_solve(&options);
}
