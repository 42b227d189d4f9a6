/* Training batches made ahead on a thread of their own.
 *
 * Promises: exactly the batches of a plain batcher, in the same order, whatever the timing. */
#ifndef HRM_DATA_PREFETCHER_H
#define HRM_DATA_PREFETCHER_H

#include "data/batcher.h"

typedef struct hrm_batch {
    uint32_t *tokens, *labels, *ids; /* as hrm_batcher_next fills them; owned by the prefetcher */
    hrm_batcher_state after;         /* continues behind this batch */
} hrm_batch;

typedef struct hrm_prefetcher hrm_prefetcher;

/* Makes up to `depth` (>= 1; 2 is double buffering) batches ahead, starting at `start`, or at the beginning when it is
 * NULL. The batches are those of a plain batcher. Errors: as hrm_batcher_create and _set_state, depth 0. */
hrm_status hrm_prefetcher_create(const hrm_puzzle_set *set, const hrm_batcher_config *config,
                                 const hrm_batcher_state *start, uint32_t depth, hrm_prefetcher **out);

/* Stops the thread first. NULL does nothing. */
void hrm_prefetcher_destroy(hrm_prefetcher *prefetcher);

/* Waits for the next batch; it stays valid until the matching release (batches are released in the order taken).
 * Errors: INVALID_ARGUMENT (all `depth` batches are held). */
hrm_status hrm_prefetcher_take(hrm_prefetcher *prefetcher, hrm_batch *out);
void hrm_prefetcher_release(hrm_prefetcher *prefetcher);

#endif
