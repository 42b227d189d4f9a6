#include "data/sudoku_check.h"

#include <stdio.h>
#include <string.h>

#define SIDE HRM_SUDOKU_MAX_SIDE
#define CELLS HRM_SUDOKU_MAX_CELLS

/* Cell k (from 0) of a unit, so that the cells of each unit rise. */
static uint32_t unit_cell(hrm_sudoku_shape shape, hrm_sudoku_unit unit, uint32_t index, uint32_t k) {
    if (unit == HRM_SUDOKU_ROW) return index * shape.side + k;
    if (unit == HRM_SUDOKU_COLUMN) return k * shape.side + index;
    uint32_t row = index / shape.box_height * shape.box_height + k / shape.box_width;
    return row * shape.side + index % shape.box_height * shape.box_width + k % shape.box_width;
}

uint32_t hrm_sudoku_find_violations(hrm_sudoku_shape shape, const uint8_t *cells, hrm_sudoku_violation *violations) {
    uint32_t found = 0;
    for (int unit = HRM_SUDOKU_ROW; unit <= HRM_SUDOKU_BOX; unit++)
        for (uint32_t index = 0; index < shape.side; index++) {
            hrm_sudoku_violation of[SIDE + 1];
            memset(of, 0, sizeof of);
            for (uint32_t k = 0; k < shape.side; k++) {
                uint32_t i = unit_cell(shape, (hrm_sudoku_unit)unit, index, k);
                if (cells[i] == HRM_SUDOKU_BLANK || cells[i] > shape.side) continue;
                of[cells[i]].cells[of[cells[i]].count++] = (uint8_t)i;
            }
            for (uint32_t digit = 1; digit <= shape.side; digit++) {
                if (of[digit].count < 2) continue;
                of[digit].unit = (hrm_sudoku_unit)unit;
                of[digit].index = (uint8_t)index;
                of[digit].digit = (uint8_t)digit;
                if (violations) violations[found] = of[digit];
                found++;
            }
        }
    return found;
}

void hrm_sudoku_violation_write_into(hrm_sudoku_shape shape, const hrm_sudoku_violation *violation, char *text,
                                     size_t size) {
    static const char *const units[] = {"row", "column", "box"};
    static const char *const places[] = {"columns", "rows", "row,column"};
    char list[80];
    size_t used = 0;
    for (uint32_t k = 0; k < violation->count && used < sizeof list; k++) {
        uint32_t row = violation->cells[k] / shape.side + 1u, column = violation->cells[k] % shape.side + 1u;
        const char *separator = k ? violation->unit == HRM_SUDOKU_BOX ? " and " : ", " : "";
        int wrote = violation->unit == HRM_SUDOKU_BOX
                        ? snprintf(list + used, sizeof list - used, "%s%u,%u", separator, row, column)
                        : snprintf(list + used, sizeof list - used, "%s%u", separator,
                                   violation->unit == HRM_SUDOKU_ROW ? column : row);
        used += (size_t)wrote;
    }
    snprintf(text, size, "digit %u stands %u times in %s %u (%s %s)", violation->digit, violation->count,
             units[violation->unit], violation->index + 1u, places[violation->unit], list);
}

/* The puzzle holds nothing but cells. */
static hrm_status check_cells(hrm_sudoku_shape shape, const uint8_t *puzzle) {
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    uint32_t count = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < count; i++)
        if (puzzle[i] > shape.side)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "the cell in row %u, column %u of the Sudoku to check is %u; cells are 0 (blank) to %u",
                            i / shape.side + 1, i % shape.side + 1, puzzle[i], shape.side);
    return HRM_OK;
}

hrm_status hrm_sudoku_check_puzzle(hrm_sudoku_shape shape, const uint8_t *cells) {
    hrm_status status = check_cells(shape, cells);
    if (status != HRM_OK) return status;
    hrm_sudoku_violation violations[HRM_SUDOKU_MAX_VIOLATIONS];
    uint32_t found = hrm_sudoku_find_violations(shape, cells, violations);
    if (found == 0) return HRM_OK;
    char text[HRM_SUDOKU_VIOLATION_TEXT], more[32] = "";
    hrm_sudoku_violation_write_into(shape, &violations[0], text, sizeof text);
    if (found > 1) snprintf(more, sizeof more, ", and %u more", found - 1);
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "the givens contradict each other, so there is no solution: %s%s", text,
                    more);
}

hrm_status hrm_sudoku_check_answer(hrm_sudoku_shape shape, const uint8_t *puzzle, const uint8_t *answer,
                                   const uint8_t *reference, hrm_sudoku_verdict *out) {
    hrm_status status = check_cells(shape, puzzle);
    if (status != HRM_OK) return status;
    hrm_sudoku_verdict *v = out;
    *v = (hrm_sudoku_verdict){0};
    uint32_t count = hrm_sudoku_cell_count(shape);
    for (uint32_t i = 0; i < count; i++) {
        v->unfilled_cells += answer[i] == HRM_SUDOKU_BLANK || answer[i] > shape.side;
        if (puzzle[i] != HRM_SUDOKU_BLANK && answer[i] != puzzle[i]) v->changed[v->changed_count++] = (uint8_t)i;
        v->wrong_count += reference && answer[i] != reference[i];
    }
    v->violation_count = hrm_sudoku_find_violations(shape, answer, v->violations);
    v->exact = reference && v->wrong_count == 0;
    v->complete = v->unfilled_cells == 0;
    v->keeps_givens = v->changed_count == 0;
    v->valid = v->complete && v->keeps_givens && v->violation_count == 0;
    return HRM_OK;
}

hrm_status hrm_sudoku_check_answer_tokens(hrm_sudoku_shape shape, const uint32_t *puzzle, const uint32_t *answer,
                                          const uint32_t *reference, hrm_sudoku_verdict *out) {
    hrm_status status = hrm_sudoku_shape_check(shape);
    if (status != HRM_OK) return status;
    uint8_t cells[3][CELLS];
    hrm_sudoku_cells_from_tokens(shape, puzzle, cells[0]);
    hrm_sudoku_cells_from_tokens(shape, answer, cells[1]);
    if (reference) hrm_sudoku_cells_from_tokens(shape, reference, cells[2]);
    return hrm_sudoku_check_answer(shape, cells[0], cells[1], reference ? cells[2] : NULL, out);
}
