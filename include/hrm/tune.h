/* Tuning: which of a device's kernels is fastest for each product and attention of a model, measured and remembered.
 *
 * Nothing has to be tuned: without it one kernel is measured for each operation when a device is first used, and takes
 * all shapes. What tuning finds is kept in the device's cache folder (hrm_device_config.cache_dir), for this device and
 * version of its driver, and from then on used by every process. Kernels whose results differ from the f32 yardstick's
 * are never used, and not tried again by that version of the driver. */
#ifndef HRM_TUNE_H
#define HRM_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include <hrm/device.h>
#include <hrm/model.h>
#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What to tune for. */
typedef struct hrm_tune_config {
    uint32_t struct_size;
    hrm_model_config model; /* its sizes; vocab_size and seq_len must be set */
    uint32_t batch;         /* puzzles computed together while training, the micro-batch; 0: tune for solving only */
    uint32_t solve_batch;   /* puzzles solved together [1] */
    uint32_t runs;          /* timed runs of each kernel [9]; the median counts */
    hrm_precision precision;
} hrm_tune_config;

/* What became of one kernel at one shape; or, from hrm_tune_visit, what is remembered. Texts are valid during the
 * visit.
 */
typedef struct hrm_tune_result {
    const char *key;    /* "matmul_nt:4096x1536x512": operation, type, rows (by power of two) x outputs x inputs;
                           "attention_fwd:32x82x8x64": batch x positions x heads x width. Of refused kernels
                           remembered, and of a device's defaults, without shape */
    const char *use;    /* where the model has it: "qkv", "gate_up dx"; "" from hrm_tune_visit */
    const char *row;    /* the kernel row */
    const char *reason; /* why it was not timed; NULL: it was */
    double gflops;      /* at the median; 0: not timed */
    double share;       /* of the fastest's rate; 0: not timed */
    double error;       /* largest difference from the yardstick, relative; -1: not compared */
    bool refused;       /* wrong results, now or when it was last tried: never used */
    bool chosen;
} hrm_tune_result;

typedef struct hrm_tune_watch {
    void (*visit)(void *user, const hrm_tune_result *result); /* or NULL; once all of a shape have been measured */
    /* Before each shape, or NULL: false stops, and hrm_tune returns HRM_ERR_CANCELLED. What was measured is kept. */
    bool (*progress)(void *user, uint32_t done, uint32_t total, const char *use);
    void *user;
} hrm_tune_watch;

/* Measures every kernel that the device can run at each shape of the model, and keeps the fastest right ones at once,
 * one by one. Blocks: half a minute on a GPU. Models, solvers and trainers that exist go on with the kernels they were
 * recorded with. Errors: INVALID_ARGUMENT (the model: names the field), CANCELLED, and what running meets. */
HRM_API hrm_status hrm_tune(hrm_device *device, const hrm_tune_config *config, const hrm_tune_watch *watch);

/* Visits what hrm_tune would measure, measuring nothing but the device's defaults where they are not known yet: key,
 * use and row of each kernel, chosen for the one used now. */
HRM_API hrm_status hrm_tune_plan(hrm_device *device, const hrm_tune_config *config,
                                 void (*visit)(void *user, const hrm_tune_result *result), void *user);

/* Visits what is remembered for the device: the choices, defaults included, and the refused kernels. */
HRM_API hrm_status hrm_tune_visit(hrm_device *device, void (*visit)(void *user, const hrm_tune_result *result),
                                  void *user);

/* Forgets all of that, and removes the file; the defaults are measured again when they are needed. Errors: IO. */
HRM_API hrm_status hrm_tune_reset(hrm_device *device);

#ifdef __cplusplus
}
#endif

#endif
