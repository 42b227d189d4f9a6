/* Puzzles read from a text file or standard input: mazes or Sudokus, told apart by what they are written with.
 *
 * Promises: both kinds look alike to what shows and solves them: a grid of cells, and where the text shows one, the
 * known answer as a grid too. Cells are characters for mazes, bytes 0 (blank) to side for Sudokus, as in the public
 * headers. */
#ifndef HRM_TOOL_PUZZLES_H
#define HRM_TOOL_PUZZLES_H

#include "cli.h"

typedef struct cli_puzzles {
    hrm_puzzle_kind kind; /* HRM_PUZZLE_MAZE or HRM_PUZZLE_SUDOKU */
    hrm_maze_list *mazes;
    hrm_sudoku_list *sudokus;
    uint32_t count;
} cli_puzzles;

typedef struct cli_puzzle {
    hrm_puzzle_kind kind;
    uint32_t width, height;
    const char *cells;     /* [height, width] as read: a maze's path included */
    const char *reference; /* [height, width] the known answer, or NULL */
} cli_puzzle;

/* Reads all of `path` ("-": standard input). `kind`: HRM_PUZZLE_OTHER tells it from the text: mazes have no digits.
 * False after printing an error. */
bool cli_puzzles_read(cli_puzzles *puzzles, const char *path, hrm_puzzle_kind kind);
void cli_puzzles_deinit(cli_puzzles *puzzles);

/* Borrowed until deinit. */
cli_puzzle cli_puzzles_get(const cli_puzzles *puzzles, uint32_t index);

/* "maze" or "Sudoku". */
const char *cli_puzzle_noun(hrm_puzzle_kind kind);

/* "auto", "maze", "sudoku" for --kind. */
extern const cli_choice cli_puzzle_kinds[];

#endif
