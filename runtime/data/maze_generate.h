/* Random mazes with their answers, each a function of (settings, seed, index) alone.
 *
 * Promises: mazes may be made in any order, by any number of generators on any threads, and are the same. Distribution:
 * each cell is a wall with probability wall_density, independently; the start is uniform among the free cells; the goal
 * is uniform among the cells that meet the settings from that start (at least min_length moves away; with `unique`,
 * exactly one shortest path). When no cell meets them, walls and start are thrown away together and drawn again.
 *
 * Speed on one Zen 5 core: 6x6, 35 % walls, unique, min_length 5: 500,000 mazes a second (1.9 attempts each);
 * 30x30, 35 % walls, min_length 110: 55 a second (1,150 attempts each). */
#ifndef HRM_DATA_MAZE_GENERATE_H
#define HRM_DATA_MAZE_GENERATE_H

#include "base/status.h"
#include "data/maze_search.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct hrm_maze_generator_config {
    uint32_t width, height; /* sides, 1..HRM_MAZE_MAX_SIDE */
    double wall_density;    /* probability of a wall, in [0, 1) */
    uint32_t min_length;    /* fewest moves from start to goal; 0 means 1 */
    bool unique;            /* exactly one shortest path */
    uint64_t seed;
    uint64_t max_attempts; /* whole mazes tried before giving up; 0: 10^9 / cells, within 1,000..2,000,000 */
} hrm_maze_generator_config;

typedef struct hrm_maze_generator {
    hrm_maze_generator_config config; /* resolved */
    uint64_t wall_threshold;          /* wall_density scaled to 2^32 */
    hrm_maze_search search;
} hrm_maze_generator;

/* 6x6, 35 % walls, at least 5 moves, exactly one shortest path, seed 0. */
hrm_maze_generator_config hrm_maze_generator_config_default(void);

/* Errors: INVALID_ARGUMENT for a setting out of range or one that no maze of this size can meet. */
hrm_status hrm_maze_generator_init(hrm_maze_generator *generator, const hrm_maze_generator_config *config);
void hrm_maze_generator_deinit(hrm_maze_generator *generator);

/* Makes maze number `index`.
 *   puzzle  [height, width] cells without a path
 *   answer  [height, width] the same with 'o' along the shortest path that hrm_maze_search_trace picks (the only one
 *           with `unique`)
 *   length  moves from start to goal, or NULL
 * Errors: INVALID_ARGUMENT after max_attempts attempts; puzzle and answer are then unspecified. */
hrm_status hrm_maze_generate(hrm_maze_generator *generator, uint64_t index, char *puzzle, char *answer,
                             uint32_t *length);

#endif
