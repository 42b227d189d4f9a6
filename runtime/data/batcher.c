#include "data/batcher.h"

#include "base/checked.h"
#include "base/numpy_rng.h"
#include "base/rng.h"
#include "data/augment.h"
#include "data/sudoku_symmetry.h"

#include <stdlib.h>

/* The orders of a pass and the draws within a group come from different keys, so their streams never meet. */
#define ORDER_KEY UINT64_C(0x6f72646572)    /* "order" */
#define SAMPLE_KEY UINT64_C(0x73616d706c65) /* "sample" */

struct hrm_batcher {
    const hrm_puzzle_set *set;
    hrm_batcher_config config;
    hrm_batcher_state state;
    hrm_numpy_rng numpy;      /* REFERENCE: where the generator of the pass stands */
    uint32_t turns;           /* groups in a pass, each counted once an epoch */
    uint32_t *order;          /* [turns] groups in the order of the present pass */
    uint32_t *examples;       /* [largest puzzle] scratch */
    uint8_t *cells;           /* [2, seq_len] an augmented row's tokens and labels; NULL without augmentation */
    uint32_t *source_indices; /* [8, seq_len] where each cell of a symmetry comes from; NULL for other kinds */
    hrm_sudoku_shape shape;   /* AUGMENT_SUDOKU */
};

static bool is_reference(const hrm_batcher *batcher) {
    return batcher->config.order == HRM_BATCH_ORDER_REFERENCE;
}

static void shuffle_pass(hrm_batcher *batcher) {
    uint32_t groups = batcher->set->group_count;
    if (is_reference(batcher)) {
        hrm_numpy_rng_init(&batcher->numpy, batcher->state.seed + batcher->state.pass);
        for (uint32_t epoch = 0; epoch < batcher->config.epochs_per_pass; epoch++)
            hrm_numpy_rng_permutation(&batcher->numpy, batcher->order + (size_t)epoch * groups, groups);
        return;
    }
    hrm_rng rng;
    hrm_rng_init(&rng, batcher->state.seed ^ ORDER_KEY, batcher->state.pass);
    for (uint32_t i = 0; i < groups; i++) batcher->order[i] = i;
    hrm_rng_shuffle_u32(&rng, batcher->order, groups);
}

static void next_pass(hrm_batcher *batcher) {
    batcher->state.cursor = 0;
    batcher->state.pass++;
    shuffle_pass(batcher);
}

static hrm_status check_augment(const hrm_puzzle_set *set, hrm_batch_augment augment, hrm_sudoku_shape *shape) {
    switch (augment) {
    case HRM_BATCH_AUGMENT_NONE:
        return HRM_OK;
    case HRM_BATCH_AUGMENT_DIHEDRAL:
        if (set->grid_width != 0 && set->grid_width == set->grid_height) return HRM_OK;
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "symmetries were asked for, but the puzzles (%u tokens, grid %ux%u) are no square grids",
                        set->seq_len, set->grid_width, set->grid_height);
    case HRM_BATCH_AUGMENT_SUDOKU:
        if (hrm_sudoku_shape_from_cells(set->seq_len, shape) && set->vocab_size == hrm_sudoku_vocab_size(*shape))
            return HRM_OK;
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "Sudoku symmetries were asked for, but the puzzles (%u tokens below %u) are no Sudoku boards, "
                        "such as 81 tokens below 11",
                        set->seq_len, set->vocab_size);
    }
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "augmentation number %d is not known", (int)augment);
}

/* A batch that a pass can rarely or never fill would be dropped again and again. Counts what a pass gives on average, a
 * puzzle for at most one batch. */
static hrm_status check_pass_fills_batch(const hrm_puzzle_set *set, const hrm_batcher_config *config) {
    double rows = 0;
    for (uint32_t g = 0; g < set->group_count; g++) {
        uint32_t first = set->group_indices[g], last = set->group_indices[g + 1];
        double group_rows = 0;
        for (uint32_t p = first; p < last; p++) {
            uint32_t examples = set->puzzle_indices[p + 1] - set->puzzle_indices[p];
            group_rows += examples < config->batch ? examples : config->batch;
        }
        if (last > first) rows += group_rows / (last - first);
    }
    rows *= config->epochs_per_pass;
    if (rows >= config->batch) return HRM_OK;
    return hrm_fail(
        HRM_ERR_INVALID_ARGUMENT,
        "a pass of %u epochs over %u groups of puzzles gives about %.0f rows, less than one batch of %u; in "
        "the reference's order every batch would be dropped: use more epochs a pass or a smaller batch",
        config->epochs_per_pass, set->group_count, rows, config->batch);
}

