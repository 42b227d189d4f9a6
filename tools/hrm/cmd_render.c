/* hrm render: pictures of puzzles as they stand in a text file. */
#include "cli.h"
#include "solved.h"

typedef struct render_options {
    const char *file, *out, *answer, *title;
    uint32_t puzzle_kind;
} render_options;

static int render_one(const cli_puzzle *puzzle, const cli_puzzle *answer, const char *title, const char *path) {
    cli_solved solved;
    cli_grade grade;
    char caption[128] = "";
    if (!cli_solved_init(&solved, puzzle)) return cli_fail("no host memory for a %s", cli_puzzle_noun(puzzle->kind));
    bool fine = true;
    if (answer) {
        fine = cli_solved_grade(&solved, answer->cells, &grade) == HRM_OK;
        if (fine)
            cli_solved_describe(&solved, &grade, caption, sizeof caption);
        else
            cli_fail_last();
    }
    fine = fine &&
           cli_solved_draw_answer(&solved, answer ? answer->cells : NULL, title, caption[0] ? caption : NULL, path);
    cli_solved_deinit(&solved);
    return fine ? CLI_OK : CLI_FAILED;
}

static int render_all(const cli_puzzles *puzzles, const cli_puzzles *answers, const render_options *o) {
    const char *noun = cli_puzzle_noun(puzzles->kind);
    if (answers && answers->count != puzzles->count)
        return cli_fail("%s: there are %u answers for %u puzzles to draw", o->answer, answers->count, puzzles->count);
    for (uint32_t i = 0; i < puzzles->count; i++) {
        char path[4096];
        cli_puzzle puzzle = cli_puzzles_get(puzzles, i), answer = {0};
        if (answers) answer = cli_puzzles_get(answers, i);
        if (answers && (answer.width != puzzle.width || answer.height != puzzle.height))
            return cli_fail("%s: %s %u is %u x %u cells, the one to draw is %u x %u", o->answer, noun, i + 1,
                            answer.width, answer.height, puzzle.width, puzzle.height);
        cli_number_path(o->out, i + 1, puzzles->count, path, sizeof path);
        int code = render_one(&puzzle, answers ? &answer : NULL, o->title, path);
        if (code != CLI_OK) return code;
        if (!cli_global.quiet) printf("%s\n", path);
    }
    return CLI_OK;
}

static int run_render(const render_options *o) {
    cli_puzzles puzzles = {0}, answers = {0};
    int code = CLI_FAILED;
    if (cli_puzzles_read(&puzzles, o->file, (hrm_puzzle_kind)o->puzzle_kind) &&
        (!o->answer || cli_puzzles_read(&answers, o->answer, puzzles.kind)))
        code = render_all(&puzzles, o->answer ? &answers : NULL, o);
    cli_puzzles_deinit(&answers);
    cli_puzzles_deinit(&puzzles);
    return code;
}

int cli_cmd_render(int argc, char **argv) {
    render_options options = {0};
    const cli_option table[] = {
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &options.out,
         .metavar = "OUT.png",
         .required = true,
         .help = "the picture; with several puzzles each gets a number before the extension"},
        {.name = "answer",
         .kind = CLI_TEXT,
         .value = &options.answer,
         .metavar = "FILE2",
         .help = "the same puzzles with an answer filled in: shown against the one in FILE, if it has one"},
        {.name = "title", .kind = CLI_TEXT, .value = &options.title, .help = "a line above the puzzle"},
        {.name = "kind",
         .kind = CLI_CHOICE,
         .value = &options.puzzle_kind,
         .choices = cli_puzzle_kinds,
         .help = "what the files hold; auto: mazes when there is no digit"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "render",
        .operands_usage = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .about =
            "Draws puzzles from a text file ('-' is standard input) without solving them.\n\nMazes: '#' is a wall, a "
            "space (or '.') free, 'S' the start, 'G' the goal; a path of 'o' is drawn as the reference; an empty line "
            "separates mazes. Sudoku: lines of 81 characters ('.' or '0' blank), grids of 9 lines, or CSV with a "
            "column q and optionally a.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm render maze.txt -o maze.png\n  hrm render maze.txt --answer solved.txt -o compared.png\n"
                    "  hrm render sudoku.txt -o sudoku.png\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (!cli_has_extension(options.out, ".png")) return cli_usage("--out: '%s' does not end in .png", options.out);
    cli_listen(cli_global.verbose);
    options.file = argv[0];
    return run_render(&options);
}
