/* What the benchmarks share. */
#ifndef HRM_API_BENCH_PRIVATE_H
#define HRM_API_BENCH_PRIVATE_H

#include <stdint.h>

/* Ascending; the median is values[count / 2]. */
void hrm_bench_sort(double *values, uint32_t count);

#endif
