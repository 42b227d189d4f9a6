/* Random Sudoku puzzles with exactly one solution, each a function of (settings, seed, index) alone.
 *
 * Promises: puzzles may be made in any order, by any number of generators on any threads, and are the same; every
 * puzzle has exactly one solution and meets the settings. Difficulty is defined in sudoku_solve.h.
 *
 * How: a random full board (sudoku_solve.h); givens are taken away in random order while the solution stays the only
 * one; where that is too easy, a local search puts a few givens back and takes others away, keeping what is no easier;
 * when that does not get there, the next full board.
 *
 * Speed on one Zen 4 core, presets, puzzles a second (easy, medium, hard): side 4 169,000; 6 40,000, 650, 135;
 * 8 14,000, 1,500, 105; 9 9,400, 1,780, 90. Mean givens of the 9x9: 34, 24.0, 23.4; mean backtracks 0, 2.9, 31. */
#ifndef HRM_DATA_SUDOKU_GENERATE_H
#define HRM_DATA_SUDOKU_GENERATE_H

#include "data/sudoku_solve.h"

#define HRM_SUDOKU_NO_LIMIT UINT32_MAX

typedef struct hrm_sudoku_generator_config {
    hrm_sudoku_shape shape;
    uint32_t min_givens, max_givens; /* the number is drawn from this range; max 0: no bound. With `minimal`: bounds */
    bool minimal;                    /* take givens away until none can go */
    bool singles_only;               /* singles suffice: no guess is needed to solve it */
    uint32_t min_backtracks, max_backtracks; /* max: HRM_SUDOKU_NO_LIMIT for no bound; 0 means 0 */
    uint64_t seed;
    uint64_t max_attempts; /* full boards tried before giving up; 0: 10,000 */
} hrm_sudoku_generator_config;

typedef enum hrm_sudoku_difficulty {
    HRM_SUDOKU_EASY = 0,
    HRM_SUDOKU_MEDIUM = 1,
    HRM_SUDOKU_HARD = 2,
    HRM_SUDOKU_DIFFICULTY_COUNT = 3
} hrm_sudoku_difficulty;

/* "easy", "medium", "hard"; NULL for anything else. */
const char *hrm_sudoku_difficulty_name(hrm_sudoku_difficulty difficulty);

/* Settings for a difficulty, seed 0. Errors: INVALID_ARGUMENT (a bad shape, an unknown difficulty, or a side that has
 * no puzzles so hard). */
hrm_status hrm_sudoku_generator_config_preset(hrm_sudoku_shape shape, hrm_sudoku_difficulty difficulty,
                                              hrm_sudoku_generator_config *out);

typedef struct hrm_sudoku_generator {
    hrm_sudoku_generator_config config; /* resolved */
    hrm_sudoku_solver solver;
} hrm_sudoku_generator;

typedef struct hrm_sudoku_puzzle_info {
    uint32_t givens;
    uint64_t guesses, backtracks; /* of hrm_sudoku_solver_run */
    uint64_t attempts;            /* full boards it took */
} hrm_sudoku_puzzle_info;

/* Errors: INVALID_ARGUMENT for a setting out of range or ranges that are empty. Nothing to deinit; read-only after init
 * and may be shared by threads. */
hrm_status hrm_sudoku_generator_init(hrm_sudoku_generator *generator, const hrm_sudoku_generator_config *config);

/* Makes puzzle number `index`.
 *   puzzle  [side, side] cells
 *   answer  [side, side] its only solution
 *   info    or NULL
 * Errors: INVALID_ARGUMENT after max_attempts boards; puzzle and answer are then unspecified. */
hrm_status hrm_sudoku_generate(const hrm_sudoku_generator *generator, uint64_t index, uint8_t *puzzle, uint8_t *answer,
                               hrm_sudoku_puzzle_info *info);

#endif
