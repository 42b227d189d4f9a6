/* Vulkan for the files of this layer: volk's declarations and how a VkResult becomes an hrm_status. Private to gpu/. */
#ifndef HRM_GPU_VK_H
#define HRM_GPU_VK_H

#include <volk.h>

#include "base/status.h"

/* "VK_ERROR_DEVICE_LOST", or "VkResult -42" for what this table does not know. Static or per-thread storage. */
const char *hrm_vk_result_name(VkResult result);

/* HRM_OK for VK_SUCCESS, else the fitting code with "<call> returned <result>" and what to do about it.
 * `call` is the text of a call expression; its function name is what the message shows. */
hrm_status hrm_vk_check(VkResult result, const char *call);

/* Evaluates a Vulkan call to an hrm_status: HRM_TRY(HRM_VK(vk->vkCreateFoo(...))). */
#define HRM_VK(call) hrm_vk_check((call), #call)

#endif
