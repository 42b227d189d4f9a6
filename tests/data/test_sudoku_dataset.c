/* Generated training and test sets: disjoint modulo the symmetries (by an exhaustive comparison, not by hash), the same
 * for every number of threads, and a clear refusal when there are not enough puzzles. */
#include "check.h"

#include "data/sudoku_check.h"
#include "data/sudoku_dataset.h"
#include "data/sudoku_symmetry.h"

#include <stdlib.h>
#include <string.h>

static hrm_sudoku_dataset_config config_of(uint32_t side, hrm_sudoku_difficulty difficulty) {
    hrm_sudoku_dataset_config config = {.threads = 2};
    hrm_sudoku_shape shape;
    CHECK_OK(hrm_sudoku_shape_from_side(side, &shape));
    CHECK_OK(hrm_sudoku_generator_config_preset(shape, difficulty, &config.sudoku));
    config.sudoku.seed = check_seed();
    return config;
}

/* Some symmetry of side 4 turns board a into board b: 2 transposes, 8 row orders, 8 column orders, any digits. */
static bool are_symmetric(const uint8_t *a, const uint8_t *b) {
    static const uint8_t orders[8][4] = {{0, 1, 2, 3}, {1, 0, 2, 3}, {0, 1, 3, 2}, {1, 0, 3, 2},
                                         {2, 3, 0, 1}, {3, 2, 0, 1}, {2, 3, 1, 0}, {3, 2, 1, 0}};
    for (uint32_t k = 0; k < 128; k++) {
        const uint8_t *rows = orders[k % 8], *columns = orders[k / 8 % 8];
        uint8_t to[6] = {0}, from[6] = {0};
        bool same = true;
        for (uint32_t i = 0; i < 16 && same; i++) {
            uint32_t row = rows[i / 4], column = columns[i % 4];
            uint8_t old = a[k < 64 ? row * 4 + column : column * 4 + row];
            if (to[old] == 0 && from[b[i]] == 0 && (old == 1) == (b[i] == 1)) to[old] = b[i], from[b[i]] = old;
            same = to[old] == b[i];
        }
        if (same) return true;
    }
    return false;
}

static void test_disjoint(void **state) {
    (void)state;
    hrm_sudoku_dataset_config config = config_of(4, HRM_SUDOKU_EASY);
    config.train_count = 150;
    config.test_count = 60;
    hrm_puzzle_set train, test;
    CHECK_OK(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test));
    CHECK_EQ(train.example_count, 150);
    CHECK_EQ(test.example_count, 60);
    CHECK_EQ(train.vocab_size, 6);
    CHECK_EQ(train.grid_width, 4);
    const uint8_t *first = train.inputs;
    uint8_t moved[16];
    for (uint32_t i = 0; i < 16; i++)
        moved[i] = first[(i + 8) % 16] < 2 ? first[(i + 8) % 16] : 7 - first[(i + 8) % 16];
    CHECK(are_symmetric(first, moved)); /* bands swapped, digits reversed: the comparison itself works */
    for (uint32_t i = 0; i < 210; i++)
        for (uint32_t j = 0; j < i; j++) {
            const uint8_t *a = i < 150 ? train.inputs + i * 16 : test.inputs + (i - 150) * 16;
            const uint8_t *b = j < 150 ? train.inputs + j * 16 : test.inputs + (j - 150) * 16;
            CHECK(!are_symmetric(a, b));
        }
    for (uint32_t i = 0; i < 150; i++) {
        uint32_t tokens[16], labels[16];
        hrm_sudoku_verdict verdict;
        CHECK_OK(hrm_puzzle_set_read(&train, i, 1, tokens, labels, NULL));
        CHECK_OK(hrm_sudoku_check_answer_tokens(config.sudoku.shape, tokens, labels, labels, &verdict));
        CHECK(verdict.exact && verdict.valid);
    }
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
}

/* The test set does not depend on the size of the training set, nor anything on the threads. */
static void test_same_bytes(void **state) {
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 0};
    hrm_sudoku_dataset_config config = config_of(6, HRM_SUDOKU_EASY);
    hrm_puzzle_set train, test;
    config.test_count = 150;
    config.train_count = 200;
    CHECK_OK(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test));
    for (uint32_t k = 0; k < 4; k++) {
        hrm_puzzle_set train2, test2;
        config.threads = threads[k];
        config.train_count = 200 - 30 * k;
        CHECK_OK(hrm_sudoku_dataset_build(&config, NULL, NULL, &train2, &test2));
        check_same_bits("test set", test2.inputs, test.inputs, (size_t)150 * 36);
        check_same_bits("test labels", test2.labels, test.labels, (size_t)150 * 36);
        check_same_bits("training set", train2.inputs, train.inputs, (size_t)config.train_count * 36);
        check_same_bits("training labels", train2.labels, train.labels, (size_t)config.train_count * 36);
        hrm_puzzle_set_deinit(&train2);
        hrm_puzzle_set_deinit(&test2);
    }
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
}

typedef struct watcher {
    uint64_t calls, stop_after, last;
} watcher;

static bool watch(void *user, uint64_t done, uint64_t total) {
    watcher *w = user;
    CHECK(done <= total && done >= w->last);
    w->last = done;
    return ++w->calls < w->stop_after;
}

static void test_progress(void **state) {
    (void)state;
    hrm_sudoku_dataset_config config = config_of(9, HRM_SUDOKU_EASY);
    hrm_puzzle_set train, test;
    config.train_count = 500;
    config.test_count = 100;
    watcher w = {.stop_after = 3};
    CHECK_STATUS(hrm_sudoku_dataset_build(&config, watch, &w, &train, &test), HRM_ERR_CANCELLED);
    CHECK_EQ(w.calls, 3);
    CHECK(train.inputs == NULL && test.inputs == NULL);
    w = (watcher){.stop_after = UINT64_MAX};
    config.train_count = 0;
    CHECK_OK(hrm_sudoku_dataset_build(&config, watch, &w, &train, &test));
    CHECK_EQ(w.last, 100);
    CHECK(train.inputs == NULL && test.example_count == 100);
    hrm_puzzle_set_deinit(&test);
}

static void test_refused(void **state) {
    (void)state;
    hrm_puzzle_set train, test;
    /* Full boards of side 4: there are two, up to symmetry. */
    hrm_sudoku_dataset_config config = config_of(4, HRM_SUDOKU_EASY);
    config.sudoku.min_givens = config.sudoku.max_givens = 16;
    config.test_count = 1;
    config.train_count = 1;
    CHECK_OK(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test));
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
    config.train_count = 2;
    CHECK_STATUS(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("2 training Sudokus of side 4 were asked for, but after 1 of them (and 1 other puzzles)");
    CHECK(train.inputs == NULL && test.inputs == NULL);

    /* A failure on any thread is the caller's message. */
    config.sudoku.min_givens = config.sudoku.max_givens = 2;
    config.sudoku.max_attempts = 5;
    config.train_count = 100;
    config.threads = 3;
    CHECK_STATUS(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no puzzle of side 4 with 2 to 2 givens");
    config.sudoku.shape.side = 5;
    CHECK_STATUS(hrm_sudoku_dataset_build(&config, NULL, NULL, &train, &test), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("side 5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disjoint),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
