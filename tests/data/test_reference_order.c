/* The reference's batches, drawn again: golden/data_sampling has NumPy's streams and the batches that the reference's
 * loader made of the data sets in golden/data. */
#include "check.h"

#include "base/numpy_rng.h"
#include "data/prefetcher.h"
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hrm_safetensors *sampling;

/* Tensor "<prefix>/<name>" as numbers; rows and columns (1 for rank 1) when wanted. Free it. */
static int64_t *load(const char *prefix, const char *name, uint64_t *rows, uint64_t *columns) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", prefix, name);
    const hrm_safetensors_tensor *tensor = hrm_safetensors_find(sampling, key);
    CHECK_MSG(tensor != NULL, "no tensor %s", key);
    int64_t *values = malloc((size_t)tensor->count * sizeof *values + 1);
    CHECK(values != NULL);
    CHECK_OK(hrm_safetensors_copy_i64(tensor, values, tensor->count));
    if (rows) *rows = tensor->shape[0];
    if (columns) *columns = tensor->rank > 1 ? tensor->shape[1] : 1;
    return values;
}

static void check_u64(const char *prefix, const char *name, uint64_t (*draw)(hrm_numpy_rng *rng), hrm_numpy_rng *rng,
                      const uint64_t *given) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", prefix, name);
    const hrm_safetensors_tensor *tensor = hrm_safetensors_find(sampling, key);
    CHECK_MSG(tensor != NULL && tensor->dtype == HRM_ST_U64 && tensor->count > 0, "no tensor %s of u64", key);
    for (uint64_t i = 0; i < tensor->count; i++) {
        uint64_t want;
        memcpy(&want, (const unsigned char *)tensor->data + i * sizeof want, sizeof want);
        CHECK_EQ(draw ? draw(rng) : given[i], want);
    }
}

static void check_permutation(const char *prefix, uint64_t seed, uint32_t count) {
    char name[64];
    snprintf(name, sizeof name, "permutation_%u", count);
    int64_t *want = load(prefix, name, NULL, NULL);
    uint32_t *got = malloc(count * sizeof *got);
    CHECK(got != NULL);
    hrm_numpy_rng rng;
    hrm_numpy_rng_init(&rng, seed);
    hrm_numpy_rng_permutation(&rng, got, count);
    for (uint32_t i = 0; i < count; i++) CHECK_EQ(got[i], want[i]);
    free(got);
    free(want);
}

static void test_streams(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, 42};
    for (size_t s = 0; s < 3; s++) {
        char prefix[32];
        hrm_numpy_rng rng;
        snprintf(prefix, sizeof prefix, "philox/%d", (int)seeds[s]);
        hrm_numpy_rng_init(&rng, seeds[s]);
        check_u64(prefix, "key", NULL, &rng, rng.key);
        check_u64(prefix, "raw", hrm_numpy_rng_u64, &rng, NULL);
        check_permutation(prefix, seeds[s], 5);
        check_permutation(prefix, seeds[s], 12);
        check_permutation(prefix, seeds[s], 1000);
        uint64_t count, limits;
        int64_t *limit = load(prefix, "integers_limits", &limits, NULL), *want = load(prefix, "integers", &count, NULL);
        CHECK_EQ(count, limits);
        hrm_numpy_rng_init(&rng, seeds[s]);
        for (uint64_t i = 0; i < count; i++) CHECK_EQ(hrm_numpy_rng_integer(&rng, 0, limit[i]), want[i]);
        free(limit);
        free(want);
        want = load(prefix, "mixed", &count, NULL);
        CHECK_EQ(count, 30);
        hrm_numpy_rng_init(&rng, seeds[s]);
        for (uint32_t round = 0, at = 0; round < 3; round++) {
            uint32_t order[7];
            hrm_numpy_rng_permutation(&rng, order, 7);
            for (int i = 0; i < 7; i++) CHECK_EQ(order[i], want[at++]);
            for (int i = 0; i < 3; i++) CHECK_EQ(hrm_numpy_rng_integer(&rng, 10, 20), want[at++]);
        }
        free(want);
    }
}

typedef struct recording {
    const char *name;
    uint32_t batch, epochs;
    bool exact; /* every puzzle has one example, so the rows themselves are those of the reference */
} recording;

static const recording recordings[] = {
    {"sudoku", 5, 3, true},
    {"maze", 3, 2, true},
    {"arc", 6, 2, false},
};

static bool row_is(const hrm_puzzle_set *set, uint32_t example, const uint32_t *tokens, const uint32_t *labels) {
    for (uint32_t i = 0; i < set->seq_len; i++)
        if (tokens[i] != set->inputs[(size_t)example * set->seq_len + i] ||
            labels[i] != hrm_puzzle_set_label(set, example, i))
            return false;
    return true;
}

