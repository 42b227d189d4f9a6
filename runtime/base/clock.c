#include "base/clock.h"

#include <time.h>

/* With these two clock ids and a valid pointer clock_gettime has no way to fail on Linux. */
static uint64_t read_clock_ns(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t hrm_clock_ns(void) {
    return read_clock_ns(CLOCK_MONOTONIC);
}

double hrm_clock_seconds_since(uint64_t start_ns) {
    return (double)(hrm_clock_ns() - start_ns) * 1e-9;
}

uint64_t hrm_clock_wall_ms(void) {
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}
