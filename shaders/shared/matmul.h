#ifndef HRM_SHARED_MATMUL_H
#define HRM_SHARED_MATMUL_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* matmul/matmul_tile.comp, matmul_lane_column.comp, matmul_lane_row.comp. Strides in elements. */
struct hrm_matmul_params {
    HRM_U32 m;
    HRM_U32 n;
    HRM_U32 k;
    HRM_U32 lda;
    HRM_U32 ldb;
    HRM_U32 ldc;
    HRM_U32 ldr;       /* residual, or gate and up */
    HRM_U32 k_split;   /* workgroups with z = s sum k in [s * k_split, (s + 1) * k_split) and write C + s * c_split */
    HRM_U32 c_split;   /* m * ldc with more than one split, else 0 */
    HRM_U32 b_address_lo; /* matmul_lane_row: where B starts */
    HRM_U32 b_address_hi;
};
HRM_CHECK_SIZE(hrm_matmul_params, 44);

/* HRM_SPEC_FLAGS of the products. */
#define HRM_MATMUL_ACCUMULATE 1u /* C += AB */
#define HRM_MATMUL_RESIDUAL 2u   /* C = AB + R */
#define HRM_MATMUL_A_SCALAR 4u   /* A's rows do not start or end at multiples of 4 elements */
#define HRM_MATMUL_B_SCALAR 8u
#define HRM_MATMUL_C_SCALAR 16u  /* C or R likewise */
#define HRM_MATMUL_STORE_64 32u  /* store pairs of 64-bit words */
#define HRM_MATMUL_STORE_256 64u /* store fours of 64-bit words: rows are multiples of 8 */
#define HRM_MATMUL_K_TAIL 128u   /* k is no multiple of what the kernel takes at a time */
#define HRM_MATMUL_HALF_BLOCK 512u /* lane_column: half a block of columns more */
#define HRM_MATMUL_SWIGLU 256u      /* C [m, n / 2] = silu(first half of AB's columns) * second half */
#define HRM_MATMUL_HAS_PRE 1024u    /* SWIGLU: `pre` [m, n] gets AB */
#define HRM_MATMUL_HAS_RSTD 2048u   /* RMS_NORM: `rstd` gets 1 / rms */
#define HRM_MATMUL_SWIGLU_BWD 4096u /* `pre` [m, 2n] = gate and up, C [m, 2n] = their gradients, AB that of the product */

/* The rows whose operands have their own dtypes and which can end a product in another operation
 * (matmul/matmul_end.glsl). Strides in elements. */
struct hrm_matmul_block_params {
    HRM_U32 m;
    HRM_U32 n; /* columns of AB, whatever C's */
    HRM_U32 k;
    HRM_U32 lda;
    HRM_U32 ldb;
    HRM_U32 ldc;
    HRM_U32 ldr;     /* residual */
    HRM_U32 ldp;     /* pre */
    HRM_U32 k_split; /* as above */
    HRM_U32 c_split;
    HRM_U32 pair;    /* columns between the two of a pair. SWIGLU, SWIGLU_BWD: f; ROPE: half a head */
    HRM_U32 turned;  /* ROPE: the columns of q and k, which come first */
    HRM_U32 seq;     /* ROPE: positions of a batch row */
    HRM_F32 inv_n;   /* RMS_NORM: 1 / n */
    HRM_F32 eps;
};
HRM_CHECK_SIZE(hrm_matmul_block_params, 60);

/* Specialization constant of those rows, beside HRM_SPEC_DTYPE_A to _P: hrm_matmul_end, and its values. */
#define HRM_SPEC_MATMUL_END 16
/* matmul_coopmat.comp: the matrices that a subgroup multiplies, and its subgroups side by side along a row of C. */
#define HRM_SPEC_COOPMAT_M 17
#define HRM_SPEC_COOPMAT_N 18
#define HRM_SPEC_COOPMAT_K 19
#define HRM_SPEC_COOPMAT_ACROSS 20
#define HRM_COOPMAT_SUBGROUPS 4u /* of a workgroup */
#define HRM_MATMUL_ENDS_PLAIN 0u
#define HRM_MATMUL_ENDS_SWIGLU 1u
#define HRM_MATMUL_ENDS_SWIGLU_BWD 2u
#define HRM_MATMUL_ENDS_ROPE 3u
#define HRM_MATMUL_ENDS_RMS_NORM 4u

/* matmul/matmul_pack.comp: packed [k, n4 * 4] from w [n, k]. */
struct hrm_matmul_pack_params {
    HRM_U32 n;
    HRM_U32 k;
    HRM_U32 ldw;
    HRM_U32 n4;
};
HRM_CHECK_SIZE(hrm_matmul_pack_params, 16);

/* matmul/matmul_reduce.comp: C [m, n] from `splits` partial products [splits, m * n]. n and strides count elements of
 * the row's width. */
struct hrm_matmul_reduce_params {
    HRM_U32 m;
    HRM_U32 n;
    HRM_U32 ldc;
    HRM_U32 ldr;
    HRM_U32 splits;
};
HRM_CHECK_SIZE(hrm_matmul_reduce_params, 20);
#endif
