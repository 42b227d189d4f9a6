#include "data/hash_set.h"

#include <assert.h>
#include <stdlib.h>

#define MIN_CAPACITY 16u

hrm_status hrm_hash_set_init(hrm_hash_set *set, uint64_t entries, const char *what) {
    size_t capacity = MIN_CAPACITY;
    *set = (hrm_hash_set){0};
    /* At most half full, so that runs of taken slots stay short. */
    while (capacity / 2 < entries && capacity <= SIZE_MAX / (2 * sizeof *set->slots)) capacity *= 2;
    if (capacity / 2 >= entries) set->slots = calloc(capacity, sizeof *set->slots);
    if (!set->slots)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to tell %llu %s apart", (unsigned long long)entries,
                        what);
    set->mask = capacity - 1;
    set->room = entries;
    return HRM_OK;
}

void hrm_hash_set_deinit(hrm_hash_set *set) {
    free(set->slots);
    *set = (hrm_hash_set){0};
}

bool hrm_hash_set_add(hrm_hash_set *set, uint64_t hash) {
    if (hash == 0) hash = 1; /* 0 marks an empty slot */
    size_t slot = (size_t)(hash ^ hash >> 32) & set->mask;
    while (set->slots[slot] != 0) {
        if (set->slots[slot] == hash) return false;
        slot = (slot + 1) & set->mask;
    }
    assert(set->room > 0);
    set->room--;
    set->slots[slot] = hash;
    return true;
}
