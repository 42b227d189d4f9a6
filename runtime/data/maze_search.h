/* Breadth-first search over a maze: distances from one cell and how many shortest paths lead to each other cell.
 *
 * Promises: steps go up, left, right, down; every cell but '#' can be entered; counts saturate at
 * HRM_MAZE_SEARCH_MANY. One search object serves any number of mazes up to its capacity and holds the result of the
 * latest run. Used by the generator and by the checker. */
#ifndef HRM_DATA_MAZE_SEARCH_H
#define HRM_DATA_MAZE_SEARCH_H

#include "base/status.h"

#include <stdint.h>

#define HRM_MAZE_UNREACHABLE UINT32_MAX
#define HRM_MAZE_SEARCH_MANY UINT32_MAX

typedef struct hrm_maze_search {
    uint32_t capacity;      /* cells of the largest maze it can hold */
    uint32_t width, height; /* of the latest run */
    uint32_t *distance;     /* [cells] moves from the start cell, or HRM_MAZE_UNREACHABLE */
    uint32_t *ways;         /* [cells] number of shortest paths from the start cell; 0 where unreachable */
    uint32_t *queue;        /* [reached] the cells reached, nearest first */
    uint32_t reached;
} hrm_maze_search;

hrm_status hrm_maze_search_init(hrm_maze_search *search, uint32_t capacity_cells);
void hrm_maze_search_deinit(hrm_maze_search *search);

/* Searches cells [height, width] from the cell `start`; width * height <= capacity. */
void hrm_maze_search_run(hrm_maze_search *search, const char *cells, uint32_t width, uint32_t height, uint32_t start);

/* Writes 'o' into the free cells (cells [height, width]) between the start of the latest run and `goal`, along one
 * shortest path: walking back from the goal, each step takes the first of up, left, right, down that is one move nearer
 * to the start. Returns the number of moves, or HRM_MAZE_UNREACHABLE without writing. */
uint32_t hrm_maze_search_trace(const hrm_maze_search *search, uint32_t goal, char *cells);

#endif
