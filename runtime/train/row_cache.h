/* Which puzzle is in which of a few cached rows: the bookkeeping behind hrm_puzzle_cache, without a device.
 *
 * A step takes a batch of B incoming ids; of these the device puts some in flight (slot b goes on with what it had, or
 * starts over with incoming puzzle b) and forgets the others. Which is learnt `lag` steps late, when the step is noted.
 * Until then every incoming id needs a row. A row's life:
 *   free -> held by an id, once that comes in (a miss: its value must be moved in)
 *        -> idle, once a note shows that no queued step can use it
 *        -> leaving, from the next take on: that step's submission begins with a copy of its value
 *        -> free, when that step is noted: the copy is there, the value lands in the table
 * The id keeps its row until the value has landed, so an id that comes in meanwhile is held again, with the newest
 * value where it always was. The copy that was under way is then ignored: it may be old by now, and the table's row of
 * an id that has a cached row is never read. So a value is only ever in one place, and is moved in after it has landed.
 *
 * How many rows are enough: (2 * lag + 1) * B. Call F(m) the ids in flight after step m, I(n) those incoming in step n;
 * F(m) is part of F(m-1) and I(m). Let m be the last noted step when step n is taken, m >= n - lag.
 *   - What is not idle is in F(m), I(m+1), .., I(n): at most (1 + lag) * B.
 *   - A note makes at most B rows idle: in slot b either what was in flight or what came in. What a note of step j made
 *     idle leaves with the next take, of step j + lag at the latest, and is free when that is noted. What is idle or
 *     leaving was therefore made so by the notes of steps m - lag + 1 .. m: at most lag * B.
 * That is tight: different ids that all halt at once need as many.
 *
 * Promises: depends on the ids and the order of calls alone; no memory is taken after init; a note that cannot be true
 * is refused, so that a device that computes nonsense cannot mix up the rows. */
#ifndef HRM_TRAIN_ROW_CACHE_H
#define HRM_TRAIN_ROW_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define HRM_ROW_NONE UINT32_MAX

typedef struct hrm_cached_row {
    uint32_t id;    /* HRM_ROW_NONE: free */
    uint32_t taken; /* last step it came in with */
    uint32_t seen;  /* last noted step after which it was in flight */
    uint32_t left;  /* step whose submission copies its value; 0: not leaving */
} hrm_cached_row;

typedef struct hrm_row_cache {
    uint32_t id_count, batch, lag;
    uint32_t capacity;     /* rows */
    uint32_t taken, noted; /* last steps; taken - noted <= lag */
    uint32_t *row_of;      /* [id_count] row + 1; 0: none. A word per id is little beside its value */
    hrm_cached_row *rows;  /* [capacity] */
    uint32_t *free_rows;   /* a stack */
    uint32_t free_count;
    uint32_t *in_flight; /* [batch] rows after step `noted`; HRM_ROW_NONE before the first */
    uint32_t *incoming;  /* [lag, batch] rows of the steps not noted yet; slot = step % lag */
    /* what the last take asks to be moved in: */
    uint32_t *miss_rows, *miss_ids; /* [batch] */
    uint32_t miss_count;
    /* what each take asked to be copied out, in that order; slot = step % lag */
    uint32_t *leaving;       /* [lag, lag * batch] rows */
    uint32_t *leaving_count; /* [lag] */
} hrm_row_cache;

/* (2 * lag + 1) * batch; UINT32_MAX when that is too many. */
uint32_t hrm_row_cache_row_count(uint32_t batch, uint32_t lag);

/* Ids are 0 .. id_count - 1. Nothing is in flight, no step was taken. Errors: INVALID_ARGUMENT (a 0, too many rows),
 * OUT_OF_MEMORY. */
hrm_status hrm_row_cache_init(hrm_row_cache *cache, uint32_t id_count, uint32_t batch, uint32_t lag);
void hrm_row_cache_deinit(hrm_row_cache *cache);

/* Forgets everything and gives rows to the ids in flight after step `step` [batch]; all that have one are misses. */
hrm_status hrm_row_cache_restart(hrm_row_cache *cache, uint32_t step, const uint32_t *ids, uint32_t *rows);

/* Rows for the batch [batch] of step `step`, the one after the last taken. Sets the misses and what leaves.
 * Errors: INVALID_ARGUMENT (another step, `lag` steps are not noted, an id past the end): nothing has changed then. */
hrm_status hrm_row_cache_take(hrm_row_cache *cache, uint32_t step, const uint32_t *ids, uint32_t *rows);
/* The rows that step `step`'s submission copies out, in order; valid until the step is noted. */
const uint32_t *hrm_row_cache_get_leaving(const hrm_row_cache *cache, uint32_t step, uint32_t *count);

/* A value has landed: number `index` of those that left with the noted step, to be kept as `id`'s. */
typedef void (*hrm_row_cache_land_fn)(void *user, uint32_t index, uint32_t id);
/* What was in flight after step `step` [batch], the one after the last noted. What left with it lands and becomes free.
 * Errors: INVALID_ARGUMENT (another step), DEVICE (rows that cannot be in flight): nothing has changed then. */
hrm_status hrm_row_cache_note(hrm_row_cache *cache, uint32_t step, const uint32_t *rows, hrm_row_cache_land_fn land,
                              void *user);

/* True when all steps taken were noted: a cached row's value changes no more until the next take. */
bool hrm_row_cache_is_settled(const hrm_row_cache *cache);
/* The values of all held rows were stored: frees those that are not in flight. Only when settled. */
void hrm_row_cache_drop_idle(hrm_row_cache *cache);
/* Whose value is in a row; HRM_ROW_NONE: nobody's. */
uint32_t hrm_row_cache_get_id(const hrm_row_cache *cache, uint32_t row);

#endif
