#ifndef HRM_SHARED_SWIGLU_H
#define HRM_SHARED_SWIGLU_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* swiglu/swiglu_fwd.comp, swiglu/swiglu_bwd.comp. Sizes in elements of the row's type (float or vec4). */
struct hrm_swiglu_params {
    HRM_U32 count;     /* rows * SPEC_COLS */
    HRM_U32 per_group; /* elements of one workgroup, a multiple of its size */
};
HRM_CHECK_SIZE(hrm_swiglu_params, 8);

#define HRM_SPEC_SWIGLU_COLS 16 /* specialization constant: elements of half a row of gate_up */
#endif
