/* Mazes on their way through a solver: puzzle, what the model answered after every segment, the grade; and how they are
 * shown: text, JSON, PNG, GIF. */
#ifndef HRM_TOOL_SOLVED_H
#define HRM_TOOL_SOLVED_H

#include "cli.h"

typedef struct cli_solved {
    hrm_maze_view maze; /* as read; has_path: its path is the reference */
    char *puzzle;       /* [height, width] without the path */
    char *answer;       /* [height, width], the last segment's */
    char *thoughts;     /* [segments, height, width] answers after each segment; only when kept */
    uint32_t thought_count;
    hrm_solution solution;
    hrm_maze_grade grade;
} cli_solved;

/* Keeps copies of the maze's cells. False when memory is short. */
bool cli_solved_init(cli_solved *solved, const hrm_maze_view *maze);
void cli_solved_deinit(cli_solved *solved);

/* Keeps one more intermediate answer, tokens on a grid. False when memory is short. */
bool cli_solved_add_thought(cli_solved *solved, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height);

/* Takes the final answer and grades it. */
hrm_status cli_solved_set_answer(cli_solved *solved, const uint32_t *tokens, uint32_t grid_width, uint32_t grid_height,
                                 const hrm_solution *solution);

/* "shortest path, 9 moves" and so on. Returns out. */
char *cli_solved_describe(const cli_solved *solved, char *out, size_t size);

/* The answer's rows, one line each. */
void cli_solved_print_rows(const cli_solved *solved, FILE *out);

json_t *cli_solved_to_json(const cli_solved *solved);
/* False after printing an error. */
bool cli_solved_draw_png(const cli_solved *solved, const char *path);
bool cli_solved_draw_gif(const cli_solved *solved, const char *path);

#endif
