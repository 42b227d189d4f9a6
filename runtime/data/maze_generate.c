#include "data/maze_generate.h"

#include "base/rng.h"
#include "data/maze.h"
#include "data/maze_carve.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

hrm_maze_generator_config hrm_maze_generator_config_preset(hrm_maze_generator_preset preset) {
    hrm_maze_generator_config hard = {.width = HRM_MAZE_HARD_SIDE,
                                      .height = HRM_MAZE_HARD_SIDE,
                                      .wall_density = HRM_MAZE_HARD_WALL_DENSITY,
                                      .min_length = HRM_MAZE_HARD_MIN_LENGTH};
    switch (preset) {
    case HRM_MAZE_GENERATOR_PRESET_HARD:
        return hard;
    case HRM_MAZE_GENERATOR_PRESET_UNIQUE:
        hard.kind = HRM_MAZE_GENERATOR_REPAIRED;
        break;
    case HRM_MAZE_GENERATOR_PRESET_PERFECT:
        hard.kind = HRM_MAZE_GENERATOR_PERFECT;
        break;
    case HRM_MAZE_GENERATOR_PRESET_DEMO:
    default:
        return (hrm_maze_generator_config){
            .width = 6, .height = 6, .wall_density = 0.35, .min_length = 5, .unique = true, .seed = 0};
    }
    hard.unique = true;
    return hard;
}

hrm_maze_generator_config hrm_maze_generator_config_default(void) {
    return hrm_maze_generator_config_preset(HRM_MAZE_GENERATOR_PRESET_DEMO);
}

static bool is_perfect(hrm_maze_generator_kind kind) {
    return kind == HRM_MAZE_GENERATOR_PERFECT || kind == HRM_MAZE_GENERATOR_UNIFORM;
}

/* Refuses what no maze can meet, as far as that is plain from the sides. */
static hrm_status check_config(const hrm_maze_generator_config *config) {
    if (config->width < 1 || config->height < 1 || config->width > HRM_MAZE_MAX_SIDE ||
        config->height > HRM_MAZE_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "mazes of %ux%u cells were asked for; sides must be 1 to %u",
                        config->width, config->height, HRM_MAZE_MAX_SIDE);
    if (!(config->wall_density >= 0.0 && config->wall_density < 1.0))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a wall density of %g was asked for; it must be at least 0 and below 1", config->wall_density);
    uint32_t cells = config->width * config->height, least = config->min_length ? config->min_length : 1, most;
    switch (config->kind) {
    case HRM_MAZE_GENERATOR_RANDOM:
    case HRM_MAZE_GENERATOR_REPAIRED:
        most = cells - 1;
        break;
    /* A single corridor through all rooms. */
    case HRM_MAZE_GENERATOR_PERFECT:
    case HRM_MAZE_GENERATOR_UNIFORM:
        most = hrm_maze_carve_free_count(config->width, config->height) - 1;
        break;
    default:
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "mazes of kind %d were asked for; there are kinds 0 to 3",
                        (int)config->kind);
    }
    if (least > most)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a shortest path of at least %u moves was asked for, but %s%ux%u cells hold at most %u moves",
                        least, is_perfect(config->kind) ? "perfect mazes of " : "", config->width, config->height,
                        most);
    if (config->max_length != 0 && config->max_length < least)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a shortest path of at least %u and at most %u moves was asked for; the most must not be below "
                        "the least",
                        least, config->max_length);
    return HRM_OK;
}

hrm_status hrm_maze_generator_init(hrm_maze_generator *generator, const hrm_maze_generator_config *config) {
    *generator = (hrm_maze_generator){0};
    hrm_status status;
    HRM_TRY(check_config(config));
    uint32_t cells = config->width * config->height;
    HRM_TRY(hrm_maze_search_init(&generator->search, cells));
    if (config->kind == HRM_MAZE_GENERATOR_REPAIRED) HRM_TRY(hrm_maze_repair_init(&generator->repair, cells));
    if (!is_perfect(config->kind) && config->width <= HRM_MAZE_BOARD_MAX_WIDTH)
        HRM_TRY(hrm_maze_board_init(&generator->board, config->width, config->height));
    generator->config = *config;
    if (config->kind != HRM_MAZE_GENERATOR_RANDOM) generator->config.unique = true;
    if (config->min_length == 0) generator->config.min_length = 1;
    if (config->max_attempts == 0) {
        uint64_t attempts = 1000000000u / cells;
        generator->config.max_attempts = attempts < 1000 ? 1000 : attempts > 2000000 ? 2000000 : attempts;
    }
    generator->wall_threshold = (uint32_t)(config->wall_density * 4294967296.0);
    return HRM_OK;
fail:
    hrm_maze_generator_deinit(generator);
    return status;
}

