#include "viz/byte_buffer.h"

#include <stdlib.h>
#include <string.h>

bool hrm_byte_buffer_append(hrm_byte_buffer *buffer, const void *bytes, size_t size) {
    if (buffer->failed) return false;
    if (size > buffer->capacity - buffer->size) {
        size_t capacity = buffer->capacity ? buffer->capacity : 4096;
        while (capacity - buffer->size < size && capacity <= SIZE_MAX / 2) capacity *= 2;
        uint8_t *grown = capacity - buffer->size < size ? NULL : realloc(buffer->bytes, capacity);
        if (!grown) {
            buffer->failed = true;
            return false;
        }
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    if (size) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return true;
}
