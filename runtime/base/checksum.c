#include "base/checksum.h"

#include <string.h>

/* Odd multipliers without pattern (parts of the golden ratio and of pi): multiplying by one can be undone, and so loses
 * nothing. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define WORD_MULTIPLIER UINT64_C(0x243f6a8885a308d3)

/* For a given word the lane can be told from the result, and for a given lane the word: two streams that differ in one
 * word of a lane end in different lanes. The rotation carries high bits down, which products never do; the word's own
 * product spreads a flipped bit, so that a second one in the lane's next word cannot take it back (with a plain xor,
 * bit 34 and then bit 63 would cancel). */
static inline uint64_t mix(uint64_t lane, uint64_t word) {
    lane += word * WORD_MULTIPLIER;
    return (lane << 31 | lane >> 33) * MULTIPLIER;
}

/* Eight words at a time go to eight lanes: a product takes three or four cycles, and the lanes do not wait for one
 * another. */
static void mix_stripes(uint64_t lanes[HRM_CHECKSUM_LANES], const unsigned char *data, size_t stripes) {
    uint64_t l[HRM_CHECKSUM_LANES], word;
    memcpy(l, lanes, sizeof l);
    for (size_t s = 0; s < stripes; s++) {
        for (int i = 0; i < HRM_CHECKSUM_LANES; i++, data += sizeof word) {
            memcpy(&word, data, sizeof word);
            l[i] = mix(l[i], word);
        }
    }
    memcpy(lanes, l, sizeof l);
}

void hrm_checksum_init(hrm_checksum *sum) {
    *sum = (hrm_checksum){0};
    for (uint64_t i = 0; i < HRM_CHECKSUM_LANES; i++) sum->lanes[i] = (i + 1) * MULTIPLIER;
}

void hrm_checksum_update(hrm_checksum *sum, const void *data, size_t size) {
    const unsigned char *bytes = data;
    const size_t pending = (size_t)(sum->bytes % HRM_CHECKSUM_STRIPE_BYTES);
    if (size == 0) return;
    sum->bytes += size;
    if (pending) {
        const size_t missing = HRM_CHECKSUM_STRIPE_BYTES - pending, taken = size < missing ? size : missing;
        memcpy(sum->pending + pending, bytes, taken);
        if (taken < missing) return;
        mix_stripes(sum->lanes, sum->pending, 1);
        bytes += taken;
        size -= taken;
    }
    const size_t stripes = size / HRM_CHECKSUM_STRIPE_BYTES, rest = size % HRM_CHECKSUM_STRIPE_BYTES;
    mix_stripes(sum->lanes, bytes, stripes);
    memcpy(sum->pending, bytes + (size - rest), rest);
}

uint64_t hrm_checksum_get(const hrm_checksum *sum) {
    uint64_t lanes[HRM_CHECKSUM_LANES], hash = sum->bytes * MULTIPLIER; /* the length tells padding from zeros */
    const size_t pending = (size_t)(sum->bytes % HRM_CHECKSUM_STRIPE_BYTES);
    memcpy(lanes, sum->lanes, sizeof lanes);
    if (pending) {
        unsigned char last[HRM_CHECKSUM_STRIPE_BYTES] = {0};
        memcpy(last, sum->pending, pending);
        mix_stripes(lanes, last, 1);
    }
    for (int i = 0; i < HRM_CHECKSUM_LANES; i++) hash = mix(hash, lanes[i]);
    hash = (hash ^ hash >> 32) * MULTIPLIER;
    return hash ^ hash >> 29;
}
