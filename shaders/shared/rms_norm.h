#ifndef HRM_SHARED_RMS_NORM_H
#define HRM_SHARED_RMS_NORM_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* rms_norm/rms_norm_fwd.comp, rms_norm/rms_norm_bwd.comp */
struct hrm_rms_norm_params {
    HRM_U32 rows;
    HRM_U32 cols;      /* in elements of the row's type (float or vec4) */
    HRM_U32 per_group; /* rows of one workgroup */
    HRM_F32 inv_cols;  /* 1 / floats of a row */
    HRM_F32 eps;       /* forward only */
};
HRM_CHECK_SIZE(hrm_rms_norm_params, 20);

/* HRM_SPEC_FLAGS: which optional tensors there are. */
#define HRM_RMS_NORM_RESIDUAL 1u /* forward: residual; backward: a second grad_y */
#define HRM_RMS_NORM_RSTD 2u     /* forward: write rstd */
/* Specialization constant: elements of a row when lanes may hold a whole row in registers, else 0. */
#define HRM_SPEC_RMS_NORM_HELD 16
#endif
