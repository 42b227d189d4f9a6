#ifndef HRM_SHARED_OPTIM_H
#define HRM_SHARED_OPTIM_H
#include "shared/common.h"

/* optim/adam_atan2.comp. Counts are of the row's element type (float or vec4). */
struct hrm_adam_atan2_params {
    HRM_U32 first; /* element to begin with */
    HRM_U32 count;
    HRM_U32 per_group; /* elements of one workgroup, a multiple of its size */
    HRM_F32 beta1;
    HRM_F32 beta2;
    HRM_F32 one_minus_beta1; /* made in double */
    HRM_F32 one_minus_beta2;
    HRM_F32 weight_decay;
};
HRM_CHECK_SIZE(hrm_adam_atan2_params, 32);

struct hrm_sign_sgd_params {
    HRM_U32 batch;
    HRM_U32 table_rows;
    HRM_U32 dim;
    HRM_F32 weight_decay;
};
HRM_CHECK_SIZE(hrm_sign_sgd_params, 16);
#endif
