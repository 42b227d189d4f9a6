/* Philox4x32-10, the GLSL twin of hrm_philox4x32 (runtime/base/rng.h): the same words from the same counter and key.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef HRM_LIB_PHILOX_GLSL
#define HRM_LIB_PHILOX_GLSL

uvec4 philox4x32(uvec4 c, uvec2 key) {
    for (int round = 0; round < 10; round++) {
        uint high0, low0, high1, low1;
        umulExtended(0xD2511F53u, c.x, high0, low0);
        umulExtended(0xCD9E8D57u, c.z, high1, low1);
        c = uvec4(high1 ^ c.y ^ key.x, low1, high0 ^ c.w ^ key.y, low0);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

/* Uniform in [0, 1): a multiple of 2^-24, as hrm_rng_f32. */
float philox_uniform(uint word) {
    return float(word >> 8) * 5.9604644775390625e-8;
}

/* Whole number in [0, n): favours some values by at most n / 2^32. */
uint philox_below(uint word, uint n) {
    uint high, low;
    umulExtended(word, n, high, low);
    return high;
}

/* What the draws are for, as the last word of a counter: no two purposes share a block. */
#define PHILOX_USE_EXPLORE 0x68616c74u

#endif
