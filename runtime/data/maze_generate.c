#include "data/maze_generate.h"

#include "base/rng.h"
#include "data/maze.h"

#include <inttypes.h>
#include <string.h>

hrm_maze_generator_config hrm_maze_generator_config_default(void) {
    return (hrm_maze_generator_config){
        .width = 6, .height = 6, .wall_density = 0.35, .min_length = 5, .unique = true, .seed = 0};
}

hrm_status hrm_maze_generator_init(hrm_maze_generator *generator, const hrm_maze_generator_config *config) {
    *generator = (hrm_maze_generator){0};
    if (config->width < 1 || config->height < 1 || config->width > HRM_MAZE_MAX_SIDE ||
        config->height > HRM_MAZE_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "mazes of %ux%u cells were asked for; sides must be 1 to %u",
                        config->width, config->height, HRM_MAZE_MAX_SIDE);
    if (!(config->wall_density >= 0.0 && config->wall_density < 1.0))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a wall density of %g was asked for; it must be at least 0 and below 1", config->wall_density);
    uint32_t cells = config->width * config->height;
    if (config->min_length >= cells || cells < 2)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a shortest path of at least %u moves was asked for, but %ux%u cells hold at most %u moves",
                        config->min_length ? config->min_length : 1, config->width, config->height, cells - 1);
    hrm_status status = hrm_maze_search_init(&generator->search, cells);
    if (status != HRM_OK) return status;
    generator->config = *config;
    if (config->min_length == 0) generator->config.min_length = 1;
    if (config->max_attempts == 0) {
        uint64_t attempts = 1000000000u / cells;
        generator->config.max_attempts = attempts < 1000 ? 1000 : attempts > 2000000 ? 2000000 : attempts;
    }
    generator->wall_threshold = (uint64_t)(config->wall_density * 4294967296.0);
    return HRM_OK;
}

void hrm_maze_generator_deinit(hrm_maze_generator *generator) {
    if (generator) hrm_maze_search_deinit(&generator->search);
}

/* Draws walls; returns the number of free cells. */
static uint32_t draw_walls(const hrm_maze_generator *generator, hrm_rng *rng, uint32_t count, char *cells) {
    uint32_t free_cells = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool wall = hrm_rng_u32(rng) < generator->wall_threshold;
        cells[i] = wall ? HRM_MAZE_WALL : HRM_MAZE_FREE;
        free_cells += !wall;
    }
    return free_cells;
}

/* The nth free cell in reading order; n is below their number. */
static uint32_t find_free(const char *cells, uint32_t n) {
    uint32_t i = 0;
    for (;; i++)
        if (cells[i] == HRM_MAZE_FREE && n-- == 0) return i;
}

/* Draws a goal among the cells of the latest search that meet the settings; false when there is none. */
static bool draw_goal(const hrm_maze_generator *generator, hrm_rng *rng, uint32_t *goal) {
    const hrm_maze_search *search = &generator->search;
    uint32_t fitting = 0;
    /* The queue is sorted by distance, so the far cells are its tail. */
    uint32_t first = search->reached;
    while (first > 0 && search->distance[search->queue[first - 1]] >= generator->config.min_length) {
        first--;
        fitting += !generator->config.unique || search->ways[search->queue[first]] == 1;
    }
    if (fitting == 0) return false;
    uint32_t chosen = hrm_rng_below(rng, fitting);
    for (uint32_t i = first; i < search->reached; i++) {
        if (generator->config.unique && search->ways[search->queue[i]] != 1) continue;
        if (chosen-- == 0) {
            *goal = search->queue[i];
            return true;
        }
    }
    return false;
}

hrm_status hrm_maze_generate(hrm_maze_generator *generator, uint64_t index, char *puzzle, char *answer,
                             uint32_t *length) {
    const hrm_maze_generator_config *config = &generator->config;
    uint32_t count = config->width * config->height, goal;
    hrm_rng rng;
    hrm_rng_init(&rng, config->seed, index);
    for (uint64_t attempt = 0; attempt < config->max_attempts; attempt++) {
        uint32_t free_cells = draw_walls(generator, &rng, count, puzzle);
        if (free_cells < 2) continue;
        uint32_t start = find_free(puzzle, hrm_rng_below(&rng, free_cells));
        hrm_maze_search_run(&generator->search, puzzle, config->width, config->height, start);
        if (!draw_goal(generator, &rng, &goal)) continue;
        puzzle[start] = HRM_MAZE_START;
        puzzle[goal] = HRM_MAZE_GOAL;
        memcpy(answer, puzzle, count);
        uint32_t moves = hrm_maze_search_trace(&generator->search, goal, answer);
        if (length) *length = moves;
        return HRM_OK;
    }
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                    "no maze of %ux%u cells with %g %% walls, at least %u moves%s was found in %" PRIu64
                    " attempts; ask for fewer moves, another wall density or a larger maze",
                    config->width, config->height, 100.0 * config->wall_density, config->min_length,
                    config->unique ? " and exactly one shortest path" : "", config->max_attempts);
}
