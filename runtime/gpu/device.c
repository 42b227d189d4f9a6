#include "gpu/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "gpu/buffer_private.h"
#include "gpu/caps.h"
#include "gpu/defects.h"
#include "gpu/device_private.h"
#include "gpu/vk_matrix.h"

/* Real GPUs share their time with a desktop and are reset by watchdogs after one or two seconds. */
#define SUBMIT_TARGET_NS UINT64_C(100000000)

/* Where a GPU's driver does not say what others need, they are left one part in so many: a desktop with a browser takes
 * 0.5 to 1 GiB of the usual 8. */
#define OTHERS_SHARE 8

/* Capabilities that HRM_DISABLE takes away: names of HRM_CAP_LIST, separated by commas. */
static uint32_t masked_caps(void) {
    const char *at = getenv("HRM_DISABLE");
    uint32_t mask = 0;
    while (at && *at) {
        size_t length = strcspn(at, ", ");
        if (length) {
            uint32_t bit = 0;
#define HRM_CAP_MATCH(id, text)                                                                                        \
    if (strlen(text) == length && strncmp(at, text, length) == 0) bit = HRM_CAP_##id;
            HRM_CAP_LIST(HRM_CAP_MATCH)
#undef HRM_CAP_MATCH
            if (!bit) {
                hrm_log(HRM_LOG_WARN, "HRM_DISABLE: no capability is called '%.*s'; ignored", (int)length, at);
            }
            mask |= bit;
        }
        at += length;
        if (*at) at++;
    }
    return mask;
}

/* Without what a capability stands on it cannot be used: HRM_DISABLE=coopmat takes all matrices away. */
static uint32_t close_caps(uint32_t caps) {
    if (!(caps & HRM_CAP_COOPMAT)) caps &= ~(HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16);
    if (!(caps & HRM_CAP_F16)) caps &= ~HRM_CAP_COOPMAT_F16;
    if (!(caps & (HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16))) caps &= ~HRM_CAP_COOPMAT2;
    return caps;
}

static void make_key(hrm_device *device) {
    const hrm_adapter *a = &device->adapter.info;
    uint64_t hash = hrm_fnv1a64(a->device_uuid, 16);
    hash = hrm_fnv1a64_update(hash, a->driver_uuid, 16);
    hash = hrm_fnv1a64_update(hash, a->name, strlen(a->name));
    hash = hrm_fnv1a64_update(hash, a->driver_info, strlen(a->driver_info));
    /* the memory budget has no part in how kernels are compiled or chosen: what was measured stays valid */
    const uint32_t caps = device->caps & ~HRM_CAP_MEMBUDGET;
    const uint32_t rest[] = {a->vendor_id, a->device_id, a->driver_version, a->subgroup_size, caps};
    hash = hrm_fnv1a64_update(hash, rest, sizeof rest);
    snprintf(device->key, sizeof device->key, "%016" PRIx64, hash);
}

static void choose_cache_dir(hrm_device *device, const char *wish) {
    device->cache_dir[0] = '\0';
    if (wish && !*wish) return;
    if (!wish) {
        if (hrm_path_cache_folder(device->cache_dir, sizeof device->cache_dir) != HRM_OK) {
            hrm_log(HRM_LOG_WARN, "going on without caches on disk: %s", hrm_last_error());
            device->cache_dir[0] = '\0';
        }
        return;
    }
    if (strlen(wish) >= sizeof device->cache_dir || hrm_path_make_folders(wish) != HRM_OK) {
        hrm_log(HRM_LOG_WARN, "going on without caches on disk: %s", hrm_last_error());
        return;
    }
    snprintf(device->cache_dir, sizeof device->cache_dir, "%s", wish);
}

