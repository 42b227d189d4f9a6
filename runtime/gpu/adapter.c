#include "gpu/adapter_private.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gpu/caps.h"
#include "gpu/defects.h"
#include "gpu/vk_matrix.h"

/* ---- probing ------------------------------------------------------------------------------------------------------
 */

static bool list_has(const VkExtensionProperties *extensions, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(extensions[i].extensionName, name) == 0) return true;
    }
    return false;
}

static void mark_unusable(hrm_adapter *a, const char *reason) {
    if (!a->usable) return; /* the first reason is the one to show */
    a->usable = false;
    snprintf(a->unusable_reason, sizeof a->unusable_reason, "%s", reason);
}

/* A compute family; one without graphics where it exists, so that the desktop's queue stays free. */
static void probe_queues(hrm_adapter_entry *entry) {
    uint32_t count = 0;
    VkQueueFamilyProperties families[32];
    vkGetPhysicalDeviceQueueFamilyProperties(entry->handle, &count, NULL);
    if (count > 32) count = 32;
    vkGetPhysicalDeviceQueueFamilyProperties(entry->handle, &count, families);
    int best = -1, best_rank = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || families[i].queueCount == 0) continue;
        int rank = (families[i].timestampValidBits ? 2 : 0) + (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT ? 0 : 1);
        if (rank > best_rank) best = (int)i, best_rank = rank;
    }
    if (best < 0) {
        mark_unusable(&entry->info, "no compute queue");
        return;
    }
    entry->queue_family = (uint32_t)best;
    if (families[best].timestampValidBits >= 32 && entry->info.timestamp_period_ns > 0.0f) {
        uint32_t bits = families[best].timestampValidBits;
        entry->timestamp_mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
        entry->info.caps |= HRM_CAP_TIMESTAMP;
    }
}

static void probe_memory(hrm_adapter_entry *entry) {
    hrm_adapter *a = &entry->info;
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(entry->handle, &memory);
    bool coherent = false;
    uint32_t largest_local = UINT32_MAX;
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
        if (!(memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)) continue;
        if (memory.memoryHeaps[i].size > a->device_local_bytes) {
            a->device_local_bytes = memory.memoryHeaps[i].size;
            largest_local = i;
        }
    }
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        const VkMemoryType *type = &memory.memoryTypes[i];
        if (!(type->propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) continue;
        uint64_t bytes = memory.memoryHeaps[type->heapIndex].size;
        if (bytes > a->host_visible_bytes) a->host_visible_bytes = bytes;
        coherent = coherent || (type->propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
        if ((type->propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) && type->heapIndex == largest_local) {
            a->unified_memory = true;
        }
    }
    if (memory.memoryTypeCount == 0)
        mark_unusable(a, "no memory types (a driver that only compiles)");
    else if (!coherent)
        mark_unusable(a, "no host-visible, coherent memory");
}

void hrm_adapter_check_limits(hrm_adapter *a) {
    const struct {
        const char *name;
        uint64_t found, needed;
    } limits[] = {
        {"maxComputeWorkGroupInvocations", a->max_workgroup_invocations, 128},
        {"maxComputeWorkGroupSize[0]", a->max_workgroup_size[0], 128},
        {"maxComputeWorkGroupSize[1]", a->max_workgroup_size[1], 128},
        {"maxComputeWorkGroupSize[2]", a->max_workgroup_size[2], 64},
        {"maxComputeWorkGroupCount[0]", a->max_workgroup_count[0], 65535},
        {"maxComputeWorkGroupCount[1]", a->max_workgroup_count[1], 65535},
        {"maxComputeWorkGroupCount[2]", a->max_workgroup_count[2], 65535},
        {"maxComputeSharedMemorySize", a->max_shared_bytes, 16384},
        {"maxPushConstantsSize", a->max_push_bytes, 128},
        {"maxStorageBufferRange", a->max_storage_range, UINT64_C(1) << 27},
        {"maxTexelBufferElements", a->max_texel_elements, 65536},
        {"maxBoundDescriptorSets", a->max_bound_sets, 4},
        {"subgroupSize", a->subgroup_size, 1},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].found >= limits[i].needed) continue;
        char reason[sizeof a->unusable_reason];
        snprintf(reason, sizeof reason, "%s is %" PRIu64 "; Vulkan 1.2 requires %" PRIu64, limits[i].name,
                 limits[i].found, limits[i].needed);
        mark_unusable(a, reason);
    }
}

