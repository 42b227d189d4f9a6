/* Turns an open device into one that accepts work and does none: the timeline goes on, nothing else happens. For tests
 * of what notices that; one device at a time. */
#ifndef HRM_TESTS_IDLE_DEVICE_H
#define HRM_TESTS_IDLE_DEVICE_H

#include "check.h"
#include "gpu/device_private.h"

static PFN_vkQueueSubmit idle_device_submit; /* the real one */

static inline VKAPI_ATTR VkResult VKAPI_CALL idle_device_skip(VkQueue queue, uint32_t count,
                                                              const VkSubmitInfo *submits, VkFence fence) {
    VkSubmitInfo empty = submits[0];
    CHECK_EQ(count, 1);
    empty.commandBufferCount = 0;
    return idle_device_submit(queue, 1, &empty, fence);
}

static inline void idle_device_begin(hrm_device *device) {
    idle_device_submit = device->vk.vkQueueSubmit;
    device->vk.vkQueueSubmit = idle_device_skip;
}

static inline void idle_device_end(hrm_device *device) {
    device->vk.vkQueueSubmit = idle_device_submit;
}

#endif
