#include "data/prefetcher.h"

#include "base/checked.h"
#include "base/thread.h"

#include <stdlib.h>

struct hrm_prefetcher {
    hrm_prefetcher_config config; /* start is not kept */
    hrm_batcher *batcher;         /* used by the worker's thread only, once that runs */
    hrm_batcher_state first;      /* where the batches begin */
    uint32_t made;                /* since then, with repeat: below it */
    hrm_worker *worker;
    hrm_batch *slots; /* [depth] */
    uint32_t depth;
};

static hrm_status make_batch(hrm_prefetcher *prefetcher, hrm_batch *batch) {
    const hrm_prefetcher_config *c = &prefetcher->config;
    if (c->repeat && prefetcher->made == c->repeat) {
        hrm_status status = hrm_batcher_set_state(prefetcher->batcher, prefetcher->first);
        if (status != HRM_OK) return status;
        prefetcher->made = 0;
    }
    hrm_batcher_next(prefetcher->batcher, batch->tokens, batch->labels, batch->ids);
    if (c->repeat) prefetcher->made++;
    return HRM_OK;
}

static hrm_status fill_slot(void *user, uint32_t slot) {
    hrm_prefetcher *prefetcher = user;
    hrm_batch *batch = &prefetcher->slots[slot];
    hrm_status status = make_batch(prefetcher, batch);
    if (status != HRM_OK) return status;
    batch->after = hrm_batcher_get_state(prefetcher->batcher);
    if (prefetcher->config.made)
        prefetcher->config.made(prefetcher->config.made_user, batch->ids, prefetcher->config.batches.batch);
    return HRM_OK;
}

static hrm_status allocate_slots(hrm_prefetcher *prefetcher, uint32_t batch, uint32_t seq_len, uint32_t depth) {
    size_t cells, bytes;
    if (depth == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "0 batches ahead were asked for; use at least 1");
    if (!hrm_mul_size(batch, seq_len, &cells) || !hrm_mul_size(cells, sizeof(uint32_t), &bytes))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a batch of %u rows of %u tokens does not fit into memory", batch,
                        seq_len);
    prefetcher->slots = calloc(depth, sizeof *prefetcher->slots);
    prefetcher->depth = prefetcher->slots ? depth : 0;
    bool complete = prefetcher->slots != NULL;
    for (uint32_t i = 0; complete && i < depth; i++) {
        hrm_batch *slot = &prefetcher->slots[i];
        slot->tokens = malloc(bytes);
        slot->labels = malloc(bytes);
        slot->ids = malloc(batch * sizeof(uint32_t));
        complete = slot->tokens && slot->labels && slot->ids;
    }
    return complete ? HRM_OK
                    : hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for %u batches of %u rows of %u tokens", depth,
                               batch, seq_len);
}

hrm_status hrm_prefetcher_create(const hrm_puzzle_set *set, const hrm_prefetcher_config *config, hrm_prefetcher **out) {
    hrm_status status;
    *out = NULL;
    hrm_prefetcher *prefetcher = calloc(1, sizeof *prefetcher);
    if (!prefetcher) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a batch prefetcher");
    prefetcher->config = *config;
    prefetcher->config.start = NULL;
    HRM_TRY(hrm_batcher_create(set, &config->batches, &prefetcher->batcher));
    if (config->start) HRM_TRY(hrm_batcher_set_state(prefetcher->batcher, *config->start));
    prefetcher->first = hrm_batcher_get_state(prefetcher->batcher);
    HRM_TRY(allocate_slots(prefetcher, config->batches.batch, set->seq_len, config->depth));
    for (uint32_t i = 0; i < config->skip; i++) HRM_TRY(make_batch(prefetcher, &prefetcher->slots[0]));
    HRM_TRY(hrm_worker_create("hrm-batches", config->depth, fill_slot, prefetcher, &prefetcher->worker));
    *out = prefetcher;
    return HRM_OK;
fail:
    hrm_prefetcher_destroy(prefetcher);
    return status;
}

void hrm_prefetcher_destroy(hrm_prefetcher *prefetcher) {
    if (!prefetcher) return;
    hrm_worker_destroy(prefetcher->worker);
    hrm_batcher_destroy(prefetcher->batcher);
    for (uint32_t i = 0; i < prefetcher->depth; i++) {
        free(prefetcher->slots[i].tokens);
        free(prefetcher->slots[i].labels);
        free(prefetcher->slots[i].ids);
    }
    free(prefetcher->slots);
    free(prefetcher);
}

hrm_status hrm_prefetcher_take(hrm_prefetcher *prefetcher, hrm_batch *out) {
    uint32_t slot;
    hrm_status status = hrm_worker_take(prefetcher->worker, &slot);
    if (status == HRM_OK) *out = prefetcher->slots[slot];
    return status;
}

void hrm_prefetcher_release(hrm_prefetcher *prefetcher) {
    hrm_worker_release(prefetcher->worker);
}
