/* The object behind hrm_trainer, for the files that implement it: trainer.c (steps), trainer_state.c (files). */
#ifndef HRM_TRAIN_TRAINER_PRIVATE_H
#define HRM_TRAIN_TRAINER_PRIVATE_H

#include <hrm/trainer.h>

#include "data/prefetcher.h"
#include "gpu/program.h"
#include "model/step.h"

enum { HRM_TRAINER_METRIC_SLOTS = 2 };

struct hrm_trainer {
    hrm_device *device;
    hrm_trainer_config config; /* resolved */
    hrm_model *model;          /* live weights */
    hrm_model *average;        /* moving average, or NULL */
    hrm_plan plan;
    hrm_step step;
    hrm_tensor first_moment, second_moment;
    hrm_program *program;
    hrm_program *early_program; /* the same step with early_segments; NULL without */
    const hrm_puzzle_set *set;  /* borrowed */
    hrm_prefetcher *prefetcher;
    hrm_batcher_state data_cursor;                  /* behind the last batch taken */
    hrm_buffer *readback[HRM_TRAINER_METRIC_SLOTS]; /* metrics of the last steps; slot = step % METRIC_SLOTS */
    hrm_ticket tickets[HRM_TRAINER_METRIC_SLOTS];
    uint32_t steps_done;   /* queued, those before a resume included */
    uint32_t steps_read;   /* reported, likewise */
    bool average_is_stale; /* packed weights, puzzle table and fixed state of `average` lag behind */
    hrm_step_report report;
};

/* Starts the batches at `cursor`, or at the beginning when it is NULL. */
hrm_status hrm_trainer_start_batches(hrm_trainer *trainer, const hrm_batcher_state *cursor);

#endif
