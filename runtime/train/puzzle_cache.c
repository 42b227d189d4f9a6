#include "train/puzzle_cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "gpu/program.h"
#include "train/row_cache.h"

struct hrm_puzzle_cache {
    hrm_row_cache cache;
    const hrm_model *model;
    hrm_tensor rows;       /* [capacity, E] */
    size_t row_bytes;      /* E * 4 */
    unsigned char *values; /* [batch, E] on their way to the device, or from it in a flush */
    hrm_buffer **readback; /* [lag] of [lag * batch, E]: values on their way back; slot = step % lag */
    hrm_ticket *tickets;   /* [lag] of those copies */
    size_t page_bytes;
    bool is_broken; /* the device may not have got what the bookkeeping says: nothing may reach the table any more */
};

uint32_t hrm_puzzle_cache_row_count(uint32_t batch, uint32_t lag) {
    return hrm_row_cache_row_count(batch, lag);
}

static bool readback_slot_bytes(uint32_t batch, uint32_t lag, uint32_t dim, uint64_t *bytes) {
    return hrm_mul_u64(batch, lag, bytes) && hrm_mul_u64(*bytes, dim, bytes) &&
           hrm_mul_u64(*bytes, sizeof(float), bytes);
}

uint64_t hrm_puzzle_cache_readback_bytes(uint32_t batch, uint32_t lag, uint32_t dim) {
    uint64_t bytes;
    return readback_slot_bytes(batch, lag, dim, &bytes) && hrm_mul_u64(bytes, lag, &bytes) ? bytes : UINT64_MAX;
}

hrm_status hrm_puzzle_cache_create(const hrm_model *model, hrm_tensor rows, uint32_t batch, uint32_t lag,
                                   hrm_puzzle_cache **out) {
    hrm_status status;
    uint64_t slot_bytes;
    size_t values_bytes;
    const uint32_t E = model->dims.E, capacity = hrm_row_cache_row_count(batch, lag);
    *out = NULL;
    if (!model->puzzle_on_host)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "puzzle cache: this model has no puzzle embeddings on the host");
    if (!hrm_tensor_is_set(&rows) || rows.rank != 2 || rows.shape[0] != capacity || rows.shape[1] != E)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "puzzle cache: batch %u with %u steps not read needs a tensor of %u x %u for its rows", batch,
                        lag, capacity, E);
    hrm_puzzle_cache *p = calloc(1, sizeof *p);
    if (!p) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "puzzle cache: no host memory");
    p->model = model;
    p->rows = rows;
    p->row_bytes = (size_t)E * sizeof(float);
    p->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    HRM_TRY(hrm_row_cache_init(&p->cache, model->dims.N, batch, lag));
    p->readback = calloc(lag, sizeof *p->readback);
    p->tickets = calloc(lag, sizeof *p->tickets);
    if (hrm_mul_size(batch, p->row_bytes, &values_bytes)) p->values = malloc(values_bytes);
    if (!p->readback || !p->tickets || !p->values || !readback_slot_bytes(batch, lag, E, &slot_bytes)) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "puzzle cache: no host memory to move %u rows of %u values", batch, E);
        goto fail;
    }
    for (uint32_t i = 0; i < lag; i++)
        HRM_TRY(hrm_buffer_create(model->device, slot_bytes, HRM_MEMORY_READBACK, "puzzle rows on their way back",
                                  &p->readback[i]));
    *out = p;
    return HRM_OK;
fail:
    hrm_puzzle_cache_destroy(p);
    return status;
}

void hrm_puzzle_cache_destroy(hrm_puzzle_cache *p) {
    if (!p) return;
    /* a device that was lost has said so before */
    if (p->readback && p->readback[0]) (void)hrm_queue_drain(p->model->device);
    for (uint32_t i = 0; p->readback && i < p->cache.lag; i++) hrm_buffer_destroy(p->readback[i]);
    hrm_row_cache_deinit(&p->cache);
    free(p->readback);
    free(p->tickets);
    free(p->values);
    free(p);
}

/* ---- moving ---- */

static hrm_status check_use(const hrm_puzzle_cache *p) {
    if (p->is_broken)
        return hrm_fail(HRM_ERR_DEVICE, "puzzle cache: moving rows failed before; the puzzle embeddings that were in "
                                        "use are lost. Go on from a saved run");
    if (!hrm_model_get_puzzle_host(p->model)->writable)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "puzzle cache: the table is read-only; open the model for training");
    return HRM_OK;
}

static hrm_status move_in(hrm_puzzle_cache *p) {
    const hrm_row_cache *c = &p->cache;
    const unsigned char *table = hrm_model_get_puzzle_host(p->model)->rows;
    if (c->miss_count == 0) return HRM_OK;
    for (uint32_t i = 0; i < c->miss_count; i++)
        memcpy(p->values + i * p->row_bytes, table + c->miss_ids[i] * p->row_bytes, p->row_bytes);
    return hrm_queue_upload_rows(p->model->device, hrm_tensor_get_span(&p->rows), p->row_bytes, c->miss_count,
                                 c->miss_rows, p->values);
}

