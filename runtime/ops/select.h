/* Which of several kernels for one problem is fastest here: measured once per machine, then remembered.
 *
 * A problem has a key: an operation, the 16-bit type among its operands if any, and, where it was tuned for that alone,
 * its shape:
 *
 *     matmul_nt                        the default for f32, whatever the shape
 *     matmul_nt.bf16                   the default with bf16 operands
 *     matmul_nt.bf16:4096x1536x512     bf16, 2049 to 4096 rows, 1536 outputs, 512 inputs
 *
 * A key with a shape wins over the default; defaults are measured when they are first needed, shapes only by whoever
 * asks for it (`hrm tune`). What wins over what: HRM_SELECT="matmul_nt=tile,matmul_tn:4096x512x512=direct" over what a
 * run recorded (hrm_select_force) over what was measured here; the shape over the default within each of these.
 *
 * Promises: a candidate whose result differs from the yardstick's by more than the tolerance is never chosen by
 * measurement; that is logged, and remembered, so that it is not tried again. Choices are kept in memory for the
 * device's life and, where the device has a cache folder, in a text file there, named after the device's key (device,
 * driver and its version) and a hash of all kernels; a damaged or foreign file is ignored and measured anew, one that
 * cannot be written costs a warning.
 *
 * Rows of C depend on the kernel, so where a shape was tuned, the last bits of a result may depend on how many rows are
 * computed together (by the power of two that holds them). A run records its choices, and continues with them. */
#ifndef HRM_OPS_SELECT_H
#define HRM_OPS_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "ops/tensor.h"

enum { HRM_SELECT_MAX_CANDIDATES = 32, HRM_SELECT_MAX_TENSORS = 8, HRM_SELECT_KEY = 96, HRM_SELECT_ROW = 40 };

/* ---- keys ---- */

/* What a key says. rank 0: no shape. */
typedef struct hrm_select_key {
    char op[32];
    hrm_dtype type; /* HRM_F32_T, HRM_BF16_T, HRM_F16_T */
    uint32_t rank;
    uint64_t shape[4];
} hrm_select_key;

/* Writes "op.type:AxBxC". */
void hrm_select_write_key(const hrm_select_key *key, char text[HRM_SELECT_KEY]);
/* False for what hrm_select_write_key does not write. */
bool hrm_select_read_key(const char *text, hrm_select_key *key);
/* Problems of one size class share a choice: the power of two that holds n rows (1 for 0). */
uint64_t hrm_select_bucket(uint64_t n);

/* ---- choosing ---- */

typedef struct hrm_select_candidate {
    const char *name; /* letters, digits and '_' */
    bool usable;      /* false: neither measured nor chosen (also what an op sets for known bad driver versions) */
    bool untried;     /* usable, and taken where HRM_SELECT or a record names it, but not measured beside others */
} hrm_select_candidate;

/* Called with working tensors, in order of `counts`. */
typedef void (*hrm_select_record)(hrm_recorder *rec, uint32_t candidate, const hrm_tensor *tensors, void *user);

/* How much one recording does. */
typedef struct hrm_select_size {
    uint64_t written; /* elements of the output, from its start */
    double flops;
} hrm_select_size;

typedef struct hrm_select_case {
    const char *key;
    const hrm_select_candidate *candidates;
    uint32_t candidate_count;
    const uint64_t *counts;   /* elements of each 1-d working tensor, filled with values in [-1, 1) */
    const uint32_t *contents; /* tensors of one number hold the same values; NULL: each its own */
    const hrm_dtype *types;   /* of each; NULL: all f32. Where one has 16 bits, the values in all are such that it holds
                                 them exactly: rounding of inputs is no error of a kernel */
    uint32_t tensor_count;
    uint32_t output;           /* the tensor compared; NaN before each check */
    double flops;              /* of one recording */
    double tolerance;          /* of max |x - yardstick| / max |yardstick| */
    hrm_select_record prepare; /* recorded once before, not timed; NULL = nothing */
    hrm_select_record record;
    /* Records the yardstick: the same computation by an f32 kernel that every device has; all tensors are f32 and hold
     * the same values, `candidate` is UINT32_MAX. NULL: the first usable candidate that runs is the yardstick. */
    hrm_select_record yardstick;
    /* For work that may be too long for a slow device's watchdog: tells `user` to record 1 / divisor of it from now
     * on, a power of two up to `divisor_most`, and returns what that is. `tail`: a bit less than that, so that blocks
     * of rows are cut at the end; for comparing. NULL: always the whole. */
    hrm_select_size (*resize)(void *user, uint32_t divisor, bool tail);
    uint32_t divisor_most;
    void *user;
} hrm_select_case;

