/* A maze as bits, one 64-bit word a row: walls drawn and hopeless mazes told from others many times faster than with a
 * character a cell.
 *
 * Promises: width 1..HRM_MAZE_BOARD_MAX_WIDTH; hrm_maze_board_draw takes one 32-bit draw a cell in reading order, so a
 * board is the maze that a loop over the cells would have drawn from the same stream. Used by the generator only. */
#ifndef HRM_DATA_MAZE_BOARD_H
#define HRM_DATA_MAZE_BOARD_H

#include "base/rng.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define HRM_MAZE_BOARD_MAX_WIDTH 64u

typedef struct hrm_maze_board {
    uint32_t width, height;
    uint64_t *free_rows; /* [height] bit x of word y: cell (x, y) is free */
    uint64_t *scratch;   /* [3, height + 2] rows of the search; the first and the last of each set stay walls */
    uint32_t *words;     /* [height, width] draws */
} hrm_maze_board;

hrm_status hrm_maze_board_init(hrm_maze_board *board, uint32_t width, uint32_t height);
void hrm_maze_board_deinit(hrm_maze_board *board);

/* Draws every cell: a wall when the draw is below `wall_threshold`. Returns the number of free cells. */
uint32_t hrm_maze_board_draw(hrm_maze_board *board, hrm_rng *rng, uint32_t wall_threshold);

/* The nth free cell in reading order; n is below their number. */
uint32_t hrm_maze_board_find_free(const hrm_maze_board *board, uint32_t n);

/* Whether some cell's shortest path from the cell `start` takes `moves` moves (so whether any takes as many or more).
 */
bool hrm_maze_board_reaches(hrm_maze_board *board, uint32_t start, uint32_t moves);

/* Writes walls and free cells [height, width]. */
void hrm_maze_board_write_cells_into(const hrm_maze_board *board, char *cells);

#endif
