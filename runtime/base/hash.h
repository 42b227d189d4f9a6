/* FNV-1a, 64 bits: names of cache files and detection of damaged ones. Not for anything an adversary may choose.
 * About 1 GB/s: base/checksum.h is for whole files.
 * Source: Fowler, Noll, Vo; draft-eastlake-fnv. */
#ifndef HRM_BASE_HASH_H
#define HRM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HRM_FNV1A64_INIT UINT64_C(0xcbf29ce484222325)

/* Continues a hash; start from HRM_FNV1A64_INIT. */
uint64_t hrm_fnv1a64_update(uint64_t hash, const void *data, size_t size);

uint64_t hrm_fnv1a64(const void *data, size_t size);

#endif
