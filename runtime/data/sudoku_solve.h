/* An exact Sudoku solver, which also measures how hard a puzzle is.
 *
 * The search is fully specified, so that its counts are the same in every implementation of these rules:
 *   1. Singles, to a fixed point: a cell with one candidate left gets it (naked single); a digit with one place left in
 *      a row, column or box goes there (hidden single). The branch is refuted when a cell has no candidate, or a digit
 *      has no place in a unit. The fixed point does not depend on the order of steps.
 *   2. If cells are left: guess in the one with the fewest candidates (of equals, the first in reading order), digits
 *      in rising order, each followed by 1.
 *
 * Difficulty is `backtracks`: the number of guesses (nested ones included) that were refuted, that is, whose branch was
 * searched to its end without a solution, before the first solution was found. We call a puzzle
 *   easy    singles suffice: no guess at all (guesses 0, hence backtracks 0)
 *   medium  at least one backtrack, fewer than hrm_sudoku_hard_backtracks
 *   hard    hrm_sudoku_hard_backtracks or more: 20 for side 9, 10 for 8, 3 for 6
 *           (of random minimal puzzles 0.7 %, 0.25 % and 0.15 %); every 4x4 is easy
 * A puzzle that needs guesses of which none was wrong (0 backtracks by luck) is none of these. (The rating column of
 * Sudoku-Extreme counts the backtracks of another solver, tdoku; the numbers do not compare.)
 *
 * Promises: no memory is taken; a solver is read-only after init and may be shared by threads; guess_limit bounds the
 * time of any input. */
#ifndef HRM_DATA_SUDOKU_SOLVE_H
#define HRM_DATA_SUDOKU_SOLVE_H

#include "data/sudoku.h"

#define HRM_SUDOKU_DEFAULT_GUESS_LIMIT UINT64_C(1000000) /* about a second */

typedef struct hrm_sudoku_solver {
    hrm_sudoku_shape shape;
    uint32_t cell_count;
    uint16_t all; /* candidate mask with every digit */
    uint8_t row[HRM_SUDOKU_MAX_CELLS], column[HRM_SUDOKU_MAX_CELLS];
    uint8_t box[HRM_SUDOKU_MAX_CELLS], place[HRM_SUDOKU_MAX_CELLS]; /* a cell's box, and its place in the box */
    uint8_t box_cells[HRM_SUDOKU_MAX_SIDE][HRM_SUDOKU_MAX_SIDE];    /* the inverse: [box][place] to cell */
} hrm_sudoku_solver;

typedef struct hrm_sudoku_solution {
    uint32_t count;                      /* solutions found, at most the limit */
    bool capped;                         /* guess_limit ended the search: count may be too small */
    uint64_t guesses;                    /* digits tried before the first solution (or the end, when there is none) */
    uint64_t backtracks;                 /* those of them that were refuted */
    uint8_t cells[HRM_SUDOKU_MAX_CELLS]; /* the first solution when count > 0, else 0 */
} hrm_sudoku_solution;

/* The fewest backtracks of a hard puzzle; UINT32_MAX for side 4. */
uint32_t hrm_sudoku_hard_backtracks(hrm_sudoku_shape shape);

/* Errors: INVALID_ARGUMENT (bad shape). Nothing to deinit. */
hrm_status hrm_sudoku_solver_init(hrm_sudoku_solver *solver, hrm_sudoku_shape shape);

/* Searches for up to solution_limit solutions (2 tells whether there is exactly one).
 *   cells        [side, side]; a cell above `side` or contradictory givens simply have no solution
 *   guess_limit  guesses in the whole search before it gives up; 0 means HRM_SUDOKU_DEFAULT_GUESS_LIMIT
 * Speed on one Zen 4 core, exactly one solution shown of random minimal puzzles: side 4 0.6 us, 6 1.8, 8 4.0, 9 6.4. */
void hrm_sudoku_solver_run(const hrm_sudoku_solver *solver, const uint8_t *cells, uint32_t solution_limit,
                           uint64_t guess_limit, hrm_sudoku_solution *out);

/* True when a solution exists in which cell `cell` (blank in `cells`) is not `digit`: when `digit` is its value in a
 * known solution, false means that the puzzle without that given still has one solution. Also true when guess_limit
 * (0 as above) ends the search, which leaves the question open. */
bool hrm_sudoku_solver_finds_other(const hrm_sudoku_solver *solver, const uint8_t *cells, uint32_t cell, uint8_t digit,
                                   uint64_t guess_limit);

/* True when singles alone (rule 1) solve the board. */
bool hrm_sudoku_solver_singles_suffice(const hrm_sudoku_solver *solver, const uint8_t *cells);

struct hrm_rng;

/* A random full board: an empty one is searched as above, but guesses are made in a random one of the cells with the
 * fewest candidates and try their digits in random order. Every full board can come out; not all are equally
 * likely. cells [side, side] is written. */
void hrm_sudoku_solver_fill_random(const hrm_sudoku_solver *solver, struct hrm_rng *rng, uint8_t *cells);

#endif
