/* A Sudoku board in memory, its text forms and its tokens.
 *
 * Promises: a board that hrm_sudoku_parse returns has a side of 4, 6, 8 or 9, cells of 0..side, and, where it has an
 * answer, an answer of 1..side in every cell. Leaves to others: whether the givens contradict each other and whether an
 * answer is right (sudoku_check.h), solving (sudoku_solve.h), making one (sudoku_generate.h).
 *
 * Cells, row-major, top row first: 0 blank, 1..side a digit. Tokens are the reference's
 * (dataset/build_sudoku_dataset.py): 0 pad, 1 blank, digit d as d + 1; the vocabulary is side + 2. */
#ifndef HRM_DATA_SUDOKU_H
#define HRM_DATA_SUDOKU_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HRM_SUDOKU_MAX_SIDE 9u
#define HRM_SUDOKU_MAX_CELLS 81u
#define HRM_SUDOKU_MAX_UNITS 27u /* rows, columns and boxes */
#define HRM_SUDOKU_MAX_TEXT_BYTES ((size_t)1 << 22)
#define HRM_SUDOKU_MAX_GRID_TEXT 243u /* the largest hrm_sudoku_grid_text_size (9x9), and a terminator */

#define HRM_SUDOKU_BLANK 0u
#define HRM_SUDOKU_UNKNOWN 255u /* how a token that is no cell (pad, or out of range) looks as a cell; '?' as text */

enum { HRM_SUDOKU_TOKEN_PAD = 0, HRM_SUDOKU_TOKEN_BLANK = 1 };

/* The geometry of a board. Boxes lie side / box_width abreast (the stacks: box_height of them) and side / box_height
 * deep (the bands: box_width of them). */
typedef struct hrm_sudoku_shape {
    uint32_t side;                  /* box_width * box_height: rows, columns, digits */
    uint32_t box_width, box_height; /* each at least 2 */
} hrm_sudoku_shape;

/* The usual boxes for a side: 4 has 2x2, 6 has 3 wide x 2 high, 8 has 4 x 2, 9 has 3x3. Errors: INVALID_ARGUMENT. */
hrm_status hrm_sudoku_shape_from_side(uint32_t side, hrm_sudoku_shape *out);

/* The same from the number of cells (16, 36, 64, 81), as from the seq_len of a puzzle set; false for other numbers. */
bool hrm_sudoku_shape_from_cells(size_t cells, hrm_sudoku_shape *out);

/* HRM_OK for boxes with sides of at least 2 that multiply to `side`, 4..HRM_SUDOKU_MAX_SIDE; else INVALID_ARGUMENT. */
hrm_status hrm_sudoku_shape_check(hrm_sudoku_shape shape);

static inline uint32_t hrm_sudoku_cell_count(hrm_sudoku_shape shape) {
    return shape.side * shape.side;
}

static inline uint32_t hrm_sudoku_vocab_size(hrm_sudoku_shape shape) {
    return shape.side + 2;
}

/* The box (row-major, from 0) of a cell. */
static inline uint32_t hrm_sudoku_box(hrm_sudoku_shape shape, uint32_t row, uint32_t column) {
    return row / shape.box_height * shape.box_height + column / shape.box_width;
}

/* Cell to token and back: an unknown cell gives HRM_SUDOKU_TOKEN_PAD, an unknown token HRM_SUDOKU_UNKNOWN. */
static inline uint8_t hrm_sudoku_token(hrm_sudoku_shape shape, uint8_t cell) {
    return cell <= shape.side ? (uint8_t)(cell + 1) : HRM_SUDOKU_TOKEN_PAD;
}

static inline uint8_t hrm_sudoku_cell(hrm_sudoku_shape shape, uint32_t token) {
    return token >= 1 && token <= shape.side + 1 ? (uint8_t)(token - 1) : HRM_SUDOKU_UNKNOWN;
}

/* The same for whole boards: cells [side, side], tokens [side, side]. */
void hrm_sudoku_cells_from_tokens(hrm_sudoku_shape shape, const uint32_t *tokens, uint8_t *cells);
void hrm_sudoku_tokens_from_cells(hrm_sudoku_shape shape, const uint8_t *cells, uint32_t *tokens);

/* The number of cells that hold a digit. */
uint32_t hrm_sudoku_count_givens(hrm_sudoku_shape shape, const uint8_t *cells);

typedef struct hrm_sudoku_board {
    hrm_sudoku_shape shape;
    bool has_answer;
    uint8_t cells[HRM_SUDOKU_MAX_CELLS];  /* [side, side]; what lies behind is 0 */
    uint8_t answer[HRM_SUDOKU_MAX_CELLS]; /* [side, side] when has_answer, else 0 */
    size_t line;                          /* of the text, from 1, where the board begins */
} hrm_sudoku_board;

typedef struct hrm_sudoku_set {
    hrm_sudoku_board *boards;
    size_t count;
} hrm_sudoku_set;

void hrm_sudoku_set_deinit(hrm_sudoku_set *set);

/* Reads one or more boards from text; they may differ in side. `name` (a file name, "standard input") opens every error
 * message.
 *
 * A UTF-8 byte order mark at the very start is skipped; lines end in LF, CR LF or the end of the text. When the first
 * line with content holds a comma, or is one of the names of the question column, the text is CSV; otherwise it
 * is any mix of the two plain forms.
 *
 * Plain forms. '.' and '0' are blank, '1'..'9' digits; spaces, tabs and '|' between cells are skipped; lines that start
 * with '#' are comments; lines of only '-', '+', '=', '|' and spaces are rulings and skipped.
 *   one line a board   16, 36, 64 or 81 cells
 *   a grid             side lines of side (4, 6, 8, 9) cells each; an empty line ends it
 *
 * CSV. The header names the columns, in any order and letter case: a question column and optionally one of answers,
 * named as puzzle_columns.h lists; others are ignored. Fields may be in double quotes ("" is a quote) but not span
 * lines. A question has the cells of a whole board, as above; an answer has a digit in every cell or is empty (then
 * it is not known). A line has at most as many fields as the header. Empty lines are skipped.
 *
 * Errors, all HRM_ERR_FORMAT with name:line:column (bytes, from 1) and what was found: unknown character, a digit above
 * the side, a line of another number of cells, rows of unequal length, too few or too many rows, no question column,
 * a missing or an extra field, a broken quote, an answer with blanks or of another size, no board at all, more than
 * HRM_SUDOKU_MAX_TEXT_BYTES. OUT_OF_MEMORY. *out is zeroed on failure.
 * Source: own grammar; the CSV is that of the reference's data (Sudoku-Extreme). */
hrm_status hrm_sudoku_parse(const char *name, const char *text, size_t size, hrm_sudoku_set *out);

/* Writes side * side characters ('.' blank, '?' unknown) and a terminating NUL. */
void hrm_sudoku_write_line_into(hrm_sudoku_shape shape, const uint8_t *cells, char *text);

/* Bytes of the grid form, without a terminator. */
size_t hrm_sudoku_grid_text_size(hrm_sudoku_shape shape);

/* Writes the grid form, a line feed after each line, and a terminating NUL; `text` holds hrm_sudoku_grid_text_size() +
 * 1 bytes. Boxes are set apart by '|' between cells ("5 3 . | . 7 . | . . .") and by lines such as
 * "------+-------+------", so that hrm_sudoku_parse reads it back. */
void hrm_sudoku_write_grid_into(hrm_sudoku_shape shape, const uint8_t *cells, char *text);

#endif
