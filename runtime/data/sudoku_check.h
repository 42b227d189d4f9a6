/* Judges an answer to a Sudoku, each question separately, and finds contradictions among the givens of a puzzle.
 *
 * Promises: any bytes are accepted as an answer; a cell above `side` is no digit and counts as not filled in. No memory
 * is taken. An answer is valid when it is complete, keeps every given and no row, column or box holds a digit twice;
 * a puzzle with one solution has one valid answer, and then valid and exact are the same. */
#ifndef HRM_DATA_SUDOKU_CHECK_H
#define HRM_DATA_SUDOKU_CHECK_H

#include "data/sudoku.h"

/* Each of 27 units can hold at most 4 digits more than once. */
#define HRM_SUDOKU_MAX_VIOLATIONS 108u
#define HRM_SUDOKU_VIOLATION_TEXT 128u /* bytes that hrm_sudoku_violation_write_into needs at most */

typedef enum hrm_sudoku_unit { HRM_SUDOKU_ROW = 0, HRM_SUDOKU_COLUMN = 1, HRM_SUDOKU_BOX = 2 } hrm_sudoku_unit;

/* A digit that stands more than once in a row, column or box. */
typedef struct hrm_sudoku_violation {
    hrm_sudoku_unit unit;
    uint8_t index; /* of the row, column or box, from 0; boxes in reading order */
    uint8_t digit;
    uint8_t count;                      /* of its cells, at least 2 */
    uint8_t cells[HRM_SUDOKU_MAX_SIDE]; /* [count] indices into the board, rising */
} hrm_sudoku_violation;

typedef struct hrm_sudoku_verdict {
    bool exact;                            /* equal to the reference in every cell; false without a reference */
    bool complete;                         /* every cell holds a digit 1..side */
    bool keeps_givens;                     /* every given of the puzzle is unchanged */
    bool valid;                            /* complete, keeps_givens, and no violations: a right solution */
    uint32_t unfilled_cells;               /* cells without a digit */
    uint32_t changed_count;                /* givens of the puzzle that the answer changes */
    uint32_t wrong_count;                  /* cells that differ from the reference; 0 without one */
    uint32_t violation_count;              /* see hrm_sudoku_find_violations */
    uint8_t changed[HRM_SUDOKU_MAX_CELLS]; /* [changed_count] cell indices, rising */
    hrm_sudoku_violation violations[HRM_SUDOKU_MAX_VIOLATIONS]; /* [violation_count] */
} hrm_sudoku_verdict;

/* Lists every digit that stands more than once in a unit: rows first, then columns, then boxes; within a unit by digit.
 *   violations  room for HRM_SUDOKU_MAX_VIOLATIONS, or NULL to count only
 * Returns their number. */
uint32_t hrm_sudoku_find_violations(hrm_sudoku_shape shape, const uint8_t *cells, hrm_sudoku_violation *violations);

/* "digit 5 stands 2 times in row 3 (columns 2, 7)", cut at size bytes; rows and so on counted from 1. */
void hrm_sudoku_violation_write_into(hrm_sudoku_shape shape, const hrm_sudoku_violation *violation, char *text,
                                     size_t size);

/* HRM_OK when the givens do not contradict each other directly (a solution may still not exist: see sudoku_solve.h).
 * Errors: INVALID_ARGUMENT naming the first contradiction and how many there are, a bad shape, or a cell above `side`.
 */
hrm_status hrm_sudoku_check_puzzle(hrm_sudoku_shape shape, const uint8_t *cells);

/* Judges one answer.
 *   puzzle     [side, side] the givens
 *   answer     [side, side] any bytes
 *   reference  [side, side] the known answer, or NULL
 * Errors: INVALID_ARGUMENT (bad shape, a cell of the puzzle above `side`). */
hrm_status hrm_sudoku_check_answer(hrm_sudoku_shape shape, const uint8_t *puzzle, const uint8_t *answer,
                                   const uint8_t *reference, hrm_sudoku_verdict *out);

/* The same for tokens; a token that is no cell counts as not filled in. */
hrm_status hrm_sudoku_check_answer_tokens(hrm_sudoku_shape shape, const uint32_t *puzzle, const uint32_t *answer,
                                          const uint32_t *reference, hrm_sudoku_verdict *out);

#endif
