/* The symmetries of Sudoku: changes of a board that keep every rule, and a canonical form to recognise boards that are
 * symmetries of each other.
 *
 * They are: relabelling the digits, permuting bands, stacks, the rows within a band and the columns within a stack,
 * and, where boxes are square, the transpose (1,218,998,108,160 for 9x9). Promises: blanks stay blanks; applying one to
 * a puzzle and to its answer keeps them puzzle and answer. */
#ifndef HRM_DATA_SUDOKU_SYMMETRY_H
#define HRM_DATA_SUDOKU_SYMMETRY_H

#include "base/rng.h"
#include "data/sudoku.h"

/* new[i][j] = digit_map[old[row_order[i]][column_order[j]]], where old was transposed first when `transpose` is set.
 * Source: shuffle_sudoku of the reference's dataset/build_sudoku_dataset.py. */
typedef struct hrm_sudoku_symmetry {
    bool transpose;
    uint8_t digit_map[HRM_SUDOKU_MAX_SIDE + 1]; /* [side + 1], a permutation with digit_map[0] = 0 */
    uint8_t row_order[HRM_SUDOKU_MAX_SIDE];     /* [side], keeps bands together */
    uint8_t column_order[HRM_SUDOKU_MAX_SIDE];  /* [side], keeps stacks together */
} hrm_sudoku_symmetry;

/* Draws one uniformly. Order of draws, all hrm_rng_shuffle_u32 of 0, 1, 2... except the second: the digits; one
 * hrm_rng_below(2) for the transpose (only where boxes are square); the order of the bands; the rows of each band of
 * the result, top to bottom; the order of the stacks; the columns of each stack, left to right. */
void hrm_sudoku_symmetry_draw(hrm_sudoku_shape shape, hrm_rng *rng, hrm_sudoku_symmetry *out);

/* HRM_OK for a symmetry of this shape, such as one read from a file may be.
 * Errors: INVALID_ARGUMENT (no permutation, bands or stacks torn apart, a transpose of oblong boxes). */
hrm_status hrm_sudoku_symmetry_check(hrm_sudoku_shape shape, const hrm_sudoku_symmetry *symmetry);

/* A symmetry as tables, to apply it to many boards or fast: dst[i] = token_map[src[source[i]]]. */
typedef struct hrm_sudoku_symmetry_table {
    uint32_t cell_count;
    uint8_t source[HRM_SUDOKU_MAX_CELLS];
    uint8_t cell_map[HRM_SUDOKU_MAX_SIDE + 1];  /* of cells: 0 stays 0 */
    uint8_t token_map[HRM_SUDOKU_MAX_SIDE + 2]; /* of tokens: pad and blank stay */
} hrm_sudoku_symmetry_table;

void hrm_sudoku_symmetry_tabulate(hrm_sudoku_shape shape, const hrm_sudoku_symmetry *symmetry,
                                  hrm_sudoku_symmetry_table *out);

/* 25 million 9x9 boards a second on one Zen 4 core; with a new draw and table for every two boards, 7 million. src and
 * dst [side, side] may not overlap. Every cell is at most side, every token at most side + 1. */
void hrm_sudoku_symmetry_apply_cells(const hrm_sudoku_symmetry_table *table, const uint8_t *src, uint8_t *dst);
void hrm_sudoku_symmetry_apply_tokens(const hrm_sudoku_symmetry_table *table, const uint8_t *src, uint8_t *dst);

/* The canonical form of a puzzle with its answer: of all symmetries of the two, the one whose answer comes first in
 * lexicographic order, and of those with that answer the one whose puzzle does (a blank counts as a 0).
 *   answer         [side, side] a full, valid board
 *   puzzle         [side, side] each cell 0 or the answer's; NULL for the answer alone
 *   canonical      [side, side] the first answer
 *   canonical_puzzle  [side, side], or NULL; untouched without a puzzle
 * Guarantee: two pairs have the same canonical form exactly when some symmetry turns one into the other. A puzzle with
 * one solution determines its answer, so this decides it for such puzzles.
 * Speed on one Zen 4 core: 37 us for 9x9, 39 for 8x8, 8 for 6x6, 3 for 4x4.
 * Errors: INVALID_ARGUMENT (the answer is not full and valid, or the puzzle does not belong to it). */
hrm_status hrm_sudoku_canonicalize(hrm_sudoku_shape shape, const uint8_t *answer, const uint8_t *puzzle,
                                   uint8_t *canonical, uint8_t *canonical_puzzle);

/* A 64-bit hash of shape and canonical form: equal for symmetric pairs; two others share it with probability about
 * 2^-64. Errors: as hrm_sudoku_canonicalize. */
hrm_status hrm_sudoku_canonical_hash(hrm_sudoku_shape shape, const uint8_t *answer, const uint8_t *puzzle,
                                     uint64_t *out);

#endif
