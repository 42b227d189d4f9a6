/* Moving bytes between host and device memory through host-visible buffers. Private to gpu/ (public part: program.h).
 *
 * Uploads go through a ring: each piece of it is free again once the copy that reads it is done, so a writer only waits
 * when it is a whole ring ahead of the device. Downloads use two slots, so that one is copied out while the next is
 * filled. Both are made on first use. */
#ifndef HRM_GPU_STAGING_H
#define HRM_GPU_STAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/program.h"
#include "gpu/vk.h"

enum {
    HRM_STAGING_SLOTS = 64,    /* copies in flight */
    HRM_STAGING_REGIONS = 1024 /* of one copy: more than the rows of a batch, and small enough to record in no time */
};

typedef struct hrm_staging_slot {
    VkCommandBuffer commands;
    hrm_ticket ticket;
    uint64_t ring_end; /* ring position behind this slot's bytes */
} hrm_staging_slot;

typedef struct hrm_staging {
    VkCommandPool pool;
    hrm_staging_slot slots[HRM_STAGING_SLOTS];
    uint32_t oldest, used; /* slots in flight: oldest .. oldest + used - 1, round-robin */
    hrm_buffer *ring;
    uint64_t ring_head, ring_tail; /* positions since the start, modulo the ring's size; tail <= head */
    hrm_buffer *readback;
    VkBufferCopy regions[HRM_STAGING_REGIONS]; /* of the copy that is being put together */
} hrm_staging;

void hrm_staging_deinit(hrm_device *device);

#endif
