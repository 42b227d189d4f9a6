/* Bytes that an encoder appends to, for encoders that report through callbacks.
 *
 * Promises: a failed allocation is remembered, and later appends do nothing. A zeroed buffer is empty. */
#ifndef HRM_VIZ_BYTE_BUFFER_H
#define HRM_VIZ_BYTE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hrm_byte_buffer {
    uint8_t *bytes; /* free() it, or hand it on */
    size_t size, capacity;
    bool failed; /* out of memory */
} hrm_byte_buffer;

/* False when this or an earlier append failed. */
bool hrm_byte_buffer_append(hrm_byte_buffer *buffer, const void *bytes, size_t size);

#endif
