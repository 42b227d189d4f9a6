#ifndef HRM_SHARED_ROPE_H
#define HRM_SHARED_ROPE_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* rope/rope.comp. Sizes in elements of the row's type (float or vec4). */
struct hrm_rope_params {
    HRM_U32 count;     /* pairs to turn: batch * seq * SPEC_PAIRS */
    HRM_U32 per_group; /* pairs of one workgroup, a multiple of its size */
    HRM_U32 stride;    /* elements from one position of x to the next */
    HRM_F32 sign;      /* -1 turns backwards */
};
HRM_CHECK_SIZE(hrm_rope_params, 16);

/* Specialization constants: what the kernel divides by. */
#define HRM_SPEC_ROPE_HALF 16  /* elements of half a head */
#define HRM_SPEC_ROPE_PAIRS 17 /* pairs of a position: parts * heads * half */
#define HRM_SPEC_ROPE_SEQ 18   /* positions of a batch row */
#endif
