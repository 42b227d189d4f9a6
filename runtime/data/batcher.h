/* Training batches from a puzzle set, in an order that depends on (seed, pass, position) alone.
 *
 * Promises: in each pass every group gives one randomly drawn puzzle, groups in a fresh random order. A batch that a
 * pass does not fill is filled from the next pass: no puzzle is dropped, and a set smaller than the batch works. A
 * puzzle with several examples gives all of them in random order, cut to what the batch still holds. The state is three
 * numbers; a batcher given them continues exactly there.
 * Source: the order of the reference's puzzle_dataset.py, less its dropping of the last batch, with our own counter-
 * based random numbers. Evaluation needs no batcher: it reads in file order (hrm_puzzle_set_read). */
#ifndef HRM_DATA_BATCHER_H
#define HRM_DATA_BATCHER_H

#include "data/puzzle_set.h"

typedef struct hrm_batcher hrm_batcher;

typedef struct hrm_batcher_config {
    uint32_t batch;  /* rows per batch, >= 1 */
    bool symmetries; /* draw one of the grid's 8 symmetries for every row (square grids only) */
    uint64_t seed;
} hrm_batcher_config;

/* Where a batcher stands: between two batches. */
typedef struct hrm_batcher_state {
    uint64_t seed;
    uint64_t pass;   /* from 0 */
    uint32_t cursor; /* groups of the pass that were used */
} hrm_batcher_state;

/* The set is borrowed until destroy.
 * Errors: INVALID_ARGUMENT (batch 0, an empty set, symmetries of a set that is no square grid), OUT_OF_MEMORY. */
hrm_status hrm_batcher_create(const hrm_puzzle_set *set, const hrm_batcher_config *config, hrm_batcher **out);
void hrm_batcher_destroy(hrm_batcher *batcher);

/* Fills the next batch.
 *   tokens  [batch, seq_len] u32
 *   labels  [batch, seq_len] u32, HRM_NO_LABEL where there is none
 *   ids     [batch] u32 puzzle identifiers */
void hrm_batcher_next(hrm_batcher *batcher, uint32_t *tokens, uint32_t *labels, uint32_t *ids);

hrm_batcher_state hrm_batcher_get_state(const hrm_batcher *batcher);

/* Errors: INVALID_ARGUMENT when the cursor lies past the set's groups (the state belongs to another set). */
hrm_status hrm_batcher_set_state(hrm_batcher *batcher, hrm_batcher_state state);

#endif
