/* The checker: each question has an answer of its own, and violations name their cells. */
#include "check.h"

#include "data/sudoku_check.h"

#include <string.h>

static const hrm_sudoku_shape four = {4, 2, 2};

static const uint8_t puzzle[16] = {1, 0, 0, 4, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 3};
static const uint8_t solution[16] = {1, 2, 3, 4, 3, 4, 1, 2, 4, 3, 2, 1, 2, 1, 4, 3};

static void test_right(void **state) {
    (void)state;
    hrm_sudoku_verdict v;
    CHECK_OK(hrm_sudoku_check_answer(four, puzzle, solution, solution, &v));
    CHECK(v.exact && v.complete && v.keeps_givens && v.valid);
    CHECK_EQ(v.unfilled_cells + v.changed_count + v.wrong_count + v.violation_count, 0);
    CHECK_OK(hrm_sudoku_check_answer(four, puzzle, solution, NULL, &v));
    CHECK(!v.exact && v.valid);
    /* Another solution than the one known: valid, not exact. */
    uint8_t open[16] = {0}, other[16];
    for (int i = 0; i < 16; i++) other[i] = (uint8_t)(5 - solution[i]);
    CHECK_OK(hrm_sudoku_check_answer(four, open, other, solution, &v));
    CHECK(v.valid && !v.exact && v.wrong_count == 16);
}

static void test_wrong(void **state) {
    (void)state;
    uint8_t answer[16];
    hrm_sudoku_verdict v;
    memcpy(answer, solution, 16);
    answer[1] = 3; /* twice in row 1, column 2 and box 1 */
    CHECK_OK(hrm_sudoku_check_answer(four, puzzle, answer, solution, &v));
    CHECK(v.complete && v.keeps_givens && !v.valid && !v.exact);
    CHECK_EQ(v.wrong_count, 1);
    CHECK_EQ(v.violation_count, 3);
    CHECK_EQ(v.violations[0].unit, HRM_SUDOKU_ROW);
    CHECK_EQ(v.violations[0].index, 0);
    CHECK_EQ(v.violations[0].digit, 3);
    CHECK_EQ(v.violations[0].count, 2);
    CHECK_EQ(v.violations[0].cells[0], 1);
    CHECK_EQ(v.violations[0].cells[1], 2);
    CHECK_EQ(v.violations[1].unit, HRM_SUDOKU_COLUMN);
    CHECK_EQ(v.violations[1].index, 1);
    CHECK_EQ(v.violations[1].cells[1], 9);
    CHECK_EQ(v.violations[2].unit, HRM_SUDOKU_BOX);
    CHECK_EQ(v.violations[2].cells[1], 4);
    char text[HRM_SUDOKU_VIOLATION_TEXT];
    hrm_sudoku_violation_write_into(four, &v.violations[0], text, sizeof text);
    CHECK_STR(text, "digit 3 stands 2 times in row 1 (columns 2, 3)");
    hrm_sudoku_violation_write_into(four, &v.violations[1], text, sizeof text);
    CHECK_STR(text, "digit 3 stands 2 times in column 2 (rows 1, 3)");
    hrm_sudoku_violation_write_into(four, &v.violations[2], text, sizeof text);
    CHECK_STR(text, "digit 3 stands 2 times in box 1 (row,column 1,2 and 2,1)");

    /* A right board of other givens. */
    for (int i = 0; i < 16; i++) answer[i] = (uint8_t)(5 - solution[i]);
    CHECK_OK(hrm_sudoku_check_answer(four, puzzle, answer, NULL, &v));
    CHECK(v.complete && !v.keeps_givens && !v.valid);
    CHECK_EQ(v.violation_count, 0);
    CHECK_EQ(v.changed_count, 5);
    static const uint8_t changed[5] = {0, 3, 8, 11, 15};
    check_same_bits("changed givens", v.changed, changed, 5);

    /* Blanks and unknown cells are not filled in; neither violates anything. */
    memcpy(answer, solution, 16);
    answer[1] = 0;
    answer[2] = 5;
    answer[3] = 255; /* a given, too */
    CHECK_OK(hrm_sudoku_check_answer(four, puzzle, answer, solution, &v));
    CHECK(!v.complete && !v.keeps_givens && !v.valid);
    CHECK_EQ(v.unfilled_cells, 3);
    CHECK_EQ(v.changed_count, 1);
    CHECK_EQ(v.violation_count, 0);

    uint32_t tokens[3][16];
    for (int i = 0; i < 16; i++) {
        tokens[0][i] = puzzle[i] + 1u;
        tokens[1][i] = tokens[2][i] = solution[i] + 1u;
    }
    CHECK_OK(hrm_sudoku_check_answer_tokens(four, tokens[0], tokens[1], tokens[2], &v));
    CHECK(v.exact && v.valid);
    tokens[1][1] = 0;
    CHECK_OK(hrm_sudoku_check_answer_tokens(four, tokens[0], tokens[1], NULL, &v));
    CHECK_EQ(v.unfilled_cells, 1);
}

