#include "ref/embed.h"

#include <string.h>

static const double position_factor = 0.707106781;

static size_t clamp_id(uint32_t id, size_t count) {
    return id < count ? id : count - 1;
}

void ref_embed_fwd(const ref_embed *e, const double *table, const double *puzzle_table, const double *positions,
                   double *y) {
    size_t rows = e->puzzle_len + e->seq;
    for (size_t b = 0; b < e->batch; b++) {
        size_t id = e->puzzle_ids ? clamp_id(e->puzzle_ids[b], e->puzzles) : b;
        for (size_t t = 0; t < rows; t++) {
            for (size_t d = 0; d < e->hidden; d++) {
                double v = 0.0;
                if (t >= e->puzzle_len) {
                    size_t token = clamp_id(e->tokens[b * e->seq + t - e->puzzle_len], e->vocab);
                    v = table[token * e->hidden + d];
                } else if (puzzle_table && t * e->hidden + d < e->puzzle_dim) {
                    v = puzzle_table[id * e->puzzle_dim + t * e->hidden + d];
                }
                if (positions) v = position_factor * (v + positions[t * e->hidden + d]);
                y[(b * rows + t) * e->hidden + d] = e->scale * v;
            }
        }
    }
}

void ref_embed_bwd(const ref_embed *e, const double *grad_y, int has_positions, double *grad_table,
                   double *grad_positions, double *grad_puzzle) {
    size_t rows = e->puzzle_len + e->seq;
    double scale = e->scale * (has_positions ? position_factor : 1.0);
    if (grad_table) memset(grad_table, 0, e->vocab * e->hidden * sizeof *grad_table);
    if (grad_positions) memset(grad_positions, 0, rows * e->hidden * sizeof *grad_positions);
    for (size_t b = 0; b < e->batch; b++) {
        for (size_t t = 0; t < rows; t++) {
            for (size_t d = 0; d < e->hidden; d++) {
                double g = scale * grad_y[(b * rows + t) * e->hidden + d];
                if (grad_positions) grad_positions[t * e->hidden + d] += g;
                if (t >= e->puzzle_len) {
                    size_t token = clamp_id(e->tokens[b * e->seq + t - e->puzzle_len], e->vocab);
                    if (grad_table) grad_table[token * e->hidden + d] += g;
                } else if (grad_puzzle && t * e->hidden + d < e->puzzle_dim) {
                    grad_puzzle[b * e->puzzle_dim + t * e->hidden + d] = g;
                }
            }
        }
    }
}
