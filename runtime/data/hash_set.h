/* A set of 64-bit hashes, for telling puzzles apart.
 *
 * Promises: adding never fails and takes no memory; the room is taken by init. 0 and 1 count as the same hash. */
#ifndef HRM_DATA_HASH_SET_H
#define HRM_DATA_HASH_SET_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hrm_hash_set {
    uint64_t *slots; /* [mask + 1] open addressing; 0 is empty */
    size_t mask;
    uint64_t room; /* different hashes that may still be added */
} hrm_hash_set;

/* Room for `entries` different hashes, 16 to 32 bytes each. `what` names in the plural, for the message, what the
 * hashes are of. Errors: OUT_OF_MEMORY; the set is then zeroed. */
hrm_status hrm_hash_set_init(hrm_hash_set *set, uint64_t entries, const char *what);

/* A zeroed set is fine. */
void hrm_hash_set_deinit(hrm_hash_set *set);

/* False when the hash was there already. At most `entries` different ones may be added. */
bool hrm_hash_set_add(hrm_hash_set *set, uint64_t hash);

#endif
