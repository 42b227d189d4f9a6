#include <stdlib.h>
#include <string.h>

#include "limits.h"

static uint32_t least32(uint32_t value, uint64_t limit) {
    return limit && limit < value ? (uint32_t)limit : value;
}

static uint64_t least64(uint64_t value, uint64_t limit) {
    return limit && limit < value ? limit : value;
}

static void raise_alignment(VkDeviceSize *value) {
    if (limits.alignment > *value) *value = limits.alignment;
}

/* ---- properties ---------------------------------------------------------------------------------------------------
 */

/* Another device than the real one, so that caches made for that are not taken, and ours not by it. */
static void change_uuid(uint8_t *uuid) {
    for (uint32_t i = 0; i < 8; i++) uuid[i] ^= (uint8_t)(limits.hash >> (8 * i));
}

static void lower_properties(VkPhysicalDeviceProperties *p) {
    static const char suffix[] = " (limited)";
    VkPhysicalDeviceLimits *l = &p->limits;
    if (p->apiVersion > limits.version) {
        /* the patch number says nothing about what exists */
        p->apiVersion = limits.version | VK_API_VERSION_PATCH(p->apiVersion);
    }
    if (limits.has_type) p->deviceType = limits.type;
    size_t length = strnlen(p->deviceName, sizeof p->deviceName - sizeof suffix);
    memcpy(p->deviceName + length, suffix, sizeof suffix);
    change_uuid(p->pipelineCacheUUID);
    l->maxComputeSharedMemorySize = least32(l->maxComputeSharedMemorySize, limits.shared);
    l->maxComputeWorkGroupInvocations = least32(l->maxComputeWorkGroupInvocations, limits.invocations);
    for (int i = 0; i < 3; i++) {
        l->maxComputeWorkGroupSize[i] = least32(l->maxComputeWorkGroupSize[i], limits.invocations);
    }
    l->maxStorageBufferRange = least32(l->maxStorageBufferRange, limits.range);
    l->maxTexelBufferElements = least32(l->maxTexelBufferElements, limits.texels);
    l->maxPushConstantsSize = least32(l->maxPushConstantsSize, limits.push);
    l->maxBoundDescriptorSets = least32(l->maxBoundDescriptorSets, limits.sets);
    raise_alignment(&l->minStorageBufferOffsetAlignment);
    raise_alignment(&l->minTexelBufferOffsetAlignment);
    if (limits.taken & LIMITS_NO_TIMESTAMPS) {
        l->timestampComputeAndGraphics = VK_FALSE;
        l->timestampPeriod = 0.0f;
    }
}

VkSubgroupFeatureFlags limits_hidden_operations(void) {
    const VkSubgroupFeatureFlags rotate = 0x600; /* ..._ROTATE_BIT_KHR and ..._ROTATE_CLUSTERED_BIT_KHR */
    VkSubgroupFeatureFlags hidden = 0;
    if (limits.taken & LIMITS_NO_SUBGROUP) hidden |= ~(VkSubgroupFeatureFlags)VK_SUBGROUP_FEATURE_BASIC_BIT;
    if (limits.taken & LIMITS_NO_ARITHMETIC) {
        hidden |= VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_CLUSTERED_BIT;
    }
    if (limits.taken & LIMITS_NO_SHUFFLE) {
        hidden |= VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT | rotate;
    }
    if (limits.taken & LIMITS_NO_BALLOT) hidden |= VK_SUBGROUP_FEATURE_BALLOT_BIT;
    return hidden;
}

static uint32_t real_subgroup_size(VkPhysicalDevice physical) {
    VkPhysicalDeviceSubgroupProperties subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceProperties2 base = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &subgroup};
    ((limits_instance *)chain_get_instance(physical))->vkGetPhysicalDeviceProperties2(physical, &base);
    return subgroup.subgroupSize;
}

