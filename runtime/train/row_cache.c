#include "train/row_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"

uint32_t hrm_row_cache_row_count(uint32_t batch, uint32_t lag) {
    uint64_t count;
    if (!hrm_mul_u64(2 * (uint64_t)lag + 1, batch, &count) || count >= UINT32_MAX) return UINT32_MAX;
    return (uint32_t)count;
}

static void clear(hrm_row_cache *c) {
    for (uint32_t r = 0; r < c->capacity; r++) {
        if (c->rows[r].id != HRM_ROW_NONE) c->row_of[c->rows[r].id] = 0;
        c->rows[r] = (hrm_cached_row){.id = HRM_ROW_NONE};
        c->free_rows[r] = c->capacity - 1 - r; /* row 0 is given away first */
    }
    c->free_count = c->capacity;
    c->miss_count = 0;
    for (uint32_t b = 0; b < c->batch; b++) c->in_flight[b] = HRM_ROW_NONE;
}

hrm_status hrm_row_cache_init(hrm_row_cache *c, uint32_t id_count, uint32_t batch, uint32_t lag) {
    const uint32_t capacity = hrm_row_cache_row_count(batch, lag);
    *c = (hrm_row_cache){0};
    if (id_count == 0 || batch == 0 || lag == 0 || capacity == UINT32_MAX)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "puzzle cache: %u puzzles, batch %u, %u steps not read: none may be 0, and the rows are counted "
            "in 32 bits",
            id_count, batch, lag);
    c->id_count = id_count;
    c->batch = batch;
    c->lag = lag;
    c->capacity = capacity;
    c->row_of = calloc(id_count, sizeof *c->row_of);
    c->rows = malloc(capacity * sizeof *c->rows);
    c->free_rows = malloc(capacity * sizeof *c->free_rows);
    c->in_flight = malloc(batch * sizeof *c->in_flight);
    c->incoming = calloc(capacity, sizeof *c->incoming);
    c->miss_rows = malloc(batch * sizeof *c->miss_rows);
    c->miss_ids = malloc(batch * sizeof *c->miss_ids);
    c->leaving = calloc((size_t)lag * batch, lag * sizeof *c->leaving);
    c->leaving_count = calloc(lag, sizeof *c->leaving_count);
    if (!c->row_of || !c->rows || !c->free_rows || !c->in_flight || !c->incoming || !c->miss_rows || !c->miss_ids ||
        !c->leaving || !c->leaving_count) {
        hrm_row_cache_deinit(c);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "puzzle cache: no host memory to keep %u rows of %u puzzles", capacity,
                        id_count);
    }
    for (uint32_t r = 0; r < capacity; r++) c->rows[r].id = HRM_ROW_NONE;
    clear(c);
    return HRM_OK;
}

void hrm_row_cache_deinit(hrm_row_cache *c) {
    free(c->row_of);
    free(c->rows);
    free(c->free_rows);
    free(c->in_flight);
    free(c->incoming);
    free(c->miss_rows);
    free(c->miss_ids);
    free(c->leaving);
    free(c->leaving_count);
    *c = (hrm_row_cache){0};
}

static hrm_status check_ids(const hrm_row_cache *c, uint32_t step, const uint32_t *ids) {
    for (uint32_t b = 0; b < c->batch; b++)
        if (ids[b] >= c->id_count)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "puzzle cache: step %u, row %u: puzzle id %u is out of range; the table has %u", step, b,
                            ids[b], c->id_count);
    return HRM_OK;
}

/* The row of an id, which is given one when it has none. The header proves that there is a free one then. */
static uint32_t hold(hrm_row_cache *c, uint32_t id) {
    if (c->row_of[id]) return c->row_of[id] - 1;
    assert(c->free_count > 0);
    const uint32_t row = c->free_rows[--c->free_count];
    c->row_of[id] = row + 1;
    c->rows[row] = (hrm_cached_row){.id = id};
    c->miss_rows[c->miss_count] = row;
    c->miss_ids[c->miss_count++] = id;
    return row;
}

static void release(hrm_row_cache *c, uint32_t row) {
    c->row_of[c->rows[row].id] = 0;
    c->rows[row] = (hrm_cached_row){.id = HRM_ROW_NONE};
    c->free_rows[c->free_count++] = row;
}

