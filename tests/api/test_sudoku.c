/* The public Sudoku calls: what outside programs pass, right and wrong. */
#include "check.h"

#include <hrm/dataset.h>
#include <hrm/sudoku.h>

#include <string.h>

#define PUZZLE "16.79.5.2.2..3....7.....136..63.7..537..2..6.9...61.8.24.6738.98952.4.7....85..14"
#define ANSWER "163798542524136798789542136416387925378925461952461387241673859895214673637859214"

static void parse_line(const char *text, uint8_t cells[81]) {
    for (int i = 0; i < 81; i++) cells[i] = (uint8_t)(text[i] == '.' ? 0 : text[i] - '0');
}

static void test_lists(void **state) {
    (void)state;
    hrm_sudoku_list *list;
    static const char csv[] = "source,q,a,rating\nx," PUZZLE "," ANSWER ",40\n";
    CHECK_OK(hrm_sudoku_list_parse(csv, sizeof csv - 1, "t.csv", &list));
    CHECK_EQ(hrm_sudoku_list_get_count(list), 1);
    hrm_sudoku_view view = hrm_sudoku_list_get(list, 0);
    uint8_t puzzle[81], answer[81];
    parse_line(PUZZLE, puzzle);
    parse_line(ANSWER, answer);
    CHECK_EQ(view.side, 9);
    check_same_bits("cells", view.cells, puzzle, 81);
    check_same_bits("answer", view.answer, answer, 81);
    hrm_sudoku_list_destroy(list);
    CHECK_STATUS(hrm_sudoku_list_parse("12345", 5, "short.txt", &list), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("short.txt:1");
    CHECK(list == NULL);
    hrm_sudoku_list_destroy(NULL);
}

static void test_tokens(void **state) {
    (void)state;
    uint8_t puzzle[81], back[81];
    uint32_t tokens[81];
    parse_line(PUZZLE, puzzle);
    CHECK_OK(hrm_sudoku_to_tokens(9, puzzle, tokens));
    CHECK_EQ(tokens[0], 2);
    CHECK_EQ(tokens[2], 1);
    CHECK_OK(hrm_sudoku_from_tokens(9, tokens, back));
    check_same_bits("there and back", back, puzzle, 81);
    tokens[0] = 0;
    tokens[1] = 11;
    CHECK_OK(hrm_sudoku_from_tokens(9, tokens, back));
    CHECK_EQ(back[0], 255);
    CHECK_EQ(back[1], 255);
    puzzle[5] = 10;
    CHECK_STATUS(hrm_sudoku_to_tokens(9, puzzle, tokens), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("cell 5 holds 10");
    CHECK_STATUS(hrm_sudoku_to_tokens(5, puzzle, tokens), HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hrm_sudoku_side(81), 9);
    CHECK_EQ(hrm_sudoku_side(16), 4);
    CHECK_EQ(hrm_sudoku_side(80), 0);
}

static void test_grades(void **state) {
    (void)state;
    uint8_t puzzle[81], answer[81], other[81];
    char text[160];
    parse_line(PUZZLE, puzzle);
    parse_line(ANSWER, answer);
    hrm_sudoku_grade grade = HRM_INIT(hrm_sudoku_grade);
    CHECK_OK(hrm_sudoku_grade_answer(9, puzzle, answer, answer, &grade));
    CHECK(grade.has_reference && grade.exact && grade.valid && grade.complete && grade.violations == 0);
    CHECK(!hrm_sudoku_describe_violation(9, answer, 0, text, sizeof text));
    memcpy(other, answer, sizeof other);
    other[0] = answer[1]; /* a given, and now twice in row, column or box */
    other[80] = 0;
    CHECK_OK(hrm_sudoku_grade_answer(9, puzzle, other, NULL, &grade));
    CHECK(!grade.has_reference && !grade.exact && !grade.valid && !grade.complete);
    CHECK_EQ(grade.blanks, 1);
    CHECK_EQ(grade.changed_givens, 2); /* both corners are givens */
    CHECK(grade.violations >= 2);
    uint32_t described = 0;
    while (hrm_sudoku_describe_violation(9, other, described, text, sizeof text)) described++;
    CHECK_EQ(described, grade.violations);
    CHECK(hrm_sudoku_describe_violation(9, other, 0, text, sizeof text) && strstr(text, "digit 6 stands 2 times"));
    CHECK_STATUS(hrm_sudoku_grade_answer(7, puzzle, answer, NULL, &grade), HRM_ERR_INVALID_ARGUMENT);
}

static void test_analysis(void **state) {
    (void)state;
    uint8_t puzzle[81], answer[81];
    parse_line(PUZZLE, puzzle);
    parse_line(ANSWER, answer);
    hrm_sudoku_analysis a = HRM_INIT(hrm_sudoku_analysis);
    CHECK_OK(hrm_sudoku_analyse(9, puzzle, &a));
    CHECK_EQ(a.solutions, 1);
    CHECK(!a.unfinished);
    check_same_bits("the solution", a.solution, answer, 81);
    memset(puzzle, 0, sizeof puzzle);
    CHECK_OK(hrm_sudoku_analyse(9, puzzle, &a));
    CHECK_EQ(a.solutions, 2);
    puzzle[0] = puzzle[1] = 3;
    CHECK_STATUS(hrm_sudoku_analyse(9, puzzle, &a), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("digit 3 stands 2 times in row 1");
    for (int i = 0; i < 9; i++) puzzle[i] = (uint8_t)(i == 3 ? 0 : i < 3 ? i + 1 : i); /* 1 2 3 . 4 5 6 7 8 */
    puzzle[5 * 9 + 3] = 9; /* so the one cell left can hold nothing, though no two givens clash */
    CHECK_OK(hrm_sudoku_analyse(9, puzzle, &a));
    CHECK_EQ(a.solutions, 0);
    CHECK_STATUS(hrm_sudoku_analyse(10, puzzle, &a), HRM_ERR_INVALID_ARGUMENT);
}

static void test_data_sets(void **state) {
    (void)state;
    const char *folder = check_temp_path("made");
    hrm_sudoku_config config = HRM_INIT(hrm_sudoku_config);
    config.side = 4;
    config.train_count = 20;
    config.test_count = 10;
    CHECK_OK(hrm_sudoku_dataset_create(&config, folder, NULL, NULL));
    hrm_dataset *set;
    hrm_dataset_info info = HRM_INIT(hrm_dataset_info);
    CHECK_OK(hrm_dataset_open(folder, "train", &set));
    CHECK_OK(hrm_dataset_get_info(set, &info));
    CHECK_EQ(info.kind, HRM_PUZZLE_SUDOKU);
    CHECK_EQ(info.count, 20);
    CHECK_EQ(info.groups, 20);
    CHECK_EQ(info.vocab_size, 6);
    CHECK_EQ(info.labelled, 20 * 16);
    hrm_dataset_close(set);
    config.level = (hrm_sudoku_level)9;
    CHECK_STATUS(hrm_sudoku_dataset_create(&config, folder, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("level is 9");
    config.level = HRM_SUDOKU_LEVEL_EASY;
    config.side = 5;
    CHECK_STATUS(hrm_sudoku_dataset_create(&config, folder, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    config.struct_size = 0;
    CHECK_STATUS(hrm_sudoku_dataset_create(&config, folder, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    hrm_csv_config csv = HRM_INIT(hrm_csv_config);
    CHECK_STATUS(hrm_csv_dataset_create(&csv, folder, NULL, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    csv.kind = HRM_PUZZLE_SUDOKU;
    CHECK_STATUS(hrm_csv_dataset_create(&csv, folder, NULL, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("train_path");
    csv.test_path = "/no/such/file.csv";
    CHECK_STATUS(hrm_csv_dataset_create(&csv, folder, NULL, NULL, NULL), HRM_ERR_IO);
    hrm_maze_config maze = HRM_INIT(hrm_maze_config);
    maze.style = (hrm_maze_style)7;
    CHECK_STATUS(hrm_maze_dataset_create(&maze, folder, NULL, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("style is 7");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_tokens),
                                       cmocka_unit_test(test_grades), cmocka_unit_test(test_analysis),
                                       cmocka_unit_test(test_data_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
