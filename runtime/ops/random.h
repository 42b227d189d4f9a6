/* Random start values, made on the device from a counter-based generator. */
#ifndef HRM_OPS_RANDOM_H
#define HRM_OPS_RANDOM_H

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_random_trunc_normal_args {
    hrm_tensor y; /* written, f32, contiguous */
    float std;    /* standard deviation of the result */
    uint64_t seed;
    uint64_t stream; /* a number of its own for each tensor */
} hrm_random_trunc_normal_args;

/* Normal values cut at two base deviations, the base widened to std / 0.8796256610342398 so that the cut distribution
 * has deviation std. Element i depends on seed, stream and i alone (word i of hrm_rng's stream of that name), and is
 * the same on every device within a few ulp. Source: the reference's models/common.py. */
void hrm_random_trunc_normal(hrm_recorder *rec, hrm_random_trunc_normal_args args);

#endif
