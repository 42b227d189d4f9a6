/* Makes a shortest path the only one by adding walls.
 *
 * One of the shortest paths is chosen: from the goal backwards, each step uniform among the cells one move nearer to
 * the start. Then, until no other is left: one cell, uniform among those that still lie on some shortest path but not
 * on the chosen one, becomes a wall. The chosen path is never touched and a wall never shortens anything, so the length
 * stays. Other cells may get further from the start, or lose their way to it. */
#ifndef HRM_DATA_MAZE_REPAIR_H
#define HRM_DATA_MAZE_REPAIR_H

#include "base/rng.h"
#include "data/maze_search.h"

#include <stdint.h>

typedef struct hrm_maze_repair {
    uint32_t *cells;    /* [capacity] a list of cells: found first, then to be taken off */
    uint32_t *ties;     /* [capacity] cells on some shortest path but not on the chosen one */
    uint32_t *position; /* [capacity] of a tie in that list */
    uint8_t *state;     /* [capacity] see maze_repair.c */
    uint8_t *nearer;    /* [capacity] neighbours on a shortest path that are one move nearer to the start */
    uint8_t *further;   /* [capacity] the same, one move further */
} hrm_maze_repair;

hrm_status hrm_maze_repair_init(hrm_maze_repair *repair, uint32_t capacity_cells);
void hrm_maze_repair_deinit(hrm_maze_repair *repair);

/* Repairs cells [height, width], which `search` has just searched and whose cell `goal` it reached; sides and capacity
 * are the search's. Returns the number of walls added. The search's result is out of date afterwards. */
uint32_t hrm_maze_repair_run(hrm_maze_repair *repair, const hrm_maze_search *search, uint32_t goal, hrm_rng *rng,
                             char *cells);

#endif
