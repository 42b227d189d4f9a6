/* Double-precision references of runtime/ops/loss.h, written as the textbook formulas. Shapes as there. */
#ifndef HRM_TESTS_REF_LOSS_H
#define HRM_TESTS_REF_LOSS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ref_token_loss_shape {
    uint32_t batch, seq, puzzle_len, vocab;
    uint32_t live_rows;
    bool softmax;
    double grad_scale;
} ref_token_loss_shape;

/* grad may be NULL. */
void ref_token_loss(const ref_token_loss_shape *shape, const double *logits, const uint32_t *labels, double *row_loss,
                    uint32_t *row_labelled, uint32_t *row_correct, uint32_t *row_exact, double *grad);

/* First largest of n values; a NaN is larger than any number. */
uint32_t ref_argmax(const double *x, uint32_t n);

void ref_q_head_fwd(uint32_t batch, uint32_t seq, uint32_t hidden, const double *z, const double *weight,
                    const double *bias, double *q);
/* grad_z is added to. */
void ref_q_head_bwd(uint32_t batch, uint32_t seq, uint32_t hidden, const double *z, const double *weight,
                    const double *grad_q, double *grad_z, double *grad_weight, double *grad_bias);

#endif
