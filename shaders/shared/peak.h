#ifndef HRM_SHARED_PEAK_H
#define HRM_SHARED_PEAK_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* peak/peak_flops.comp */
struct hrm_peak_params {
    HRM_U32 count; /* invocations that compute and write */
    HRM_U32 rounds;
    HRM_F32 factor;
    HRM_F32 term;
};
HRM_CHECK_SIZE(hrm_peak_params, 16);

/* Multiply-adds of one invocation in one round. */
#define HRM_PEAK_PER_ROUND 128
#endif
