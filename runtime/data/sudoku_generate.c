#include "data/sudoku_generate.h"

#include "base/rng.h"

#include <inttypes.h>
#include <string.h>

#define CELLS HRM_SUDOKU_MAX_CELLS

/* Local search. Chosen by measurement: with at most 3 put back the rate of hard 9x9 puzzles halves; 20 to 200 steps
 * make little difference. */
#define STEPS_WITHOUT_GAIN 40u /* steps that are no harder before the board is given up */
#define MAX_PUT_BACK 8u        /* givens that a step puts back, at most */

/* Guesses after which a puzzle counts as too hard to use, so that no seed takes for ever. */
#define GUESS_LIMIT UINT64_C(100000)

static const char *const difficulty_names[HRM_SUDOKU_DIFFICULTY_COUNT] = {"easy", "medium", "hard"};

const char *hrm_sudoku_difficulty_name(hrm_sudoku_difficulty difficulty) {
    return (unsigned)difficulty < HRM_SUDOKU_DIFFICULTY_COUNT ? difficulty_names[difficulty] : NULL;
}

hrm_status hrm_sudoku_generator_config_preset(hrm_sudoku_shape shape, hrm_sudoku_difficulty difficulty,
                                              hrm_sudoku_generator_config *out) {
    *out = (hrm_sudoku_generator_config){0};
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    if (!hrm_sudoku_difficulty_name(difficulty))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "difficulty %d was asked for; there are easy (0), medium (1), hard (2)", (int)difficulty);
    uint32_t cells = hrm_sudoku_cell_count(shape), hard = hrm_sudoku_hard_backtracks(shape);
    hrm_sudoku_generator_config config = {.shape = shape};
    if (difficulty == HRM_SUDOKU_EASY) {
        /* 9x9: 28 to 40 givens, as in the easy puzzles of newspapers. */
        config.singles_only = true;
        config.min_givens = cells * 28 / 81;
        config.max_givens = cells * 40 / 81;
    } else if (shape.side == 4) {
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "%s puzzles of side 4 were asked for, but singles solve every one of them: ask for easy ones, or "
            "for side 6 or more",
            hrm_sudoku_difficulty_name(difficulty));
    } else {
        config.minimal = true;
        config.min_backtracks = difficulty == HRM_SUDOKU_HARD ? hard : 1;
        config.max_backtracks = difficulty == HRM_SUDOKU_HARD ? HRM_SUDOKU_NO_LIMIT : hard - 1;
    }
    *out = config;
    return HRM_OK;
}

hrm_status hrm_sudoku_generator_init(hrm_sudoku_generator *generator, const hrm_sudoku_generator_config *config) {
    *generator = (hrm_sudoku_generator){0};
    hrm_status status = hrm_sudoku_solver_init(&generator->solver, config->shape);
    if (status != HRM_OK) return status;
    uint32_t cells = generator->solver.cell_count, max_givens = config->max_givens ? config->max_givens : cells;
    if (max_givens > cells || config->min_givens > max_givens)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "puzzles with %u to %u givens were asked for; the numbers must rise and the last be at most the "
            "%u cells of a board",
            config->min_givens, max_givens, cells);
    if (config->min_backtracks > config->max_backtracks)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "puzzles with %u to %u backtracks were asked for; the first may not be larger",
                        config->min_backtracks, config->max_backtracks);
    if (config->singles_only && config->min_backtracks > 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "puzzles that singles solve and that take at least %u backtracks were asked for; no puzzle is "
                        "both",
                        config->min_backtracks);
    generator->config = *config;
    generator->config.max_givens = max_givens;
    if (config->max_attempts == 0) generator->config.max_attempts = 10000;
    return HRM_OK;
}

/* One puzzle in the making. */
typedef struct draft {
    uint8_t cells[CELLS];
    uint32_t givens;
    uint64_t guesses, backtracks;
} draft;

/* True when the puzzle is still good without the given in `cell`, whose cell is blank already. */
static bool can_go(const hrm_sudoku_generator *generator, const draft *d, uint32_t cell, const uint8_t *answer) {
    /* A puzzle that singles solve has one solution. With `minimal` the question is that of the solution alone. */
    if (generator->config.singles_only && !generator->config.minimal)
        return hrm_sudoku_solver_singles_suffice(&generator->solver, d->cells);
    return !hrm_sudoku_solver_finds_other(&generator->solver, d->cells, cell, answer[cell], GUESS_LIMIT);
}