void hrm_adapter_probe_subgroups(hrm_adapter_entry *entry, const VkPhysicalDeviceSubgroupProperties *subgroup,
                                 const VkPhysicalDeviceSubgroupSizeControlProperties *control) {
    hrm_adapter *a = &entry->info;
    const bool range_known = entry->size_control;
    a->subgroup_size = subgroup->subgroupSize;
    a->min_subgroup_size = a->max_subgroup_size = subgroup->subgroupSize;
    entry->max_workgroup_subgroups = UINT32_MAX;
    if (entry->size_control) {
        a->min_subgroup_size = control->minSubgroupSize;
        a->max_subgroup_size = control->maxSubgroupSize;
        entry->max_workgroup_subgroups = control->maxComputeWorkgroupSubgroups;
        if (!(control->requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)) {
            /* fixed all the same when both ends agree */
            entry->size_control = false;
        }
    }
    if (!(subgroup->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) ||
        !(subgroup->supportedOperations & VK_SUBGROUP_FEATURE_BASIC_BIT)) {
        mark_unusable(a, "its driver has no basic subgroup operations in compute, which Vulkan 1.1 requires");
    } else {
        VkSubgroupFeatureFlags ops = subgroup->supportedOperations;
        if (ops & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) a->caps |= HRM_CAP_ARITHMETIC;
        if (ops & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) a->caps |= HRM_CAP_SHUFFLE;
        if (ops & VK_SUBGROUP_FEATURE_BALLOT_BIT) a->caps |= HRM_CAP_BALLOT;
    }
    /* Without size control a GPU's reported size is not a promise (Intel reports 32 and runs 8 or 16, MoltenVK 64 and
     * 32): only CPU drivers, whose size is their vector width, are believed. */
    static const struct {
        uint32_t size, cap;
    } sizes[] = {{4, HRM_CAP_SUBGROUP_4},
                 {8, HRM_CAP_SUBGROUP_8},
                 {16, HRM_CAP_SUBGROUP_16},
                 {32, HRM_CAP_SUBGROUP_32},
                 {64, HRM_CAP_SUBGROUP_64}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t n = sizes[i].size;
        bool exact = entry->size_control ? a->min_subgroup_size <= n && n <= a->max_subgroup_size
                     : range_known       ? a->min_subgroup_size == n && a->max_subgroup_size == n
                                         : a->type == HRM_ADAPTER_CPU && a->subgroup_size == n;
        if (exact) a->caps |= sizes[i].cap;
    }
}

