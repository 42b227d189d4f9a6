#include "helper_inner.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

const inner_shape inner_shapes[] = {
    {"least", 1, 1, 8, 1, 1, 1, 1, 1, HRM_POSITIONS_ROPE},
    {"one H cycle", 2, 5, 16, 2, 1, 1, 1, 2, HRM_POSITIONS_ROPE},
    {"one L cycle", 2, 9, 24, 1, 2, 1, 3, 1, HRM_POSITIONS_ROPE},
    {"the default cycles", 3, 7, 32, 2, 2, 2, 2, 2, HRM_POSITIONS_BOTH},
    {"without RoPE", 2, 11, 40, 1, 1, 2, 2, 3, HRM_POSITIONS_LEARNED},
    {"single token", 5, 1, 16, 1, 1, 1, 2, 2, HRM_POSITIONS_ROPE},
    {"three of each", 1, 17, 64, 1, 1, 1, 3, 3, HRM_POSITIONS_ROPE},
};
const size_t inner_shape_count = sizeof inner_shapes / sizeof *inner_shapes;

hrm_model_config inner_get_config(const inner_shape *s) {
    hrm_model_config c = HRM_INIT(hrm_model_config);
    c.vocab_size = 2;
    c.seq_len = s->seq;
    c.hidden_size = s->hidden;
    c.num_heads = s->heads;
    c.h_layers = s->h_layers;
    c.l_layers = s->l_layers;
    c.h_cycles = s->h_cycles;
    c.l_cycles = s->l_cycles;
    c.positions = s->positions;
    /* as few rotations of nearly no angle as so short sequences allow, and an eps that is no mere formality */
    c.rope_theta = 50.0f;
    c.rms_norm_eps = 1e-3f;
    return c;
}

ref_inner inner_get_ref(const inner_shape *s, size_t feed_forward) {
    const hrm_model_config c = inner_get_config(s);
    return (ref_inner){.batch = s->batch,
                       .seq = s->seq,
                       .hidden = s->hidden,
                       .heads = s->heads,
                       .feed_forward = feed_forward,
                       .layers = {s->h_layers, s->l_layers},
                       .h_cycles = s->h_cycles,
                       .l_cycles = s->l_cycles,
                       .rope = s->positions != HRM_POSITIONS_LEARNED,
                       .rope_theta = (double)c.rope_theta,
                       .eps = (double)c.rms_norm_eps};
}

double *inner_make(size_t n) {
    double *values = calloc(n, sizeof *values);
    CHECK_MSG(values != NULL, "no host memory for %zu values", n);
    return values;
}

float *inner_make_f32(size_t n) {
    float *values = calloc(n, sizeof *values);
    CHECK_MSG(values != NULL, "no host memory for %zu values", n);
    return values;
}

void inner_fill_random(double *x, size_t n, double sd, uint64_t stream) {
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), stream);
    for (size_t i = 0; i < n; i++) {
        /* Box-Muller; 1 - u is never 0 */
        const double u = hrm_rng_f64(&rng), v = hrm_rng_f64(&rng);
        x[i] = sd * sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v);
    }
}

double inner_find_largest(const double *x, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
    return largest;
}
