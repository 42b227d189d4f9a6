#include "train/dataset.h"

#include "data/maze.h"
#include "data/sudoku.h"

enum { ARC_SIDE = 30, ARC_VOCAB = 12 };

static bool are_mazes(const hrm_puzzle_set *set) {
    if (set->vocab_size != HRM_MAZE_VOCAB_SIZE || set->grid_width == 0) return false;
    for (uint32_t e = 0; e < set->example_count; e++) {
        const uint8_t *tokens = set->inputs + (size_t)e * set->seq_len;
        const uint8_t *labels = set->labels + (size_t)e * set->seq_len;
        uint32_t starts = 0, goals = 0, other = 0;
        for (uint32_t i = 0; i < set->seq_len; i++) {
            starts += tokens[i] == HRM_MAZE_TOKEN_START;
            goals += tokens[i] == HRM_MAZE_TOKEN_GOAL;
            other += tokens[i] == HRM_MAZE_TOKEN_PAD;
            /* Walls stay walls. The blanks of a 4 x 4 Sudoku are the same token, and do not stay. */
            other += tokens[i] == HRM_MAZE_TOKEN_WALL && labels[i] != HRM_MAZE_TOKEN_WALL &&
                     labels[i] != set->ignore_label_id;
        }
        if (starts != 1 || goals != 1 || other) return false;
    }
    return true;
}

static bool are_sudokus(const hrm_puzzle_set *set) {
    hrm_sudoku_shape shape;
    if (!hrm_sudoku_shape_from_cells(set->seq_len, &shape) || set->vocab_size != hrm_sudoku_vocab_size(shape) ||
        set->grid_width != shape.side)
        return false;
    for (size_t i = 0; i < (size_t)set->example_count * set->seq_len; i++)
        if (set->inputs[i] == HRM_SUDOKU_TOKEN_PAD) return false;
    return true;
}

uint64_t hrm_dataset_hash(const hrm_dataset *dataset) {
    hrm_dataset *d = (hrm_dataset *)(uintptr_t)dataset; /* what it remembers does not show: callers see it unchanged */
    if (!atomic_load(&d->has_checksum)) {
        atomic_store(&d->checksum, hrm_puzzle_set_hash(&d->set));
        atomic_store(&d->has_checksum, true);
    }
    return atomic_load(&d->checksum);
}

hrm_puzzle_kind hrm_dataset_find_kind(const hrm_puzzle_set *set) {
    if (are_mazes(set)) return HRM_PUZZLE_MAZE;
    if (are_sudokus(set)) return HRM_PUZZLE_SUDOKU;
    if (set->grid_width == ARC_SIDE && set->grid_height == ARC_SIDE && set->vocab_size == ARC_VOCAB)
        return HRM_PUZZLE_ARC;
    return HRM_PUZZLE_OTHER;
}
