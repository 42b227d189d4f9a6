/* The first largest logit of a token. The including shader declares logits[] and the push constants `p` with vocab. */
#ifndef HRM_LOSS_LARGEST_GLSL
#define HRM_LOSS_LARGEST_GLSL
#include "lib/math.glsl"

/* Its index within the V logits from `base` on: the lowest among equals; a NaN is larger than every number, as for
 * torch.argmax. */
uint first_largest(uint base, out float largest) {
    largest = logits[base];
    uint at = 0;
    for (uint v = 1; v < p.vocab; v++) {
        float x = logits[base + v];
        if (x > largest || (hrm_is_nan(x) && !hrm_is_nan(largest))) {
            largest = x;
            at = v;
        }
    }
    return at;
}

#endif
