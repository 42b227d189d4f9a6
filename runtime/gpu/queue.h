/* The device's queue: one timeline semaphore, tickets are its values. Private to gpu/ (public part: program.h). */
#ifndef HRM_GPU_QUEUE_H
#define HRM_GPU_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/program.h"
#include "gpu/vk.h"

typedef struct hrm_queue {
    VkQueue handle;
    VkSemaphore timeline;
    hrm_ticket last;      /* of the newest submission */
    hrm_ticket completed; /* largest value seen done */
    bool lost;            /* the device is gone: nothing is submitted any more */
} hrm_queue;

hrm_status hrm_queue_init(hrm_device *device, uint32_t family);
void hrm_queue_deinit(hrm_device *device);

/* Submits command buffers as one batch that runs after everything submitted before. */
hrm_status hrm_queue_submit(hrm_device *device, const VkCommandBuffer *commands, uint32_t count, hrm_ticket *ticket);
/* True when the ticket is known to be done, without blocking. */
bool hrm_queue_is_done(hrm_device *device, hrm_ticket ticket);

/* The barrier that every command buffer begins with: all earlier compute and transfer work is done and visible. */
void hrm_queue_cmd_barrier(hrm_device *device, VkCommandBuffer commands);
/* Makes what was written readable by the host once the submission is done. */
void hrm_queue_cmd_host_barrier(hrm_device *device, VkCommandBuffer commands);

#endif
