/* As much arithmetic as a device can do: what the rates of real kernels are compared with. */
#ifndef HRM_OPS_PEAK_H
#define HRM_OPS_PEAK_H

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_peak_args {
    hrm_tensor y;    /* [count], written: each the sum over j < 16 of j / 16 run 8 * rounds times through
                        x = x * factor + term */
    uint32_t rounds; /* 128 multiply-adds each, per element of y */
    float factor, term;
} hrm_peak_args;

void hrm_peak(hrm_recorder *rec, hrm_peak_args args);

#endif
