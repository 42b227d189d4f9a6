#include "data/maze_repair.h"

#include "data/maze.h"

#include <stdlib.h>
#include <string.h>

/* state of a cell */
enum {
    OFF = 0, /* on no shortest path from start to goal, or no longer */
    TIE = 1, /* on one, but not on the chosen one */
    CHOSEN = 2
};

hrm_status hrm_maze_repair_init(hrm_maze_repair *repair, uint32_t capacity_cells) {
    *repair = (hrm_maze_repair){0};
    repair->cells = malloc(capacity_cells * sizeof *repair->cells);
    repair->ties = malloc(capacity_cells * sizeof *repair->ties);
    repair->position = malloc(capacity_cells * sizeof *repair->position);
    repair->state = malloc(capacity_cells);
    repair->nearer = malloc(capacity_cells);
    repair->further = malloc(capacity_cells);
    if (repair->cells && repair->ties && repair->position && repair->state && repair->nearer && repair->further)
        return HRM_OK;
    hrm_maze_repair_deinit(repair);
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to repair mazes of %u cells", capacity_cells);
}

void hrm_maze_repair_deinit(hrm_maze_repair *repair) {
    if (!repair) return;
    free(repair->cells);
    free(repair->ties);
    free(repair->position);
    free(repair->state);
    free(repair->nearer);
    free(repair->further);
    *repair = (hrm_maze_repair){0};
}

/* The neighbours of a cell that the search found at `distance`, in the order up, left, right, down. */
static uint32_t neighbours_at(const hrm_maze_search *search, uint32_t cell, uint32_t distance, uint32_t out[4]) {
    uint32_t width = search->width, x = cell % width, y = cell / width, n = 0;
    const uint32_t *at = search->distance;
    if (y > 0 && at[cell - width] == distance) out[n++] = cell - width;
    if (x > 0 && at[cell - 1] == distance) out[n++] = cell - 1;
    if (x + 1 < width && at[cell + 1] == distance) out[n++] = cell + 1;
    if (y + 1 < search->height && at[cell + width] == distance) out[n++] = cell + width;
    return n;
}

/* Finds the cells of all shortest paths, as ties, and counts their neighbours on such paths. A cell is on one when the
 * goal can be walked to from it, one move further from the start each time. Returns their number; the goal is the
 * first of repair->cells. */
static uint32_t find_shortest_paths(hrm_maze_repair *repair, const hrm_maze_search *search, uint32_t goal) {
    size_t count = (size_t)search->width * search->height;
    uint32_t found = 1, around[4];
    memset(repair->state, OFF, count);
    memset(repair->further, 0, count);
    repair->cells[0] = goal;
    repair->state[goal] = TIE;
    for (uint32_t i = 0; i < found; i++) {
        uint32_t cell = repair->cells[i], distance = search->distance[cell];
        uint32_t n = distance > 0 ? neighbours_at(search, cell, distance - 1, around) : 0;
        repair->nearer[cell] = (uint8_t)n;
        for (uint32_t k = 0; k < n; k++) {
            if (repair->further[around[k]]++ > 0) continue;
            repair->state[around[k]] = TIE;
            repair->cells[found++] = around[k];
        }
    }
    return found;
}

/* Takes `cell`, no longer on any shortest path, off the ties, and with it every cell that has nothing left on one of
 * its two sides. Cells of the chosen path always keep one on each side. */
static void take_off(hrm_maze_repair *repair, const hrm_maze_search *search, uint32_t cell, uint32_t *tie_count) {
    uint32_t *stack = repair->cells, depth = 1, around[4];
    stack[0] = cell;
    repair->state[cell] = OFF;
    while (depth > 0) {
        cell = stack[--depth];
        uint32_t distance = search->distance[cell], last = repair->ties[--*tie_count];
        repair->ties[repair->position[cell]] = last;
        repair->position[last] = repair->position[cell];
        uint32_t n = neighbours_at(search, cell, distance + 1, around);
        for (uint32_t k = 0; k < n; k++) {
            if (repair->state[around[k]] == OFF || --repair->nearer[around[k]] > 0) continue;
            repair->state[around[k]] = OFF;
            stack[depth++] = around[k];
        }
        n = neighbours_at(search, cell, distance - 1, around);
        for (uint32_t k = 0; k < n; k++) {
            if (repair->state[around[k]] == OFF || --repair->further[around[k]] > 0) continue;
            repair->state[around[k]] = OFF;
            stack[depth++] = around[k];
        }
    }
}

uint32_t hrm_maze_repair_run(hrm_maze_repair *repair, const hrm_maze_search *search, uint32_t goal, hrm_rng *rng,
                             char *cells) {
    uint32_t found = find_shortest_paths(repair, search, goal), around[4], tie_count = 0, walls = 0;
    repair->state[goal] = CHOSEN;
    for (uint32_t cell = goal; search->distance[cell] > 0;) {
        uint32_t n = neighbours_at(search, cell, search->distance[cell] - 1, around);
        cell = around[hrm_rng_below(rng, n)];
        repair->state[cell] = CHOSEN;
    }
    for (uint32_t i = 0; i < found; i++) {
        if (repair->state[repair->cells[i]] != TIE) continue;
        repair->position[repair->cells[i]] = tie_count;
        repair->ties[tie_count++] = repair->cells[i];
    }
    while (tie_count > 0) {
        uint32_t cell = repair->ties[hrm_rng_below(rng, tie_count)];
        cells[cell] = HRM_MAZE_WALL;
        walls++;
        take_off(repair, search, cell, &tie_count);
    }
    return walls;
}
