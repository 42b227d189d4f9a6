#include "data/maze_carve.h"

#include "data/maze.h"

#include <string.h>

uint32_t hrm_maze_carve_room_count(uint32_t width, uint32_t height) {
    return (width + 1) / 2 * ((height + 1) / 2);
}

uint32_t hrm_maze_carve_free_count(uint32_t width, uint32_t height) {
    return 2 * hrm_maze_carve_room_count(width, height) - 1; /* a tree has one passage less than rooms */
}

/* The cell of a room; rooms are numbered in reading order. */
static uint32_t room_cell(uint32_t width, uint32_t room) {
    uint32_t columns = (width + 1) / 2;
    return room / columns * 2 * width + room % columns * 2;
}

/* The steps, in cells, from the room at `cell` to the passages towards its neighbours; a room lies twice as far. */
static uint32_t steps_from(uint32_t width, uint32_t height, uint32_t cell, int32_t out[4]) {
    uint32_t x = cell % width, y = cell / width, n = 0;
    if (y >= 2) out[n++] = -(int32_t)width;
    if (x >= 2) out[n++] = -1;
    if (x + 2 < width) out[n++] = 1;
    if (y + 2 < height) out[n++] = (int32_t)width;
    return n;
}

static uint32_t move(uint32_t cell, int32_t step) {
    return (uint32_t)((int32_t)cell + step);
}

void hrm_maze_carve_deep(hrm_rng *rng, uint32_t width, uint32_t height, uint32_t *scratch, char *cells) {
    uint32_t *stack = scratch, depth = 1;
    memset(cells, HRM_MAZE_WALL, (size_t)width * height);
    stack[0] = room_cell(width, hrm_rng_below(rng, hrm_maze_carve_room_count(width, height)));
    cells[stack[0]] = HRM_MAZE_FREE;
    while (depth > 0) {
        uint32_t here = stack[depth - 1], fresh = 0;
        int32_t steps[4];
        uint32_t n = steps_from(width, height, here, steps);
        for (uint32_t i = 0; i < n; i++)
            if (cells[move(here, 2 * steps[i])] == HRM_MAZE_WALL) steps[fresh++] = steps[i];
        if (fresh == 0) {
            depth--;
            continue;
        }
        int32_t step = steps[hrm_rng_below(rng, fresh)];
        cells[move(here, step)] = HRM_MAZE_FREE;
        here = move(here, 2 * step);
        cells[here] = HRM_MAZE_FREE;
        stack[depth++] = here;
    }
}

void hrm_maze_carve_uniform(hrm_rng *rng, uint32_t width, uint32_t height, uint32_t *scratch, char *cells) {
    uint32_t room_count = hrm_maze_carve_room_count(width, height), columns = (width + 1) / 2;
    uint32_t *left_by = scratch; /* for each room the turn by which the walk left it last: forgets loops by itself */
    int32_t steps[4];
    memset(cells, HRM_MAZE_WALL, (size_t)width * height);
    cells[room_cell(width, hrm_rng_below(rng, room_count))] = HRM_MAZE_FREE;
    for (uint32_t room = 0; room < room_count; room++) {
        uint32_t first = room_cell(width, room), here = first;
        while (cells[here] == HRM_MAZE_WALL) { /* walks until it meets the tree */
            uint32_t turn = hrm_rng_below(rng, steps_from(width, height, here, steps));
            left_by[here / width / 2 * columns + here % width / 2] = turn;
            here = move(here, 2 * steps[turn]);
        }
        for (here = first; cells[here] == HRM_MAZE_WALL;) { /* joins the walk, without its loops, to the tree */
            steps_from(width, height, here, steps);
            int32_t step = steps[left_by[here / width / 2 * columns + here % width / 2]];
            cells[here] = HRM_MAZE_FREE;
            cells[move(here, step)] = HRM_MAZE_FREE;
            here = move(here, 2 * step);
        }
    }
}