static hrm_status check_config(const hrm_puzzle_set *set, const hrm_batcher_config *config, uint32_t *turns) {
    if (config->batch == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a batch of 0 rows was asked for; use at least 1");
    if (set->example_count == 0 || set->group_count == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "the puzzle set is empty; batches need at least one example");
    *turns = set->group_count;
    switch (config->order) {
    case HRM_BATCH_ORDER_OWN:
        return HRM_OK;
    case HRM_BATCH_ORDER_REFERENCE:
        if (config->epochs_per_pass == 0)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a pass of 0 epochs was asked for; use at least 1");
        if (!hrm_mul_u32(set->group_count, config->epochs_per_pass, turns))
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "a pass of %u epochs over %u groups of puzzles takes 2^32 turns or more; use fewer epochs",
                            config->epochs_per_pass, set->group_count);
        return check_pass_fills_batch(set, config);
    }
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "batch order number %d is not known", (int)config->order);
}

hrm_status hrm_batcher_create(const hrm_puzzle_set *set, const hrm_batcher_config *config, hrm_batcher **out) {
    hrm_status status;
    hrm_batcher *batcher = NULL;
    uint32_t turns = 0, largest = 1;
    hrm_sudoku_shape shape = {0};
    *out = NULL;
    HRM_TRY(check_config(set, config, &turns));
    HRM_TRY(check_augment(set, config->augment, &shape));
    bool dihedral = config->augment == HRM_BATCH_AUGMENT_DIHEDRAL;
    for (uint32_t p = 0; p < set->puzzle_count; p++) {
        uint32_t size = set->puzzle_indices[p + 1] - set->puzzle_indices[p];
        if (size > largest) largest = size;
    }
    batcher = calloc(1, sizeof *batcher);
    if (batcher) {
        *batcher =
            (hrm_batcher){.set = set, .config = *config, .state.seed = config->seed, .turns = turns, .shape = shape};
        batcher->order = malloc((size_t)turns * sizeof(uint32_t));
        batcher->examples = malloc((size_t)largest * sizeof(uint32_t));
        if (config->augment != HRM_BATCH_AUGMENT_NONE) batcher->cells = malloc(2 * (size_t)set->seq_len);
        if (dihedral) batcher->source_indices = malloc((size_t)HRM_GRID_SYMMETRIES * set->seq_len * sizeof(uint32_t));
    }
    if (!batcher || !batcher->order || !batcher->examples ||
        (config->augment != HRM_BATCH_AUGMENT_NONE && !batcher->cells) || (dihedral && !batcher->source_indices)) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to order %u groups of puzzles", turns);
        goto fail;
    }
    for (uint32_t k = 0; dihedral && k < HRM_GRID_SYMMETRIES; k++)
        for (uint32_t i = 0; i < set->seq_len; i++)
            batcher->source_indices[k * set->seq_len + i] = hrm_grid_source_index(k, set->grid_width, i);
    batcher->state.pass = is_reference(batcher) ? 1 : 0;
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
    free(batcher->cells);
    free(batcher->source_indices);
    free(batcher);
}

/* Draws the row's augmentation and applies it to its tokens and labels, which it replaces by its own copies. */
static void augment_row(const hrm_batcher *batcher, hrm_rng *rng, const uint8_t **inputs, const uint8_t **labels) {
    uint32_t seq_len = batcher->set->seq_len;
    uint8_t *new_inputs = batcher->cells, *new_labels = new_inputs + seq_len;
    if (batcher->config.augment == HRM_BATCH_AUGMENT_DIHEDRAL) {
        const uint32_t *source = batcher->source_indices + hrm_rng_below(rng, HRM_GRID_SYMMETRIES) * seq_len;
        for (uint32_t i = 0; i < seq_len; i++) {
            new_inputs[i] = (*inputs)[source[i]];
            new_labels[i] = (*labels)[source[i]];
        }
    } else {
        hrm_sudoku_symmetry symmetry;
        hrm_sudoku_symmetry_table table;
        hrm_sudoku_symmetry_draw(batcher->shape, rng, &symmetry);
        hrm_sudoku_symmetry_tabulate(batcher->shape, &symmetry, &table);
        hrm_sudoku_symmetry_apply_tokens(&table, *inputs, new_inputs);
        /* A label that means "none" may lie outside the vocabulary: it only moves. */
        for (uint32_t i = 0; i < seq_len; i++) {
            uint8_t label = (*labels)[table.source[i]];
            new_labels[i] = label == batcher->set->ignore_label_id ? label : table.token_map[label];
        }
    }
    *inputs = new_inputs;
    *labels = new_labels;
}

