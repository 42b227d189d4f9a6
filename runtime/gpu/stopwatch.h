/* A stopwatch for the device: when it began and ended some submitted work, by its own clock and without the host
 * waiting for it. Idle time between two steps is start(n + 1) - end(n).
 *
 * A slot is one measurement: start, any number of submissions, stop; read once the ticket of stop is done. Slots are
 * used round-robin, as many as there are steps in flight. */
#ifndef HRM_GPU_STOPWATCH_H
#define HRM_GPU_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "gpu/program.h"

typedef struct hrm_stopwatch hrm_stopwatch;

enum { HRM_STOPWATCH_MAX_SLOTS = 4096 };

/* `slots` is 1 to HRM_STOPWATCH_MAX_SLOTS. Where the device has no timestamps (HRM_CAP_TIMESTAMP) the stopwatch works
 * and measures nothing: hrm_stopwatch_has_timestamps is false, and so is every read.
 * Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, OUT_OF_DEVICE_MEMORY. */
hrm_status hrm_stopwatch_create(hrm_device *device, uint32_t slots, hrm_stopwatch **out);
/* Waits for what it has submitted, then frees it. NULL is fine. */
void hrm_stopwatch_destroy(hrm_stopwatch *stopwatch);
bool hrm_stopwatch_has_timestamps(const hrm_stopwatch *stopwatch);

/* Queues the slot's first timestamp: the moment when everything submitted earlier has ended, or when this call reached
 * the device, whichever is later. What the slot measured before is gone.
 * Errors: INVALID_ARGUMENT (no such slot, or it is still in flight: wait for its ticket, or use more slots), DEVICE. */
hrm_status hrm_stopwatch_start(hrm_stopwatch *stopwatch, uint32_t slot);
/* Queues the slot's second timestamp: the moment when everything submitted earlier has ended. `ticket` may be NULL;
 * when it is done, so is all of that, and the slot can be read and used again. Errors: INVALID_ARGUMENT (no such slot,
 * or not started), DEVICE. */
hrm_status hrm_stopwatch_stop(hrm_stopwatch *stopwatch, uint32_t slot, hrm_ticket *ticket);

/* The two moments in nanoseconds of the device's clock, counted from the start that was read first (which is 0). Does
 * not block; false, and nothing is written, without timestamps and while the slot was not stopped or is not yet done.
 * A device's counter may have as few as 32 bits and wraps around. A start is taken to be the possible moment that is
 * nearest to the latest one read so far, before or after it, and an end less than a whole round after its start. So
 * slots may be read in any order, as long as less than half a round lies between two reads' moments (an Intel GPU's
 * round of 36 bits at 83 ns takes 95 minutes; of 64 bits at 1 ns, 584 years). */
bool hrm_stopwatch_read(hrm_stopwatch *stopwatch, uint32_t slot, double *start_ns, double *end_ns);

#endif
