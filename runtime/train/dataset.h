/* The object behind hrm_dataset: one opened split. */
#ifndef HRM_TRAIN_DATASET_H
#define HRM_TRAIN_DATASET_H

#include <hrm/dataset.h>

#include <stdatomic.h>

#include "data/puzzle_set.h"

struct hrm_dataset {
    hrm_puzzle_set set;
    /* hrm_puzzle_set_hash, once asked for. Threads may ask at the same time: each finds the same. */
    _Atomic uint64_t checksum;
    atomic_bool has_checksum; /* set after checksum */
};

static inline const hrm_puzzle_set *hrm_dataset_get_set(const hrm_dataset *dataset) {
    return &dataset->set;
}

/* hrm_puzzle_set_hash of the set, computed once. */
uint64_t hrm_dataset_hash(const hrm_dataset *dataset);

/* Mazes: the maze vocabulary, and in every example one start and one goal (a 4x4 Sudoku has as many kinds of tokens).
 * Sudoku: the tokens and vocabulary of a board, and no pad. ARC: 900 tokens of 12 kinds. Reads all examples. */
hrm_puzzle_kind hrm_dataset_find_kind(const hrm_puzzle_set *set);

#endif
