/* Generated training and test sets: disjoint modulo the 8 symmetries (compared cell by cell, not by hash),
 * reproducible, and a clear refusal when there are not enough mazes. */
#include "check.h"

#include "data/augment.h"
#include "data/maze.h"
#include "data/maze_check.h"
#include "data/maze_dataset.h"

#include <stdlib.h>
#include <string.h>

static void test_disjoint(void **state) {
    (void)state;
    /* 3x3 mazes are few, so that repeats and symmetries do turn up. */
    hrm_maze_dataset_config config = {
        .maze = {.width = 3, .height = 3, .wall_density = 0.35, .min_length = 2, .seed = check_seed()},
        .train_count = 150,
        .test_count = 60};
    hrm_puzzle_set train, test;
    CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test));
    CHECK_EQ(train.example_count, 150);
    CHECK_EQ(test.example_count, 60);
    for (uint32_t i = 0; i < 210; i++)
        for (uint32_t j = 0; j < i; j++)
            for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
                const uint8_t *a = i < 150 ? train.inputs + i * 9 : test.inputs + (i - 150) * 9;
                const uint8_t *b = j < 150 ? train.inputs + j * 9 : test.inputs + (j - 150) * 9;
                uint8_t turned[9];
                hrm_grid_transform(k, 3, a, turned);
                CHECK(memcmp(turned, b, 9) != 0);
            }
    hrm_maze_checker checker;
    CHECK_OK(hrm_maze_checker_init(&checker, 9));
    for (uint32_t i = 0; i < 150; i++) {
        uint32_t tokens[9], labels[9];
        hrm_maze_verdict verdict;
        CHECK_OK(hrm_puzzle_set_read(&train, i, 1, tokens, labels, NULL));
        CHECK_OK(hrm_maze_checker_run_tokens(&checker, 3, 3, tokens, labels, labels, &verdict));
        CHECK(verdict.exact && verdict.shortest && verdict.length >= 2);
    }
    hrm_maze_checker_deinit(&checker);

    /* The test set does not depend on the size of the training set, and both depend on nothing but the config. */
    hrm_puzzle_set train2, test2;
    config.train_count = 40;
    CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train2, &test2));
    check_same_bits("test set", test2.inputs, test.inputs, 60 * 9);
    check_same_bits("test labels", test2.labels, test.labels, 60 * 9);
    check_same_bits("first training mazes", train2.inputs, train.inputs, 40 * 9);
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
    hrm_puzzle_set_deinit(&train2);
    hrm_puzzle_set_deinit(&test2);
}

static bool stop_at(void *user, uint64_t done, uint64_t total) {
    uint64_t *calls = user;
    CHECK(done <= total);
    return ++*calls < 3;
}

static void test_refused(void **state) {
    (void)state;
    hrm_puzzle_set train, test;
    hrm_maze_dataset_config config = {
        .maze = {.width = 2, .height = 2, .wall_density = 0.35}, .train_count = 10, .test_count = 3};
    CHECK_STATUS(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("10 training mazes of 2x2 cells were asked for");
    CHECK_ERROR_HAS("too few different mazes");
    CHECK(train.inputs == NULL && test.inputs == NULL);
    config.test_count = 1000;
    CHECK_STATUS(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("1000 test mazes");
    config.maze.wall_density = 2;
    CHECK_STATUS(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);

    uint64_t calls = 0;
    config =
        (hrm_maze_dataset_config){.maze = hrm_maze_generator_config_default(), .train_count = 2000, .test_count = 100};
    CHECK_STATUS(hrm_maze_dataset_build(&config, stop_at, &calls, &train, &test), HRM_ERR_CANCELLED);
    CHECK_EQ(calls, 3);
    config.train_count = 0;
    CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test));
    CHECK(train.inputs == NULL);
    hrm_puzzle_set_deinit(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_disjoint), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
