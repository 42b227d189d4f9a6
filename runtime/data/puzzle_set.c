#include "data/puzzle_set.h"

#include "base/checked.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

hrm_status hrm_puzzle_set_init(hrm_puzzle_set *set, uint32_t example_count, uint32_t seq_len, uint32_t vocab_size,
                               uint32_t grid_width, uint32_t grid_height) {
    *set = (hrm_puzzle_set){0};
    size_t bytes;
    if (example_count == 0 || seq_len == 0 || vocab_size == 0 || vocab_size > HRM_PUZZLE_SET_MAX_VOCAB ||
        example_count == UINT32_MAX || !hrm_mul_size(example_count, seq_len, &bytes) ||
        (grid_width && (uint64_t)grid_width * grid_height != seq_len))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a set of %u puzzles of %u tokens below %u on a grid of %ux%u was asked for; the first two "
                        "must be at least 1, the third 1 to %u, the grid's sides their product or 0",
                        example_count, seq_len, vocab_size, grid_width, grid_height, HRM_PUZZLE_SET_MAX_VOCAB);
    *set = (hrm_puzzle_set){.example_count = example_count,
                            .puzzle_count = example_count,
                            .group_count = example_count,
                            .seq_len = seq_len,
                            .vocab_size = vocab_size,
                            .identifier_count = 1,
                            .grid_width = grid_width,
                            .grid_height = grid_width ? grid_height : 0};
    set->inputs = calloc(bytes, 1);
    set->labels = calloc(bytes, 1);
    set->puzzle_identifiers = calloc(example_count, sizeof(uint32_t));
    set->puzzle_indices = malloc((example_count + (size_t)1) * sizeof(uint32_t));
    set->group_indices = malloc((example_count + (size_t)1) * sizeof(uint32_t));
    set->identifier_names = calloc(1, sizeof(char *));
    if (set->identifier_names) set->identifier_names[0] = strdup("<blank>");
    if (!set->inputs || !set->labels || !set->puzzle_identifiers || !set->puzzle_indices || !set->group_indices ||
        !set->identifier_names || !set->identifier_names[0]) {
        hrm_puzzle_set_deinit(set);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u puzzles of %u tokens", example_count, seq_len);
    }
    for (uint32_t i = 0; i <= example_count; i++) set->puzzle_indices[i] = set->group_indices[i] = i;
    return HRM_OK;
}

void hrm_puzzle_set_deinit(hrm_puzzle_set *set) {
    if (!set) return;
    free(set->inputs);
    free(set->labels);
    free(set->puzzle_identifiers);
    free(set->puzzle_indices);
    free(set->group_indices);
    for (uint32_t i = 0; set->identifier_names && i < set->identifier_count; i++) free(set->identifier_names[i]);
    free(set->identifier_names);
    *set = (hrm_puzzle_set){0};
}

uint32_t hrm_puzzle_set_square_side(uint32_t seq_len) {
    uint32_t root = 0;
    while ((uint64_t)(root + 1) * (root + 1) <= seq_len) root++;
    return root * root == seq_len ? root : 0;
}

uint64_t hrm_puzzle_set_hash(const hrm_puzzle_set *set) {
    const size_t cells = (size_t)set->example_count * set->seq_len;
    uint64_t hash = hrm_fnv1a64_update(HRM_FNV1A64_INIT, set->inputs, cells);
    hash = hrm_fnv1a64_update(hash, set->labels, cells);
    hash = hrm_fnv1a64_update(hash, set->puzzle_indices, ((size_t)set->puzzle_count + 1) * sizeof(uint32_t));
    hash = hrm_fnv1a64_update(hash, set->puzzle_identifiers, (size_t)set->puzzle_count * sizeof(uint32_t));
    return hrm_fnv1a64_update(hash, set->group_indices, ((size_t)set->group_count + 1) * sizeof(uint32_t));
}

uint32_t hrm_puzzle_set_find_puzzle(const hrm_puzzle_set *set, uint32_t example) {
    uint32_t low = 0, high = set->puzzle_count; /* the first puzzle that ends behind the example lies in [low, high) */
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->puzzle_indices[middle] <= example)
            low = middle;
        else
            high = middle;
    }
    return low;
}

hrm_status hrm_puzzle_set_read(const hrm_puzzle_set *set, uint32_t first, uint32_t count, uint32_t *tokens,
                               uint32_t *labels, uint32_t *ids) {
    if (first > set->example_count || count > set->example_count - first)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "examples %u to %llu were asked for; the set holds %u", first,
                        (unsigned long long)first + count, set->example_count);
    size_t from = (size_t)first * set->seq_len, cells = (size_t)count * set->seq_len;
    if (tokens)
        for (size_t i = 0; i < cells; i++) tokens[i] = set->inputs[from + i];
    if (labels)
        for (size_t i = 0; i < cells; i++)
            labels[i] = set->labels[from + i] == set->ignore_label_id ? HRM_NO_LABEL : set->labels[from + i];
    if (ids)
        for (uint32_t i = 0; i < count; i++)
            ids[i] = set->puzzle_identifiers[hrm_puzzle_set_find_puzzle(set, first + i)];
    return HRM_OK;
}