/* Takes givens away in random order until `target` are left or each was tried once. */
static void thin_out(const hrm_sudoku_generator *generator, hrm_rng *rng, uint32_t target, const uint8_t *answer,
                     draft *d) {
    uint32_t order[CELLS], count = 0;
    for (uint32_t i = 0; i < generator->solver.cell_count; i++)
        if (d->cells[i] != HRM_SUDOKU_BLANK) order[count++] = i;
    hrm_rng_shuffle_u32(rng, order, count);
    for (uint32_t k = 0; k < count && d->givens > target; k++) {
        d->cells[order[k]] = HRM_SUDOKU_BLANK;
        if (can_go(generator, d, order[k], answer))
            d->givens--;
        else
            d->cells[order[k]] = answer[order[k]];
    }
}

/* Measures the difficulty; false when the puzzle is too hard to tell. */
static bool rate(const hrm_sudoku_generator *generator, draft *d) {
    hrm_sudoku_solution solution;
    hrm_sudoku_solver_run(&generator->solver, d->cells, 1, GUESS_LIMIT, &solution);
    d->guesses = solution.guesses;
    d->backtracks = solution.backtracks;
    return !solution.capped;
}

/* Puts 1 to MAX_PUT_BACK givens back where cells are blank. */
static void put_back(const hrm_sudoku_generator *generator, hrm_rng *rng, const uint8_t *answer, draft *d) {
    uint32_t blanks[CELLS], count = 0, more = 1 + hrm_rng_below(rng, MAX_PUT_BACK);
    for (uint32_t i = 0; i < generator->solver.cell_count; i++)
        if (d->cells[i] == HRM_SUDOKU_BLANK) blanks[count++] = i;
    for (uint32_t k = 0; k < more && k < count; k++) {
        uint32_t j = k + hrm_rng_below(rng, count - k), cell = blanks[j];
        blanks[j] = blanks[k];
        d->cells[cell] = answer[cell];
        d->givens++;
    }
}

/* Climbs from *d to a puzzle of at least min_backtracks; a step that is no easier is kept. */
static void make_harder(const hrm_sudoku_generator *generator, hrm_rng *rng, uint32_t target, const uint8_t *answer,
                        draft *d) {
    for (uint32_t idle = 0; d->backtracks < generator->config.min_backtracks && idle < STEPS_WITHOUT_GAIN; idle++) {
        draft next = *d;
        put_back(generator, rng, answer, &next);
        thin_out(generator, rng, target, answer, &next);
        if (!rate(generator, &next) || next.backtracks > generator->config.max_backtracks ||
            next.backtracks < d->backtracks || next.givens > generator->config.max_givens)
            continue;
        if (next.backtracks > d->backtracks) idle = 0;
        *d = next;
    }
}

static bool meets(const hrm_sudoku_generator_config *config, const draft *d) {
    return d->givens >= config->min_givens && d->givens <= config->max_givens &&
           d->backtracks >= config->min_backtracks && d->backtracks <= config->max_backtracks &&
           (!config->singles_only || d->guesses == 0);
}

hrm_status hrm_sudoku_generate(const hrm_sudoku_generator *generator, uint64_t index, uint8_t *puzzle, uint8_t *answer,
                               hrm_sudoku_puzzle_info *info) {
    const hrm_sudoku_generator_config *config = &generator->config;
    uint32_t cells = generator->solver.cell_count;
    hrm_rng rng;
    hrm_rng_init(&rng, config->seed, index);
    for (uint64_t attempt = 1; attempt <= config->max_attempts; attempt++) {
        draft d = {.givens = cells};
        hrm_sudoku_solver_fill_random(&generator->solver, &rng, answer);
        memcpy(d.cells, answer, cells);
        uint32_t target =
            config->minimal ? 0 : config->min_givens + hrm_rng_below(&rng, config->max_givens - config->min_givens + 1);
        thin_out(generator, &rng, target, answer, &d);
        if (!rate(generator, &d)) continue;
        if (d.backtracks < config->min_backtracks) make_harder(generator, &rng, target, answer, &d);
        if (!meets(config, &d)) continue;
        memcpy(puzzle, d.cells, cells);
        if (info)
            *info = (hrm_sudoku_puzzle_info){
                .givens = d.givens, .guesses = d.guesses, .backtracks = d.backtracks, .attempts = attempt};
        return HRM_OK;
    }
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                    "no %spuzzle of side %u with %u to %u givens and %u to %u backtracks%s was found in %" PRIu64
                    " attempts; ask for more givens or another difficulty",
                    config->minimal ? "minimal " : "", config->shape.side, config->min_givens, config->max_givens,
                    config->min_backtracks, config->max_backtracks, config->singles_only ? " that singles solve" : "",
                    config->max_attempts);
}