static hrm_status probe(hrm_instance *instance, hrm_adapter_entry *entry) {
    hrm_adapter *a = &entry->info;
    a->usable = true;
    VkPhysicalDeviceProperties base;
    vkGetPhysicalDeviceProperties(entry->handle, &base);
    snprintf(a->name, sizeof a->name, "%s", base.deviceName);
    a->vendor_id = base.vendorID;
    a->device_id = base.deviceID;
    a->api_version = base.apiVersion;
    a->driver_version = base.driverVersion;
    switch (base.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        a->type = HRM_ADAPTER_INTEGRATED;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        a->type = HRM_ADAPTER_DISCRETE;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        a->type = HRM_ADAPTER_VIRTUAL;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        a->type = HRM_ADAPTER_CPU;
        break;
    default:
        a->type = HRM_ADAPTER_OTHER;
        break;
    }
    if (a->type == HRM_ADAPTER_CPU) a->caps |= HRM_CAP_CPU;
    const VkPhysicalDeviceLimits *l = &base.limits;
    a->max_workgroup_invocations = l->maxComputeWorkGroupInvocations;
    memcpy(a->max_workgroup_size, l->maxComputeWorkGroupSize, sizeof a->max_workgroup_size);
    memcpy(a->max_workgroup_count, l->maxComputeWorkGroupCount, sizeof a->max_workgroup_count);
    a->max_shared_bytes = l->maxComputeSharedMemorySize;
    a->max_push_bytes = l->maxPushConstantsSize;
    a->max_bound_sets = l->maxBoundDescriptorSets;
    a->max_storage_range = l->maxStorageBufferRange;
    a->storage_alignment = (uint32_t)l->minStorageBufferOffsetAlignment;
    a->texel_alignment = (uint32_t)l->minTexelBufferOffsetAlignment;
    a->max_texel_elements = l->maxTexelBufferElements;
    a->timestamp_period_ns = l->timestampPeriod;
    entry->max_storage_bindings = l->maxPerStageDescriptorStorageBuffers;
    entry->max_texel_bindings = l->maxPerStageDescriptorSampledImages;
    entry->max_image_bindings = l->maxPerStageDescriptorStorageImages;
    entry->max_resources = l->maxPerStageResources;
    if (a->max_texel_elements >= (1u << 24)) a->caps |= HRM_CAP_TEXEL_LARGE;
    if (base.apiVersion < VK_API_VERSION_1_2) {
        char reason[sizeof a->unusable_reason];
        snprintf(reason, sizeof reason, "its driver has Vulkan %u.%u; 1.2 is needed",
                 VK_API_VERSION_MAJOR(base.apiVersion), VK_API_VERSION_MINOR(base.apiVersion));
        mark_unusable(a, reason);
        return HRM_OK;
    }

    uint32_t extension_count = 0;
    hrm_status status = HRM_VK(vkEnumerateDeviceExtensionProperties(entry->handle, NULL, &extension_count, NULL));
    if (status != HRM_OK) return status;
    VkExtensionProperties *extensions = calloc(extension_count ? extension_count : 1, sizeof *extensions);
    if (!extensions) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "adapter list: no host memory");
    VkResult result = vkEnumerateDeviceExtensionProperties(entry->handle, NULL, &extension_count, extensions);
    if (result < VK_SUCCESS) extension_count = 0;
    uint32_t version =
        base.apiVersion < hrm_instance_get_version(instance) ? base.apiVersion : hrm_instance_get_version(instance);
    bool size_extension = list_has(extensions, extension_count, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    bool size_queryable = version >= VK_API_VERSION_1_3 || size_extension;
    entry->size_control_extension = version < VK_API_VERSION_1_3 && size_extension;
    entry->portability_subset = list_has(extensions, extension_count, "VK_KHR_portability_subset");
    entry->executable_properties =
        list_has(extensions, extension_count, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    const hrm_matrix_extensions matrix_extensions = {
        .matrix = list_has(extensions, extension_count, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME),
        .bf16 = list_has(extensions, extension_count, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME),
        /* its SPIR-V is 1.6, which Vulkan knows from 1.3 on */
        .second = version >= VK_API_VERSION_1_3 &&
                  list_has(extensions, extension_count, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME),
    };
    if (list_has(extensions, extension_count, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME)) a->caps |= HRM_CAP_MEMBUDGET;
    free(extensions);

    VkPhysicalDeviceSubgroupSizeControlProperties control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceSubgroupProperties subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                   .pNext = size_queryable ? &control : NULL};
    VkPhysicalDeviceMaintenance3Properties maintenance3 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES, .pNext = &subgroup};
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                               .pNext = &maintenance3};
    VkPhysicalDeviceIDProperties ids = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES, .pNext = &driver};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &ids};
    vkGetPhysicalDeviceProperties2(entry->handle, &properties);
    snprintf(a->driver_name, sizeof a->driver_name, "%s", driver.driverName);
    snprintf(a->driver_info, sizeof a->driver_info, "%s", driver.driverInfo);
    memcpy(a->device_uuid, ids.deviceUUID, 16);
    memcpy(a->driver_uuid, ids.driverUUID, 16);
    a->max_allocation_bytes = maintenance3.maxMemoryAllocationSize;

    VkPhysicalDeviceSubgroupSizeControlFeatures control_features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceVulkan12Features features12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                                   .pNext = size_queryable ? &control_features : NULL};
    VkPhysicalDeviceVulkan11Features features11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                                   .pNext = &features12};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &features11};
    vkGetPhysicalDeviceFeatures2(entry->handle, &features);
    entry->size_control = size_queryable && control_features.subgroupSizeControl;
    entry->full_subgroups = entry->size_control && control_features.computeFullSubgroups;
    entry->broadcast_dynamic = features12.subgroupBroadcastDynamicId;
    if (!features12.timelineSemaphore) mark_unusable(a, "its driver has no timeline semaphores (timelineSemaphore)");
    if (features12.bufferDeviceAddress) a->caps |= HRM_CAP_ADDRESS;
    if (features12.shaderFloat16) a->caps |= HRM_CAP_F16;
    if (features12.shaderInt8 && features12.storageBuffer8BitAccess) a->caps |= HRM_CAP_INT8;
    if (features.features.shaderInt64) a->caps |= HRM_CAP_INT64;
    if (features.features.shaderFloat64) a->caps |= HRM_CAP_F64;
    hrm_adapter_probe_subgroups(entry, &subgroup, &control);
    status = hrm_adapter_probe_matrices(instance, entry, &matrix_extensions, features12.vulkanMemoryModel);
    if (status != HRM_OK) return status;
    entry->driver_id = driver.driverID;
    hrm_defects_apply(a, driver.driverID);

    probe_queues(entry);
    probe_memory(entry);
    hrm_adapter_check_limits(a);

    /* Kind first, then memory; the driver breaks ties between drivers of one physical device. */
    static const int64_t kind_score[] = {[HRM_ADAPTER_OTHER] = 2,
                                         [HRM_ADAPTER_INTEGRATED] = 4,
                                         [HRM_ADAPTER_DISCRETE] = 5,
                                         [HRM_ADAPTER_VIRTUAL] = 3,
                                         [HRM_ADAPTER_CPU] = 1};
    uint64_t mib = a->device_local_bytes >> 20;
    a->score = kind_score[a->type] * 1000000000 + (int64_t)(mib < 10000000 ? mib : 10000000) * 10;
    if (driver.driverID == VK_DRIVER_ID_MESA_RADV || driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE)
        a->score += 2;
    else if (driver.driverID != VK_DRIVER_ID_AMD_OPEN_SOURCE && driver.driverID != VK_DRIVER_ID_GOOGLE_SWIFTSHADER) {
        a->score += 1;
    }
    /* SwiftShader is for tests: it may not win over another CPU driver by reporting more memory. */
    if (driver.driverID == VK_DRIVER_ID_GOOGLE_SWIFTSHADER) a->score -= 500000000;
    if (!a->usable) a->score -= INT64_C(10000000000);
    return HRM_OK;
}