static void fill_row(const hrm_batcher *batcher, uint32_t example, hrm_rng *rng, uint32_t *tokens, uint32_t *labels) {
    const hrm_puzzle_set *set = batcher->set;
    const uint8_t *stored_inputs = set->inputs + (size_t)example * set->seq_len;
    const uint8_t *stored_labels = set->labels + (size_t)example * set->seq_len;
    if (batcher->config.augment != HRM_BATCH_AUGMENT_NONE) augment_row(batcher, rng, &stored_inputs, &stored_labels);
    for (uint32_t i = 0; i < set->seq_len; i++) {
        tokens[i] = stored_inputs[i];
        labels[i] = stored_labels[i] == set->ignore_label_id ? HRM_NO_LABEL : stored_labels[i];
    }
}

/* Which puzzle the group at the cursor gives; false when it has none. Draws, so each turn calls it once. */
static bool draw_puzzle(hrm_batcher *batcher, hrm_rng *rng, uint32_t *puzzle) {
    const hrm_puzzle_set *set = batcher->set;
    uint32_t group = batcher->order[batcher->state.cursor];
    uint32_t first = set->group_indices[group], end = set->group_indices[group + 1];
    if (first == end) return false;
    *puzzle = is_reference(batcher) ? (uint32_t)hrm_numpy_rng_integer(&batcher->numpy, first, end)
                                    : first + hrm_rng_below(rng, end - first);
    return true;
}

/* Draws one puzzle of the group at the cursor into at most `room` rows; returns how many it filled. */
static uint32_t fill_from_group(hrm_batcher *batcher, uint32_t room, uint32_t *tokens, uint32_t *labels,
                                uint32_t *ids) {
    const hrm_puzzle_set *set = batcher->set;
    uint32_t puzzle;
    hrm_rng rng;
    hrm_rng_init(&rng, batcher->state.seed ^ SAMPLE_KEY, batcher->state.pass << 32 | batcher->state.cursor);
    if (!draw_puzzle(batcher, &rng, &puzzle)) return 0;
    uint32_t example = set->puzzle_indices[puzzle], examples = set->puzzle_indices[puzzle + 1] - example;
    for (uint32_t i = 0; i < examples; i++) batcher->examples[i] = example + i;
    if (examples > 1) hrm_rng_shuffle_u32(&rng, batcher->examples, examples);
    uint32_t rows = examples < room ? examples : room;
    for (uint32_t row = 0; row < rows; row++) {
        size_t offset = (size_t)row * set->seq_len;
        fill_row(batcher, batcher->examples[row], &rng, tokens + offset, labels + offset);
        ids[row] = set->puzzle_identifiers[puzzle];
    }
    return rows;
}

void hrm_batcher_next(hrm_batcher *batcher, uint32_t *tokens, uint32_t *labels, uint32_t *ids) {
    for (uint32_t row = 0; row < batcher->config.batch;) {
        if (batcher->state.cursor == batcher->turns) {
            next_pass(batcher);
            if (is_reference(batcher)) row = 0; /* drops the short batch */
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
    if (state.cursor > batcher->turns || (is_reference(batcher) && state.pass == 0))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "the saved position (group %u of pass %llu) lies past the set's %u groups%s; it was saved for "
                        "another data set or another order of batches",
                        state.cursor, (unsigned long long)state.pass, batcher->turns,
                        is_reference(batcher) ? " a pass, or before the first pass, 1" : "");
    batcher->state = state;
    shuffle_pass(batcher);
    if (is_reference(batcher)) {
        /* The generator stands behind the draws of the groups that were used. */
        uint32_t puzzle;
        for (batcher->state.cursor = 0; batcher->state.cursor < state.cursor; batcher->state.cursor++)
            (void)draw_puzzle(batcher, NULL, &puzzle);
    }
    return HRM_OK;
}
