/* Puzzles on their way through a solver: the puzzle, what the model answered after every segment, the grade; and how
 * they are shown: text, JSON, PNG, GIF. Mazes and Sudokus alike. */
#ifndef HRM_TOOL_SOLVED_H
#define HRM_TOOL_SOLVED_H

#include "cli.h"
#include "puzzles.h"

typedef struct cli_grade {
    hrm_maze_grade maze; /* the one of the puzzle's kind */
    hrm_sudoku_grade sudoku;
} cli_grade;

typedef struct cli_solved {
    cli_puzzle source; /* as read */
    char *puzzle;      /* [height, width] without an answer */
    char *answer;      /* [height, width], the last segment's */
    char *thoughts;    /* [segments, height, width] answers after each segment; only when kept */
    uint32_t thought_count;
    hrm_solution solution;
    cli_grade grade;
} cli_solved;

/* Keeps copies of the cells. False when memory is short. */
bool cli_solved_init(cli_solved *solved, const cli_puzzle *puzzle);
void cli_solved_deinit(cli_solved *solved);

/* Tokens of the puzzle on the model's grid. Errors: INVALID_ARGUMENT (larger than the grid). */
hrm_status cli_solved_to_tokens(const cli_solved *solved, uint32_t grid_width, uint32_t grid_height, uint32_t *tokens);

/* Keeps one more intermediate answer, tokens on a grid. False when memory is short. */
bool cli_solved_add_thought(cli_solved *solved, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height);

/* Takes the final answer and grades it. */
hrm_status cli_solved_set_answer(cli_solved *solved, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height,
                                 const hrm_solution *solution);

/* Grades any answer [height, width] to the puzzle. */
hrm_status cli_solved_grade(const cli_solved *solved, const char *answer, cli_grade *grade);

/* "shortest path, 9 moves", "solved" and so on. Returns out. */
char *cli_solved_describe(const cli_solved *solved, const cli_grade *grade, char *out, size_t size);

/* True when it is known whether the answer equals the reference, and *exact says it. */
bool cli_solved_is_exact(const cli_solved *solved, bool *exact);

/* The answer's rows, one line each. */
void cli_solved_print_rows(const cli_solved *solved, FILE *out);

json_t *cli_solved_to_json(const cli_solved *solved);
/* False after printing an error. */
bool cli_solved_draw_png(const cli_solved *solved, const char *path);
bool cli_solved_draw_gif(const cli_solved *solved, const char *path);

/* One picture of the puzzle with any answer (or NULL), title and caption (or NULL): false after printing an error. */
bool cli_solved_draw_answer(const cli_solved *solved, const char *answer, const char *title, const char *caption,
                            const char *path);

#endif