static hrm_status create_device(hrm_device *device) {
    hrm_status status;
    const hrm_adapter_entry *a = &device->adapter;
    const char *extensions[8];
    uint32_t extension_count = 0;
    const bool matrices = (device->caps & HRM_CAP_COOPMAT) != 0;
    const bool bf16_matrices = (device->caps & HRM_CAP_COOPMAT_BF16) != 0;
    const bool second_matrices = (device->caps & HRM_CAP_COOPMAT2) != 0;
    if (a->size_control && a->size_control_extension) {
        extensions[extension_count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    }
    if (a->portability_subset) extensions[extension_count++] = "VK_KHR_portability_subset";
    if (device->caps & HRM_CAP_MEMBUDGET) extensions[extension_count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    bool statistics = device->compile_only && a->executable_properties;
    if (statistics) extensions[extension_count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;

    if (matrices) extensions[extension_count++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    if (bf16_matrices) extensions[extension_count++] = VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME;
    if (second_matrices) extensions[extension_count++] = VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME;

    /* Each optional struct joins the front of the chain. */
    void *chain = NULL;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = VK_TRUE,
    };
    if (statistics) chain = &executable;
    VkPhysicalDeviceSubgroupSizeControlFeatures size_control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .pNext = chain,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = a->full_subgroups,
    };
    if (a->size_control) chain = &size_control;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
        .pNext = chain,
        .cooperativeMatrix = VK_TRUE,
    };
    if (matrices) chain = &matrix;
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
        .pNext = chain,
        .shaderBFloat16Type = VK_TRUE,
        .shaderBFloat16CooperativeMatrix = VK_TRUE,
    };
    if (bf16_matrices) chain = &bf16;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV second = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
        .pNext = chain,
        .cooperativeMatrixWorkgroupScope = a->workgroup_matrices,
        .cooperativeMatrixFlexibleDimensions = VK_TRUE,
        .cooperativeMatrixReductions = VK_TRUE,
        .cooperativeMatrixConversions = VK_TRUE,
        .cooperativeMatrixPerElementOperations = VK_TRUE,
    };
    if (second_matrices) chain = &second;
    VkPhysicalDeviceVulkan12Features features12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = chain,
        .timelineSemaphore = VK_TRUE,
        .bufferDeviceAddress = (device->caps & HRM_CAP_ADDRESS) != 0,
        .shaderFloat16 = (device->caps & HRM_CAP_F16) != 0,
        .shaderInt8 = (device->caps & HRM_CAP_INT8) != 0,
        .storageBuffer8BitAccess = (device->caps & HRM_CAP_INT8) != 0,
        .subgroupBroadcastDynamicId = a->broadcast_dynamic,
        .vulkanMemoryModel = matrices,
    };
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &features12,
        .features.shaderInt64 = (device->caps & HRM_CAP_INT64) != 0,
        .features.shaderFloat64 = (device->caps & HRM_CAP_F64) != 0,
    };
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = a->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    HRM_TRY(HRM_VK(vkCreateDevice(a->handle, &info, NULL, &device->handle)));
    volkLoadDeviceTable(&device->vk, device->handle);
    device->queue_family = a->queue_family;
    return HRM_OK;
fail:
    return hrm_fail_prefix(status, "opening %s", a->info.name);
}

hrm_status hrm_device_open(const hrm_device_open_info *info, hrm_device **out) {
    hrm_status status;
    hrm_adapter_entry *entries = NULL;
    uint32_t count = 0, index = 0;
    *out = NULL;
    if (!info || !info->kernels) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "device_open: no kernel table was given");
    hrm_device *device = calloc(1, sizeof *device);
    if (!device) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "device_open: no host memory");
    HRM_TRY(hrm_instance_acquire(info->validation, &device->instance));
    HRM_TRY(hrm_adapter_enumerate(device->instance, &entries, &count));
    const char *selector = info->selector && *info->selector ? info->selector : getenv("HRM_DEVICE");
    HRM_TRY(hrm_adapter_select(entries, count, selector, info->compile_only, &index));
    device->adapter = entries[index];
    device->compile_only = info->compile_only;
    device->caps = close_caps(device->adapter.info.caps & ~masked_caps());
    hrm_defects_log(&device->adapter.info, device->adapter.driver_id);
    device->submit_target_ns = device->adapter.info.type == HRM_ADAPTER_CPU ? 0 : SUBMIT_TARGET_NS;
    device->binding_alignment = 64;
    if (device->adapter.info.storage_alignment > device->binding_alignment) {
        device->binding_alignment = device->adapter.info.storage_alignment;
    }
    if (device->adapter.info.texel_alignment > device->binding_alignment) {
        device->binding_alignment = device->adapter.info.texel_alignment;
    }
    make_key(device);
    choose_cache_dir(device, info->cache_dir);
    HRM_TRY(create_device(device));
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device->adapter.handle, &memory);
    hrm_heap_init(&device->heap, &memory, device->adapter.info.max_allocation_bytes,
                  device->adapter.info.unified_memory && device->adapter.info.type != HRM_ADAPTER_DISCRETE,
                  device->adapter.info.type != HRM_ADAPTER_CPU);
    if (!device->compile_only) HRM_TRY(hrm_queue_init(device, device->queue_family));
    HRM_TRY(hrm_kernels_init(device, info->kernels));
    hrm_log(HRM_LOG_INFO, "device: %s (%s %s)", device->adapter.info.name, device->adapter.info.driver_name,
            device->adapter.info.driver_info);
    free(entries);
    *out = device;
    return HRM_OK;
fail:
    free(entries);
    hrm_device_close(device);
    return status;
}

