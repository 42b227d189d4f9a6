/* Training batches from a puzzle set, in an order that depends on (seed, pass, position) alone.
 *
 * Promises, in both orders: every group gives one randomly drawn puzzle each time its turn comes, groups in a fresh
 * random order; a puzzle with several examples gives them in random order, cut to what the batch still holds. The state
 * is three numbers; a batcher of the same set and config given them continues exactly there.
 *   OWN        Each pass takes every group once. A batch that a pass does not fill is filled from the next pass: no
 *              puzzle is dropped, and a set smaller than the batch works.
 *   REFERENCE  The order of the reference's puzzle_dataset.py: pass n (from 1) draws from NumPy's Philox(seed + n),
 *              first epochs_per_pass orders of all groups, then a puzzle for each group. Its last batch is dropped when
 *              it is not full. Which examples of a puzzle come first is drawn from our own generator (the reference
 *              leaves that to NumPy's unseeded one), so exactly the same rows come for puzzles of one example.
 *
 * Evaluation needs no batcher: it reads in file order (hrm_puzzle_set_read). */
#ifndef HRM_DATA_BATCHER_H
#define HRM_DATA_BATCHER_H

#include "data/puzzle_set.h"

typedef struct hrm_batcher hrm_batcher;

typedef enum hrm_batch_order { HRM_BATCH_ORDER_OWN = 0, HRM_BATCH_ORDER_REFERENCE = 1 } hrm_batch_order;

/* What is drawn anew for every row, and applied to tokens and labels alike. */
typedef enum hrm_batch_augment {
    HRM_BATCH_AUGMENT_NONE = 0,
    HRM_BATCH_AUGMENT_DIHEDRAL = 1, /* one of the 8 symmetries of a square grid */
    HRM_BATCH_AUGMENT_SUDOKU = 2    /* digits, rows, columns, bands, stacks, transposition (sudoku_symmetry.h) */
} hrm_batch_augment;

typedef struct hrm_batcher_config {
    uint32_t batch; /* rows per batch, >= 1 */
    hrm_batch_augment augment;
    hrm_batch_order order;
    uint32_t epochs_per_pass; /* REFERENCE: its epochs_per_iter, >= 1; OWN: not read */
    uint64_t seed;
} hrm_batcher_config;

/* Where a batcher stands: between two batches. */
typedef struct hrm_batcher_state {
    uint64_t seed;
    uint64_t pass;   /* OWN: from 0; REFERENCE: from 1 */
    uint32_t cursor; /* groups of the pass that were used */
} hrm_batcher_state;

/* The set is borrowed until destroy.
 * Errors: INVALID_ARGUMENT (batch 0, an empty set, an augmentation that does not fit the set's grid or tokens;
 * REFERENCE: epochs_per_pass 0, 2^32 groups in a pass, a batch larger than what a pass gives on average, so that
 * batches would be dropped without end), OUT_OF_MEMORY. */
hrm_status hrm_batcher_create(const hrm_puzzle_set *set, const hrm_batcher_config *config, hrm_batcher **out);
void hrm_batcher_destroy(hrm_batcher *batcher);

/* Fills the next batch.
 *   tokens  [batch, seq_len] u32
 *   labels  [batch, seq_len] u32, HRM_NO_LABEL where there is none
 *   ids     [batch] u32 puzzle identifiers */
void hrm_batcher_next(hrm_batcher *batcher, uint32_t *tokens, uint32_t *labels, uint32_t *ids);

hrm_batcher_state hrm_batcher_get_state(const hrm_batcher *batcher);

/* REFERENCE: repeats the draws of the pass up to the cursor.
 * Errors: INVALID_ARGUMENT when no such position exists (the state belongs to another set or config). */
hrm_status hrm_batcher_set_state(hrm_batcher *batcher, hrm_batcher_state state);

#endif
