#include "base/rng.h"

/* Multipliers and key increments of Philox4x32 (SC 2011 paper, table 2; the increments are the golden ratio and
 * sqrt(3) - 1 as 32-bit fractions). */
#define PHILOX_M0 UINT64_C(0xD2511F53)
#define PHILOX_M1 UINT64_C(0xCD9E8D57)
#define PHILOX_W0 UINT32_C(0x9E3779B9)
#define PHILOX_W1 UINT32_C(0xBB67AE85)

void hrm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = PHILOX_M0 * c0, p1 = PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void load_block(hrm_rng *rng) {
    uint64_t index = rng->position / 4;
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)rng->stream,
                                 (uint32_t)(rng->stream >> 32)};
    const uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
    hrm_philox4x32(counter, key, rng->block);
}

void hrm_rng_init(hrm_rng *rng, uint64_t seed, uint64_t stream) {
    *rng = (hrm_rng){.seed = seed, .stream = stream};
}

void hrm_rng_seek(hrm_rng *rng, uint64_t position) {
    rng->position = position;
    if (position % 4 != 0) load_block(rng);
}

uint32_t hrm_rng_u32(hrm_rng *rng) {
    if (rng->position % 4 == 0) load_block(rng);
    return rng->block[rng->position++ % 4];
}

/* Blocks that hrm_rng_fill_u32 computes side by side, so that the compiler can use vector instructions. */
#define FILL_BLOCKS 16u

/* hrm_philox4x32 for FILL_BLOCKS blocks in a row from block number `first`. */
static void fill_blocks(const hrm_rng *rng, uint64_t first, uint32_t *out) {
    uint32_t c0[FILL_BLOCKS], c1[FILL_BLOCKS], c2[FILL_BLOCKS], c3[FILL_BLOCKS];
    for (uint32_t i = 0; i < FILL_BLOCKS; i++) {
        c0[i] = (uint32_t)(first + i);
        c1[i] = (uint32_t)((first + i) >> 32);
        c2[i] = (uint32_t)rng->stream;
        c3[i] = (uint32_t)(rng->stream >> 32);
    }
    uint32_t k0 = (uint32_t)rng->seed, k1 = (uint32_t)(rng->seed >> 32);
    for (int round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < FILL_BLOCKS; i++) {
            uint64_t p0 = PHILOX_M0 * c0[i], p1 = PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    for (uint32_t i = 0; i < FILL_BLOCKS; i++) {
        out[4 * i] = c0[i];
        out[4 * i + 1] = c1[i];
        out[4 * i + 2] = c2[i];
        out[4 * i + 3] = c3[i];
    }
}

void hrm_rng_fill_u32(hrm_rng *rng, uint32_t *out, size_t count) {
    size_t done = 0;
    while (done < count && rng->position % 4 != 0) out[done++] = hrm_rng_u32(rng);
    while (count - done >= 4 * (size_t)FILL_BLOCKS) {
        fill_blocks(rng, rng->position / 4, out + done);
        rng->position += 4 * (uint64_t)FILL_BLOCKS;
        done += 4 * (size_t)FILL_BLOCKS;
    }
    while (done < count) out[done++] = hrm_rng_u32(rng);
}

uint64_t hrm_rng_u64(hrm_rng *rng) {
    uint64_t low = hrm_rng_u32(rng);
    return (uint64_t)hrm_rng_u32(rng) << 32 | low;
}

uint32_t hrm_rng_below(hrm_rng *rng, uint32_t n) {
    if (n == 0) return 0;
    uint64_t product = (uint64_t)hrm_rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (0u - n) % n; /* 2^32 mod n: that many low words would be favoured */
        while ((uint32_t)product < threshold) product = (uint64_t)hrm_rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

double hrm_rng_f64(hrm_rng *rng) {
    return (double)(hrm_rng_u64(rng) >> 11) * 0x1p-53;
}

float hrm_rng_f32(hrm_rng *rng) {
    return (float)(hrm_rng_u32(rng) >> 8) * 0x1p-24f;
}

void hrm_rng_shuffle_u32(hrm_rng *rng, uint32_t *values, uint32_t count) {
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = hrm_rng_below(rng, i), moved = values[i - 1];
        values[i - 1] = values[j];
        values[j] = moved;
    }
}
