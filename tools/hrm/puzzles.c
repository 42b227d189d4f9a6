#include "puzzles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 8 << 20 }; /* past what either parser accepts, so that they say what the limit is */

const cli_choice cli_puzzle_kinds[] = {
    {"auto", HRM_PUZZLE_OTHER}, {"maze", HRM_PUZZLE_MAZE}, {"sudoku", HRM_PUZZLE_SUDOKU}, {NULL, 0}};

const char *cli_puzzle_noun(hrm_puzzle_kind kind) {
    return kind == HRM_PUZZLE_SUDOKU ? "Sudoku" : "maze";
}

/* The whole text, or NULL after printing an error. The caller frees. */
static char *read_all(const char *path, const char *name, size_t *size) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) {
        cli_error("cannot open %s: %s", name, strerror(errno));
        return NULL;
    }
    char *text = malloc(MAX_TEXT);
    if (!text) cli_error("%s: no host memory", name);
    *size = text ? fread(text, 1, MAX_TEXT, file) : 0;
    if (text && ferror(file)) {
        cli_error("cannot read %s: %s", name, strerror(errno));
        free(text);
        text = NULL;
    }
    if (file != stdin) fclose(file);
    return text;
}

static hrm_puzzle_kind find_kind(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] >= '0' && text[i] <= '9') return HRM_PUZZLE_SUDOKU;
    return HRM_PUZZLE_MAZE;
}

bool cli_puzzles_read(cli_puzzles *puzzles, const char *path, hrm_puzzle_kind kind) {
    *puzzles = (cli_puzzles){0};
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    size_t size;
    char *text = read_all(path, name, &size);
    if (!text) return false;
    puzzles->kind = kind == HRM_PUZZLE_OTHER ? find_kind(text, size) : kind;
    hrm_status status = puzzles->kind == HRM_PUZZLE_SUDOKU ? hrm_sudoku_list_parse(text, size, name, &puzzles->sudokus)
                                                           : hrm_maze_list_parse(text, size, name, &puzzles->mazes);
    free(text);
    if (status != HRM_OK) {
        if (kind == HRM_PUZZLE_OTHER)
            cli_error("%s (taken for a %s; --kind says otherwise)", hrm_last_error(), cli_puzzle_noun(puzzles->kind));
        else
            cli_fail_last();
        return false;
    }
    puzzles->count =
        puzzles->sudokus ? hrm_sudoku_list_get_count(puzzles->sudokus) : hrm_maze_list_get_count(puzzles->mazes);
    return true;
}

void cli_puzzles_deinit(cli_puzzles *puzzles) {
    hrm_sudoku_list_destroy(puzzles->sudokus);
    hrm_maze_list_destroy(puzzles->mazes);
    *puzzles = (cli_puzzles){0};
}

cli_puzzle cli_puzzles_get(const cli_puzzles *puzzles, uint32_t index) {
    if (puzzles->kind == HRM_PUZZLE_SUDOKU) {
        hrm_sudoku_view view = hrm_sudoku_list_get(puzzles->sudokus, index);
        return (cli_puzzle){HRM_PUZZLE_SUDOKU, view.side, view.side, (const char *)view.cells,
                            (const char *)view.answer};
    }
    hrm_maze_view view = hrm_maze_list_get(puzzles->mazes, index);
    return (cli_puzzle){HRM_PUZZLE_MAZE, view.width, view.height, view.cells, view.has_path ? view.cells : NULL};
}
