/* The inside of a buffer. Private to gpu/. */
#ifndef HRM_GPU_BUFFER_PRIVATE_H
#define HRM_GPU_BUFFER_PRIVATE_H

#include "gpu/buffer.h"
#include "gpu/heap.h"

struct hrm_buffer {
    hrm_device *device;
    hrm_buffer *next, *previous; /* the device's list of live buffers */
    VkBuffer handle;
    uint64_t bytes;        /* what was asked for */
    uint64_t padded_bytes; /* the VkBuffer's size: a multiple of 16, so that texel views may cover the last element;
                              0 where the buffer is only planned */
    uint64_t address;
    hrm_memory_kind kind;
    hrm_heap_piece piece;
    char label[64];
};

#endif
