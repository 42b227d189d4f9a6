/* NumPy's random numbers, bit for bit: numpy.random.Generator(numpy.random.Philox(seed)).
 *
 * Promises: key, raw stream, integers and permutations are those of NumPy 1.17 and later for the same calls in the same
 * order; half a word left over by a 32-bit draw feeds the next one. Needed to repeat the order in which the reference
 * reads its data; everything of our own draws from rng.h.
 * Source: numpy/random: bit_generator.pyx (SeedSequence), src/philox/philox.h, src/distributions/distributions.c
 * (bounded integers, random_interval), _generator.pyx (permutation); NEP 19; O'Neill, "Developing
 * a seed_seq alternative", 2015. */
#ifndef HRM_BASE_NUMPY_RNG_H
#define HRM_BASE_NUMPY_RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hrm_numpy_rng {
    uint64_t key[2];
    uint64_t counter[4]; /* of the block last made; the first block has counter 1 */
    uint64_t block[4];
    uint32_t block_used; /* words of the block handed out; 4: make the next one */
    bool has_half;       /* `half` waits for the next 32-bit draw */
    uint32_t half;
} hrm_numpy_rng;

/* As Philox(seed): the key comes from SeedSequence(seed). */
void hrm_numpy_rng_init(hrm_numpy_rng *rng, uint64_t seed);

/* The raw streams: a 64-bit draw leaves a waiting half word where it is, as NumPy does. */
uint64_t hrm_numpy_rng_u64(hrm_numpy_rng *rng);
uint32_t hrm_numpy_rng_u32(hrm_numpy_rng *rng);

/* integers(low, high) of type int64, one scalar; low < high (anything else gives low, where NumPy raises an error). A
 * range of one value draws nothing. */
int64_t hrm_numpy_rng_integer(hrm_numpy_rng *rng, int64_t low, int64_t high);

/* permutation(count) into out [count]. */
void hrm_numpy_rng_permutation(hrm_numpy_rng *rng, uint32_t *out, uint32_t count);

#endif
