#include "gpu/queue.h"

#include <inttypes.h>

#include "gpu/device_private.h"

hrm_status hrm_queue_init(hrm_device *device, uint32_t family) {
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    device->vk.vkGetDeviceQueue(device->handle, family, 0, &device->queue.handle);
    return HRM_VK(device->vk.vkCreateSemaphore(device->handle, &info, NULL, &device->queue.timeline));
}

void hrm_queue_deinit(hrm_device *device) {
    if (device->queue.timeline) device->vk.vkDestroySemaphore(device->handle, device->queue.timeline, NULL);
    device->queue.timeline = VK_NULL_HANDLE;
}

static hrm_status check_lost(hrm_device *device, VkResult result, const char *call) {
    if (result == VK_ERROR_DEVICE_LOST) device->queue.lost = true;
    return hrm_fail_prefix(hrm_vk_check(result, call), "%s", device->adapter.info.name);
}

static hrm_status fail_lost(const hrm_device *device) {
    return hrm_fail(HRM_ERR_DEVICE, "%s was lost earlier; close the device and open it again",
                    device->adapter.info.name);
}

hrm_status hrm_queue_submit(hrm_device *device, const VkCommandBuffer *commands, uint32_t count, hrm_ticket *ticket) {
    hrm_queue *queue = &device->queue;
    if (queue->lost) return fail_lost(device);
    const uint64_t value = queue->last + 1;
    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value,
    };
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = count,
        .pCommandBuffers = commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &queue->timeline,
    };
    VkResult result = device->vk.vkQueueSubmit(queue->handle, 1, &submit, VK_NULL_HANDLE);
    if (result != VK_SUCCESS) return check_lost(device, result, "vkQueueSubmit(");
    queue->last = value;
    if (ticket) *ticket = value;
    return HRM_OK;
}

bool hrm_queue_is_done(hrm_device *device, hrm_ticket ticket) {
    hrm_queue *queue = &device->queue;
    if (ticket <= queue->completed) return true;
    uint64_t value = 0;
    if (device->vk.vkGetSemaphoreCounterValue(device->handle, queue->timeline, &value) != VK_SUCCESS) return false;
    if (value > queue->completed) queue->completed = value;
    return ticket <= queue->completed;
}

hrm_status hrm_queue_wait(hrm_device *device, hrm_ticket ticket, uint64_t timeout_ms) {
    hrm_queue *queue = &device->queue;
    if (ticket <= queue->completed) return HRM_OK;
    if (ticket > queue->last) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "wait: ticket %" PRIu64 " was never given (newest is %" PRIu64 ")",
                        ticket, queue->last);
    }
    if (queue->lost) return fail_lost(device);
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &queue->timeline,
        .pValues = &ticket,
    };
    uint64_t timeout = timeout_ms == 0 || timeout_ms > UINT64_MAX / 1000000 ? UINT64_MAX : timeout_ms * 1000000;
    VkResult result = device->vk.vkWaitSemaphores(device->handle, &info, timeout);
    if (result == VK_TIMEOUT) {
        return hrm_fail(HRM_ERR_DEVICE, "%s: submission %" PRIu64 " is not done after %" PRIu64 " ms",
                        device->adapter.info.name, ticket, timeout_ms);
    }
    if (result != VK_SUCCESS) return check_lost(device, result, "vkWaitSemaphores(");
    if (ticket > queue->completed) queue->completed = ticket;
    return HRM_OK;
}

hrm_status hrm_queue_drain(hrm_device *device) {
    return hrm_queue_wait(device, device->queue.last, 0);
}

void hrm_queue_cmd_barrier(hrm_device *device, VkCommandBuffer commands) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                         VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    device->vk.vkCmdPipelineBarrier(commands, stages, stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void hrm_queue_cmd_host_barrier(hrm_device *device, VkCommandBuffer commands) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    device->vk.vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                                    VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}
