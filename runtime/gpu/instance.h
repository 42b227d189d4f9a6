/* The one Vulkan instance of the process, shared and counted. Private to gpu/.
 *
 * Promises: acquire and release are safe from any thread; the loader is opened on first use and its absence is an
 * error message, never a link failure. Instance-level entry points are volk's globals; device-level ones are not used
 * through them (each device has its own table). */
#ifndef HRM_GPU_INSTANCE_H
#define HRM_GPU_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/vk.h"

typedef struct hrm_instance hrm_instance;

/* `validation` (or HRM_VALIDATION=1 in the environment) asks for VK_LAYER_KHRONOS_validation; a missing layer, or an
 * instance that is already open without it, is a logged warning. Errors: NO_DEVICE (no loader, no driver: says what to
 * install), OUT_OF_MEMORY. */
hrm_status hrm_instance_acquire(bool validation, hrm_instance **out);
/* The last release destroys the instance. NULL is fine. */
void hrm_instance_release(hrm_instance *instance);

VkInstance hrm_instance_get_handle(const hrm_instance *instance);
uint32_t hrm_instance_get_version(const hrm_instance *instance); /* what was asked of the loader: at most 1.3 */
bool hrm_instance_has_debug_names(const hrm_instance *instance);
/* Validation messages of severity warning and error since the instance was created. */
uint64_t hrm_instance_get_validation_count(const hrm_instance *instance);

/* The error of a system without a usable driver; `found` says what was found instead. */
hrm_status hrm_instance_fail_no_driver(const char *found);

#endif
