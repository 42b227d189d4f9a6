#include "gpu/buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu/buffer_private.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"

static void add_to_device(hrm_buffer *buffer) {
    hrm_device *device = buffer->device;
    buffer->next = device->buffers;
    if (buffer->next) buffer->next->previous = buffer;
    device->buffers = buffer;
    device->memory_in_use += buffer->padded_bytes;
}

hrm_status hrm_buffer_create(hrm_device *device, uint64_t bytes, hrm_memory_kind kind, const char *label,
                             hrm_buffer **out) {
    hrm_status status;
    *out = NULL;
    if (!label) label = "unnamed";
    if (bytes == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "buffer '%s': bytes must be > 0", label);
    if (kind != HRM_MEMORY_DEVICE && kind != HRM_MEMORY_UPLOAD && kind != HRM_MEMORY_READBACK &&
        kind != HRM_MEMORY_NONE) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "buffer '%s': unknown memory kind %d", label, (int)kind);
    }
    if (kind != HRM_MEMORY_NONE && bytes > device->adapter.info.max_allocation_bytes) {
        return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY,
                        "buffer '%s' of %" PRIu64 " bytes: %s allows %" PRIu64
                        " bytes in one allocation (its memory has %" PRIu64 "); use a smaller batch or model",
                        label, bytes, device->adapter.info.name, device->adapter.info.max_allocation_bytes,
                        device->adapter.info.device_local_bytes);
    }
    hrm_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "buffer '%s': no host memory", label);
    buffer->device = device;
    buffer->bytes = bytes;
    buffer->padded_bytes = (bytes + 15) & ~UINT64_C(15);
    buffer->kind = kind;
    snprintf(buffer->label, sizeof buffer->label, "%s", label);
    if (kind == HRM_MEMORY_NONE) {
        buffer->padded_bytes = 0; /* it takes no memory */
        add_to_device(buffer);
        *out = buffer;
        return HRM_OK;
    }

    VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                               VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    if (device->caps & HRM_CAP_ADDRESS) usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buffer->padded_bytes,
        .usage = usage,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    HRM_TRY(HRM_VK(device->vk.vkCreateBuffer(device->handle, &info, NULL, &buffer->handle)));
    VkMemoryRequirements need;
    device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->handle, &need);
    HRM_TRY(hrm_heap_take(&device->heap, device, &need, kind, label, &buffer->piece));
    HRM_TRY(HRM_VK(
        device->vk.vkBindBufferMemory(device->handle, buffer->handle, buffer->piece.memory, buffer->piece.offset)));
    if (device->caps & HRM_CAP_ADDRESS) {
        const VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                                   .buffer = buffer->handle};
        buffer->address = device->vk.vkGetBufferDeviceAddress(device->handle, &address);
    }
    hrm_device_name_object(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)(uintptr_t)buffer->handle, buffer->label);
    add_to_device(buffer);
    *out = buffer;
    return HRM_OK;
fail:
    /* not yet in the device's list */
    if (buffer->handle) device->vk.vkDestroyBuffer(device->handle, buffer->handle, NULL);
    hrm_heap_give(&device->heap, device, &buffer->piece);
    free(buffer);
    return hrm_fail_prefix(status, "buffer '%s'", label);
}

void hrm_buffer_destroy(hrm_buffer *buffer) {
    if (!buffer) return;
    hrm_device *device = buffer->device;
    if (buffer->handle) device->vk.vkDestroyBuffer(device->handle, buffer->handle, NULL);
    hrm_heap_give(&device->heap, device, &buffer->piece);
    device->memory_in_use -= buffer->padded_bytes;
    if (buffer->next) buffer->next->previous = buffer->previous;
    if (buffer->previous)
        buffer->previous->next = buffer->next;
    else
        device->buffers = buffer->next;
    free(buffer);
}

uint64_t hrm_buffer_get_size(const hrm_buffer *buffer) {
    return buffer->bytes;
}

void *hrm_buffer_get_mapped(const hrm_buffer *buffer) {
    return buffer->kind == HRM_MEMORY_DEVICE ? NULL : buffer->piece.mapped;
}

uint64_t hrm_buffer_get_address(const hrm_buffer *buffer) {
    return buffer->address;
}
