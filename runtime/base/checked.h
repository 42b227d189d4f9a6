/* Arithmetic on sizes that come from files, callers or drivers. Each function returns false when the true result does
 * not fit, and then leaves *out alone. */
#ifndef HRM_BASE_CHECKED_H
#define HRM_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool hrm_mul_size(size_t a, size_t b, size_t *out) {
    size_t result;
    if (__builtin_mul_overflow(a, b, &result)) return false;
    *out = result;
    return true;
}

static inline bool hrm_add_size(size_t a, size_t b, size_t *out) {
    size_t result;
    if (__builtin_add_overflow(a, b, &result)) return false;
    *out = result;
    return true;
}

static inline bool hrm_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t result;
    if (__builtin_mul_overflow(a, b, &result)) return false;
    *out = result;
    return true;
}

static inline bool hrm_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t result;
    if (__builtin_add_overflow(a, b, &result)) return false;
    *out = result;
    return true;
}

static inline bool hrm_mul_u32(uint32_t a, uint32_t b, uint32_t *out) {
    uint32_t result;
    if (__builtin_mul_overflow(a, b, &result)) return false;
    *out = result;
    return true;
}

/* Smallest multiple of `alignment` (any value >= 1) that is >= value. */
static inline bool hrm_align_up_u64(uint64_t value, uint64_t alignment, uint64_t *out) {
    if (alignment == 0) return false;
    uint64_t rest = value % alignment;
    if (rest == 0) {
        *out = value;
        return true;
    }
    return hrm_add_u64(value, alignment - rest, out);
}

static inline bool hrm_align_up_size(size_t value, size_t alignment, size_t *out) {
    uint64_t result;
    if (!hrm_align_up_u64(value, alignment, &result) || result > SIZE_MAX) return false;
    *out = (size_t)result;
    return true;
}

static inline bool hrm_u64_to_size(uint64_t value, size_t *out) {
    if (value > SIZE_MAX) return false;
    *out = (size_t)value;
    return true;
}

#endif