/* Without size control nothing is promised but one nominal size. */
static void lower_size_control(uint32_t *min, uint32_t *max, uint32_t *subgroups, VkShaderStageFlags *stages,
                               uint32_t subgroup_size) {
    if (limits.taken & LIMITS_NO_SIZE_CONTROL) {
        *min = *max = subgroup_size;
        *stages = 0;
    }
    if (*min) *subgroups = least32(*subgroups, limits.invocations ? (limits.invocations + *min - 1) / *min : 0);
}

/* A structure newer than the version reported: a driver of that version would not fill it in. */
#define LIMITS_CLEAR(type, at)                                                                                         \
    memset((char *)(at) + sizeof(VkBaseOutStructure), 0, sizeof(type) - sizeof(VkBaseOutStructure))

static void lower_property_chain(VkPhysicalDevice physical, void *next) {
    for (VkBaseOutStructure *at = next; at; at = at->pNext) {
        switch ((int)at->sType) { /* an int: an extension's structure is no VkStructureType of these headers */
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES: {
            VkPhysicalDeviceVulkan11Properties *p = (void *)at;
            if (limits.version < VK_API_VERSION_1_2) {
                LIMITS_CLEAR(VkPhysicalDeviceVulkan11Properties, at);
                break;
            }
            change_uuid(p->deviceUUID);
            p->subgroupSupportedOperations &= ~limits_hidden_operations();
            p->maxMemoryAllocationSize = least64(p->maxMemoryAllocationSize, limits.allocation);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES:
            if (limits.version < VK_API_VERSION_1_2) LIMITS_CLEAR(VkPhysicalDeviceVulkan12Properties, at);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES: {
            VkPhysicalDeviceVulkan13Properties *p = (void *)at;
            if (limits.version < VK_API_VERSION_1_3) {
                LIMITS_CLEAR(VkPhysicalDeviceVulkan13Properties, at);
                break;
            }
            lower_size_control(&p->minSubgroupSize, &p->maxSubgroupSize, &p->maxComputeWorkgroupSubgroups,
                               &p->requiredSubgroupSizeStages, real_subgroup_size(physical));
            raise_alignment(&p->storageTexelBufferOffsetAlignmentBytes);
            raise_alignment(&p->uniformTexelBufferOffsetAlignmentBytes);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES:
            change_uuid(((VkPhysicalDeviceIDProperties *)at)->deviceUUID);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES:
            ((VkPhysicalDeviceSubgroupProperties *)at)->supportedOperations &= ~limits_hidden_operations();
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES: {
            VkPhysicalDeviceMaintenance3Properties *p = (void *)at;
            p->maxMemoryAllocationSize = least64(p->maxMemoryAllocationSize, limits.allocation);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES: {
            VkPhysicalDeviceSubgroupSizeControlProperties *p = (void *)at;
            lower_size_control(&p->minSubgroupSize, &p->maxSubgroupSize, &p->maxComputeWorkgroupSubgroups,
                               &p->requiredSubgroupSizeStages, real_subgroup_size(physical));
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TEXEL_BUFFER_ALIGNMENT_PROPERTIES: {
            VkPhysicalDeviceTexelBufferAlignmentProperties *p = (void *)at;
            raise_alignment(&p->storageTexelBufferOffsetAlignmentBytes);
            raise_alignment(&p->uniformTexelBufferOffsetAlignmentBytes);
            break;
        }
        default:
            break;
        }
    }
}

void limits_get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *properties) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceProperties(physical, properties);
    lower_properties(properties);
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *properties) {
    limits_get_properties(physical, properties);
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *properties) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceProperties2(physical, properties);
    lower_properties(&properties->properties);
    lower_property_chain(physical, properties->pNext);
}

/* ---- features -----------------------------------------------------------------------------------------------------
 */

typedef struct feature {
    uint32_t taken; /* hidden when any of these words is given */
    VkStructureType type;
    size_t offset; /* of its VkBool32 in the structure */
    const char *name;
} feature;

#define CORE(taken, field)                                                                                             \
    {                                                                                                                  \
        taken, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,                                                           \
            offsetof(VkPhysicalDeviceFeatures2, features) + offsetof(VkPhysicalDeviceFeatures, field), #field          \
    }
#define IN(taken, id, structure, field)                                                                                \
    { taken, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##id, offsetof(VkPhysicalDevice##structure, field), #field }
#define IN_11(taken, id, structure, field)                                                                             \
    IN(taken, VULKAN_1_1_FEATURES, Vulkan11Features, field), IN(taken, id, structure, field)
#define IN_12(taken, id, structure, field)                                                                             \
    IN(taken, VULKAN_1_2_FEATURES, Vulkan12Features, field), IN(taken, id, structure, field)
#define IN_13(taken, id, structure, field)                                                                             \
    IN(taken, VULKAN_1_3_FEATURES, Vulkan13Features, field), IN(taken, id, structure, field)

static const feature features[] = {
    CORE(LIMITS_NO_INT64, shaderInt64),
    CORE(LIMITS_NO_F64, shaderFloat64),
    CORE(LIMITS_NO_16BIT, shaderInt16),
    IN_11(LIMITS_NO_16BIT, 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, storageBuffer16BitAccess),
    IN_11(LIMITS_NO_16BIT, 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, uniformAndStorageBuffer16BitAccess),
    IN_11(LIMITS_NO_16BIT, 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, storagePushConstant16),
    IN_11(LIMITS_NO_16BIT, 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, storageInputOutput16),
    IN_12(LIMITS_NO_INT8, 8BIT_STORAGE_FEATURES, 8BitStorageFeatures, storageBuffer8BitAccess),
    IN_12(LIMITS_NO_INT8, 8BIT_STORAGE_FEATURES, 8BitStorageFeatures, uniformAndStorageBuffer8BitAccess),
    IN_12(LIMITS_NO_INT8, 8BIT_STORAGE_FEATURES, 8BitStorageFeatures, storagePushConstant8),
    IN_12(LIMITS_NO_INT8, SHADER_FLOAT16_INT8_FEATURES, ShaderFloat16Int8Features, shaderInt8),
    IN_12(LIMITS_NO_F16, SHADER_FLOAT16_INT8_FEATURES, ShaderFloat16Int8Features, shaderFloat16),
    IN_12(LIMITS_NO_INT64, SHADER_ATOMIC_INT64_FEATURES, ShaderAtomicInt64Features, shaderBufferInt64Atomics),
    IN_12(LIMITS_NO_INT64, SHADER_ATOMIC_INT64_FEATURES, ShaderAtomicInt64Features, shaderSharedInt64Atomics),
    IN_12(LIMITS_NO_ADDRESS, BUFFER_DEVICE_ADDRESS_FEATURES, BufferDeviceAddressFeatures, bufferDeviceAddress),
    IN_12(LIMITS_NO_ADDRESS, BUFFER_DEVICE_ADDRESS_FEATURES, BufferDeviceAddressFeatures,
          bufferDeviceAddressCaptureReplay),
    IN_12(LIMITS_NO_ADDRESS, BUFFER_DEVICE_ADDRESS_FEATURES, BufferDeviceAddressFeatures,
          bufferDeviceAddressMultiDevice),
    IN(LIMITS_NO_ADDRESS, BUFFER_DEVICE_ADDRESS_FEATURES_EXT, BufferDeviceAddressFeaturesEXT, bufferDeviceAddress),
    IN_12(LIMITS_NO_TIMELINE, TIMELINE_SEMAPHORE_FEATURES, TimelineSemaphoreFeatures, timelineSemaphore),
    IN_13(LIMITS_NO_SIZE_CONTROL, SUBGROUP_SIZE_CONTROL_FEATURES, SubgroupSizeControlFeatures, subgroupSizeControl),
    IN_13(LIMITS_NO_SIZE_CONTROL, SUBGROUP_SIZE_CONTROL_FEATURES, SubgroupSizeControlFeatures, computeFullSubgroups),
    IN_12(LIMITS_NO_SUBGROUP, SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES, ShaderSubgroupExtendedTypesFeatures,
          shaderSubgroupExtendedTypes),
    IN(LIMITS_NO_SUBGROUP | LIMITS_NO_BALLOT, VULKAN_1_2_FEATURES, Vulkan12Features, subgroupBroadcastDynamicId),
};

/* Structures of features that come with a version: all of it is hidden where an older one is reported. */
static const struct {
    uint32_t version;
    VkStructureType type;
    size_t size;
} versioned[] = {
    {VK_API_VERSION_1_2, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
     sizeof(VkPhysicalDeviceVulkan11Features)},
    {VK_API_VERSION_1_2, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
     sizeof(VkPhysicalDeviceVulkan12Features)},
    {VK_API_VERSION_1_3, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
     sizeof(VkPhysicalDeviceVulkan13Features)},
};

/* The first hidden feature that is on in one structure, or NULL. With `hide`, switches all of them off instead. */
static const char *visit_features(VkStructureType type, unsigned char *structure, bool hide) {
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (features[i].type != type || !(limits.taken & features[i].taken)) continue;
        VkBool32 value;
        memcpy(&value, structure + features[i].offset, sizeof value);
        if (value && !hide) return features[i].name;
        value = VK_FALSE;
        if (hide) memcpy(structure + features[i].offset, &value, sizeof value);
    }
    for (size_t i = 0; i < sizeof versioned / sizeof versioned[0]; i++) {
        if (versioned[i].type != type || versioned[i].version <= limits.version) continue;
        for (size_t at = sizeof(VkBaseOutStructure); at < versioned[i].size; at++) {
            if (structure[at] && !hide) return "a feature of a newer Vulkan";
            if (hide) structure[at] = 0;
        }
    }
    return NULL;
}

static void hide_core_features(VkPhysicalDeviceFeatures *core) {
    VkPhysicalDeviceFeatures2 whole = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .features = *core};
    visit_features(whole.sType, (unsigned char *)&whole, true);
    *core = whole.features;
}

