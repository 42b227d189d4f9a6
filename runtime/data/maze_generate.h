/* Mazes made from nothing, with their answers, each a function of (settings, seed, index) alone.
 *
 * Promises: mazes may be made in any order, by any number of generators on any threads, and are the same.
 *
 * Kinds, and what is drawn (the start is uniform among the free cells; the goal is uniform among the cells that meet
 * the settings from that start; when no cell meets them, walls and start are thrown away together and drawn again):
 *   RANDOM    each cell is a wall with probability wall_density, independently. With `unique` a goal must have exactly
 *             one shortest path from the start, which only small mazes (6x6) often have: ties multiply with length.
 *   PERFECT   rooms at even columns and even rows, joined to a spanning tree (maze_carve.h): exactly one path of any
 *             kind between two free cells. Depth-first search with random turns: long winding corridors.
 *   UNIFORM   the same, each spanning tree with the same probability: many short dead ends.
 *   REPAIRED  the maze that RANDOM without `unique` makes of the same settings, seed and index, with walls added where
 *             shortest paths tie until one is left (maze_repair.h). Start, goal and length stay those of RANDOM. This
 *             is how large mazes with long unique paths are made.
 *
 * Length is counted in moves from start to goal; the path then has length - 1 cells between the two.
 *
 * Speed, mazes a second on one core of an AMD EPYC (Zen 4), gcc 12 -O3:
 *   30x30, at least 111 moves   RANDOM 293 (35 % walls)       REPAIRED 295 (35 %)       PERFECT 60,000  UNIFORM 9,600
 *   10x10, at least 20 moves    RANDOM 130,000 (35 % walls)   REPAIRED 100,000 (35 %)   PERFECT 520,000 UNIFORM 220,000
 *   6x6, 35 % walls, at least 5 moves, RANDOM and unique      620,000 (1.9 attempts each)
 * At 30x30 and 111 moves nearly all the time goes into walls that are thrown away (some 1,300 for each maze kept at
 * 35 % walls); 38 % walls give the most mazes a second, 32 % and 42 % less than half of that. */
#ifndef HRM_DATA_MAZE_GENERATE_H
#define HRM_DATA_MAZE_GENERATE_H

#include "base/status.h"
#include "data/maze_board.h"
#include "data/maze_repair.h"
#include "data/maze_search.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum hrm_maze_generator_kind {
    HRM_MAZE_GENERATOR_RANDOM = 0,
    HRM_MAZE_GENERATOR_PERFECT = 1,
    HRM_MAZE_GENERATOR_REPAIRED = 2,
    HRM_MAZE_GENERATOR_UNIFORM = 3
} hrm_maze_generator_kind;

typedef struct hrm_maze_generator_config {
    uint32_t width, height; /* sides, 1..HRM_MAZE_MAX_SIDE */
    double wall_density;    /* probability of a wall, in [0, 1); not used by PERFECT and UNIFORM */
    uint32_t min_length;    /* fewest moves from start to goal; 0 means 1 */
    bool unique;            /* exactly one shortest path: for RANDOM by rejection; the other kinds always have one */
    uint64_t seed;
    uint64_t max_attempts;        /* whole mazes tried before giving up; 0: 10^9 / cells, within 1,000..2,000,000 */
    hrm_maze_generator_kind kind; /* zero: RANDOM */
    uint32_t max_length;          /* most moves from start to goal; 0: no bound */
} hrm_maze_generator_config;

/* Settings worth a name; each works for other sides, seeds and lengths too. */
typedef enum hrm_maze_generator_preset {
    HRM_MAZE_GENERATOR_PRESET_DEMO = 0,   /* RANDOM 6x6, 35 % walls, unique, at least 5 moves */
    HRM_MAZE_GENERATOR_PRESET_HARD = 1,   /* RANDOM 30x30, 35 % walls, at least 111 moves: the paper's Maze-Hard */
    HRM_MAZE_GENERATOR_PRESET_UNIQUE = 2, /* REPAIRED, otherwise as HARD: Maze-Unique */
    HRM_MAZE_GENERATOR_PRESET_PERFECT = 3 /* PERFECT, otherwise as HARD */
} hrm_maze_generator_preset;

/* Maze-Hard: "shortest path longer than 110". Counted in moves here: at least 111, so 112 cells with both ends.
 * Source: HRM paper. */
#define HRM_MAZE_HARD_SIDE 30u
#define HRM_MAZE_HARD_MIN_LENGTH 111u
#define HRM_MAZE_HARD_WALL_DENSITY 0.35

typedef struct hrm_maze_generator {
    hrm_maze_generator_config config; /* resolved */
    uint32_t wall_threshold;          /* wall_density scaled to 2^32 */
    hrm_maze_search search;
    hrm_maze_board board;   /* RANDOM and REPAIRED, widths up to HRM_MAZE_BOARD_MAX_WIDTH */
    hrm_maze_repair repair; /* REPAIRED only */
} hrm_maze_generator;

/* The DEMO preset, seed 0. */
hrm_maze_generator_config hrm_maze_generator_config_default(void);

/* A preset with seed 0; an unknown one gives DEMO. */
hrm_maze_generator_config hrm_maze_generator_config_preset(hrm_maze_generator_preset preset);

/* Errors: INVALID_ARGUMENT for a setting out of range or one that no maze of this size can meet. */
hrm_status hrm_maze_generator_init(hrm_maze_generator *generator, const hrm_maze_generator_config *config);
void hrm_maze_generator_deinit(hrm_maze_generator *generator);

/* Makes maze number `index`.
 *   puzzle  [height, width] cells without a path
 *   answer  [height, width] the same with 'o' along the shortest path that hrm_maze_search_trace picks (the only one
 *           when unique)
 *   length  moves from start to goal, or NULL
 * Errors: INVALID_ARGUMENT after max_attempts attempts; puzzle and answer are then unspecified. */
hrm_status hrm_maze_generate(hrm_maze_generator *generator, uint64_t index, char *puzzle, char *answer,
                             uint32_t *length);

#endif
