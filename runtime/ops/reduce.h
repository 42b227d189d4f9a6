/* The sum of a vector, for norms and metrics.
 *
 * Promises: two stages in an order that depends on the count alone, rounding errors carried along: the same bits on
 * every device that adds correctly, and an error of about one rounding of the result (plus, for squares, the rounding
 * of each square) as long as the terms' absolute sum is below 2^24 times the result. */
#ifndef HRM_OPS_REDUCE_H
#define HRM_OPS_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/tensor.h"

/* Floats of scratch hrm_sum needs, whatever the count. */
uint64_t hrm_sum_scratch_count(void);

typedef struct hrm_sum_args {
    hrm_tensor x;       /* f32, any shape */
    hrm_tensor y;       /* [1], written */
    hrm_tensor scratch; /* at least hrm_sum_scratch_count() floats */
    bool square;        /* add the squares */
} hrm_sum_args;

void hrm_sum(hrm_recorder *rec, hrm_sum_args args);

#endif
