/* Double-precision reference of the input embeddings. */
#ifndef HRM_TESTS_REF_EMBED_H
#define HRM_TESTS_REF_EMBED_H

#include <stddef.h>
#include <stdint.h>

typedef struct ref_embed {
    size_t batch, seq, puzzle_len, puzzle_dim, hidden, vocab, puzzles;
    double scale;
    const uint32_t *tokens;     /* [batch, seq] */
    const uint32_t *puzzle_ids; /* [batch], or NULL: row b */
} ref_embed;

/* puzzle_table [puzzles, puzzle_dim] and positions [puzzle_len + seq, hidden] may be NULL;
 * y [batch, puzzle_len + seq, hidden]. */
void ref_embed_fwd(const ref_embed *e, const double *table, const double *puzzle_table, const double *positions,
                   double *y);

/* All gradients overwritten; any may be NULL. grad_puzzle [batch, puzzle_dim]. */
void ref_embed_bwd(const ref_embed *e, const double *grad_y, int has_positions, double *grad_table,
                   double *grad_positions, double *grad_puzzle);

#endif
