/* Judges an answer to a maze, each question separately: comparing with one stored path alone is a poor measure, because
 * most large mazes have many shortest paths.
 *
 * Definitions. The answer keeps the puzzle when every wall, start and goal of the puzzle is unchanged and every free
 * cell is still free or carries 'o'. Its path cells are the 'o' on free cells of the puzzle, together with start and
 * goal. The answer is valid when it keeps the puzzle and its path cells form one chordless path: start and goal have
 * exactly one path cell beside them, every 'o' exactly two, and all hang together (so no 'o' lies off the path, and the
 * path never runs alongside itself, which would leave open where it goes; a shortest path never does). Beside means up,
 * down, left or right. */
#ifndef HRM_DATA_MAZE_CHECK_H
#define HRM_DATA_MAZE_CHECK_H

#include "data/maze_search.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct hrm_maze_verdict {
    bool exact;               /* equal to the reference answer in every cell; false without a reference */
    bool keeps_puzzle;        /* walls, start and goal unchanged, nothing odd on free cells */
    bool valid;               /* see above */
    bool shortest;            /* valid, and no path is shorter */
    bool reaches_goal;        /* one can walk from start to goal over path cells, whatever else was drawn */
    bool solvable;            /* the puzzle has a path at all */
    uint32_t length;          /* moves of the shortest walk over path cells; of the path itself when valid; or 0 */
    uint32_t shortest_length; /* moves of the puzzle's shortest path, or 0 when there is none */
    uint32_t excess;          /* length - shortest_length when reaches_goal, else 0 */
    uint32_t stray_cells;     /* 'o' on free cells that the walk of `length` moves does not need */
    uint32_t changed_cells;   /* cells that break keeps_puzzle */
} hrm_maze_verdict;

typedef struct hrm_maze_checker {
    hrm_maze_search search;
    char *cells; /* [capacity] scratch */
} hrm_maze_checker;

/* One checker serves any number of mazes of up to capacity_cells cells. */
hrm_status hrm_maze_checker_init(hrm_maze_checker *checker, uint32_t capacity_cells);
void hrm_maze_checker_deinit(hrm_maze_checker *checker);

/* Judges one answer.
 *   puzzle     [height, width] cells; 'o' in it counts as free
 *   answer     [height, width] any characters
 *   reference  [height, width] the stored answer, or NULL when none is known
 * Errors: INVALID_ARGUMENT when the puzzle is larger than the capacity, or does not have exactly one start and goal or
 * holds anything but cells. */
hrm_status hrm_maze_checker_run(hrm_maze_checker *checker, uint32_t width, uint32_t height, const char *puzzle,
                                const char *answer, const char *reference, hrm_maze_verdict *out);

/* The same for rows of tokens of a [grid_height, grid_width] grid; a token that is no cell counts as changed. */
hrm_status hrm_maze_checker_run_tokens(hrm_maze_checker *checker, uint32_t grid_width, uint32_t grid_height,
                                       const uint32_t *puzzle, const uint32_t *answer, const uint32_t *reference,
                                       hrm_maze_verdict *out);

#endif
