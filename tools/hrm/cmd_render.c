/* hrm render: pictures of mazes as they stand in a text file. */
#include <stdlib.h>

#include "cli.h"

/* Copies the cells; `strip` leaves a path out. The caller frees. */
static char *copy_cells(const hrm_maze_view *maze, bool strip) {
    size_t count = (size_t)maze->width * maze->height;
    char *cells = malloc(count);
    for (size_t i = 0; cells && i < count; i++) cells[i] = strip && maze->cells[i] == 'o' ? ' ' : maze->cells[i];
    return cells;
}

static int render_one(const hrm_maze_view *maze, const hrm_maze_view *answer, const char *title, const char *path) {
    char *puzzle = copy_cells(maze, true);
    if (!puzzle) return cli_fail("no host memory for a maze");
    char caption[128] = "";
    int code = CLI_OK;
    hrm_maze_grade grade = HRM_INIT(hrm_maze_grade);
    if (answer) {
        hrm_maze_view bare = {maze->width, maze->height, puzzle, false};
        if (hrm_maze_grade_answer(&bare, answer->cells, maze->has_path ? maze->cells : NULL, &grade) != HRM_OK)
            code = cli_fail_last();
        else if (grade.valid)
            snprintf(caption, sizeof caption, "%s: %u moves", grade.shortest ? "shortest path" : "valid path",
                     grade.length);
        else
            snprintf(caption, sizeof caption, "not a valid path");
    }
    hrm_maze_picture picture = HRM_INIT(hrm_maze_picture);
    picture.width = maze->width;
    picture.height = maze->height;
    picture.puzzle = puzzle;
    picture.answer = answer ? answer->cells : NULL;
    picture.reference = maze->has_path ? maze->cells : NULL;
    picture.title = title;
    picture.caption = caption[0] ? caption : NULL;
    if (code == CLI_OK && hrm_render_maze_png(&picture, path) != HRM_OK) code = cli_fail_last();
    free(puzzle);
    return code;
}

static int render_all(const hrm_maze_list *mazes, const hrm_maze_list *answers, const char *answer_path,
                      const char *title, const char *out) {
    uint32_t count = hrm_maze_list_get_count(mazes);
    if (answers && hrm_maze_list_get_count(answers) != count)
        return cli_fail("%s holds %u mazes, but there are %u to draw", answer_path, hrm_maze_list_get_count(answers),
                        count);
    for (uint32_t i = 0; i < count; i++) {
        char path[4096];
        hrm_maze_view maze = hrm_maze_list_get(mazes, i), answer = {0};
        if (answers) answer = hrm_maze_list_get(answers, i);
        if (answers && (answer.width != maze.width || answer.height != maze.height))
            return cli_fail("%s: maze %u is %u x %u cells, the one to draw is %u x %u", answer_path, i + 1,
                            answer.width, answer.height, maze.width, maze.height);
        cli_number_path(out, i + 1, count, path, sizeof path);
        int code = render_one(&maze, answers ? &answer : NULL, title, path);
        if (code != CLI_OK) return code;
        if (!cli_global.quiet) printf("%s\n", path);
    }
    return CLI_OK;
}

int cli_cmd_render(int argc, char **argv) {
    const char *out = NULL, *answer_path = NULL, *title = NULL;
    const cli_option table[] = {
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &out,
         .metavar = "OUT.png",
         .required = true,
         .help = "the picture; with several mazes each gets a number before the extension"},
        {.name = "answer",
         .kind = CLI_TEXT,
         .value = &answer_path,
         .metavar = "FILE2",
         .help = "the same mazes with an answer drawn in as 'o': shown against the path in FILE"},
        {.name = "title", .kind = CLI_TEXT, .value = &title, .help = "a line above the maze"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "render",
        .operands_usage = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .about =
            "Draws mazes from a text file ('-' is standard input) without solving them. '#' is a wall, a space (or "
            "'.') free, 'S' the start, 'G' the goal; a path of 'o' is drawn as the reference. An empty line separates "
            "mazes.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm render maze.txt -o maze.png\n  hrm render maze.txt --answer solved.txt -o compared.png\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (!cli_has_extension(out, ".png")) return cli_usage("--out: '%s' does not end in .png", out);
    cli_listen(cli_global.verbose);
    hrm_maze_list *mazes = NULL, *answers = NULL;
    int code = CLI_OK;
    if (hrm_maze_list_read(argv[0], &mazes) != HRM_OK) code = cli_fail_last();
    if (code == CLI_OK && answer_path && hrm_maze_list_read(answer_path, &answers) != HRM_OK) code = cli_fail_last();
    if (code == CLI_OK) code = render_all(mazes, answers, answer_path, title, out);
    hrm_maze_list_destroy(answers);
    hrm_maze_list_destroy(mazes);
    return code;
}
