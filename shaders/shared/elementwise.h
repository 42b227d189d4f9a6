#ifndef HRM_SHARED_ELEMENTWISE_H
#define HRM_SHARED_ELEMENTWISE_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* elementwise/add.comp, scale.comp, convert.comp. Counts are of the row's element type (float or vec4). */
struct hrm_elementwise_params {
    HRM_U32 count;
    HRM_U32 per_group; /* elements of one workgroup, a multiple of its size */
    HRM_F32 factor;    /* scale only */
};
HRM_CHECK_SIZE(hrm_elementwise_params, 12);
#define HRM_ADD_C 1u     /* add: there is a third term */
#define HRM_ADD_PAIRS 2u /* add: count and per_group are even, two elements an invocation at a time (lib/vec.glsl) */

/* reduce: elementwise/sum_partial.comp, elementwise/sum_final.comp. */
struct hrm_sum_params {
    HRM_U32 count;  /* elements to add; sum_final: pairs to add */
    HRM_U32 square; /* 1: add their squares */
};
HRM_CHECK_SIZE(hrm_sum_params, 8);

/* How many partial sums a vector is cut into, whatever the device: part of the order of summation. */
#define HRM_SUM_PARTS 2048
#endif
