#include "base/hash.h"

uint64_t hrm_fnv1a64_update(uint64_t hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash ^= bytes[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t hrm_fnv1a64(const void *data, size_t size) {
    return hrm_fnv1a64_update(HRM_FNV1A64_INIT, data, size);
}
