/* The board's geometry and tokens, both plain text forms and CSV: what is accepted, and where each error points. */
#include "check.h"

#include "data/sudoku.h"

#include <stdlib.h>
#include <string.h>

static hrm_sudoku_shape shape_of(uint32_t side) {
    hrm_sudoku_shape shape;
    CHECK_OK(hrm_sudoku_shape_from_side(side, &shape));
    return shape;
}

static void test_shapes(void **state) {
    (void)state;
    static const uint32_t want[][3] = {{4, 2, 2}, {6, 3, 2}, {8, 4, 2}, {9, 3, 3}};
    for (size_t i = 0; i < 4; i++) {
        hrm_sudoku_shape shape = shape_of(want[i][0]), other;
        CHECK_EQ(shape.side, want[i][0]);
        CHECK_EQ(shape.box_width, want[i][1]);
        CHECK_EQ(shape.box_height, want[i][2]);
        CHECK(hrm_sudoku_shape_from_cells((size_t)shape.side * shape.side, &other));
        CHECK_EQ(other.side, shape.side);
        CHECK_OK(hrm_sudoku_shape_check(shape));
        CHECK_EQ(hrm_sudoku_vocab_size(shape), shape.side + 2);
        /* Every box has `side` cells. */
        uint32_t counts[9] = {0};
        for (uint32_t y = 0; y < shape.side; y++)
            for (uint32_t x = 0; x < shape.side; x++) counts[hrm_sudoku_box(shape, y, x)]++;
        for (uint32_t b = 0; b < shape.side; b++) CHECK_EQ(counts[b], shape.side);
    }
    CHECK_EQ(hrm_sudoku_box(shape_of(6), 1, 3), 1);
    CHECK_EQ(hrm_sudoku_box(shape_of(6), 2, 0), 2);
    hrm_sudoku_shape shape;
    static const uint32_t bad[] = {0, 1, 3, 5, 7, 10, 16, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_STATUS(hrm_sudoku_shape_from_side(bad[i], &shape), HRM_ERR_INVALID_ARGUMENT);
        CHECK(!hrm_sudoku_shape_from_cells((size_t)bad[i] * bad[i], &shape));
    }
    CHECK_ERROR_HAS("sides are 4, 6, 8 and 9");
    CHECK_OK(hrm_sudoku_shape_check((hrm_sudoku_shape){6, 2, 3}));
    CHECK_STATUS(hrm_sudoku_shape_check((hrm_sudoku_shape){6, 6, 1}), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_sudoku_shape_check((hrm_sudoku_shape){16, 4, 4}), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_sudoku_shape_check((hrm_sudoku_shape){0, 65536, 65536}), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("side 0 with boxes of 65536x65536");
}

static void test_tokens(void **state) {
    (void)state;
    hrm_sudoku_shape shape = shape_of(4);
    uint8_t cells[16] = {0, 1, 2, 3, 4}, back[16];
    uint32_t tokens[16];
    hrm_sudoku_tokens_from_cells(shape, cells, tokens);
    for (uint32_t i = 0; i < 5; i++) CHECK_EQ(tokens[i], i + 1);
    hrm_sudoku_cells_from_tokens(shape, tokens, back);
    check_same_bits("cells", back, cells, 16);
    tokens[0] = 0;
    tokens[1] = 6;
    tokens[2] = UINT32_MAX;
    hrm_sudoku_cells_from_tokens(shape, tokens, back);
    for (uint32_t i = 0; i < 3; i++) CHECK_EQ(back[i], HRM_SUDOKU_UNKNOWN);
    CHECK_EQ(hrm_sudoku_token(shape, 5), HRM_SUDOKU_TOKEN_PAD);
    CHECK_EQ(hrm_sudoku_token(shape, 0), HRM_SUDOKU_TOKEN_BLANK);
    CHECK_EQ(hrm_sudoku_count_givens(shape, cells), 4);
    CHECK_EQ(hrm_sudoku_count_givens(shape, back), 2);
}

static void parse(const char *text, hrm_sudoku_set *set) {
    CHECK_OK(hrm_sudoku_parse("test", text, strlen(text), set));
}

static void check_line(const hrm_sudoku_set *set, size_t i, const char *want) {
    char line[82];
    CHECK(i < set->count);
    hrm_sudoku_write_line_into(set->boards[i].shape, set->boards[i].cells, line);
    CHECK_STR(line, want);
}

#define FOUR "1..4....4..1...3"
#define SIX "1....2.3..4.....5..6....1..2.......3"

static void test_plain(void **state) {
    (void)state;
    hrm_sudoku_set set;
    parse("\xef\xbb\xbf# a comment\r\n\r\n1004000040010003\r\n" SIX "\n\n  \n", &set);
    CHECK_EQ(set.count, 2);
    check_line(&set, 0, FOUR);
    check_line(&set, 1, SIX);
    CHECK_EQ(set.boards[0].line, 3);
    CHECK(!set.boards[0].has_answer);
    hrm_sudoku_set_deinit(&set);

    /* Grids as people write them, one without a last line feed, one right before a one-line board. */
    parse("1..4\n....\n4..1\n...3\n\n"
          "+-----+-----+\n| 1 . | . 4 |\n| . . | . . |\n+-----+-----+\n| 4 . | . 1 |\n# between\n| . . | . 3 "
          "|\n+=====+\n\n"
          " 1 0|0 4\n 0 0\t0 0\n 4 0 0 1\n 0 0 0 3\n" FOUR "\n\n"
          "1..4\n....\n4..1\n...3",
          &set);
    CHECK_EQ(set.count, 5);
    for (size_t i = 0; i < 5; i++) check_line(&set, i, FOUR);
    CHECK_EQ(set.boards[0].line, 1);
    CHECK_EQ(set.boards[1].line, 7);
    hrm_sudoku_set_deinit(&set);

    /* A one-line board may have its rows set apart, too. */
    parse("1..4 .... 4..1 ...3", &set);
    check_line(&set, 0, FOUR);
    hrm_sudoku_set_deinit(&set);
}

static void test_written_forms(void **state) {
    (void)state;
    static const uint32_t sides[] = {4, 6, 8, 9};
    for (size_t s = 0; s < 4; s++) {
        hrm_sudoku_shape shape = shape_of(sides[s]);
        uint8_t cells[81];
        char grid[HRM_SUDOKU_MAX_GRID_TEXT];
        for (uint32_t i = 0; i < 81; i++) cells[i] = (uint8_t)(i * 7 % (shape.side + 1));
        memset(grid, 1, sizeof grid);
        hrm_sudoku_write_grid_into(shape, cells, grid);
        CHECK_EQ(strlen(grid), hrm_sudoku_grid_text_size(shape));
        CHECK(strlen(grid) < HRM_SUDOKU_MAX_GRID_TEXT);
        hrm_sudoku_set set;
        parse(grid, &set);
        CHECK_EQ(set.count, 1);
        check_same_bits("grid", set.boards[0].cells, cells, (size_t)shape.side * shape.side);
        hrm_sudoku_set_deinit(&set);
    }
    char text[HRM_SUDOKU_MAX_GRID_TEXT];
    uint8_t cells[16] = {1, 0, 0, 4, 0, 0, 255, 0, 4, 0, 0, 1, 0, 0, 0, 3};
    hrm_sudoku_write_grid_into(shape_of(4), cells, text);
    CHECK_STR(text, "1 . | . 4\n. . | ? .\n----+----\n4 . | . 1\n. . | . 3\n");
}

static void test_csv(void **state) {
    (void)state;
    hrm_sudoku_set set;
    parse("source,q,a,rating\nx," FOUR ",1234341243212143,3\n\n\"a, \"\"b\"\"\",\"" FOUR "\",,\r\n", &set);
    CHECK_EQ(set.count, 2);
    check_line(&set, 0, FOUR);
    check_line(&set, 1, FOUR);
    CHECK(set.boards[0].has_answer && !set.boards[1].has_answer);
    CHECK_EQ(set.boards[0].answer[4], 3);
    CHECK_EQ(set.boards[1].line, 4);
    hrm_sudoku_set_deinit(&set);
    parse("# note\n Solution , PUZZLE\n1234341243212143," FOUR "\n", &set);
    CHECK(set.boards[0].has_answer);
    hrm_sudoku_set_deinit(&set);
    parse("quizzes\n" FOUR "\n" SIX "\n", &set);
    CHECK_EQ(set.count, 2);
    hrm_sudoku_set_deinit(&set);

    size_t size;
    char *text = check_read_file(check_path(check_tree_golden_dir("data/source/sudoku"), "train.csv"), &size);
    CHECK_OK(hrm_sudoku_parse("train.csv", text, size, &set));
    CHECK_EQ(set.count, 12);
    for (size_t i = 0; i < set.count; i++) CHECK(set.boards[i].has_answer && set.boards[i].shape.side == 9);
    hrm_sudoku_set_deinit(&set);
    free(text);
}

static void check_refused(const char *text, const char *where, const char *what) {
    hrm_sudoku_set set = {.count = 7};
    CHECK_STATUS(hrm_sudoku_parse("f", text, strlen(text), &set), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS(where);
    CHECK_ERROR_HAS(what);
    CHECK(set.boards == NULL && set.count == 0);
}

static void test_refused(void **state) {
    (void)state;
    check_refused("", "f:1:1: ", "the text is empty");
    check_refused("\n# only this\n", "f:1:1: ", "only comments");
    check_refused("q,a\n", "f:1:1: ", "no Sudoku found");
    check_refused("\n1..x\n", "f:2:4: ", "unknown character 'x'");
    check_refused("1..\x01\n", "f:1:4: ", "byte 0x01");
    check_refused("1..5\n....\n4..1\n...3\n", "f:1:4: ", "digit 5 in a Sudoku of side 4");
    check_refused(FOUR "\n"
                       "1..4....4..1..93\n",
                  "f:2:15: ", "digit 9 in a Sudoku of side 4");
    check_refused("  12345\n", "f:1:3: ", "the line has 5 cells");
    check_refused("1..4\n....\n4..1.\n", "f:3:1: ", "the row has 5 cells, but this Sudoku (from line 1) has rows of 4");
    check_refused("1..4\n....\n4..1..\n",
                  "f:3:6: ", "the row has 6 cells, but this Sudoku (from line 1) has rows of 4");
    check_refused("1..4\n" FOUR "\n", "f:2:1: ", "the row has 16 cells");
    check_refused("1..4\n....\n\n4..1\n...3\n", "f:3:1: ", "ends after 2 rows of 4");
    check_refused("1..4\n....\n4..1\n", "f:4:1: ", "ends after 3 rows of 4");
    check_refused("1..4\n....\n4..1\n...3\n....\n", "f:5:1: ", "row 5 of a Sudoku of side 4");
    check_refused("x,y\n1,2\n", "f:1:1: ", "no column is named q");
    check_refused("q,a,puzzle\n", "f:1:5: ", "a second question column");
    check_refused("q,a,answer\n", "f:1:5: ", "a second answer column");
    check_refused("s,q\n\"x," FOUR "\n", "f:2:1: ", "is not closed");
    check_refused("s,q\n\"x\"y," FOUR "\n", "f:2:4: ", "after a closing quote");
    check_refused("s,q\nx\n", "f:2:2: ", "ends after 1 of the fields");
    check_refused("q,a\n" FOUR "\n", "f:2:17: ", "ends after 1 of the fields");
    check_refused("s,q\nx," FOUR ",y\n", "f:2:1: ", "the line has 3 fields, the header names 2");
    check_refused("x\x1b[31m,y\n1,2\n", "f:1:1: ", "in the header 'x?[31m,y'");
    check_refused("s,q\nx,123\n", "f:2:3: ", "the question has 3 cells");
    check_refused("s,q\nx,\n", "f:2:3: ", "the question has 0 cells");
    check_refused("s,q\nx,1..4....4..1..z3\n", "f:2:17: ", "unknown character 'z'");
    check_refused("q,a\n" FOUR ",123434124321214\n", "f:2:18: ", "the answer has 15 cells, its question 16");
    check_refused("q,a\n" FOUR ",12343412432121.3\n", "f:2:32: ", "the answer has a blank");
    check_refused("q,a\n" FOUR ",1234341243212149\n", "f:2:33: ", "digit 9");

    size_t size = HRM_SUDOKU_MAX_TEXT_BYTES + 1;
    char *large = malloc(size);
    hrm_sudoku_set set;
    memset(large, '\n', size);
    CHECK_STATUS(hrm_sudoku_parse("f", large, size, &set), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("at most 4194304 are read");
    CHECK_STATUS(hrm_sudoku_parse("f", large, size - 1, &set), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("no Sudoku found");
    /* One cell a line of the largest text: the work is linear, and a long line is no overrun. */
    memset(large, '1', size);
    CHECK_STATUS(hrm_sudoku_parse("f", large, size - 1, &set), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("the line has 4194304 cells");
    free(large);
    CHECK_STATUS(hrm_sudoku_parse("f", NULL, 0, &set), HRM_ERR_FORMAT);
}

/* Every prefix, and every bit flipped: accepted or refused, never anything else, and what is accepted is sound. */
static void test_damage(void **state) {
    (void)state;
    static const char *const texts[] = {
        "source,q,a\nx," FOUR ",1234341243212143\n",
        "1 . | . 4\n. . | . .\n----+----\n4 . | . 1\n. . | . 3\n\n" FOUR "\n",
    };
    for (size_t t = 0; t < 2; t++) {
        size_t size = strlen(texts[t]);
        for (size_t i = 0; i < size * 9; i++) {
            size_t length = i < size ? i : size;
            char *text = malloc(length ? length : 1);
            memcpy(text, texts[t], length);
            if (i >= size) text[(i - size) / 8] = (char)(text[(i - size) / 8] ^ 1 << (i - size) % 8);
            hrm_sudoku_set set;
            hrm_status status = hrm_sudoku_parse("damaged", text, length, &set);
            CHECK(status == HRM_OK || status == HRM_ERR_FORMAT);
            CHECK((status == HRM_OK) == (set.count > 0));
            for (size_t b = 0; b < set.count; b++)
                for (uint32_t k = 0; k < 81; k++)
                    CHECK(set.boards[b].cells[k] <= set.boards[b].shape.side &&
                          set.boards[b].answer[k] <= set.boards[b].shape.side);
            hrm_sudoku_set_deinit(&set);
            free(text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_tokens),  cmocka_unit_test(test_plain),
        cmocka_unit_test(test_csv),    cmocka_unit_test(test_refused), cmocka_unit_test(test_written_forms),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
