/* The inside of a device. Private to gpu/. */
#ifndef HRM_GPU_DEVICE_PRIVATE_H
#define HRM_GPU_DEVICE_PRIVATE_H

#include "base/path.h"
#include "gpu/adapter_private.h"
#include "gpu/device.h"
#include "gpu/heap.h"
#include "gpu/kernel_private.h"
#include "gpu/queue.h"
#include "gpu/staging.h"
#include "gpu/vk.h"

struct hrm_device {
    hrm_instance *instance;
    hrm_adapter_entry adapter;
    VkDevice handle;
    struct VolkDeviceTable vk; /* this device's entry points */
    uint32_t caps;             /* found and not masked by HRM_DISABLE */
    uint32_t queue_family;
    uint64_t binding_alignment;
    uint64_t submit_target_ns; /* longest submission aimed at; 0 = no limit (CPU drivers have no watchdog) */
    bool compile_only;

    hrm_queue queue;
    hrm_heap heap;
    hrm_staging staging;
    hrm_kernels kernels;

    hrm_buffer *buffers; /* all live ones, newest first */
    uint64_t memory_in_use;
    uint32_t live_programs, live_recorders, live_stopwatches;

    char cache_dir[HRM_PATH_MAX]; /* "" = none */
    char key[17];
    void *user;
    void (*user_destroy)(void *user);
};

/* Names an object for validation messages and debuggers; does nothing where nobody listens. */
void hrm_device_name_object(hrm_device *device, VkObjectType type, uint64_t handle, const char *name);

#endif
