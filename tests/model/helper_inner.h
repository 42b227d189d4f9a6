/* The small recurrences that tests of gradients run, and random values for them. */
#ifndef HRM_TESTS_MODEL_HELPER_INNER_H
#define HRM_TESTS_MODEL_HELPER_INNER_H

#include <hrm/model.h>

#include "check.h"
#include "ref/inner.h"

typedef struct inner_shape {
    const char *name;
    uint32_t batch, seq, hidden, heads, h_layers, l_layers, h_cycles, l_cycles;
    hrm_positions positions;
} inner_shape;

/* Cycles 1 to 3, layers 1 to 2, head widths 8 to 64, with RoPE and without, odd sequence lengths and a single token. */
extern const inner_shape inner_shapes[];
extern const size_t inner_shape_count;

hrm_model_config inner_get_config(const inner_shape *shape);
/* The same to the reference, with a feed-forward width of its own: a model's is a multiple of 256. */
ref_inner inner_get_ref(const inner_shape *shape, size_t feed_forward);

/* Zeroed; free it. */
double *inner_make(size_t n);
float *inner_make_f32(size_t n);
/* Normal values; a stream of check_seed() each. */
void inner_fill_random(double *x, size_t n, double sd, uint64_t stream);
/* Largest absolute value. */
double inner_find_largest(const double *x, size_t n);

#endif
