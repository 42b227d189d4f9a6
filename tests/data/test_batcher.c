/* Batches: every group once a pass, exact continuation from a saved state, symmetries applied to tokens and labels
 * alike, the threaded form equal to the plain one. */
#include "check.h"

#include "data/augment.h"
#include "data/prefetcher.h"

#include <stdlib.h>
#include <string.h>

enum { SEQ = 9 };

/* `examples` puzzles whose tokens tell which they are: position i of example e holds (e * 7 + i) % 200. */
static void make_set(hrm_puzzle_set *set, uint32_t examples) {
    CHECK_OK(hrm_puzzle_set_init(set, examples, SEQ, 250, 3, 3));
    set->ignore_label_id = 13;
    for (uint32_t e = 0; e < examples; e++)
        for (uint32_t i = 0; i < SEQ; i++) {
            set->inputs[e * SEQ + i] = (uint8_t)((e * 7 + i) % 200);
            set->labels[e * SEQ + i] = (uint8_t)((e * 7 + i + 1) % 200);
        }
}

/* Which example a row shows, and under which symmetry; fails when it is none. */
static uint32_t identify(const hrm_puzzle_set *set, const uint32_t *tokens, const uint32_t *labels,
                         uint32_t *symmetry) {
    for (uint32_t e = 0; e < set->example_count; e++)
        for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
            bool same = true;
            for (uint32_t i = 0; i < SEQ; i++) {
                uint32_t from = hrm_grid_source_index(k, 3, i);
                same =
                    same && tokens[i] == set->inputs[e * SEQ + from] && labels[i] == hrm_puzzle_set_label(set, e, from);
            }
            if (same) {
                *symmetry = k;
                return e;
            }
        }
    CHECK_MSG(false, "a row shows no example of the set");
    return 0;
}

static void test_passes(void **state) {
    (void)state;
    hrm_puzzle_set set;
    make_set(&set, 10);
    static const uint32_t batches[] = {1, 3, 10, 25};
    for (size_t b = 0; b < 4; b++) {
        uint32_t batch = batches[b], seen[40] = {0}, rows = 0, orders[2][10];
        hrm_batcher *batcher;
        CHECK_OK(hrm_batcher_create(&set, &(hrm_batcher_config){.batch = batch, .seed = 5}, &batcher));
        uint32_t tokens[25 * SEQ], labels[25 * SEQ], ids[25];
        while (rows < 100) {
            hrm_batcher_next(batcher, tokens, labels, ids);
            for (uint32_t r = 0; r < batch; r++, rows++) {
                uint32_t symmetry, example = identify(&set, tokens + r * SEQ, labels + r * SEQ, &symmetry);
                CHECK_EQ(symmetry, 0);
                CHECK_EQ(ids[r], 0);
                if (rows < 20) orders[rows / 10][rows % 10] = example;
                seen[example]++;
                /* After n whole passes every example was seen n times. */
                if ((rows + 1) % 10 == 0)
                    for (uint32_t e = 0; e < 10; e++) CHECK_EQ(seen[e], (rows + 1) / 10);
            }
        }
        CHECK(memcmp(orders[0], orders[1], sizeof orders[0]) != 0); /* another order in the next pass */
        hrm_batcher_destroy(batcher);
    }
    hrm_puzzle_set_deinit(&set);
}

typedef struct made_batches {
    uint32_t ids[32][4];
    uint32_t count; /* of batches; written by the prefetcher's thread before a batch can be taken */
    uint32_t other_sizes;
} made_batches;

static void note_made(void *user, const uint32_t *ids, uint32_t count) {
    made_batches *made = user;
    made->other_sizes += count != 4;
    if (made->count < 32) memcpy(made->ids[made->count], ids, sizeof made->ids[0]);
    made->count++;
}