VkResult limits_check_features(const VkDeviceCreateInfo *info) {
    const char *found = NULL;
    if (info->pEnabledFeatures) {
        VkPhysicalDeviceFeatures2 whole = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                           .features = *info->pEnabledFeatures};
        found = visit_features(whole.sType, (unsigned char *)&whole, false);
    }
    for (const VkBaseInStructure *at = info->pNext; at && !found; at = at->pNext) {
        found = visit_features(at->sType, (unsigned char *)(uintptr_t)at, false);
    }
    if (!found) return VK_SUCCESS;
    chain_say("vkCreateDevice: %s is enabled, which this device does not have", found);
    return VK_ERROR_FEATURE_NOT_PRESENT;
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice physical, VkPhysicalDeviceFeatures *core) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceFeatures(physical, core);
    hide_core_features(core);
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *whole) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceFeatures2(physical, whole);
    for (VkBaseOutStructure *at = (VkBaseOutStructure *)whole; at; at = at->pNext) {
        visit_features(at->sType, (unsigned char *)at, true);
    }
}

/* ---- extensions ---------------------------------------------------------------------------------------------------
 */

static bool is_hidden(const char *name) {
    for (uint32_t i = 0; i < limits.extension_count; i++) {
        if (strcmp(limits.extensions[i], name) == 0) return true;
    }
    return false;
}

