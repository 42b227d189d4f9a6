#include "data/sudoku.h"

#include <string.h>

hrm_status hrm_sudoku_shape_check(hrm_sudoku_shape shape) {
    if (shape.box_width >= 2 && shape.box_height >= 2 && shape.side <= HRM_SUDOKU_MAX_SIDE &&
        (uint64_t)shape.box_width * shape.box_height == shape.side)
        return HRM_OK;
    return hrm_fail(
        HRM_ERR_INVALID_ARGUMENT,
        "a Sudoku of side %u with boxes of %ux%u was asked for; the box must be at least 2x2, and its sides "
        "multiply to the side, at most %u",
        shape.side, shape.box_width, shape.box_height, HRM_SUDOKU_MAX_SIDE);
}

static bool find_shape(uint32_t side, hrm_sudoku_shape *out) {
    static const hrm_sudoku_shape shapes[] = {{4, 2, 2}, {6, 3, 2}, {8, 4, 2}, {9, 3, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (shapes[i].side == side) {
            *out = shapes[i];
            return true;
        }
    return false;
}

hrm_status hrm_sudoku_shape_from_side(uint32_t side, hrm_sudoku_shape *out) {
    if (find_shape(side, out)) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a Sudoku of side %u was asked for; sides are 4, 6, 8 and 9", side);
}

bool hrm_sudoku_shape_from_cells(size_t cells, hrm_sudoku_shape *out) {
    for (uint32_t side = 1; side <= HRM_SUDOKU_MAX_SIDE; side++)
        if ((size_t)side * side == cells) return find_shape(side, out);
    return false;
}

void hrm_sudoku_cells_from_tokens(hrm_sudoku_shape shape, const uint32_t *tokens, uint8_t *cells) {
    uint32_t count = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < count; i++) cells[i] = hrm_sudoku_cell(shape, tokens[i]);
}

void hrm_sudoku_tokens_from_cells(hrm_sudoku_shape shape, const uint8_t *cells, uint32_t *tokens) {
    uint32_t count = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < count; i++) tokens[i] = hrm_sudoku_token(shape, cells[i]);
}

uint32_t hrm_sudoku_count_givens(hrm_sudoku_shape shape, const uint8_t *cells) {
    uint32_t count = hrm_sudoku_cell_count(shape), givens = 0;
    for (uint32_t i = 0; i < count; i++) givens += cells[i] != HRM_SUDOKU_BLANK && cells[i] <= shape.side;
    return givens;
}

/* ---- writing text ---- */

static char cell_character(hrm_sudoku_shape shape, uint8_t cell) {
    return cell > shape.side ? '?' : cell == HRM_SUDOKU_BLANK ? '.' : (char)('0' + cell);
}

void hrm_sudoku_write_line_into(hrm_sudoku_shape shape, const uint8_t *cells, char *text) {
    uint32_t count = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < count; i++) text[i] = cell_character(shape, cells[i]);
    text[count] = '\0';
}

/* A line holds "5 " for each cell but the last, whose space is the line feed, and "| " between boxes. */
size_t hrm_sudoku_grid_text_size(hrm_sudoku_shape shape) {
    size_t line = 2 * ((size_t)shape.side + shape.box_height - 1);
    return line * (shape.side + shape.box_width - 1);
}

void hrm_sudoku_write_grid_into(hrm_sudoku_shape shape, const uint8_t *cells, char *text) {
    for (uint32_t y = 0; y < shape.side; y++) {
        if (y > 0 && y % shape.box_height == 0) {
            for (uint32_t x = 0; x < shape.side; x++) {
                if (x > 0 && x % shape.box_width == 0) {
                    *text++ = '+';
                    *text++ = '-';
                }
                *text++ = '-';
                if (x + 1 < shape.side) *text++ = '-';
            }
            *text++ = '\n';
        }
        for (uint32_t x = 0; x < shape.side; x++) {
            if (x > 0 && x % shape.box_width == 0) {
                *text++ = '|';
                *text++ = ' ';
            }
            *text++ = cell_character(shape, *cells++);
            *text++ = x + 1 < shape.side ? ' ' : '\n';
        }
    }
    *text = '\0';
}
