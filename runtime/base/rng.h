/* Counter-based random numbers: Philox4x32-10 and a small stream on top.
 *
 * Promises: the same seed and stream give the same numbers on every machine, whatever ran before; different streams of
 * one seed never overlap (each has its own 2^64 blocks). The GLSL twin must use the same block function.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123. */
#ifndef HRM_BASE_RNG_H
#define HRM_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Ten rounds of Philox4x32: a bijection of the counter for each key. */
void hrm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

typedef struct hrm_rng {
    uint64_t seed;     /* the Philox key, low word first */
    uint64_t stream;   /* counter words 2 and 3 */
    uint64_t position; /* 32-bit words drawn so far; word i comes from block i / 4 (counter words 0 and 1) */
    uint32_t block[4]; /* the block that holds word `position`, while position % 4 != 0 */
} hrm_rng;

void hrm_rng_init(hrm_rng *rng, uint64_t seed, uint64_t stream);

/* Goes to a position noted earlier (rng->position), so that a checkpoint need only keep seed, stream and position. */
void hrm_rng_seek(hrm_rng *rng, uint64_t position);

uint32_t hrm_rng_u32(hrm_rng *rng);

/* The next `count` draws, the same that as many calls of hrm_rng_u32 would give, several blocks at a time. */
void hrm_rng_fill_u32(hrm_rng *rng, uint32_t *out, size_t count);

/* Two draws, low word first. */
uint64_t hrm_rng_u64(hrm_rng *rng);

/* Uniform in [0, n), without bias; n must be >= 1 (0 gives 0). Source: Lemire, "Fast random integer generation in an
 * interval", 2019. */
uint32_t hrm_rng_below(hrm_rng *rng, uint32_t n);

/* Uniform in [0, 1): multiples of 2^-53 (two draws) and of 2^-24 (one draw). */
double hrm_rng_f64(hrm_rng *rng);
float hrm_rng_f32(hrm_rng *rng);

/* Fisher-Yates, from the last element down; count <= 2^32 - 1. */
void hrm_rng_shuffle_u32(hrm_rng *rng, uint32_t *values, uint32_t count);

#endif