/* The hook sees every batch once, in order, before it is taken. */
static void test_hook(void **state) {
    (void)state;
    hrm_puzzle_set set;
    make_set(&set, 7);
    hrm_batcher_config config = {.batch = 4, .seed = 99};
    made_batches made = {.count = 0};
    uint32_t taken[20][4];
    hrm_prefetcher *prefetcher;
    CHECK_OK(hrm_prefetcher_create(
        &set, &(hrm_prefetcher_config){.batches = config, .depth = 2, .made = note_made, .made_user = &made},
        &prefetcher));
    for (int i = 0; i < 20; i++) {
        hrm_batch batch;
        CHECK_OK(hrm_prefetcher_take(prefetcher, &batch));
        memcpy(taken[i], batch.ids, sizeof taken[i]);
        check_same_bits("ids of the hook", made.ids[i], taken[i], sizeof taken[i]);
        hrm_prefetcher_release(prefetcher);
    }
    hrm_prefetcher_destroy(prefetcher);
    CHECK(made.count >= 20 && made.count <= 22);
    CHECK_EQ(made.other_sizes, 0);
    hrm_puzzle_set_deinit(&set);
}

static void test_state(void **state) {
    (void)state;
    hrm_puzzle_set set;
    make_set(&set, 7);
    hrm_batcher_config config = {.batch = 4, .augment = HRM_BATCH_AUGMENT_DIHEDRAL, .seed = 99};
    hrm_batcher *batcher, *other;
    CHECK_OK(hrm_batcher_create(&set, &config, &batcher));
    config.seed = 1;
    CHECK_OK(hrm_batcher_create(&set, &config, &other));
    static uint32_t rows[20][3][4 * SEQ], again[3][4 * SEQ];
    hrm_batcher_state states[20];
    for (int i = 0; i < 20; i++) {
        states[i] = hrm_batcher_get_state(batcher);
        hrm_batcher_next(batcher, rows[i][0], rows[i][1], rows[i][2]);
    }
    for (int i = 19; i >= 0; i--) {
        CHECK_OK(hrm_batcher_set_state(other, states[i]));
        for (int j = i; j < 20; j++) {
            hrm_batcher_next(other, again[0], again[1], again[2]);
            check_same_bits("tokens", again[0], rows[j][0], sizeof again[0]);
            check_same_bits("labels", again[1], rows[j][1], sizeof again[1]);
            check_same_bits("ids", again[2], rows[j][2], 4 * sizeof(uint32_t));
        }
    }
    hrm_batcher_state wrong = {.seed = 1, .cursor = 8};
    CHECK_STATUS(hrm_batcher_set_state(other, wrong), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("lies past the set's 7 groups");

    /* The prefetcher gives the same batches, from the start and from the middle. */
    config.seed = 99;
    for (int start = 0; start < 20; start += 9) {
        hrm_prefetcher *prefetcher;
        CHECK_OK(hrm_prefetcher_create(
            &set, &(hrm_prefetcher_config){.batches = config, .depth = 2, .start = start ? &states[start] : NULL},
            &prefetcher));
        for (int i = start; i < 20; i++) {
            hrm_batch batch;
            CHECK_OK(hrm_prefetcher_take(prefetcher, &batch));
            check_same_bits("tokens", batch.tokens, rows[i][0], sizeof again[0]);
            check_same_bits("labels", batch.labels, rows[i][1], sizeof again[1]);
            if (i + 1 < 20) {
                CHECK_EQ(batch.after.pass, states[i + 1].pass);
                CHECK_EQ(batch.after.cursor, states[i + 1].cursor);
            }
            hrm_prefetcher_release(prefetcher);
        }
        hrm_prefetcher_destroy(prefetcher);
    }
    /* Its first few batches again and again, from any of them. */
    for (uint32_t skip = 0; skip < 3; skip++) {
        hrm_prefetcher *prefetcher;
        CHECK_OK(hrm_prefetcher_create(
            &set, &(hrm_prefetcher_config){.batches = config, .depth = 2, .repeat = 3, .skip = skip}, &prefetcher));
        for (uint32_t i = skip; i < 11; i++) {
            hrm_batch batch;
            CHECK_OK(hrm_prefetcher_take(prefetcher, &batch));
            check_same_bits("tokens of a repeated batch", batch.tokens, rows[i % 3][0], sizeof again[0]);
            hrm_prefetcher_release(prefetcher);
        }
        hrm_prefetcher_destroy(prefetcher);
    }
    hrm_prefetcher *none;
    CHECK_STATUS(hrm_prefetcher_create(&set, &(hrm_prefetcher_config){.batches = config}, &none),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK(none == NULL);
    CHECK_STATUS(
        hrm_prefetcher_create(&set, &(hrm_prefetcher_config){.batches = config, .depth = 2, .start = &wrong}, &none),
        HRM_ERR_INVALID_ARGUMENT);
    hrm_batcher_destroy(batcher);
    hrm_batcher_destroy(other);
    hrm_puzzle_set_deinit(&set);
}

static void test_symmetries(void **state) {
    (void)state;
    hrm_puzzle_set set;
    make_set(&set, 6);
    hrm_batcher *batcher;
    CHECK_OK(hrm_batcher_create(
        &set, &(hrm_batcher_config){.batch = 1, .augment = HRM_BATCH_AUGMENT_DIHEDRAL, .seed = 3}, &batcher));
    uint32_t tokens[SEQ], labels[SEQ], id, drawn[HRM_GRID_SYMMETRIES] = {0};
    for (int i = 0; i < 1600; i++) {
        hrm_batcher_next(batcher, tokens, labels, &id);
        uint32_t symmetry;
        identify(&set, tokens, labels, &symmetry);
        drawn[symmetry]++;
    }
    /* 200 expected each, standard deviation 13: 5 of them. */
    for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++)
        CHECK_MSG(drawn[k] > 135 && drawn[k] < 265, "%u: %u", k, drawn[k]);
    hrm_batcher_destroy(batcher);
    hrm_puzzle_set_deinit(&set);
}

/* Sudoku symmetries: tokens and labels move together, the answer stays a valid board that keeps the givens, positions
 * without a label stay without one, and a saved position goes on with the same draws. */
static void test_sudoku(void **state) {
    (void)state;
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_init(&set, 2, 81, 11, 9, 9));
    for (uint32_t i = 0; i < 162; i++) { /* the canonical full board, and one with every third cell given */
        uint32_t cell = i % 81, digit = (cell / 9 * 3 + cell / 27 + cell % 9) % 9;
        set.labels[i] = (uint8_t)(digit + 2);
        set.inputs[i] = i % 3 ? 1 : (uint8_t)(digit + 2);
    }
    set.labels[7] = 0; /* ignored */
    const hrm_batcher_config config = {.batch = 4, .augment = HRM_BATCH_AUGMENT_SUDOKU, .seed = check_seed()};
    hrm_batcher *batcher, *other;
    CHECK_OK(hrm_batcher_create(&set, &config, &batcher));
    CHECK_OK(hrm_batcher_create(&set, &config, &other));
    uint32_t tokens[4 * 81], labels[4 * 81], ids[4], again[4 * 81], moved = 0;
    for (int b = 0; b < 50; b++) {
        CHECK_OK(hrm_batcher_set_state(other, hrm_batcher_get_state(batcher)));
        hrm_batcher_next(batcher, tokens, labels, ids);
        hrm_batcher_next(other, again, labels, ids);
        check_same_bits("tokens", again, tokens, sizeof tokens);
        for (uint32_t row = 0; row < 4; row++) {
            uint32_t givens = 0, ignored = 0, units[27] = {0};
            for (uint32_t i = 0; i < 81; i++) {
                uint32_t token = tokens[row * 81 + i], label = labels[row * 81 + i];
                givens += token != 1;
                ignored += label == HRM_NO_LABEL;
                if (label == HRM_NO_LABEL) continue;
                CHECK(label >= 2 && label <= 10);
                CHECK(token == 1 || token == label);
                for (int u = 0; u < 3; u++) {
                    uint32_t *unit = &units[u == 0 ? i / 9 : u == 1 ? 9 + i % 9 : 18 + i / 27 * 3 + i % 9 / 3];
                    CHECK((*unit & 1u << label) == 0);
                    *unit |= 1u << label;
                }
                moved += label != set.labels[81 + i];
            }
            CHECK_EQ(givens, 27);
            CHECK(ignored <= 1);
        }
    }
    CHECK(moved > 50 * 4 * 81 / 2); /* two boards of unrelated digits agree in a ninth of their cells */
    hrm_batcher_destroy(batcher);
    hrm_batcher_destroy(other);
    hrm_puzzle_set_deinit(&set);
}