/* The rows [first, end) of a batch, which puzzle `puzzle` filled, are different examples of it. */
static void check_members(const hrm_puzzle_set *set, uint32_t puzzle, uint32_t first, uint32_t end,
                          const uint32_t *tokens, const uint32_t *labels) {
    uint32_t example = set->puzzle_indices[puzzle], count = set->puzzle_indices[puzzle + 1] - example;
    bool *used = calloc(count, sizeof *used);
    CHECK(used != NULL);
    for (uint32_t row = first; row < end; row++) {
        size_t offset = (size_t)row * set->seq_len;
        uint32_t e = 0;
        while (e < count && (used[e] || !row_is(set, example + e, tokens + offset, labels + offset))) e++;
        CHECK_MSG(e < count, "row %u shows no unused example of puzzle %u", row, puzzle);
        used[e] = true;
    }
    free(used);
}

static void check_first(const char *prefix, const char *name, const uint32_t *got, uint32_t ignored) {
    uint64_t rows, columns;
    int64_t *want = load(prefix, name, &rows, &columns);
    for (uint64_t i = 0; i < rows * columns; i++) CHECK_EQ(got[i], want[i] == -100 ? ignored : (uint32_t)want[i]);
    free(want);
}

/* All recorded passes of one data set through `batcher`. */
static void check_recording(const recording *r, const hrm_puzzle_set *set, hrm_batcher *batcher) {
    size_t cells = (size_t)r->batch * set->seq_len;
    uint32_t *tokens = malloc(cells * sizeof *tokens), *labels = malloc(cells * sizeof *labels), ids[8];
    CHECK(tokens && labels);
    for (int pass = 1; pass <= 2; pass++) {
        char prefix[64];
        uint64_t batches, rows;
        snprintf(prefix, sizeof prefix, "%s/iter%d", r->name, pass);
        int64_t *examples = load(prefix, "example_index", &batches, &rows);
        int64_t *puzzles = load(prefix, "puzzle_index", NULL, NULL);
        int64_t *identifiers = load(prefix, "puzzle_identifiers", NULL, NULL);
        CHECK_EQ(rows, r->batch);
        CHECK(batches > 0);
        for (uint64_t b = 0; b < batches; b++) {
            hrm_batcher_next(batcher, tokens, labels, ids);
            CHECK_EQ(hrm_batcher_get_state(batcher).pass, pass);
            for (uint32_t row = 0; row < r->batch; row++) {
                size_t at = (size_t)b * r->batch + row, offset = (size_t)row * set->seq_len;
                CHECK_EQ(ids[row], identifiers[at]);
                if (r->exact) CHECK(row_is(set, (uint32_t)examples[at], tokens + offset, labels + offset));
                if (row > 0 && puzzles[at] == puzzles[at - 1]) continue;
                uint32_t end = row + 1;
                while (end < r->batch && puzzles[at + end - row] == puzzles[at]) end++;
                if (!r->exact) check_members(set, (uint32_t)puzzles[at], row, end, tokens, labels);
            }
            if (b == 0 && r->exact) {
                check_first(prefix, "inputs_first", tokens, 0);
                check_first(prefix, "labels_first", labels, HRM_NO_LABEL);
            }
        }
        free(examples);
        free(puzzles);
        free(identifiers);
    }
    free(tokens);
    free(labels);
}

static void test_batches(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++) {
        const recording *r = &recordings[i];
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", check_tree_golden_dir("data"), r->name);
        hrm_puzzle_set set;
        hrm_batcher *batcher;
        CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
        const hrm_batcher_config config = {
            .batch = r->batch, .order = HRM_BATCH_ORDER_REFERENCE, .epochs_per_pass = r->epochs};
        CHECK_OK(hrm_batcher_create(&set, &config, &batcher));
        check_recording(r, &set, batcher);

        /* Saved between any two batches of three passes, another batcher goes on with the same bits. */
        hrm_batcher *other;
        CHECK_OK(hrm_batcher_create(&set, &config, &other));
        size_t cells = (size_t)r->batch * set.seq_len;
        uint32_t *rows[2][2], ids[2][8];
        for (int k = 0; k < 4; k++) CHECK((rows[k / 2][k % 2] = malloc(cells * sizeof(uint32_t))) != NULL);
        CHECK_OK(hrm_batcher_set_state(batcher, (hrm_batcher_state){.pass = 1}));
        while (hrm_batcher_get_state(batcher).pass < 4) {
            CHECK_OK(hrm_batcher_set_state(other, hrm_batcher_get_state(batcher)));
            hrm_batcher_next(batcher, rows[0][0], rows[0][1], ids[0]);
            hrm_batcher_next(other, rows[1][0], rows[1][1], ids[1]);
            check_same_bits("tokens", rows[1][0], rows[0][0], cells * sizeof(uint32_t));
            check_same_bits("labels", rows[1][1], rows[0][1], cells * sizeof(uint32_t));
            check_same_bits("ids", ids[1], ids[0], r->batch * sizeof(uint32_t));
            CHECK_EQ(hrm_batcher_get_state(other).pass, hrm_batcher_get_state(batcher).pass);
            CHECK_EQ(hrm_batcher_get_state(other).cursor, hrm_batcher_get_state(batcher).cursor);
        }
        for (int k = 0; k < 4; k++) free(rows[k / 2][k % 2]);
        hrm_batcher_destroy(batcher);
        hrm_batcher_destroy(other);
        hrm_puzzle_set_deinit(&set);
    }
}

