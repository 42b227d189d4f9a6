/* A fast 64-bit checksum of a long run of bytes: tells damaged files, at the speed of memory. FNV-1a (base/hash.h)
 * takes a byte at a time and is ten times slower. Not cryptographic: nothing that an adversary may choose.
 *
 * Promises: the value depends on the bytes alone, however they are cut into updates; damage within one aligned 8-byte
 * word (a flipped bit, a wrong byte) always changes it, other damage
 * goes unnoticed about once in 2^64 times. The value is that of
 * little-endian hosts: a big-endian one would find another. */
#ifndef HRM_BASE_CHECKSUM_H
#define HRM_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

enum { HRM_CHECKSUM_LANES = 8, HRM_CHECKSUM_STRIPE_BYTES = 8 * HRM_CHECKSUM_LANES };

typedef struct hrm_checksum {
    uint64_t lanes[HRM_CHECKSUM_LANES];
    uint64_t bytes;                                   /* so far */
    unsigned char pending[HRM_CHECKSUM_STRIPE_BYTES]; /* the last bytes % HRM_CHECKSUM_STRIPE_BYTES of them */
} hrm_checksum;

void hrm_checksum_init(hrm_checksum *sum);
void hrm_checksum_update(hrm_checksum *sum, const void *data, size_t size);

/* The checksum of everything so far; more may follow. */
uint64_t hrm_checksum_get(const hrm_checksum *sum);

#endif
