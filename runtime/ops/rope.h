/* Rotary position embedding of q and k, in place inside a [batch, seq, 3 * heads * head_dim] projection.
 * Source: Su et al., "RoFormer", 2021; half-split form: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin). */
#ifndef HRM_OPS_ROPE_H
#define HRM_OPS_ROPE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/recorder.h"
#include "ops/tensor.h"

/* The tables for positions 0 .. seq - 1: angle = position * theta^(-2i / head_dim) for i < head_dim / 2.
 *   cos_table, sin_table  [seq, head_dim / 2], caller storage
 * theta^... is rounded to f32 and so is the angle, as the reference does; cosine and sine are made in double. */
void hrm_rope_make_table(uint64_t seq, uint32_t head_dim, double theta, float *cos_table, float *sin_table);

typedef struct hrm_rope_args {
    hrm_tensor x;         /* [batch, seq, parts * heads * head_dim], parts >= part_count; the first part_count parts are
                             overwritten, the rest is left alone; f32, bf16 or f16 (then head_dim a multiple of 8),
                             turned in f32 */
    hrm_tensor cos_table; /* [>= seq, head_dim / 2] f32 */
    hrm_tensor sin_table;
    uint64_t batch;
    uint64_t seq;
    uint32_t heads;
    uint32_t head_dim;   /* even; multiples of 8 are fast */
    uint32_t part_count; /* 2: q and k */
    bool inverse;        /* turn backwards: the gradient */
} hrm_rope_args;

void hrm_rope(hrm_recorder *rec, hrm_rope_args args);

#endif
