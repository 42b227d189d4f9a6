/* The object behind hrm_trainer, for the files that implement it: trainer.c (creation and steps), trainer_plan.c (what
 * it will need), trainer_state.c (files), trainer_check.c (what went wrong). */
#ifndef HRM_TRAIN_TRAINER_PRIVATE_H
#define HRM_TRAIN_TRAINER_PRIVATE_H

#include <hrm/trainer.h>

#include "data/prefetcher.h"
#include "gpu/program.h"
#include "gpu/stopwatch.h"
#include "model/step.h"
#include "shared/optim.h"
#include "train/puzzle_cache.h"

enum { HRM_TRAINER_SLOTS = 2 }; /* steps in flight */

/* A part of the batch, forward and backward: the first of a step replaces the gradients, the others add to them. */
typedef struct hrm_trainer_part_programs {
    hrm_program *first, *more;
} hrm_trainer_part_programs;

struct hrm_trainer {
    hrm_device *device;
    hrm_trainer_config config; /* resolved */
    hrm_model *model;          /* live weights */
    hrm_model *average;        /* moving average, or NULL */
    hrm_plan plan;
    hrm_step step;
    hrm_tensor first_moment, second_moment;
    hrm_tensor guard_state, guard_report, guard_partial; /* ops/optim.h */
    /* One step is: for each part, turns[part] (only with several parts: stores the part before, loads this one) and a
     * part program; turns[parts] (stores the last); update. */
    hrm_program **turns; /* [parts + 1] or NULL */
    hrm_trainer_part_programs part_programs;
    hrm_trainer_part_programs early_programs; /* the same with early_segments; NULL without */
    hrm_program *update;
    const hrm_dataset *dataset; /* borrowed */
    const hrm_puzzle_set *set;  /* its puzzles */
    hrm_prefetcher *prefetcher;
    hrm_batcher_state data_cursor;           /* behind the last batch taken */
    hrm_puzzle_cache *cache;                 /* only when the puzzle table is on the host */
    uint32_t *cached_ids;                    /* [batch]; likewise */
    struct hrm_step_block *blocks;           /* [parts] */
    hrm_buffer *readback[HRM_TRAINER_SLOTS]; /* results of the last steps; slot = step % SLOTS */
    hrm_ticket tickets[HRM_TRAINER_SLOTS];
    hrm_stopwatch *stopwatch; /* slots likewise, one more so that the step before can be compared */
    double last_end_ns;       /* when the device finished the newest step read; < 0: unknown */
    uint32_t steps_done;      /* queued, those before a resume included */
    uint32_t steps_read;      /* reported, likewise */
    bool average_is_stale;    /* packed weights, puzzle table and fixed state of `average` lag behind */
    bool profile;             /* programs carry timestamps around every command */
    bool is_bad;              /* a step was not finite: no further step is queued */
    bool is_torn;             /* a step was queued in part: nothing that would rest on it is done */
    uint64_t memory_limit;    /* bytes that micro_batch 0 had to fit */
    hrm_step_report report;
};

/* hrm_trainer_create, with timestamps around every command: slower, for benchmarks. Once steps are done,
 * hrm_trainer_read_profile gives the times of the newest, by label; what a step runs several times (parts of the batch)
 * is visited once, with how often it ran. */
hrm_status hrm_trainer_create_profiled(hrm_device *device, const hrm_trainer_config *config,
                                       const hrm_dataset *train_set, hrm_trainer **out);
hrm_status hrm_trainer_read_profile(hrm_trainer *trainer,
                                    void (*visit)(void *user, const hrm_label_time *time, uint32_t times), void *user);

/* Plans every tensor for the resolved config, whose micro_batch is set. `dry`: without memory. */
hrm_status hrm_trainer_lay_out(hrm_trainer *trainer, hrm_device *device, const hrm_trainer_config *config, bool dry);
/* Sets config->micro_batch when it is 0: as few parts as fit the memory, whose limit is returned either way.
 * Errors: OUT_OF_DEVICE_MEMORY. */
hrm_status hrm_trainer_choose_parts(hrm_device *device, hrm_trainer_config *config, uint64_t *limit);
/* Records the update: what comes once the gradients of all parts are complete. */
void hrm_trainer_record_update(hrm_recorder *rec, const hrm_trainer *trainer);

/* Starts the batches at `cursor`, or at the beginning when it is NULL. */
hrm_status hrm_trainer_start_batches(hrm_trainer *trainer, const hrm_batcher_state *cursor);

/* Says which tensor went bad first, in the error message. Waits for queued steps. Returns NOT_FINITE. */
hrm_status hrm_trainer_explain_not_finite(hrm_trainer *trainer, const struct hrm_grad_guard_report *report);

#endif
