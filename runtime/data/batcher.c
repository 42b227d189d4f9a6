#include "data/batcher.h"

#include "base/rng.h"
#include "data/augment.h"

#include <stdlib.h>

/* The orders of a pass and the draws within a group come from different keys, so their streams never meet. */
#define ORDER_KEY UINT64_C(0x6f72646572)    /* "order" */
#define SAMPLE_KEY UINT64_C(0x73616d706c65) /* "sample" */

struct hrm_batcher {
    const hrm_puzzle_set *set;
    hrm_batcher_config config;
    hrm_batcher_state state;
    uint32_t *order;          /* [group_count] groups in the order of the present pass */
    uint32_t *examples;       /* [largest puzzle] scratch */
    uint32_t *source_indices; /* [8, seq_len] where each cell of a symmetry comes from; NULL without symmetries */
};

static void shuffle_pass(hrm_batcher *batcher) {
    uint32_t groups = batcher->set->group_count;
    hrm_rng rng;
    hrm_rng_init(&rng, batcher->state.seed ^ ORDER_KEY, batcher->state.pass);
    for (uint32_t i = 0; i < groups; i++) batcher->order[i] = i;
    hrm_rng_shuffle_u32(&rng, batcher->order, groups);
}

static hrm_status check_config(const hrm_puzzle_set *set, const hrm_batcher_config *config) {
    if (config->batch == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a batch of 0 rows was asked for; use at least 1");
    if (set->example_count == 0 || set->group_count == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "the puzzle set is empty; batches need at least one example");
    if (config->symmetries && (set->grid_width == 0 || set->grid_width != set->grid_height))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "symmetries were asked for, but the puzzles (%u tokens, grid %ux%u) are no square grids",
                        set->seq_len, set->grid_width, set->grid_height);
    return HRM_OK;
}

hrm_status hrm_batcher_create(const hrm_puzzle_set *set, const hrm_batcher_config *config, hrm_batcher **out) {
    hrm_status status;
    hrm_batcher *batcher = NULL;
    *out = NULL;
    HRM_TRY(check_config(set, config));
    uint32_t largest = 1;
    for (uint32_t p = 0; p < set->puzzle_count; p++) {
        uint32_t size = set->puzzle_indices[p + 1] - set->puzzle_indices[p];
        if (size > largest) largest = size;
    }
    batcher = calloc(1, sizeof *batcher);
    if (batcher) {
        *batcher = (hrm_batcher){.set = set, .config = *config, .state.seed = config->seed};
        batcher->order = malloc(set->group_count * sizeof(uint32_t));
        batcher->examples = malloc(largest * sizeof(uint32_t));
        if (config->symmetries)
            batcher->source_indices = malloc((size_t)HRM_GRID_SYMMETRIES * set->seq_len * sizeof(uint32_t));
    }
    if (!batcher || !batcher->order || !batcher->examples || (config->symmetries && !batcher->source_indices)) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to order %u groups of puzzles", set->group_count);
        goto fail;
    }
    for (uint32_t k = 0; config->symmetries && k < HRM_GRID_SYMMETRIES; k++)
        for (uint32_t i = 0; i < set->seq_len; i++)
            batcher->source_indices[k * set->seq_len + i] = hrm_grid_source_index(k, set->grid_width, i);
    shuffle_pass(batcher);
    *out = batcher;
    return HRM_OK;
fail:
    hrm_batcher_destroy(batcher);
    return status;
}

void hrm_batcher_destroy(hrm_batcher *batcher) {
    if (!batcher) return;
    free(batcher->order);
    free(batcher->examples);
    free(batcher->source_indices);
    free(batcher);
}

static void fill_row(const hrm_batcher *batcher, uint32_t example, uint32_t symmetry, uint32_t *tokens,
                     uint32_t *labels) {
    const hrm_puzzle_set *set = batcher->set;
    const uint8_t *inputs = set->inputs + (size_t)example * set->seq_len;
    const uint32_t *source = batcher->source_indices ? batcher->source_indices + symmetry * set->seq_len : NULL;
    for (uint32_t i = 0; i < set->seq_len; i++) {
        uint32_t from = source ? source[i] : i;
        tokens[i] = inputs[from];
        labels[i] = hrm_puzzle_set_label(set, example, from);
    }
}

/* Draws one puzzle of the group at the cursor into at most `room` rows; returns how many it filled. */
static uint32_t fill_from_group(hrm_batcher *batcher, uint32_t room, uint32_t *tokens, uint32_t *labels,
                                uint32_t *ids) {
    const hrm_puzzle_set *set = batcher->set;
    uint32_t group = batcher->order[batcher->state.cursor];
    uint32_t first = set->group_indices[group], puzzles = set->group_indices[group + 1] - first;
    if (puzzles == 0) return 0;
    hrm_rng rng;
    hrm_rng_init(&rng, batcher->state.seed ^ SAMPLE_KEY, batcher->state.pass << 32 | batcher->state.cursor);
    uint32_t puzzle = first + hrm_rng_below(&rng, puzzles);
    uint32_t example = set->puzzle_indices[puzzle], examples = set->puzzle_indices[puzzle + 1] - example;
    for (uint32_t i = 0; i < examples; i++) batcher->examples[i] = example + i;
    if (examples > 1) hrm_rng_shuffle_u32(&rng, batcher->examples, examples);
    uint32_t rows = examples < room ? examples : room;
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t symmetry = batcher->config.symmetries ? hrm_rng_below(&rng, HRM_GRID_SYMMETRIES) : 0;
        size_t offset = (size_t)row * set->seq_len;
        fill_row(batcher, batcher->examples[row], symmetry, tokens + offset, labels + offset);
        ids[row] = set->puzzle_identifiers[puzzle];
    }
    return rows;
}

void hrm_batcher_next(hrm_batcher *batcher, uint32_t *tokens, uint32_t *labels, uint32_t *ids) {
    for (uint32_t row = 0; row < batcher->config.batch;) {
        if (batcher->state.cursor == batcher->set->group_count) {
            batcher->state.cursor = 0;
            batcher->state.pass++;
            shuffle_pass(batcher);
        }
        size_t offset = (size_t)row * batcher->set->seq_len;
        row += fill_from_group(batcher, batcher->config.batch - row, tokens + offset, labels + offset, ids + row);
        batcher->state.cursor++;
    }
}

hrm_batcher_state hrm_batcher_get_state(const hrm_batcher *batcher) {
    return batcher->state;
}

hrm_status hrm_batcher_set_state(hrm_batcher *batcher, hrm_batcher_state state) {
    if (state.cursor > batcher->set->group_count)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the saved position (group %u of pass %llu) lies past the set's %u groups; it was saved for "
                        "another data set",
                        state.cursor, (unsigned long long)state.pass, batcher->set->group_count);
    batcher->state = state;
    shuffle_pass(batcher);
    return HRM_OK;
}
