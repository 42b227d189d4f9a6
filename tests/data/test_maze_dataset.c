/* Generated training and test sets: disjoint modulo the 8 symmetries (compared cell by cell, not by hash),
 * reproducible for any number of threads, and a clear refusal when there are not enough mazes. */
#include "check.h"

#include "base/hash.h"
#include "data/augment.h"
#include "data/maze.h"
#include "data/maze_check.h"
#include "data/maze_dataset.h"
#include "data/maze_stream.h"

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

static uint64_t set_hash(uint64_t hash, const hrm_puzzle_set *set, size_t cells) {
    hash = hrm_fnv1a64_update(hash, set->inputs, set->example_count * cells);
    return hrm_fnv1a64_update(hash, set->labels, set->example_count * cells);
}

/* The sets of the first version of this code (commit 5c796a0, one thread), from any number of threads. */
static void test_recorded(void **state) {
    (void)state;
    const struct {
        hrm_maze_dataset_config config;
        uint64_t hash;
    } rows[] = {
        {{.maze = hrm_maze_generator_config_default(), .train_count = 2000, .test_count = 300},
         UINT64_C(0xcae33716daa315e4)},
        {{.maze = {.width = 3, .height = 3, .wall_density = 0.35, .min_length = 2, .seed = 3},
          .train_count = 150,
          .test_count = 60},
         UINT64_C(0xde082a4f1336a0fa)},
        {{.maze = {.width = 12, .height = 9, .wall_density = 0.35, .min_length = 9, .seed = 4},
          .train_count = 500,
          .test_count = 100},
         UINT64_C(0x43609979258c83a5)},
    };
    const uint32_t threads[] = {0, 1, 4, 9};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            hrm_maze_dataset_config config = rows[r].config;
            size_t cells = (size_t)config.maze.width * config.maze.height;
            hrm_puzzle_set train, test;
            config.threads = threads[t];
            CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test));
            uint64_t hash = set_hash(set_hash(HRM_FNV1A64_INIT, &train, cells), &test, cells);
            CHECK_MSG(hash == rows[r].hash, "row %zu, %u threads: 0x%016llx", r, threads[t], (unsigned long long)hash);
            hrm_puzzle_set_deinit(&train);
            hrm_puzzle_set_deinit(&test);
        }
}

/* The other kinds pass through, and one thread and four make the same sets. */
static void test_kinds(void **state) {
    (void)state;
    const hrm_maze_generator_config mazes[] = {
        {.width = 9, .height = 9, .min_length = 20, .kind = HRM_MAZE_GENERATOR_PERFECT},
        {.width = 8, .height = 11, .min_length = 10, .max_length = 14, .kind = HRM_MAZE_GENERATOR_UNIFORM},
        {.width = 12, .height = 12, .wall_density = 0.3, .min_length = 18, .kind = HRM_MAZE_GENERATOR_REPAIRED},
    };
    for (size_t m = 0; m < sizeof mazes / sizeof *mazes; m++) {
        hrm_maze_dataset_config config = {.maze = mazes[m], .train_count = 200, .test_count = 50, .threads = 1};
        size_t cells = (size_t)mazes[m].width * mazes[m].height;
        uint64_t hashes[2];
        config.maze.seed = check_seed();
        for (size_t i = 0; i < 2; i++, config.threads = 4) {
            hrm_puzzle_set train, test;
            CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test));
            hashes[i] = set_hash(set_hash(HRM_FNV1A64_INIT, &train, cells), &test, cells);
            for (size_t n = 0; n < 200; n++) {
                uint32_t length = 1;
                for (size_t c = 0; c < cells; c++) length += train.labels[n * cells + c] == HRM_MAZE_TOKEN_PATH;
                CHECK(length >= config.maze.min_length);
                CHECK(config.maze.max_length == 0 || length <= config.maze.max_length);
            }
            hrm_puzzle_set_deinit(&train);
            hrm_puzzle_set_deinit(&test);
        }
        CHECK_EQ(hashes[0], hashes[1]);
    }
}

/* A stream is the generator, index by index; the first maze that cannot be made ends it at its place. */
static void test_stream(void **state) {
    (void)state;
    /* 1.9 attempts a maze on average: some maze among thousands needs more than 12. */
    hrm_maze_generator_config config = {
        .width = 6, .height = 6, .wall_density = 0.35, .min_length = 5, .unique = true, .seed = 11, .max_attempts = 12};
    hrm_maze_generator generator;
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        hrm_maze_stream *stream;
        CHECK_OK(hrm_maze_stream_create(&config, 100, threads, &stream));
        hrm_status status = HRM_OK;
        uint64_t index = 100;
        for (;; index++) {
            char puzzle[36], answer[36];
            uint32_t length;
            hrm_maze_stream_item item;
            status = hrm_maze_generate(&generator, index, puzzle, answer, &length);
            CHECK_STATUS(hrm_maze_stream_take(stream, &item), status);
            if (status != HRM_OK) break;
            CHECK_EQ(item.index, index);
            CHECK_EQ(item.length, length);
            CHECK_EQ(item.hash, hrm_maze_canonical_hash(puzzle, 6, 6));
            check_same_bits("puzzle", item.puzzle, puzzle, 36);
            check_same_bits("answer", item.answer, answer, 36);
        }
        CHECK(index > 164); /* past the first chunk */
        hrm_maze_stream_item item;
        CHECK_STATUS(hrm_maze_stream_take(stream, &item), HRM_ERR_INVALID_ARGUMENT);
        CHECK_ERROR_HAS("was found in 12 attempts");
        hrm_maze_stream_destroy(stream);
    }
    hrm_maze_generator_deinit(&generator);
    hrm_maze_stream *stream;
    config.width = 0;
    CHECK_STATUS(hrm_maze_stream_create(&config, 0, 0, &stream), HRM_ERR_INVALID_ARGUMENT);
    CHECK(stream == NULL);
    hrm_maze_stream_destroy(NULL);

    /* Many threads, nothing taken. */
    config = hrm_maze_generator_config_preset(HRM_MAZE_GENERATOR_PRESET_PERFECT);
    CHECK_OK(hrm_maze_stream_create(&config, 0, 1000, &stream));
    hrm_maze_stream_destroy(stream);
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

    /* Large mazes are rarer, so one hears of them more often. */
    calls = 0;
    config.maze = hrm_maze_generator_config_preset(HRM_MAZE_GENERATOR_PRESET_PERFECT);
    CHECK_STATUS(hrm_maze_dataset_build(&config, stop_at, &calls, &train, &test), HRM_ERR_CANCELLED);
    CHECK_ERROR_HAS("cancelled after 54 of 100");
    CHECK(test.inputs == NULL);
    calls = 0;
    config.maze.max_attempts = 1;
    config.maze.min_length = 440;
    CHECK_STATUS(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("was found in 1 attempts");
    config.maze = hrm_maze_generator_config_default();
    CHECK_OK(hrm_maze_dataset_build(&config, NULL, NULL, &train, &test));
    hrm_puzzle_set_deinit(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_disjoint), cmocka_unit_test(test_recorded),
                                       cmocka_unit_test(test_kinds), cmocka_unit_test(test_stream),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