static bool is_idle(const hrm_row_cache *c, const hrm_cached_row *row) {
    return row->id != HRM_ROW_NONE && row->taken <= c->noted && row->seen < c->noted;
}

hrm_status hrm_row_cache_restart(hrm_row_cache *c, uint32_t step, const uint32_t *ids, uint32_t *rows) {
    hrm_status status = check_ids(c, step, ids);
    if (status != HRM_OK) return status;
    clear(c);
    c->taken = c->noted = step;
    for (uint32_t b = 0; b < c->batch; b++) {
        rows[b] = c->in_flight[b] = hold(c, ids[b]);
        c->rows[rows[b]].seen = step;
    }
    return HRM_OK;
}

hrm_status hrm_row_cache_take(hrm_row_cache *c, uint32_t step, const uint32_t *ids, uint32_t *rows) {
    if (c->taken == UINT32_MAX || step != c->taken + 1 || step - c->noted > c->lag)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "puzzle cache: step %u cannot be taken: the last one taken is %u, the last one noted %u, and at "
            "most %u may be on their way",
            step, c->taken, c->noted, c->lag);
    hrm_status status = check_ids(c, step, ids);
    if (status != HRM_OK) return status;
    uint32_t *incoming = &c->incoming[(size_t)(step % c->lag) * c->batch];
    c->taken = step;
    c->miss_count = 0;
    for (uint32_t b = 0; b < c->batch; b++) {
        const uint32_t row = hold(c, ids[b]);
        c->rows[row].taken = step;
        c->rows[row].left = 0;
        rows[b] = incoming[b] = row;
    }
    const uint32_t slot = step % c->lag, most = c->lag * c->batch;
    uint32_t *leaving = &c->leaving[(size_t)slot * most], count = 0;
    for (uint32_t r = 0; r < c->capacity; r++) {
        if (!is_idle(c, &c->rows[r]) || c->rows[r].left) continue;
        assert(count < most);
        c->rows[r].left = step;
        leaving[count++] = r;
    }
    c->leaving_count[slot] = count;
    return HRM_OK;
}

const uint32_t *hrm_row_cache_get_leaving(const hrm_row_cache *c, uint32_t step, uint32_t *count) {
    const uint32_t slot = step % c->lag;
    *count = c->leaving_count[slot];
    return &c->leaving[(size_t)slot * c->lag * c->batch];
}

hrm_status hrm_row_cache_note(hrm_row_cache *c, uint32_t step, const uint32_t *rows, hrm_row_cache_land_fn land,
                              void *user) {
    if (c->noted == c->taken || step != c->noted + 1)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "puzzle cache: step %u cannot be noted: the last one noted is %u, the last one taken %u", step,
                        c->noted, c->taken);
    const uint32_t *incoming = &c->incoming[(size_t)(step % c->lag) * c->batch];
    for (uint32_t b = 0; b < c->batch; b++)
        if (rows[b] != incoming[b] && (rows[b] != c->in_flight[b] || rows[b] == HRM_ROW_NONE))
            return hrm_fail(HRM_ERR_DEVICE,
                            "the device does not compute what it is given: after step %u row %u works on cached puzzle "
                            "%u; it was to go on with %u or to take %u",
                            step, b, rows[b], c->in_flight[b], incoming[b]);
    c->noted = step;
    for (uint32_t b = 0; b < c->batch; b++) {
        c->in_flight[b] = rows[b];
        c->rows[rows[b]].seen = step;
    }
    uint32_t count;
    const uint32_t *leaving = hrm_row_cache_get_leaving(c, step, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (c->rows[leaving[i]].left != step) continue; /* its id came in again meanwhile */
        land(user, i, c->rows[leaving[i]].id);
        release(c, leaving[i]);
    }
    return HRM_OK;
}

bool hrm_row_cache_is_settled(const hrm_row_cache *c) {
    return c->taken == c->noted;
}

void hrm_row_cache_drop_idle(hrm_row_cache *c) {
    assert(hrm_row_cache_is_settled(c));
    for (uint32_t r = 0; r < c->capacity; r++)
        if (is_idle(c, &c->rows[r])) release(c, r);
}

uint32_t hrm_row_cache_get_id(const hrm_row_cache *c, uint32_t row) {
    return c->rows[row].id;
}