/* Groups of several puzzles and puzzles of several examples: a group gives one puzzle, which gives all its examples. */
static void test_groups(void **state) {
    (void)state;
    hrm_puzzle_set set;
    make_set(&set, 7);
    set.identifier_count = 5;
    set.puzzle_count = 4;
    set.group_count = 3;
    /* Group 0: puzzles 0 (examples 0, 1, 2) and 1 (3, 4); group 1: puzzle 2 (5, 6); group 2: puzzle 3, empty. */
    memcpy(set.puzzle_indices, (uint32_t[]){0, 3, 5, 7, 7}, 5 * sizeof(uint32_t));
    memcpy(set.group_indices, (uint32_t[]){0, 2, 3, 4}, 4 * sizeof(uint32_t));
    memcpy(set.puzzle_identifiers, (uint32_t[]){1, 2, 3, 4}, 4 * sizeof(uint32_t));
    set.identifier_names[0] = (free(set.identifier_names[0]), NULL);
    free(set.identifier_names);
    set.identifier_names = NULL;
    hrm_batcher *batcher;
    CHECK_OK(hrm_batcher_create(&set, &(hrm_batcher_config){.batch = 2, .seed = 11}, &batcher));
    uint32_t tokens[2 * SEQ], labels[2 * SEQ], ids[2], seen[7] = {0}, symmetry;
    for (int i = 0; i < 400; i++) {
        hrm_batcher_next(batcher, tokens, labels, ids);
        CHECK_EQ(ids[0], ids[1]); /* every puzzle fills the batch of two, and is cut to it */
        for (uint32_t r = 0; r < 2; r++) {
            uint32_t example = identify(&set, tokens + r * SEQ, labels + r * SEQ, &symmetry);
            CHECK_EQ(ids[r], set.puzzle_identifiers[hrm_puzzle_set_find_puzzle(&set, example)]);
            seen[example]++;
        }
    }
    CHECK_EQ(seen[5], 200); /* group 1 is every second batch */
    CHECK_EQ(seen[6], 200);
    CHECK_EQ(seen[3], seen[4]);
    for (int e = 0; e < 7; e++) CHECK(seen[e] > 40);
    hrm_batcher_destroy(batcher);
    hrm_puzzle_set_deinit(&set);
}

static void test_refused(void **state) {
    (void)state;
    hrm_puzzle_set set, empty = {0};
    hrm_batcher *batcher;
    make_set(&set, 2);
    CHECK_STATUS(hrm_batcher_create(&set, &(hrm_batcher_config){.batch = 0}, &batcher), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_batcher_create(&empty, &(hrm_batcher_config){.batch = 1}, &batcher), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("empty");
    set.grid_width = 9;
    set.grid_height = 1;
    CHECK_STATUS(
        hrm_batcher_create(&set, &(hrm_batcher_config){.batch = 1, .augment = HRM_BATCH_AUGMENT_DIHEDRAL}, &batcher),
        HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("9x1");
    CHECK(batcher == NULL);
    hrm_batcher_destroy(NULL);
    hrm_prefetcher_destroy(NULL);
    hrm_puzzle_set_deinit(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),     cmocka_unit_test(test_state),  cmocka_unit_test(test_hook),
        cmocka_unit_test(test_symmetries), cmocka_unit_test(test_sudoku), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
