/* Ids of the specialization constants, the same in C and GLSL. 0 to 2 are the workgroup size everywhere. */
#ifndef HRM_SHARED_SPEC_IDS_H
#define HRM_SHARED_SPEC_IDS_H
#define HRM_SPEC_LOCAL_X 0
#define HRM_SPEC_LOCAL_Y 1
#define HRM_SPEC_LOCAL_Z 2
#define HRM_SPEC_TILE_M 3
#define HRM_SPEC_TILE_N 4
#define HRM_SPEC_TILE_K 5
#define HRM_SPEC_HEAD_DIM 6
#define HRM_SPEC_FLAGS 7
/* element types of a kernel's operands (shared/dtype.h); 16 and up are the ops' own */
#define HRM_SPEC_DTYPE_A 8
#define HRM_SPEC_DTYPE_B 9
#define HRM_SPEC_DTYPE_C 10
#define HRM_SPEC_DTYPE_R 11
#define HRM_SPEC_DTYPE_P 12 /* matmul: `pre` */
#endif