VkResult limits_check_extensions(const VkDeviceCreateInfo *info) {
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!is_hidden(info->ppEnabledExtensionNames[i])) continue;
        chain_say("vkCreateDevice: %s is enabled, which this device does not have", info->ppEnabledExtensionNames[i]);
        return VK_ERROR_EXTENSION_NOT_PRESENT;
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_extensions(VkPhysicalDevice physical, const char *layer,
                                                           uint32_t *count, VkExtensionProperties *properties) {
    const limits_instance *next = chain_get_instance(physical);
    if (layer && strcmp(layer, chain_self.name) == 0) {
        *count = 0;
        return VK_SUCCESS;
    }
    uint32_t all = 0;
    VkResult result = next->vkEnumerateDeviceExtensionProperties(physical, layer, &all, NULL);
    if (result != VK_SUCCESS) return result;
    VkExtensionProperties *list = calloc(all ? all : 1, sizeof *list);
    if (!list) return VK_ERROR_OUT_OF_HOST_MEMORY;
    result = next->vkEnumerateDeviceExtensionProperties(physical, layer, &all, list);
    uint32_t shown = 0, room = properties ? *count : UINT32_MAX;
    for (uint32_t i = 0; i < all && result >= VK_SUCCESS; i++) {
        if (is_hidden(list[i].extensionName)) continue;
        if (shown == room) {
            result = VK_INCOMPLETE;
            break;
        }
        if (properties) properties[shown] = list[i];
        shown++;
    }
    free(list);
    *count = shown;
    return result;
}

