/* Time: a monotonic clock for durations, the wall clock for log lines. */
#ifndef HRM_BASE_CLOCK_H
#define HRM_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary moment; never goes back. */
uint64_t hrm_clock_ns(void);

/* Seconds from a value of hrm_clock_ns until now. */
double hrm_clock_seconds_since(uint64_t start_ns);

/* Milliseconds since 1970-01-01 UTC. */
uint64_t hrm_clock_wall_ms(void);

#endif
