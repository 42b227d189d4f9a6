#include "base/numpy_rng.h"

/* ---- SeedSequence: a seed of any size to well-mixed words ---- */

#define POOL_WORDS 4
#define INIT_A UINT32_C(0x43b0d7e5)
#define MULT_A UINT32_C(0x931e8875)
#define INIT_B UINT32_C(0x8b51f9dd)
#define MULT_B UINT32_C(0x58f38ded)
#define MIX_LEFT UINT32_C(0xca01f9dd)
#define MIX_RIGHT UINT32_C(0x4973f715)

/* The running constant is multiplied between its two uses. */
static uint32_t hash_word(uint32_t word, uint32_t *constant, uint32_t multiplier) {
    word ^= *constant;
    *constant *= multiplier;
    word *= *constant;
    return word ^ word >> 16;
}

static uint32_t mix(uint32_t left, uint32_t right) {
    uint32_t word = MIX_LEFT * left - MIX_RIGHT * right;
    return word ^ word >> 16;
}

static void make_key(uint64_t seed, uint64_t key[2]) {
    uint32_t pool[POOL_WORDS] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, constant = INIT_A;
    for (int i = 0; i < POOL_WORDS; i++) pool[i] = hash_word(pool[i], &constant, MULT_A);
    for (int source = 0; source < POOL_WORDS; source++)
        for (int target = 0; target < POOL_WORDS; target++)
            if (source != target) pool[target] = mix(pool[target], hash_word(pool[source], &constant, MULT_A));
    constant = INIT_B;
    for (int i = 0; i < 2; i++) {
        uint64_t low = hash_word(pool[2 * i], &constant, MULT_B);
        key[i] = (uint64_t)hash_word(pool[2 * i + 1], &constant, MULT_B) << 32 | low;
    }
}

/* ---- Philox4x64-10 (SC 2011 paper, table 2) ---- */

#define PHILOX_M0 UINT64_C(0xD2E7470EE14C6C93)
#define PHILOX_M1 UINT64_C(0xCA5A826395121157)
#define PHILOX_W0 UINT64_C(0x9E3779B97F4A7C15)
#define PHILOX_W1 UINT64_C(0xBB67AE8584CAA73B)

/* Full product of two words: returns the high half. Schoolbook, because C11 has no 128-bit type. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), middle_low = (uint32_t)middle + a0 * b1;
    *low = a * b;
    return a1 * b1 + (middle >> 32) + (middle_low >> 32);
}

static void make_block(hrm_numpy_rng *rng) {
    for (int i = 0; i < 4 && ++rng->counter[i] == 0; i++) {
    }
    uint64_t c0 = rng->counter[0], c1 = rng->counter[1], c2 = rng->counter[2], c3 = rng->counter[3];
    uint64_t k0 = rng->key[0], k1 = rng->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t low0, low1, high0 = multiply(PHILOX_M0, c0, &low0), high1 = multiply(PHILOX_M1, c2, &low1);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    rng->block[0] = c0;
    rng->block[1] = c1;
    rng->block[2] = c2;
    rng->block[3] = c3;
    rng->block_used = 0;
}

void hrm_numpy_rng_init(hrm_numpy_rng *rng, uint64_t seed) {
    *rng = (hrm_numpy_rng){.block_used = 4};
    make_key(seed, rng->key);
}

uint64_t hrm_numpy_rng_u64(hrm_numpy_rng *rng) {
    if (rng->block_used == 4) make_block(rng);
    return rng->block[rng->block_used++];
}

uint32_t hrm_numpy_rng_u32(hrm_numpy_rng *rng) {
    rng->has_half = !rng->has_half;
    if (!rng->has_half) return rng->half;
    uint64_t word = hrm_numpy_rng_u64(rng);
    rng->half = (uint32_t)(word >> 32);
    return (uint32_t)word;
}

/* Uniform in [0, most], for integers. Lemire's method on 32-bit draws while they suffice, else on 64-bit ones. */
static uint64_t bounded(hrm_numpy_rng *rng, uint64_t most) {
    if (most == 0) return 0;
    if (most == UINT32_MAX) return hrm_numpy_rng_u32(rng);
    if (most == UINT64_MAX) return hrm_numpy_rng_u64(rng);
    if (most < UINT32_MAX) {
        uint32_t count = (uint32_t)most + 1;
        uint64_t product = (uint64_t)hrm_numpy_rng_u32(rng) * count;
        if ((uint32_t)product < count) {
            uint32_t threshold = (0u - count) % count;
            while ((uint32_t)product < threshold) product = (uint64_t)hrm_numpy_rng_u32(rng) * count;
        }
        return product >> 32;
    }
    uint64_t count = most + 1, low, high = multiply(hrm_numpy_rng_u64(rng), count, &low);
    if (low < count) {
        uint64_t threshold = (UINT64_C(0) - count) % count;
        while (low < threshold) high = multiply(hrm_numpy_rng_u64(rng), count, &low);
    }
    return high;
}

int64_t hrm_numpy_rng_integer(hrm_numpy_rng *rng, int64_t low, int64_t high) {
    if (high <= low) return low;
    return (int64_t)((uint64_t)low + bounded(rng, (uint64_t)high - (uint64_t)low - 1));
}

/* Uniform in [0, most], by throwing away: what shuffling draws with (random_interval), unlike integers. */
static uint32_t interval(hrm_numpy_rng *rng, uint32_t most) {
    uint32_t mask = most, value;
    for (uint32_t shift = 1; shift <= 16; shift *= 2) mask |= mask >> shift;
    do value = hrm_numpy_rng_u32(rng) & mask;
    while (value > most);
    return value;
}

void hrm_numpy_rng_permutation(hrm_numpy_rng *rng, uint32_t *out, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) out[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = interval(rng, i - 1), moved = out[i - 1];
        out[i - 1] = out[j];
        out[j] = moved;
    }
}