void hrm_maze_generator_deinit(hrm_maze_generator *generator) {
    if (!generator) return;
    hrm_maze_search_deinit(&generator->search);
    hrm_maze_board_deinit(&generator->board);
    hrm_maze_repair_deinit(&generator->repair);
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

/* Draws a maze without a goal; false when it cannot meet the settings and another must be drawn. */
static bool draw_maze(hrm_maze_generator *generator, hrm_rng *rng, char *cells, uint32_t *start) {
    const hrm_maze_generator_config *config = &generator->config;
    uint32_t free_cells;
    if (is_perfect(config->kind)) {
        /* The search's queue is idle until the search. */
        (config->kind == HRM_MAZE_GENERATOR_PERFECT ? hrm_maze_carve_deep : hrm_maze_carve_uniform)(
            rng, config->width, config->height, generator->search.queue, cells);
        free_cells = hrm_maze_carve_free_count(config->width, config->height);
    } else if (generator->board.free_rows) {
        free_cells = hrm_maze_board_draw(&generator->board, rng, generator->wall_threshold);
        if (free_cells < 2) return false;
        *start = hrm_maze_board_find_free(&generator->board, hrm_rng_below(rng, free_cells));
        if (!hrm_maze_board_reaches(&generator->board, *start, config->min_length)) return false;
        hrm_maze_board_write_cells_into(&generator->board, cells);
        return true;
    } else {
        free_cells = draw_walls(generator, rng, config->width * config->height, cells);
        if (free_cells < 2) return false;
    }
    *start = find_free(cells, hrm_rng_below(rng, free_cells));
    return true;
}

/* Draws a goal among the cells of the latest search that meet the settings; false when there is none. */
static bool draw_goal(const hrm_maze_generator *generator, hrm_rng *rng, uint32_t *goal) {
    const hrm_maze_search *search = &generator->search;
    const hrm_maze_generator_config *config = &generator->config;
    /* A perfect maze knows no ties, and repairing breaks them. */
    bool single = config->unique && config->kind == HRM_MAZE_GENERATOR_RANDOM;
    uint32_t fitting = 0, end = search->reached;
    /* The queue is sorted by distance, so the far cells are its tail. */
    while (config->max_length && end > 0 && search->distance[search->queue[end - 1]] > config->max_length) end--;
    uint32_t first = end;
    while (first > 0 && search->distance[search->queue[first - 1]] >= config->min_length) {
        first--;
        fitting += !single || search->ways[search->queue[first]] == 1;
    }
    if (fitting == 0) return false;
    uint32_t chosen = hrm_rng_below(rng, fitting);
    for (uint32_t i = first; i < end; i++) {
        if (single && search->ways[search->queue[i]] != 1) continue;
        if (chosen-- == 0) {
            *goal = search->queue[i];
            return true;
        }
    }
    return false;
}

static hrm_status fail_attempts(const hrm_maze_generator_config *config) {
    bool perfect = is_perfect(config->kind);
    bool rejecting = config->kind == HRM_MAZE_GENERATOR_RANDOM && config->unique;
    char walls[32] = "", most[40] = "";
    if (!perfect) snprintf(walls, sizeof walls, " with %g %% walls,", 100.0 * config->wall_density);
    if (config->max_length) snprintf(most, sizeof most, " and at most %u moves", config->max_length);
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                    "no %smaze of %ux%u cells%s%s at least %u moves%s%s was found in %" PRIu64
                    " attempts; ask for %s moves%s%s",
                    perfect ? "perfect " : "", config->width, config->height, walls, perfect ? " with" : "",
                    config->min_length, most, rejecting ? " and exactly one shortest path" : "", config->max_attempts,
                    config->max_length ? "another range of" : "fewer",
                    perfect ? " or a larger maze" : ", another wall density or a larger maze",
                    rejecting ? ", or for the kind of maze whose ties are repaired" : "");
}

hrm_status hrm_maze_generate(hrm_maze_generator *generator, uint64_t index, char *puzzle, char *answer,
                             uint32_t *length) {
    const hrm_maze_generator_config *config = &generator->config;
    hrm_maze_search *search = &generator->search;
    uint32_t start, goal;
    hrm_rng rng;
    hrm_rng_init(&rng, config->seed, index);
    for (uint64_t attempt = 0; attempt < config->max_attempts; attempt++) {
        if (!draw_maze(generator, &rng, puzzle, &start)) continue;
        hrm_maze_search_run(search, puzzle, config->width, config->height, start);
        if (!draw_goal(generator, &rng, &goal)) continue;
        if (config->kind == HRM_MAZE_GENERATOR_REPAIRED &&
            hrm_maze_repair_run(&generator->repair, search, goal, &rng, puzzle) > 0) {
            hrm_maze_search_run(search, puzzle, config->width, config->height, start);
            assert(search->ways[goal] == 1);
        }
        puzzle[start] = HRM_MAZE_START;
        puzzle[goal] = HRM_MAZE_GOAL;
        memcpy(answer, puzzle, (size_t)config->width * config->height);
        uint32_t moves = hrm_maze_search_trace(search, goal, answer);
        if (length) *length = moves;
        return HRM_OK;
    }
    return fail_attempts(config);
}