/* The prefetcher makes the same batches, also from the middle. */
static void test_prefetched(void **state) {
    (void)state;
    hrm_puzzle_set set;
    hrm_batcher *batcher;
    CHECK_OK(hrm_puzzle_set_open(&set, check_tree_golden_dir("data/sudoku"), "train"));
    const hrm_batcher_config config = {.batch = 5,
                                       .order = HRM_BATCH_ORDER_REFERENCE,
                                       .augment = HRM_BATCH_AUGMENT_SUDOKU,
                                       .epochs_per_pass = 3,
                                       .seed = 4};
    CHECK_OK(hrm_batcher_create(&set, &config, &batcher));
    uint32_t tokens[5 * 81], labels[5 * 81], ids[5];
    for (int skip = 0; skip < 20; skip += 9) {
        hrm_prefetcher *prefetcher;
        hrm_batcher_state start = hrm_batcher_get_state(batcher);
        CHECK_OK(hrm_prefetcher_create(
            &set, &(hrm_prefetcher_config){.batches = config, .depth = 2, .start = skip ? &start : NULL}, &prefetcher));
        for (int i = 0; i < 9; i++) {
            hrm_batch batch;
            hrm_batcher_next(batcher, tokens, labels, ids);
            CHECK_OK(hrm_prefetcher_take(prefetcher, &batch));
            check_same_bits("tokens", batch.tokens, tokens, sizeof tokens);
            check_same_bits("labels", batch.labels, labels, sizeof labels);
            CHECK_EQ(batch.after.pass, hrm_batcher_get_state(batcher).pass);
            CHECK_EQ(batch.after.cursor, hrm_batcher_get_state(batcher).cursor);
            hrm_prefetcher_release(prefetcher);
        }
        hrm_prefetcher_destroy(prefetcher);
    }
    hrm_batcher_destroy(batcher);
    hrm_puzzle_set_deinit(&set);
}

static void test_refused(void **state) {
    (void)state;
    hrm_puzzle_set set;
    hrm_batcher *batcher;
    CHECK_OK(hrm_puzzle_set_open(&set, check_tree_golden_dir("data/maze"), "train"));
    CHECK_EQ(set.group_count, 8);
    hrm_batcher_config config = {.batch = 16, .order = HRM_BATCH_ORDER_REFERENCE, .epochs_per_pass = 2};
    CHECK_OK(hrm_batcher_create(&set, &config, &batcher)); /* exactly one batch a pass */
    uint32_t tokens[16 * 100], labels[16 * 100], ids[16];
    for (uint64_t pass = 1; pass < 4; pass++) {
        hrm_batcher_next(batcher, tokens, labels, ids);
        CHECK_EQ(hrm_batcher_get_state(batcher).pass, pass);
        CHECK_EQ(hrm_batcher_get_state(batcher).cursor, 16);
    }
    CHECK_STATUS(hrm_batcher_set_state(batcher, (hrm_batcher_state){.pass = 1, .cursor = 17}),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("the set's 16 groups a pass");
    CHECK_STATUS(hrm_batcher_set_state(batcher, (hrm_batcher_state){.pass = 0}), HRM_ERR_INVALID_ARGUMENT);
    hrm_batcher_destroy(batcher);
    config.batch = 17;
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("gives about 16 rows, less than one batch of 17");
    CHECK(batcher == NULL);
    config.epochs_per_pass = 0;
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    config.epochs_per_pass = UINT32_MAX;
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("use fewer epochs");
    config = (hrm_batcher_config){.batch = 1, .order = (hrm_batch_order)7};
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    config = (hrm_batcher_config){.batch = 1, .augment = (hrm_batch_augment)7};
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    config.augment = HRM_BATCH_AUGMENT_SUDOKU;
    CHECK_STATUS(hrm_batcher_create(&set, &config, &batcher), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("(100 tokens below 6) are no Sudoku boards");
    hrm_puzzle_set_deinit(&set);
}

int main(void) {
    char path[1024];
    snprintf(path, sizeof path, "%s/sampling.safetensors", check_tree_golden_dir("data_sampling"));
    if (hrm_safetensors_open(path, &sampling) != HRM_OK) {
        fprintf(stderr, "%s\n", hrm_last_error());
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_prefetched),
        cmocka_unit_test(test_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_safetensors_close(sampling);
    return failed;
}