/* ---- queues and memory --------------------------------------------------------------------------------------------
 */

static void lower_queue(VkQueueFamilyProperties *family) {
    if (limits.taken & LIMITS_NO_TIMESTAMPS) family->timestampValidBits = 0;
}

static VKAPI_ATTR void VKAPI_CALL get_queues(VkPhysicalDevice physical, uint32_t *count,
                                             VkQueueFamilyProperties *families) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceQueueFamilyProperties(physical, count, families);
    for (uint32_t i = 0; families && i < *count; i++) lower_queue(&families[i]);
}

static VKAPI_ATTR void VKAPI_CALL get_queues2(VkPhysicalDevice physical, uint32_t *count,
                                              VkQueueFamilyProperties2 *families) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceQueueFamilyProperties2(physical, count, families);
    for (uint32_t i = 0; families && i < *count; i++) lower_queue(&families[i].queueFamilyProperties);
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *memory) {
    limits_memory arranged;
    limits_get_memory(physical, &arranged);
    *memory = arranged.shown;
}

static VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *memory) {
    const limits_instance *next = chain_get_instance(physical);
    next->vkGetPhysicalDeviceMemoryProperties2(physical, memory);
    limits_memory arranged;
    limits_arrange_memory(&memory->memoryProperties, &arranged);
    memory->memoryProperties = arranged.shown;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget =
        (void *)(uintptr_t)chain_find(memory->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
    if (!budget) return;
    const VkPhysicalDeviceMemoryBudgetPropertiesEXT real = *budget;
    memset(budget->heapBudget, 0, sizeof budget->heapBudget);
    memset(budget->heapUsage, 0, sizeof budget->heapUsage);
    for (uint32_t i = 0; i < arranged.shown.memoryHeapCount; i++) {
        uint32_t from = arranged.real_heap[i];
        budget->heapBudget[i] = least64(real.heapBudget[from], arranged.shown.memoryHeaps[i].size);
        budget->heapUsage[i] = least64(real.heapUsage[from], arranged.shown.memoryHeaps[i].size);
    }
}

const chain_hook limits_instance_hooks[] = {
    CHAIN_HOOK("vkGetPhysicalDeviceProperties", get_properties),
    CHAIN_HOOK("vkGetPhysicalDeviceProperties2", get_properties2),
    CHAIN_HOOK("vkGetPhysicalDeviceProperties2KHR", get_properties2),
    CHAIN_HOOK("vkGetPhysicalDeviceFeatures", get_features),
    CHAIN_HOOK("vkGetPhysicalDeviceFeatures2", get_features2),
    CHAIN_HOOK("vkGetPhysicalDeviceFeatures2KHR", get_features2),
    CHAIN_HOOK("vkGetPhysicalDeviceMemoryProperties", get_memory),
    CHAIN_HOOK("vkGetPhysicalDeviceMemoryProperties2", get_memory2),
    CHAIN_HOOK("vkGetPhysicalDeviceMemoryProperties2KHR", get_memory2),
    CHAIN_HOOK("vkGetPhysicalDeviceQueueFamilyProperties", get_queues),
    CHAIN_HOOK("vkGetPhysicalDeviceQueueFamilyProperties2", get_queues2),
    CHAIN_HOOK("vkGetPhysicalDeviceQueueFamilyProperties2KHR", get_queues2),
    CHAIN_HOOK("vkEnumerateDeviceExtensionProperties", enumerate_extensions),
    {NULL, NULL},
};