/* ---- listing ------------------------------------------------------------------------------------------------------
 */

static int compare_entries(const void *left, const void *right) {
    const hrm_adapter_entry *a = left, *b = right;
    if (a->info.score / 10 != b->info.score / 10) return a->info.score < b->info.score ? 1 : -1;
    int order =
        memcmp(a->info.device_uuid, b->info.device_uuid, 16); /* twins of equal score: each with its own drivers */
    if (order != 0) return order;
    if (a->info.score != b->info.score) return a->info.score < b->info.score ? 1 : -1;
    return a->info.index < b->info.index ? -1 : a->info.index > b->info.index; /* keeps the loader's order */
}

/* Drivers of one physical device report different amounts of memory: give each the largest of its group, so that only
 * the driver's own preference (the last digit) orders them. */
static void level_duplicates(hrm_adapter_entry *entries, uint32_t count) {
    static const uint8_t none[16];
    for (uint32_t i = 0; i < count; i++) {
        if (!entries[i].info.usable || memcmp(entries[i].info.device_uuid, none, 16) == 0) continue;
        int64_t best = entries[i].info.score / 10;
        for (uint32_t j = 0; j < count; j++) {
            if (entries[j].info.usable && memcmp(entries[i].info.device_uuid, entries[j].info.device_uuid, 16) == 0 &&
                entries[j].info.score / 10 > best) {
                best = entries[j].info.score / 10;
            }
        }
        entries[i].info.score = best * 10 + entries[i].info.score % 10;
    }
}

void hrm_adapter_sort(hrm_adapter_entry *entries, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) entries[i].info.index = i;
    level_duplicates(entries, count);
    qsort(entries, count, sizeof *entries, compare_entries);
    for (uint32_t i = 0; i < count; i++) entries[i].info.index = i;
}

hrm_status hrm_adapter_enumerate(hrm_instance *instance, hrm_adapter_entry **out, uint32_t *out_count) {
    hrm_status status;
    *out = NULL;
    *out_count = 0;
    uint32_t count = 0;
    VkPhysicalDevice *handles = NULL;
    hrm_adapter_entry *entries = NULL;
    VkInstance vulkan = hrm_instance_get_handle(instance);
    VkResult result = vkEnumeratePhysicalDevices(vulkan, &count, NULL);
    if (result == VK_ERROR_INITIALIZATION_FAILED || (result == VK_SUCCESS && count == 0)) {
        return hrm_instance_fail_no_driver("the Vulkan loader lists no device");
    }
    HRM_TRY(hrm_vk_check(result, "vkEnumeratePhysicalDevices("));
    handles = calloc(count, sizeof *handles);
    entries = calloc(count, sizeof *entries);
    if (!handles || !entries) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "adapter list: no host memory");
        goto fail;
    }
    result = vkEnumeratePhysicalDevices(vulkan, &count, handles);
    if (result != VK_INCOMPLETE) HRM_TRY(hrm_vk_check(result, "vkEnumeratePhysicalDevices("));
    for (uint32_t i = 0; i < count; i++) {
        entries[i].handle = handles[i];
        HRM_TRY(probe(instance, &entries[i]));
    }
    hrm_adapter_sort(entries, count);
    free(handles);
    *out = entries;
    *out_count = count;
    return HRM_OK;
