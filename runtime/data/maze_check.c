#include "data/maze_check.h"

#include "data/maze.h"

#include <stdlib.h>
#include <string.h>

hrm_status hrm_maze_checker_init(hrm_maze_checker *checker, uint32_t capacity_cells) {
    *checker = (hrm_maze_checker){0};
    hrm_status status = hrm_maze_search_init(&checker->search, capacity_cells);
    if (status != HRM_OK) return status;
    checker->cells = malloc((size_t)capacity_cells * 4); /* path cells, then puzzle, answer, reference from tokens */
    if (checker->cells) return HRM_OK;
    hrm_maze_checker_deinit(checker);
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to check a maze of %u cells", capacity_cells);
}

void hrm_maze_checker_deinit(hrm_maze_checker *checker) {
    if (!checker) return;
    hrm_maze_search_deinit(&checker->search);
    free(checker->cells);
    *checker = (hrm_maze_checker){0};
}

/* Finds start and goal and makes sure that there is one of each and nothing unknown. */
static hrm_status find_ends(const char *puzzle, uint32_t count, uint32_t *start, uint32_t *goal) {
    uint32_t starts = 0, goals = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (hrm_maze_token(puzzle[i]) == HRM_MAZE_TOKEN_PAD)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "cell %u of the maze to check is byte 0x%02x, which is no cell",
                            i, (unsigned)(unsigned char)puzzle[i]);
        if (puzzle[i] == HRM_MAZE_START) *start = i, starts++;
        if (puzzle[i] == HRM_MAZE_GOAL) *goal = i, goals++;
    }
    if (starts == 1 && goals == 1) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "the maze to check has %u starts and %u goals; it must have one of each",
                    starts, goals);
}

/* True when start and goal touch one path cell each and every other path cell touches two. */
static bool degrees_fit(const char *path, uint32_t width, uint32_t height, uint32_t start, uint32_t goal) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t i = y * width + x, beside = 0;
            if (path[i] == HRM_MAZE_WALL) continue;
            beside += y > 0 && path[i - width] != HRM_MAZE_WALL;
            beside += x > 0 && path[i - 1] != HRM_MAZE_WALL;
            beside += x + 1 < width && path[i + 1] != HRM_MAZE_WALL;
            beside += y + 1 < height && path[i + width] != HRM_MAZE_WALL;
            if (beside != (i == start || i == goal ? 1u : 2u)) return false;
        }
    return true;
}

hrm_status hrm_maze_checker_run(hrm_maze_checker *checker, uint32_t width, uint32_t height, const char *puzzle,
                                const char *answer, const char *reference, hrm_maze_verdict *out) {
    if (width == 0 || height == 0 || height > checker->search.capacity / width)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a maze of %ux%u cells is to be checked; the checker holds 1 to %u",
                        width, height, checker->search.capacity);
    uint32_t count = width * height, start = 0, goal = 0;
    hrm_status status = find_ends(puzzle, count, &start, &goal);
    if (status != HRM_OK) return status;

    hrm_maze_verdict verdict = {0};
    verdict.exact = reference && memcmp(answer, reference, count) == 0;
    hrm_maze_search_run(&checker->search, puzzle, width, height, start);
    verdict.solvable = checker->search.distance[goal] != HRM_MAZE_UNREACHABLE;
    verdict.shortest_length = verdict.solvable ? checker->search.distance[goal] : 0;

    /* A map with only the path cells open, for the same search. */
    char *path = checker->cells;
    uint32_t path_cells = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool was_free = puzzle[i] == HRM_MAZE_FREE || puzzle[i] == HRM_MAZE_PATH;
        bool on_path = was_free && answer[i] == HRM_MAZE_PATH;
        path[i] = on_path || i == start || i == goal ? HRM_MAZE_FREE : HRM_MAZE_WALL;
        path_cells += on_path;
        verdict.changed_cells += was_free ? !on_path && answer[i] != HRM_MAZE_FREE : answer[i] != puzzle[i];
    }
    verdict.keeps_puzzle = verdict.changed_cells == 0;
    hrm_maze_search_run(&checker->search, path, width, height, start);
    verdict.reaches_goal = checker->search.distance[goal] != HRM_MAZE_UNREACHABLE;
    verdict.stray_cells = path_cells;
    if (verdict.reaches_goal) {
        verdict.length = checker->search.distance[goal];
        verdict.excess = verdict.length - verdict.shortest_length;
        verdict.stray_cells = path_cells - (verdict.length - 1);
    }
    verdict.valid = verdict.keeps_puzzle && verdict.reaches_goal && checker->search.reached == path_cells + 2 &&
                    degrees_fit(path, width, height, start, goal);
    verdict.shortest = verdict.valid && verdict.excess == 0;
    *out = verdict;
    return HRM_OK;
}

hrm_status hrm_maze_checker_run_tokens(hrm_maze_checker *checker, uint32_t grid_width, uint32_t grid_height,
                                       const uint32_t *puzzle, const uint32_t *answer, const uint32_t *reference,
                                       hrm_maze_verdict *out) {
    uint32_t capacity = checker->search.capacity;
    if (grid_width == 0 || grid_height == 0 || grid_height > capacity / grid_width)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a grid of %ux%u cells is to be checked; the checker holds 1 to %u",
                        grid_width, grid_height, capacity);
    char *cells = checker->cells + capacity, *answer_cells = cells + capacity,
         *reference_cells = answer_cells + capacity;
    hrm_maze_cells_from_tokens(puzzle, grid_width, grid_width, grid_height, cells);
    hrm_maze_cells_from_tokens(answer, grid_width, grid_width, grid_height, answer_cells);
    if (reference) hrm_maze_cells_from_tokens(reference, grid_width, grid_width, grid_height, reference_cells);
    return hrm_maze_checker_run(checker, grid_width, grid_height, cells, answer_cells,
                                reference ? reference_cells : NULL, out);
}
