/* What a data set's tokens mean is told from the set itself. */
#include "check.h"

#include <string.h>

#include "train/dataset.h"

static void check_golden(const char *folder, const char *split, hrm_puzzle_kind want) {
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_open(&set, check_tree_golden_dir(folder), split));
    CHECK_EQ(hrm_dataset_find_kind(&set), want);
    hrm_puzzle_set_deinit(&set);
}

static void test_golden_sets(void **state) {
    (void)state;
    check_golden("data/maze", "train", HRM_PUZZLE_MAZE);
    check_golden("data/maze30", "test", HRM_PUZZLE_MAZE);
    check_golden("data/sudoku", "train", HRM_PUZZLE_SUDOKU);
    check_golden("data/sudoku", "test", HRM_PUZZLE_SUDOKU);
    check_golden("data/arc", "train", HRM_PUZZLE_ARC);
}

/* 4x4 boards and 4x4 mazes both have 16 tokens of 6 kinds. */
static void test_four_by_four(void **state) {
    (void)state;
    static const uint8_t board[16] = {2, 1, 1, 5, 1, 5, 2, 1, 5, 1, 1, 2, 1, 2, 5, 1};
    static const uint8_t maze[16] = {3, 2, 2, 1, 1, 1, 2, 1, 1, 2, 2, 1, 1, 4, 1, 1};
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_init(&set, 1, 16, 6, 4, 4));
    memcpy(set.inputs, board, sizeof board);
    CHECK_EQ(hrm_dataset_find_kind(&set), HRM_PUZZLE_SUDOKU);
    memcpy(set.inputs, maze, sizeof maze);
    CHECK_EQ(hrm_dataset_find_kind(&set), HRM_PUZZLE_MAZE);
    set.inputs[0] = 0; /* a pad: neither a maze nor a board */
    CHECK_EQ(hrm_dataset_find_kind(&set), HRM_PUZZLE_OTHER);
    hrm_puzzle_set_deinit(&set);
    CHECK_OK(hrm_puzzle_set_init(&set, 1, 15, 6, 0, 0));
    memset(set.inputs, 1, 15);
    CHECK_EQ(hrm_dataset_find_kind(&set), HRM_PUZZLE_OTHER);
    hrm_puzzle_set_deinit(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_sets), cmocka_unit_test(test_four_by_four)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