fail:
    free(handles);
    free(entries);
    return status;
}

hrm_status hrm_adapter_list(bool validation, hrm_adapter **out, uint32_t *out_count) {
    hrm_status status;
    hrm_instance *instance = NULL;
    hrm_adapter_entry *entries = NULL;
    uint32_t count = 0;
    *out = NULL;
    *out_count = 0;
    HRM_TRY(hrm_instance_acquire(validation, &instance));
    HRM_TRY(hrm_adapter_enumerate(instance, &entries, &count));
    hrm_adapter *list = calloc(count, sizeof *list);
    if (!list) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "adapter list: no host memory");
        goto fail;
    }
    for (uint32_t i = 0; i < count; i++) list[i] = entries[i].info;
    *out = list;
    *out_count = count;
fail:
    free(entries);
    hrm_instance_release(instance);
    return status;
}

/* ---- choosing -----------------------------------------------------------------------------------------------------
 */

/* "0: name, 1: name", cut to the size given. */
static void describe_entries(const hrm_adapter_entry *entries, uint32_t count, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count && used < size; i++) {
        int length = snprintf(text + used, size - used, "%s%u: %s%s", i ? ", " : "", i, entries[i].info.name,
                              entries[i].info.usable ? "" : " (not usable)");
        if (length < 0) break;
        used += (size_t)length;
    }
}

static bool parse_uuid(const char *text, uint8_t out[16]) {
    uint32_t digits = 0;
    for (; *text; text++) {
        if (*text == '-') continue;
        if (!isxdigit((unsigned char)*text) || digits == 32) return false;
        unsigned value = isdigit((unsigned char)*text) ? (unsigned)(*text - '0')
                                                       : (unsigned)(tolower((unsigned char)*text) - 'a' + 10);
        if (digits % 2 == 0)
            out[digits / 2] = (uint8_t)(value << 4);
        else
            out[digits / 2] = (uint8_t)(out[digits / 2] | value);
        digits++;
    }
    return digits == 32;
}

static bool name_contains(const char *name, const char *part) {
    size_t length = strlen(part);
    for (; *name; name++) {
        if (strncasecmp(name, part, length) == 0) return true;
    }
    return false;
}

hrm_status hrm_adapter_select(const hrm_adapter_entry *entries, uint32_t count, const char *selector,
                              bool allow_unusable, uint32_t *index) {
    char present[512];
    describe_entries(entries, count, present, sizeof present);
    uint32_t chosen = UINT32_MAX;
    if (!selector || !*selector) {
        for (uint32_t i = 0; i < count && chosen == UINT32_MAX; i++) {
            if (entries[i].info.usable || allow_unusable) chosen = i;
        }
        if (chosen == UINT32_MAX) {
            return hrm_fail(HRM_ERR_NO_DEVICE, "no Vulkan device here can be used: %s: %s", entries[0].info.name,
                            entries[0].info.unusable_reason);
        }
        *index = chosen;
        return HRM_OK;
    }
    uint8_t uuid[16];
    if (strspn(selector, "0123456789") == strlen(selector) && strlen(selector) < 10) {
        unsigned long number = strtoul(selector, NULL, 10);
        if (number >= count) {
            return hrm_fail(HRM_ERR_NO_DEVICE, "device %s does not exist; there %s %u: %s", selector,
                            count == 1 ? "is only" : "are", count, present);
        }
        chosen = (uint32_t)number;
    } else if (parse_uuid(selector, uuid)) {
        for (uint32_t i = 0; i < count && chosen == UINT32_MAX; i++) {
            if (memcmp(entries[i].info.device_uuid, uuid, 16) == 0) chosen = i;
        }
    } else {
        /* the best match that works, else the best match, whose reason is then reported */
        for (int pass = 0; pass < 2 && chosen == UINT32_MAX; pass++) {
            for (uint32_t i = 0; i < count && chosen == UINT32_MAX; i++) {
                if ((pass == 1 || entries[i].info.usable) && name_contains(entries[i].info.name, selector)) chosen = i;
            }
        }
    }
    if (chosen == UINT32_MAX) {
        return hrm_fail(HRM_ERR_NO_DEVICE,
                        "no device matches '%.200s' (an index, a UUID or part of a name); there %s: %s", selector,
                        count == 1 ? "is only" : "are", present);
    }
    if (!entries[chosen].info.usable && !allow_unusable) {
        return hrm_fail(HRM_ERR_NO_DEVICE, "device %s cannot be used: %s", entries[chosen].info.name,
                        entries[chosen].info.unusable_reason);
    }
    *index = chosen;
    return HRM_OK;
}