/* The list is as long as it can get, and no longer. */
static void test_most_violations(void **state) {
    (void)state;
    hrm_sudoku_shape nine = {9, 3, 3};
    uint8_t cells[81];
    hrm_sudoku_violation violations[HRM_SUDOKU_MAX_VIOLATIONS];
    memset(cells, 7, sizeof cells);
    CHECK_EQ(hrm_sudoku_find_violations(nine, cells, violations), 27);
    CHECK_EQ(violations[26].count, 9);
    char text[HRM_SUDOKU_VIOLATION_TEXT];
    hrm_sudoku_violation_write_into(nine, &violations[26], text, sizeof text);
    CHECK_STR(text,
              "digit 7 stands 9 times in box 9 (row,column 7,7 and 7,8 and 7,9 and 8,7 and 8,8 and 8,9 and 9,7 and "
              "9,8 and 9,9)");
    CHECK_EQ(hrm_sudoku_find_violations(nine, cells, NULL), 27);
    /* A right board with its digits in pairs: every unit holds four digits twice and the fifth once. */
    for (uint32_t i = 0; i < 81; i++) {
        uint32_t row = i / 9, column = i % 9;
        cells[i] = (uint8_t)((row / 3 + row % 3 * 3 + column) % 9 / 2 + 1);
    }
    CHECK_EQ(hrm_sudoku_find_violations(nine, cells, violations), HRM_SUDOKU_MAX_VIOLATIONS);
    CHECK_EQ(violations[HRM_SUDOKU_MAX_VIOLATIONS - 1].unit, HRM_SUDOKU_BOX);
    CHECK_EQ(violations[HRM_SUDOKU_MAX_VIOLATIONS - 1].digit, 4);
    CHECK_EQ(hrm_sudoku_find_violations(nine, cells, NULL), HRM_SUDOKU_MAX_VIOLATIONS);
}

static void test_puzzle(void **state) {
    (void)state;
    uint8_t cells[16];
    memcpy(cells, puzzle, 16);
    CHECK_OK(hrm_sudoku_check_puzzle(four, cells));
    cells[1] = 1;
    CHECK_STATUS(hrm_sudoku_check_puzzle(four, cells), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("the givens contradict each other, so there is no solution: digit 1 stands 2 times in row 1 "
                    "(columns 1, 2), and 1 more");
    cells[1] = 5;
    CHECK_STATUS(hrm_sudoku_check_puzzle(four, cells), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("row 1, column 2 of the Sudoku to check is 5; cells are 0 (blank) to 4");
    hrm_sudoku_verdict v;
    CHECK_STATUS(hrm_sudoku_check_answer(four, cells, solution, NULL, &v), HRM_ERR_INVALID_ARGUMENT);
    hrm_sudoku_shape bad = {5, 5, 1};
    CHECK_STATUS(hrm_sudoku_check_puzzle(bad, cells), HRM_ERR_INVALID_ARGUMENT);
    uint32_t tokens[16] = {0};
    CHECK_STATUS(hrm_sudoku_check_answer_tokens(bad, tokens, tokens, NULL, &v), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_sudoku_check_answer_tokens(four, tokens, tokens, NULL, &v), HRM_ERR_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_most_violations),
        cmocka_unit_test(test_puzzle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