/* Writes the chosen candidate's index, for a key without shape. One candidate to try is chosen unmeasured. The
 * measurement takes no longer than about the first runs of all candidates (compilation) plus 0.1 s each (where one run
 * of the least work takes no longer); it submits work and waits for it. Errors: UNSUPPORTED (no usable candidate),
 * INVALID_ARGUMENT (HRM_SELECT names none), and what running meets. */
hrm_status hrm_select_pick(hrm_device *device, const hrm_select_case *c, uint32_t *chosen);

/* For a key with a shape: `row` gets the name of the row known for it, from this process or the file, or "" where the
 * default is to be taken.
 * is_usable tells whether the device can run a row for this problem (a row that it cannot is no answer: the default is
 * taken, which is logged). Measures nothing. Errors: INVALID_ARGUMENT (HRM_SELECT names no usable row), UNSUPPORTED
 * (within hrm_select_force: no such row). */
hrm_status hrm_select_find(hrm_device *device, const char *key, bool (*is_usable)(void *user, const char *row),
                           void *user, char row[HRM_SELECT_ROW]);
/* The row chosen before in this process for a key, or NULL: saves building a case. */
const char *hrm_select_get_known(hrm_device *device, const char *key);

/* ---- tuning ---- */

/* Whether a candidate is measured: usable, and not untried, unless all that are usable are (SwiftShader's attention).
 */
bool hrm_select_is_tried(const hrm_select_case *c, uint32_t candidate);
/* Visits those of a case. */
void hrm_select_visit_tried(const hrm_select_case *c, void (*visit)(void *user, const char *key, const char *row),
                            void *user);

/* What became of a candidate. Texts are borrowed for the call. */
typedef struct hrm_select_result {
    const char *key, *row;
    double gflops;      /* 0: not timed */
    double error;       /* against the yardstick, relative; NAN: not compared */
    const char *reason; /* why it was not timed, or not chosen though faster; NULL: it was timed */
    bool refused;       /* it computes wrong results: now, or when it was last tried */
    bool chosen;
} hrm_select_result;

typedef struct hrm_select_tuning {
    uint32_t runs;                                              /* timed runs of each candidate; the median counts */
    void (*visit)(void *user, const hrm_select_result *result); /* or NULL */
    void *user;
} hrm_select_tuning;

/* Measures all candidates of a case, whatever is known, and keeps the fastest right one as the key's choice. What
 * HRM_SELECT or hrm_select_force say goes on to win. Errors: as hrm_select_pick. */
hrm_status hrm_select_tune(hrm_device *device, const hrm_select_case *c, const hrm_select_tuning *tuning);

/* Writes the file now, for whoever wants to know whether what was tuned is kept: hrm_select_tune writes it too, and
 * says nothing where that fails. Errors: IO. Nothing without a cache folder. */
hrm_status hrm_select_keep(hrm_device *device);

/* Forgets what was measured here for this device: all keys, and what was refused. The file is removed. */
hrm_status hrm_select_reset(hrm_device *device);

/* Visits what is kept for this device: choices and refused rows (whose keys have no shape). Only key, row, gflops,
 * error, refused and chosen are set. */
hrm_status hrm_select_visit_stored(hrm_device *device, void (*visit)(void *user, const hrm_select_result *result),
                                   void *user);

/* ---- records ---- */

/* From now on the key's problem uses this row on this device ("recorded"): what a run recorded is used again, whatever
 * the cache says or a measurement would say; with a key that has no shape, also for all shapes that are not forced
 * themselves. Nothing is measured, and nothing is written to the cache file; HRM_SELECT still wins, and then HRM_OK is
 * returned too (the list tells). The row's results are not compared with another's again. Call it before anything is
 * created on the device. Later calls hold for what is recorded from then on: programs recorded before keep their
 * kernels, and weights laid out before stay as they are (a matmul_nt row that needs packed weights is refused by the
 * recorder of a model created without). A second call for a key replaces the first. Errors: UNSUPPORTED (no such key;
 * no such row, or one that this device cannot run or that computed wrong results: the choice stays as it was), and what
 * hrm_select_pick returns for a bad HRM_SELECT. */
hrm_status hrm_select_force(hrm_device *device, const char *key, const char *row);

/* Visits the choices made so far, in the order they were made: after a program has been recorded, those it runs with
 * (and those of other programs of the device). Measures nothing. */
hrm_status hrm_select_visit_used(hrm_device *device,
                                 void (*visit)(void *user, const char *key, const char *row, double gflops,
                                               const char *how),
                                 void *user);

/* Visits the choices used so far, making the f32 defaults of every operation first where they were not made yet. `how`:
 * "measured", "cached", "tuned" (a shape's), "recorded" (forced), "only one", "HRM_SELECT" or "not measurable" (a
 * device that does no work: nothing is kept); gflops 0 = not measured. */
hrm_status hrm_select_list(hrm_device *device,
                           void (*visit)(void *user, const char *key, const char *row, double gflops, const char *how),
                           void *user);

#endif
