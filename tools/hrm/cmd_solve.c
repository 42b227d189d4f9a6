/* hrm solve: solves mazes from a text file, prints and draws them. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "solved.h"

typedef enum picture_kind { PICTURE_NONE, PICTURE_PNG, PICTURE_GIF, PICTURE_TEXT } picture_kind;

typedef struct solve_options {
    const char *file, *model, *out;
    picture_kind kind;
    cli_solving solving;
    bool json;
} solve_options;

typedef struct solve {
    const solve_options *options;
    hrm_maze_list *list;
    cli_solved *mazes;
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
    s->out_of_memory = !cli_solved_add_thought(&s->mazes[puzzle], answer, s->grid_width, s->grid_height);
    return !s->out_of_memory;
}

static int run_solver(solve *s, uint32_t *tokens, uint32_t *answers, hrm_solution *solutions) {
    const solve_options *o = s->options;
    const size_t S = (size_t)s->grid_width * s->grid_height;
    for (uint32_t i = 0; i < s->count; i++)
        if (hrm_maze_to_tokens(&s->mazes[i].maze, s->grid_width, s->grid_height, tokens + i * S) != HRM_OK)
            return cli_fail("%s: maze %u of %u: %s", o->file, i + 1, s->count, hrm_last_error());
    hrm_solver_config config = cli_solver_config(&o->solving);
    if (config.max_batch == 0) config.max_batch = s->count < 64 ? s->count : 64;
    if (hrm_solver_create(s->model, &config, &s->solver) != HRM_OK) return cli_fail_last();
    if (o->kind == PICTURE_GIF) hrm_solver_set_observer(s->solver, keep_thought, s);
    hrm_status status = hrm_solver_run(s->solver, tokens, NULL, s->count, answers, solutions);
    if (s->out_of_memory) return cli_fail("no host memory for the answers between segments");
    for (uint32_t i = 0; i < s->count && status == HRM_OK; i++)
        status = cli_solved_set_answer(&s->mazes[i], answers + i * S, s->grid_width, s->grid_height, &solutions[i]);
    return status == HRM_OK ? CLI_OK : cli_fail_last();
}

static int solve_all(solve *s) {
    const size_t S = (size_t)s->grid_width * s->grid_height;
    uint32_t *tokens = malloc(s->count * S * sizeof *tokens), *answers = malloc(s->count * S * sizeof *answers);
    hrm_solution *solutions = malloc(s->count * sizeof *solutions);
    int code = tokens && answers && solutions ? run_solver(s, tokens, answers, solutions)
                                              : cli_fail("no host memory for %u mazes", s->count);
    free(tokens);
    free(answers);
    free(solutions);
    return code;
}

/* ---- showing ---- */

static void print_maze(const solve *s, uint32_t i) {
    const cli_solved *m = &s->mazes[i];
    char grade[128];
    if (i) printf("\n");
    cli_solved_print_rows(m, stdout);
    printf("%u segment%s, %s; %s", m->solution.segments, m->solution.segments == 1 ? "" : "s",
           m->solution.halted ? "stopped by itself" : "stopped at the limit",
           cli_solved_describe(m, grade, sizeof grade));
    if (m->grade.has_reference)
        printf("; %s", m->grade.exact ? "exactly the path in the text" : "not the path in the text");
    printf("\n");
}

static bool print_json(const solve *s) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->count; i++) json_array_append_new(list, cli_solved_to_json(&s->mazes[i]));
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
        cli_solved_print_rows(&s->mazes[i], memory);
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
        bool drawn =
            o->kind == PICTURE_GIF ? cli_solved_draw_gif(&s->mazes[i], path) : cli_solved_draw_png(&s->mazes[i], path);
        if (!drawn) return CLI_FAILED;
    }
    return CLI_OK;
}

/* ---- the command ---- */

static int open_mazes(solve *s) {
    if (hrm_maze_list_read(s->options->file, &s->list) != HRM_OK) return cli_fail_last();
    uint32_t count = hrm_maze_list_get_count(s->list);
    s->mazes = calloc(count, sizeof *s->mazes);
    if (!s->mazes) return cli_fail("no host memory for %u mazes", count);
    for (s->count = 0; s->count < count; s->count++) {
        hrm_maze_view view = hrm_maze_list_get(s->list, s->count);
        if (!cli_solved_init(&s->mazes[s->count], &view)) return cli_fail("no host memory for %u mazes", count);
    }
    return CLI_OK;
}

static int open_model(solve *s) {
    hrm_model_config config = HRM_INIT(hrm_model_config);
    hrm_status status = cli_open_device(&s->device);
    if (status == HRM_OK) status = hrm_model_load(s->device, s->options->model, &s->model);
    if (status == HRM_OK) status = hrm_model_get_config(s->model, &config);
    if (status != HRM_OK) return cli_fail_last();
    return cli_check_maze_model(&config, s->options->model, &s->grid_width, &s->grid_height) ? CLI_OK : CLI_FAILED;
}

static int run_solve(const solve_options *options) {
    solve s = {.options = options};
    cli_listen(cli_global.verbose);
    int code = open_mazes(&s);
    if (code == CLI_OK) code = open_model(&s);
    if (code == CLI_OK) code = solve_all(&s);
    if (code == CLI_OK && options->json && !print_json(&s)) code = CLI_FAILED;
    for (uint32_t i = 0; code == CLI_OK && !options->json && i < s.count; i++) print_maze(&s, i);
    if (code == CLI_OK && options->kind != PICTURE_NONE) code = draw_all(&s);
    hrm_solver_destroy(s.solver);
    hrm_model_destroy(s.model);
    hrm_device_destroy(s.device);
    for (uint32_t i = 0; i < s.count; i++) cli_solved_deinit(&s.mazes[i]);
    free(s.mazes);
    hrm_maze_list_destroy(s.list);
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
         .help = "model.safetensors of a training run on mazes"},
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "OUT",
         .help =
             "draw the result: .png a picture, .gif an animation of the answer after every segment, .txt the solved "
             "mazes as text. With several mazes each picture gets a number before the extension"},
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
            "Solves mazes from a text file ('-' is standard input) with a trained model and prints them with the path "
            "drawn in as 'o'. '#' is a wall, a space (or '.') free, 'S' the start, 'G' the goal; an empty line "
            "separates mazes. A path already drawn in the text is hidden from the model and compared with its "
            "answer. Mazes smaller than those the model learnt are surrounded by walls.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm solve maze.txt --model run/model.safetensors\n"
                    "  hrm solve maze.txt --model run/model.safetensors -o maze.gif\n"
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
