/* Push constants of the attention kernels. A "row" is a query (forward, dq) or a key (dk and dv); every workgroup owns a
 * block of rows of one (batch row, head) pair. Group g works on pair g / blocks = b * heads + h, rows from
 * (g % blocks) * (rows of a workgroup). */
#ifndef HRM_SHARED_ATTENTION_H
#define HRM_SHARED_ATTENTION_H
#ifdef __STDC__
#include "shared/common.h"
#endif

struct hrm_attention_params {
    HRM_U32 groups;   /* batch * heads * blocks: groups from here on have nothing to do */
    HRM_U32 blocks;   /* row blocks of a pair */
    HRM_U32 seq;      /* T */
    HRM_U32 heads;    /* H */
    HRM_F32 scale;    /* 1 / sqrt(head width) */
    HRM_U32 save_lse; /* forward: whether lse is written */
};
HRM_CHECK_SIZE(hrm_attention_params, 24);

/* The same for kernels that read qkv and the gradient of o through their addresses (low word first). */
struct hrm_attention_address_params {
    HRM_U32 groups;
    HRM_U32 blocks;
    HRM_U32 seq;
    HRM_U32 heads;
    HRM_F32 scale;
    HRM_U32 save_lse;
    HRM_U32 qkv_lo, qkv_hi;
    HRM_U32 grad_o_lo, grad_o_hi;
};
HRM_CHECK_SIZE(hrm_attention_address_params, 40);

/* Specialization constants of the rows on matrix units, beside HRM_SPEC_HEAD_DIM and
 *   TILE_M   matrices of own rows to a band (attention/coopmat.glsl)
 *   TILE_N   rows of the other side at a time
 *   TILE_K   the head's width with zeros up to a multiple of N and K
 *   DTYPE_A  of qkv; DTYPE_B: of grad_o; DTYPE_C: of what is written, o or grad_qkv; DTYPE_R: of o in the backward pass */
#define HRM_SPEC_ATTENTION_SPLIT 16 /* subgroups that share a band */
#define HRM_SPEC_ATTENTION_M 17     /* the matrices: [M, N] += [M, K] [K, N]; numbered as for matmul */
#define HRM_SPEC_ATTENTION_N 18
#define HRM_SPEC_ATTENTION_K 19
#define HRM_SPEC_ATTENTION_LANES 20 /* of a subgroup */
#endif
