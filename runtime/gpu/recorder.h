/* Recording: a list of dispatches, copies and fills becomes a program. Nothing reaches Vulkan before
 * hrm_recorder_end, which creates pipelines, allocates exactly the descriptor sets needed, derives the barriers from
 * the declared accesses (read-after-write, write-after-read, write-after-write on overlapping ranges) and cuts the
 * commands into command buffers of bounded estimated work. Recording calls return nothing: the recorder latches its
 * first error, naming the kernel, and hrm_recorder_end reports it. */
#ifndef HRM_GPU_RECORDER_H
#define HRM_GPU_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "gpu/buffer.h"
#include "gpu/kernel.h"

typedef struct hrm_recorder hrm_recorder;
typedef struct hrm_program hrm_program;

enum { HRM_MAX_BINDINGS = 12, HRM_MAX_SPECS = 16, HRM_MAX_PUSH_BYTES = 128 };

typedef struct hrm_dispatch {
    uint32_t kernel;   /* row index */
    const char *label; /* for profiles and errors; NULL = the row's name; must outlive the program */
    hrm_span bindings[HRM_MAX_BINDINGS];
    uint32_t binding_count;
    const void *push;    /* copied */
    uint32_t push_bytes; /* must equal the row's */
    hrm_spec specs[HRM_MAX_SPECS];
    uint32_t spec_count;
    uint32_t groups[3]; /* workgroups; a zero y or z counts as 1; x == 0 records nothing; checked against the limits */
    double flops;       /* estimated work, for cutting submissions and for benches; 0 = unknown (bytes are used) */
} hrm_dispatch;

hrm_status hrm_recorder_create(hrm_device *device, hrm_recorder **out);
void hrm_recorder_destroy(hrm_recorder *rec);
hrm_device *hrm_recorder_get_device(const hrm_recorder *rec);

void hrm_recorder_dispatch(hrm_recorder *rec, const hrm_dispatch *dispatch);
/* Copies src to dst (same size, multiples of 4 bytes). */
void hrm_recorder_copy(hrm_recorder *rec, hrm_span dst, hrm_span src);
/* Fills with a repeated 32-bit value. */
void hrm_recorder_fill(hrm_recorder *rec, hrm_span dst, uint32_t value);
/* Latches an error from a wrapper (first one wins). Returns nothing, like every recording call. */
void hrm_recorder_fail(hrm_recorder *rec, hrm_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A label prefix for the dispatches that follow ("H.0.attention"); NULL clears. Must outlive the program. */
void hrm_recorder_set_scope(hrm_recorder *rec, const char *scope);
/* With profiling on, timestamps surround every dispatch (HRM_CAP_TIMESTAMP needed; otherwise reported once, ignored).
 */
void hrm_recorder_set_profile(hrm_recorder *rec, bool on);

/* What was recorded since the recorder was made, ended or reset: the sum of the dispatches' estimates, and their
 * number. Counts work without making a program of it, also on buffers of HRM_MEMORY_NONE. */
double hrm_recorder_get_flops(const hrm_recorder *rec);
uint32_t hrm_recorder_get_dispatch_count(const hrm_recorder *rec);
/* HRM_OK, or the latched error, whose message becomes this thread's hrm_last_error. Nothing is recorded after it. */
hrm_status hrm_recorder_get_status(const hrm_recorder *rec);
/* Drops what was recorded, a latched error and the scope, as hrm_recorder_end does; profiling stays as it was set. */
void hrm_recorder_reset(hrm_recorder *rec);

/* Builds the program and empties the recorder for reuse. On error the recorder is emptied too. */
hrm_status hrm_recorder_end(hrm_recorder *rec, hrm_program **out);

#endif
