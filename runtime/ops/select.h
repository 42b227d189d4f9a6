/* Which of several kernels for one operation is fastest here: measured once per machine, then remembered.
 *
 * Promises: a candidate whose result differs from the first usable one's by more than the tolerance is never chosen,
 * and that is logged; so is every measured choice. Choices are kept in memory for the device's life and, where the
 * device has a cache folder, in a text file there, named after the device's key and a hash of all kernels; a damaged or
 * foreign file is ignored and measured anew. HRM_SELECT="matmul_nt=tile,matmul_tn=direct" overrides. */
#ifndef HRM_OPS_SELECT_H
#define HRM_OPS_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "ops/tensor.h"

enum { HRM_SELECT_MAX_CANDIDATES = 8, HRM_SELECT_MAX_TENSORS = 8 };

typedef struct hrm_select_candidate {
    const char *name; /* letters, digits and '_' */
    bool usable;      /* false: neither measured nor chosen (also what an op sets for known bad driver versions) */
} hrm_select_candidate;

/* Called with working tensors, in order of `counts`. */
typedef void (*hrm_select_record)(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *tensors, void *user);

typedef struct hrm_select_case {
    const char *op; /* key in the cache and in HRM_SELECT */
    const hrm_select_candidate *candidates;
    uint32_t candidate_count;
    const uint64_t *counts; /* f32 elements of each 1-d working tensor, filled with values in [-1, 1) */
    uint32_t tensor_count;
    uint32_t output;           /* the tensor compared; NaN before each check */
    double flops;              /* of one recording */
    double tolerance;          /* of max |x - first| / max |first| */
    hrm_select_record prepare; /* recorded once before, not timed; NULL = nothing */
    hrm_select_record record;
    /* For operations that a slow GPU might not finish before its watchdog: tells `user` to record 1 / divisor of the
     * work from now on, a power of two up to `divisor_most`. Then flops and what is written of the output, from its
     * start, are that part of the whole. NULL: always the whole. */
    void (*resize)(void *user, uint32_t divisor);
    uint32_t divisor_most;
    void *user;
} hrm_select_case;

/* Writes the chosen candidate's index. One usable candidate is chosen unmeasured. The measurement takes no longer than
 * about the first runs of all candidates (compilation) plus 0.1 s each (where one run of the least work takes no
 * longer); it submits work and waits for it. Errors: UNSUPPORTED (no usable candidate), INVALID_ARGUMENT (HRM_SELECT
 * names none), and what running meets. */
hrm_status hrm_select_pick(hrm_device *device, const hrm_select_case *c, uint32_t *chosen);

/* From now on the operation uses this row on this device ("recorded"): what a run recorded is used again, whatever the
 * cache says or a measurement would say. Nothing is measured, and nothing is written to the cache file; HRM_SELECT
 * still wins, and then HRM_OK is returned too (the list tells). The row's results are not compared with another's
 * again. Call it before anything is created on the device. Later calls hold for what is recorded from then on: programs
 * recorded before keep their kernels, and weights laid out before stay as they are (a matmul_nt row that needs packed
 * weights is refused by the recorder of a model created without). A second call for an op replaces the first. Errors:
 * UNSUPPORTED (no such op; no such row, or one that this device cannot run: the op's choice stays as it was), and what
 * hrm_select_pick returns for a bad HRM_SELECT. */
hrm_status hrm_select_force(hrm_device *device, const char *op, const char *row);

/* Visits the choices made so far, in the order they were made: after a program has been recorded, those it runs with
 * (and those of other programs of the device). Measures nothing. */
hrm_status hrm_select_visit_used(hrm_device *device,
                                 void (*visit)(void *user, const char *op, const char *row, double gflops,
                                               const char *how),
                                 void *user);

/* Visits the choices of every operation, making those not made yet. `how`: "measured", "cached", "recorded" (forced),
 * "only one", "HRM_SELECT" or "not measurable" (a device that does no work: nothing is kept); gflops 0 = not measured.
 */
hrm_status hrm_select_list(hrm_device *device,
                           void (*visit)(void *user, const char *op, const char *row, double gflops, const char *how),
                           void *user);

#endif
