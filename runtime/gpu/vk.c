#include "gpu/vk.h"

#include <stdio.h>
#include <string.h>

const char *hrm_vk_result_name(VkResult result) {
#define HRM_RESULT(name)                                                                                               \
    case name:                                                                                                         \
        return #name
    switch (result) {
        HRM_RESULT(VK_SUCCESS);
        HRM_RESULT(VK_NOT_READY);
        HRM_RESULT(VK_TIMEOUT);
        HRM_RESULT(VK_INCOMPLETE);
        HRM_RESULT(VK_ERROR_OUT_OF_HOST_MEMORY);
        HRM_RESULT(VK_ERROR_OUT_OF_DEVICE_MEMORY);
        HRM_RESULT(VK_ERROR_INITIALIZATION_FAILED);
        HRM_RESULT(VK_ERROR_DEVICE_LOST);
        HRM_RESULT(VK_ERROR_MEMORY_MAP_FAILED);
        HRM_RESULT(VK_ERROR_LAYER_NOT_PRESENT);
        HRM_RESULT(VK_ERROR_EXTENSION_NOT_PRESENT);
        HRM_RESULT(VK_ERROR_FEATURE_NOT_PRESENT);
        HRM_RESULT(VK_ERROR_INCOMPATIBLE_DRIVER);
        HRM_RESULT(VK_ERROR_TOO_MANY_OBJECTS);
        HRM_RESULT(VK_ERROR_FORMAT_NOT_SUPPORTED);
        HRM_RESULT(VK_ERROR_FRAGMENTED_POOL);
        HRM_RESULT(VK_ERROR_UNKNOWN);
        HRM_RESULT(VK_ERROR_OUT_OF_POOL_MEMORY);
        HRM_RESULT(VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS);
    default:
        break;
    }
#undef HRM_RESULT
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "VkResult %d", (int)result);
    return text;
}

hrm_status hrm_vk_check(VkResult result, const char *call) {
    if (result == VK_SUCCESS) return HRM_OK;
    /* "device->vk.vkQueueSubmit(device->queue, ..." -> "vkQueueSubmit" */
    size_t length = strcspn(call, "(");
    size_t begin = length;
    while (begin > 0 && call[begin - 1] != '.' && call[begin - 1] != '>') begin--;
    const char *name = call + begin;
    int width = (int)(length - begin);
    const char *text = hrm_vk_result_name(result);
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%.*s returned %s", width, name, text);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_TOO_MANY_OBJECTS:
        return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY, "%.*s returned %s", width, name, text);
    case VK_ERROR_DEVICE_LOST:
        return hrm_fail(HRM_ERR_DEVICE,
                        "%.*s returned %s: the device was reset or removed, or a submission ran longer than the system "
                        "allows; close the device and open it again",
                        width, name, text);
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return hrm_fail(HRM_ERR_NO_DEVICE, "%.*s returned %s", width, name, text);
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT:
    case VK_ERROR_FORMAT_NOT_SUPPORTED:
        return hrm_fail(HRM_ERR_UNSUPPORTED, "%.*s returned %s", width, name, text);
    default:
        return hrm_fail(HRM_ERR_DEVICE, "%.*s returned %s", width, name, text);
    }
}