static hrm_status move_out(hrm_puzzle_cache *p, uint32_t step) {
    uint32_t count;
    const uint32_t slot = step % p->cache.lag, *rows = hrm_row_cache_get_leaving(&p->cache, step, &count);
    p->tickets[slot] = 0;
    if (count == 0) return HRM_OK;
    hrm_span to = {p->readback[slot], 0, count * p->row_bytes};
    return hrm_queue_copy_rows(p->model->device, to, hrm_tensor_get_span(&p->rows), p->row_bytes, count, rows,
                               &p->tickets[slot]);
}

/* Equal values are left alone, so that a mapped file's pages become private memory only when they change: most puzzles
 * that come in are never accepted. */
static void store(const hrm_puzzle_cache *p, uint32_t id, const unsigned char *value) {
    unsigned char *row = hrm_model_get_puzzle_host(p->model)->writable + id * p->row_bytes;
    if (memcmp(row, value, p->row_bytes) != 0) memcpy(row, value, p->row_bytes);
}

/* ---- steps ---- */

hrm_status hrm_puzzle_cache_take(hrm_puzzle_cache *p, uint32_t step, const uint32_t *ids, uint32_t *rows) {
    hrm_status status = check_use(p);
    if (status == HRM_OK) status = hrm_row_cache_take(&p->cache, step, ids, rows);
    if (status != HRM_OK) return status;
    status = move_out(p, step);
    if (status == HRM_OK) status = move_in(p);
    p->is_broken = status != HRM_OK;
    return status;
}

hrm_status hrm_puzzle_cache_restart(hrm_puzzle_cache *p, uint32_t step, const uint32_t *ids, uint32_t *rows) {
    hrm_status status = check_use(p);
    if (status == HRM_OK) status = hrm_row_cache_restart(&p->cache, step, ids, rows);
    if (status != HRM_OK) return status;
    status = move_in(p);
    p->is_broken = status != HRM_OK;
    return status;
}

typedef struct landing {
    const hrm_puzzle_cache *cache;
    const unsigned char *values;
} landing;

static void land(void *user, uint32_t index, uint32_t id) {
    const landing *l = user;
    store(l->cache, id, l->values + index * l->cache->row_bytes);
}

hrm_status hrm_puzzle_cache_note(hrm_puzzle_cache *p, uint32_t step, const uint32_t *in_flight) {
    const uint32_t slot = step % p->cache.lag;
    hrm_status status = check_use(p);
    if (status == HRM_OK) status = hrm_queue_wait(p->model->device, p->tickets[slot], 0); /* done: so is the step */
    if (status != HRM_OK) return status;
    landing l = {p, hrm_buffer_get_mapped(p->readback[slot])};
    return hrm_row_cache_note(&p->cache, step, in_flight, land, &l);
}

hrm_status hrm_puzzle_cache_flush(hrm_puzzle_cache *p) {
    const hrm_row_cache *c = &p->cache;
    hrm_status status = check_use(p);
    if (status != HRM_OK) return status;
    if (!hrm_row_cache_is_settled(c))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "puzzle cache: steps up to %u were taken, only those up to %u noted: finish them first",
                        c->taken, c->noted);
    const hrm_span all = hrm_tensor_get_span(&p->rows);
    for (uint32_t first = 0; first < c->capacity; first += c->batch) { /* a multiple of the batch */
        hrm_span part = {all.buffer, all.offset + first * p->row_bytes, c->batch * p->row_bytes};
        status = hrm_queue_download(p->model->device, part, p->values);
        if (status != HRM_OK) return status;
        for (uint32_t i = 0; i < c->batch; i++) {
            const uint32_t id = hrm_row_cache_get_id(c, first + i);
            if (id != HRM_ROW_NONE) store(p, id, p->values + i * p->row_bytes);
        }
    }
    hrm_row_cache_drop_idle(&p->cache);
    return HRM_OK;
}

void hrm_puzzle_cache_get_ids(const hrm_puzzle_cache *p, uint32_t *ids) {
    for (uint32_t b = 0; b < p->cache.batch; b++) {
        const uint32_t row = p->cache.in_flight[b];
        ids[b] = row == HRM_ROW_NONE ? 0 : hrm_row_cache_get_id(&p->cache, row);
    }
}

void hrm_puzzle_cache_prefetch(void *cache, const uint32_t *ids, uint32_t count) {
    const hrm_puzzle_cache *p = cache;
    const uintptr_t table = (uintptr_t)hrm_model_get_puzzle_host(p->model)->rows;
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] >= p->cache.id_count) continue; /* take refuses it */
        const uintptr_t at = table + ids[i] * p->row_bytes, page = at / p->page_bytes * p->page_bytes;
        /* Advice: what it does not achieve, reading the row does. Unlike a read on this thread it cannot race with the
         * trainer's writes. */
        (void)posix_madvise((void *)page, at + p->row_bytes - page, POSIX_MADV_WILLNEED);
    }
}
