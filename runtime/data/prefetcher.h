/* Training batches made ahead on a thread of their own.
 *
 * Promises: exactly the batches of a plain batcher, in the same order, whatever the timing; or its first few of them
 * again and again. */
#ifndef HRM_DATA_PREFETCHER_H
#define HRM_DATA_PREFETCHER_H

#include "data/batcher.h"

typedef struct hrm_batch {
    uint32_t *tokens, *labels, *ids; /* as hrm_batcher_next fills them; owned by the prefetcher */
    hrm_batcher_state after;         /* continues behind this batch */
} hrm_batch;

typedef struct hrm_prefetcher hrm_prefetcher;

/* Called for every batch, on the prefetcher's thread, when it is made and before it can be taken: a place to begin slow
 * reads that the batch will need. It cannot change the batch. */
typedef void (*hrm_prefetcher_made_fn)(void *user, const uint32_t *ids, uint32_t count);

typedef struct hrm_prefetcher_config {
    hrm_batcher_config batches;
    const hrm_batcher_state *start; /* where they begin; NULL: at the beginning */
    uint32_t depth;                 /* batches made ahead, >= 1; 2 is double buffering */
    uint32_t repeat;                /* after so many batches those from `start` on come again; 0: never */
    uint32_t skip;                  /* with repeat: batches left out before the first, < repeat */
    hrm_prefetcher_made_fn made;    /* or NULL */
    void *made_user;                /* must outlive the prefetcher */
} hrm_prefetcher_config;

/* Errors: as hrm_batcher_create and _set_state, depth 0. */
hrm_status hrm_prefetcher_create(const hrm_puzzle_set *set, const hrm_prefetcher_config *config, hrm_prefetcher **out);

/* Stops the thread first. NULL does nothing. */
void hrm_prefetcher_destroy(hrm_prefetcher *prefetcher);

/* Waits for the next batch; it stays valid until the matching release (batches are released in the order taken).
 * Errors: INVALID_ARGUMENT (all `depth` batches are held). */
hrm_status hrm_prefetcher_take(hrm_prefetcher *prefetcher, hrm_batch *out);
void hrm_prefetcher_release(hrm_prefetcher *prefetcher);

#endif
