/* Input embeddings: puzzle positions, then tokens, optional learned positions, one scale; and the gradients of the
 * three tables by a scatter without atomics.
 *
 * Promises: same inputs, same bits; ids past the end of a table never read or write out of bounds (they count as its
 * last row). Leaves to callers: refusing such ids, and summing puzzle gradients of equal ids (the sparse optimizer). */
#ifndef HRM_OPS_EMBED_H
#define HRM_OPS_EMBED_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/tensor.h"

typedef struct hrm_embed_fwd_args {
    hrm_tensor tokens;       /* [batch, seq] u32 */
    hrm_tensor table;        /* [vocab, hidden] f32 */
    hrm_tensor puzzle_table; /* [puzzles, puzzle_dim], optional: without it the puzzle positions are 0 */
    hrm_tensor puzzle_ids;   /* [batch] u32, optional: without it batch row b takes row b of puzzle_table */
    hrm_tensor positions;    /* [puzzle_len + seq, hidden], optional */
    hrm_tensor y;            /* [batch, puzzle_len + seq, hidden], written */
    uint64_t batch;
    uint64_t seq;        /* tokens of a row */
    uint64_t puzzle_len; /* positions before them, may be 0 */
    uint64_t puzzle_dim; /* <= puzzle_len * hidden; the rest of the puzzle positions is 0 */
    uint64_t hidden;     /* multiples of 4 are fast, when puzzle_dim is one too */
    uint64_t vocab;
    float scale; /* sqrt(hidden) in HRM */
} hrm_embed_fwd_args;

/* y = scale * rows, or with positions y = scale * (0.707106781 * (rows + positions)). */
void hrm_embed_fwd(hrm_recorder *rec, hrm_embed_fwd_args args);

typedef struct hrm_embed_bwd_args {
    hrm_tensor tokens;         /* [batch, seq] u32; needed for grad_table */
    hrm_tensor grad_y;         /* [batch, puzzle_len + seq, hidden] */
    hrm_tensor grad_table;     /* [vocab, hidden], written, optional */
    hrm_tensor grad_positions; /* [puzzle_len + seq, hidden], written, optional */
    hrm_tensor grad_puzzle;    /* [batch, puzzle_dim], written, optional: one gradient per batch row */
    hrm_tensor scratch;        /* >= hrm_embed_bwd_scratch_count() floats; needed for grad_table */
    uint64_t batch;
    uint64_t seq;
    uint64_t puzzle_len;
    uint64_t puzzle_dim;
    uint64_t hidden;
    uint64_t vocab;
    float scale;
    bool has_positions; /* the forward pass had positions: everything carries the factor 0.707106781 */
    bool accumulate;    /* grad_table and grad_positions are added to, not overwritten (grad_puzzle always is) */
} hrm_embed_bwd_args;

void hrm_embed_bwd(hrm_recorder *rec, hrm_embed_bwd_args args);

/* Floats of scratch; depends on the shape alone. At most 2^24 and one table, whichever is more. */
uint64_t hrm_embed_bwd_scratch_count(uint64_t batch, uint64_t seq, uint64_t hidden, uint64_t vocab);

#endif
