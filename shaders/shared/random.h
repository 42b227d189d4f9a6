#ifndef HRM_SHARED_RANDOM_H
#define HRM_SHARED_RANDOM_H
#include "shared/common.h"

struct hrm_trunc_normal_params {
    HRM_U32 count;
    HRM_U32 seed_lo;
    HRM_U32 seed_hi;
    HRM_U32 stream_lo;
    HRM_U32 stream_hi;
    HRM_F32 scale; /* sqrt(2) * base deviation */
    HRM_F32 limit; /* 2 * base deviation */
};
HRM_CHECK_SIZE(hrm_trunc_normal_params, 28);
#endif
