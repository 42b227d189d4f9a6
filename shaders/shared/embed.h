#ifndef HRM_SHARED_EMBED_H
#define HRM_SHARED_EMBED_H
#ifdef __STDC__
#include "shared/common.h"
#else
#extension GL_GOOGLE_include_directive : require
#include "shared/common.h"
#endif

/* Flags of hrm_embed_params. */
#define HRM_EMBED_IDS 1u       /* rows of the puzzle table are picked by puzzle_ids, otherwise row = batch row */
#define HRM_EMBED_POSITIONS 2u /* there is a position table */

/* 1 / sqrt(2) as the reference writes it. */
#define HRM_EMBED_POSITION_FACTOR 0.707106781

/* embed/embed_fwd.comp. Sizes of rows in elements of the row's type (float or vec4). */
struct hrm_embed_params {
    HRM_U32 rows;        /* of y: batch * (puzzle_len + seq) */
    HRM_U32 per_group;   /* rows of one workgroup */
    HRM_U32 puzzle_len;  /* positions before the tokens */
    HRM_U32 puzzle_cols; /* elements of a row of the puzzle table; 0 without one */
    HRM_U32 vocab;       /* rows of the token table */
    HRM_U32 puzzles;     /* rows of the puzzle table */
    HRM_U32 flags;
    HRM_F32 scale;
};
HRM_CHECK_SIZE(hrm_embed_params, 32);

/* embed/embed_table_partial.comp. Sizes of rows in elements of the row's type. */
struct hrm_embed_partial_params {
    HRM_U32 rows;          /* token rows: batch * seq */
    HRM_U32 seq;           /* tokens of a batch row */
    HRM_U32 puzzle_len;    /* positions before them in grad_y */
    HRM_U32 cols;          /* elements of a row of grad_y */
    HRM_U32 vocab;         /* rows of the table */
    HRM_U32 chunk_rows;    /* token rows of one chunk */
    HRM_U32 token_blocks;  /* ceil(vocab / HRM_EMBED_TOKENS) */
    HRM_U32 column_blocks; /* ceil(cols / workgroup size) */
    HRM_U32 chunks;        /* ceil(rows / chunk_rows) */
};
HRM_CHECK_SIZE(hrm_embed_partial_params, 36);

/* embed/embed_sum.comp. Sizes in elements of the row's type. */
struct hrm_embed_sum_params {
    HRM_U32 count;        /* results */
    HRM_U32 terms;        /* summands of each */
    HRM_U32 stride;       /* elements of x from one summand to the next */
    HRM_U32 inner;        /* results that lie side by side in x ... */
    HRM_U32 outer_stride; /* ... and the elements of x from one such group to the next */
    HRM_U32 per_group;    /* results of one workgroup, a multiple of its size */
    HRM_F32 scale;
};
HRM_CHECK_SIZE(hrm_embed_sum_params, 28);

/* Specialization constants: what embed_fwd divides by. */
#define HRM_SPEC_EMBED_COLS 16 /* elements of a row of y */
#define HRM_SPEC_EMBED_SEQ 17  /* positions of a batch row: puzzle_len + seq */

/* Token ids one invocation of embed_table_partial keeps sums for. */
#define HRM_EMBED_TOKENS 8
#endif