void hrm_device_close(hrm_device *device) {
    if (!device) return;
    if (device->handle) {
        if (!device->compile_only) device->vk.vkDeviceWaitIdle(device->handle);
        if (device->user && device->user_destroy) device->user_destroy(device->user);
        hrm_staging_deinit(device);
        hrm_kernels_deinit(device);
        hrm_queue_deinit(device);
        if (device->live_programs || device->live_recorders) {
            hrm_log(HRM_LOG_ERROR, "device closed before its children: %u programs and %u recorders are left",
                    device->live_programs, device->live_recorders);
        }
        if (device->live_stopwatches) {
            hrm_log(HRM_LOG_ERROR, "device closed before its children: %u stopwatches are left",
                    device->live_stopwatches);
        }
        while (device->buffers) {
            hrm_log(HRM_LOG_ERROR, "device closed before its children: buffer '%s' of %" PRIu64 " bytes is left",
                    device->buffers->label, device->buffers->bytes);
            hrm_buffer_destroy(device->buffers);
        }
        hrm_heap_deinit(&device->heap, device);
        device->vk.vkDestroyDevice(device->handle, NULL);
    }
    hrm_instance_release(device->instance);
    free(device);
}

const hrm_adapter *hrm_device_get_adapter(const hrm_device *device) {
    return &device->adapter.info;
}

uint32_t hrm_device_get_caps(const hrm_device *device) {
    return device->caps;
}

uint32_t hrm_device_get_coopmat_subgroup(const hrm_device *device) {
    return device->caps & HRM_CAP_COOPMAT ? device->adapter.info.coopmat_subgroup : 0;
}

uint64_t hrm_device_get_binding_alignment(const hrm_device *device) {
    return device->binding_alignment;
}

uint64_t hrm_device_get_binding_range(const hrm_device *device) {
    return device->adapter.info.max_storage_range;
}

uint64_t hrm_device_get_memory_in_use(const hrm_device *device) {
    return device->memory_in_use;
}

uint64_t hrm_device_get_allocated_bytes(const hrm_device *device) {
    return hrm_heap_get_block_bytes(&device->heap);
}

hrm_status hrm_device_get_memory_budget(hrm_device *device, uint64_t *budget_bytes, uint64_t *used_bytes) {
    const hrm_adapter *a = &device->adapter.info;
    const hrm_heap *heap = &device->heap;
    const uint32_t index = hrm_heap_get_device_heap(heap);
    if (index >= heap->memory.memoryHeapCount) {
        return hrm_fail(HRM_ERR_UNSUPPORTED, "memory budget: the driver of %s has no device memory; it only compiles",
                        a->name);
    }
    const uint64_t size = heap->memory.memoryHeaps[index].size;
    uint64_t budget = a->type == HRM_ADAPTER_CPU ? size : size - size / OTHERS_SHARE;
    uint64_t used = heap->heap_used[index];
    if (device->caps & HRM_CAP_MEMBUDGET) {
        VkPhysicalDeviceMemoryBudgetPropertiesEXT found = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
        VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                    .pNext = &found};
        vkGetPhysicalDeviceMemoryProperties2(device->adapter.handle, &memory);
        /* Vulkan allows no budget of 0 for a heap that exists: then nothing was said */
        if (found.heapBudget[index]) budget = found.heapBudget[index] < size ? found.heapBudget[index] : size;
        if (found.heapUsage[index] > used) used = found.heapUsage[index];
    }
    if (budget_bytes) *budget_bytes = budget;
    if (used_bytes) *used_bytes = used;
    return HRM_OK;
}

const char *hrm_device_get_cache_dir(const hrm_device *device) {
    return device->cache_dir;
}

const char *hrm_device_get_key(const hrm_device *device) {
    return device->key;
}

uint64_t hrm_device_get_validation_count(const hrm_device *device) {
    return hrm_instance_get_validation_count(device->instance);
}

void hrm_device_set_submit_target(hrm_device *device, uint64_t ns) {
    device->submit_target_ns = ns;
}

void hrm_device_set_user(hrm_device *device, void *user, void (*destroy)(void *user)) {
    if (device->user && device->user_destroy) device->user_destroy(device->user);
    device->user = user;
    device->user_destroy = destroy;
}

void *hrm_device_get_user(const hrm_device *device) {
    return device->user;
}

void hrm_device_name_object(hrm_device *device, VkObjectType type, uint64_t handle, const char *name) {
    if (!hrm_instance_has_debug_names(device->instance) || !vkSetDebugUtilsObjectNameEXT) return;
    const VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = handle,
        .pObjectName = name,
    };
    vkSetDebugUtilsObjectNameEXT(device->handle, &info);
}
