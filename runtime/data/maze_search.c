#include "data/maze_search.h"

#include "data/maze.h"

#include <stdlib.h>
#include <string.h>

hrm_status hrm_maze_search_init(hrm_maze_search *search, uint32_t capacity_cells) {
    *search = (hrm_maze_search){.capacity = capacity_cells};
    search->distance = malloc(capacity_cells * sizeof *search->distance);
    search->ways = malloc(capacity_cells * sizeof *search->ways);
    search->queue = malloc(capacity_cells * sizeof *search->queue);
    if (search->distance && search->ways && search->queue) return HRM_OK;
    hrm_maze_search_deinit(search);
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to search a maze of %u cells", capacity_cells);
}

void hrm_maze_search_deinit(hrm_maze_search *search) {
    if (!search) return;
    free(search->distance);
    free(search->ways);
    free(search->queue);
    *search = (hrm_maze_search){0};
}

static uint32_t add_saturating(uint32_t a, uint32_t b) {
    return a > HRM_MAZE_SEARCH_MANY - b ? HRM_MAZE_SEARCH_MANY : a + b;
}

/* The up to four neighbours of a cell, in the order up, left, right, down. */
static inline uint32_t neighbours_of(uint32_t cell, uint32_t width, uint32_t height, uint32_t out[4]) {
    uint32_t x = cell % width, y = cell / width, n = 0;
    if (y > 0) out[n++] = cell - width;
    if (x > 0) out[n++] = cell - 1;
    if (x + 1 < width) out[n++] = cell + 1;
    if (y + 1 < height) out[n++] = cell + width;
    return n;
}

void hrm_maze_search_run(hrm_maze_search *search, const char *cells, uint32_t width, uint32_t height, uint32_t start) {
    uint32_t *distance = search->distance, *ways = search->ways, *queue = search->queue;
    size_t count = (size_t)width * height;
    memset(distance, 0xff, count * sizeof *distance);
    memset(ways, 0, count * sizeof *ways);
    search->width = width;
    search->height = height;
    distance[start] = 0;
    ways[start] = 1;
    queue[0] = start;
    uint32_t reached = 1;
    for (uint32_t next = 0; next < reached; next++) {
        uint32_t cell = queue[next], around[4], n = neighbours_of(cell, width, height, around);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t other = around[i];
            if (cells[other] == HRM_MAZE_WALL) continue;
            if (distance[other] == HRM_MAZE_UNREACHABLE) {
                distance[other] = distance[cell] + 1;
                ways[other] = ways[cell];
                queue[reached++] = other;
            } else if (distance[other] == distance[cell] + 1) {
                ways[other] = add_saturating(ways[other], ways[cell]);
            }
        }
    }
    search->reached = reached;
}

uint32_t hrm_maze_search_trace(const hrm_maze_search *search, uint32_t goal, char *cells) {
    uint32_t moves = search->distance[goal];
    if (moves == HRM_MAZE_UNREACHABLE) return moves;
    uint32_t cell = goal;
    for (uint32_t left = moves; left > 0; left--) {
        uint32_t around[4], n = neighbours_of(cell, search->width, search->height, around), i = 0;
        while (i < n && search->distance[around[i]] != left - 1) i++;
        cell = around[i < n ? i : 0];
        if (left > 1) cells[cell] = HRM_MAZE_PATH;
    }
    return moves;
}
