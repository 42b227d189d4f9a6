/* Training with a puzzle-embedding table that stays on the host: the device has a tensor of a few cached rows [R, E] in
 * the table's place, and is given numbers of cached rows where it expects puzzle ids. A puzzle in use has one row, so
 * embedding and sparse update compute what they would with the table on the device, bit for bit; which row it is makes
 * no difference. The table is the model's (hrm_model_get_puzzle_host), which must be writable.
 *
 * No step waits: values of incoming puzzles are copied from the table into the step's submission, values of puzzles
 * that have gone are copied by the device into readback memory and taken over when the trainer reads that step's
 * results anyway. row_cache.h says when a row may go, and proves how many are enough.
 *
 * A trainer's calls, with lag = how many steps it queues before it reads the first one's results:
 *   create:  R = hrm_puzzle_cache_row_count(B, lag);  rows = hrm_plan_2d(plan, HRM_LIFE_CARRY, .., R, E);
 *            embed_fwd's puzzle_table and sign_sgd's table are `rows`, its N is then R;
 *            hrm_puzzle_cache_create(model, rows, B, lag, &cache);
 *            batches: hrm_prefetcher_config.made = hrm_puzzle_cache_prefetch, made_user = cache
 *   step n:  if (n > lag) wait for step n - lag and read its results, then
 *                hrm_puzzle_cache_note(cache, n - lag, ids of the carry after that step);
 *            hrm_puzzle_cache_take(cache, n, batch.ids, rows);  upload `rows` as new_ids;
 *            submit the program;  copy metrics and the carry's ids into the readback slot of the step
 *   finish:  drain;  read and note every step not noted yet, in order (none may be left out);
 *   model handed out, saved, evaluated:  finish, then hrm_puzzle_cache_flush(cache)
 *   save:    hrm.carry.ids holds hrm_puzzle_cache_get_ids(): ids of puzzles, as with the table on the device
 *   resume:  stop the batches, read the weights (that replaces the table), read hrm.carry.ids into host memory,
 *            hrm_puzzle_cache_restart(cache, step, ids, rows);  upload `rows` as the carry's ids;  start the batches
 *   destroy: batches first, then hrm_puzzle_cache_destroy, then plan and model
 *
 * One thread, except for hrm_puzzle_cache_prefetch. */
#ifndef HRM_TRAIN_PUZZLE_CACHE_H
#define HRM_TRAIN_PUZZLE_CACHE_H

#include "model/weights.h"

typedef struct hrm_puzzle_cache hrm_puzzle_cache;

/* Rows that the device tensor needs: (2 * lag + 1) * batch. */
uint32_t hrm_puzzle_cache_row_count(uint32_t batch, uint32_t lag);
/* Bytes of host-visible memory that the cache takes for values on their way back. */
uint64_t hrm_puzzle_cache_readback_bytes(uint32_t batch, uint32_t lag, uint32_t dim);

/* `rows` [row_count, E] f32 is the caller's; the model is borrowed. Nothing is in flight, no step was taken.
 * Errors: INVALID_ARGUMENT (the model's table is not on the host, `rows` has another shape), OUT_OF_MEMORY,
 * OUT_OF_DEVICE_MEMORY. */
hrm_status hrm_puzzle_cache_create(const hrm_model *model, hrm_tensor rows, uint32_t batch, uint32_t lag,
                                   hrm_puzzle_cache **out);
/* Waits for copies under way; what was not flushed is lost. NULL does nothing. */
void hrm_puzzle_cache_destroy(hrm_puzzle_cache *cache);

/* Before step `step` is submitted: the rows [batch] that stand for its incoming ids [batch]. Queues the moves in and
 * out; does not wait. Steps are taken in order, at most `lag` of them not noted.
 * Errors: INVALID_ARGUMENT (order, an id past the table), those of the queue: the cache is then of no more use. */
hrm_status hrm_puzzle_cache_take(hrm_puzzle_cache *cache, uint32_t step, const uint32_t *ids, uint32_t *rows);

/* After step `step` is known to be done: what its carry's ids [batch] were then. Every step, in order.
 * Errors: INVALID_ARGUMENT (order), DEVICE (rows that cannot be in flight: the device does not compute). */
hrm_status hrm_puzzle_cache_note(hrm_puzzle_cache *cache, uint32_t step, const uint32_t *in_flight);

/* Brings the table up to date: all cached values that differ are stored in it. They stay cached. Waits.
 * Errors: INVALID_ARGUMENT (steps not noted). */
hrm_status hrm_puzzle_cache_flush(hrm_puzzle_cache *cache);

/* The puzzle ids in flight after the last noted step [batch]; 0 before the first, as in a cleared carry. */
void hrm_puzzle_cache_get_ids(const hrm_puzzle_cache *cache, uint32_t *ids);

/* Forgets all cached values (without storing them) and starts anew behind step `step`: rows [batch] that stand for the
 * ids in flight [batch]. Queues their moves in. Errors: as take. */
hrm_status hrm_puzzle_cache_restart(hrm_puzzle_cache *cache, uint32_t step, const uint32_t *ids, uint32_t *rows);

/* Has the system begin reading the table's rows of these ids, where they are in a file or swapped out; does not wait
 * for them. For the thread that makes batches (an hrm_prefetcher_made_fn): any thread, while the table is not replaced.
 */
void hrm_puzzle_cache_prefetch(void *cache, const uint32_t *ids, uint32_t count);

#endif
