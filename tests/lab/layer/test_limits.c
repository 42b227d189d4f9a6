/* VK_LAYER_HRM_limits: every word of HRM_LAB_LIMITS shows in every query that could show it, and is enforced.
 *
 * Opens the first device that VK_ICD_FILENAMES offers, again and again: without the layer, then with it and a list of
 * words. VK_LAYER_PATH must name the folder of the layer's manifest. Calls are loaded through vkGetDeviceProcAddr, as
 * volk does, and once through vkGetInstanceProcAddr. */
#include "helper_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words --------------------------------------------------------------------------------------------------------
 */

static void test_unknown_words_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "shared",
                                      "shared=",
                                      "shared=0",
                                      "shared=1x",
                                      "shared=-1",
                                      "vulkan=1.4",
                                      "type=toaster",
                                      "no-extension:",
                                      ",",
                                      "push=64,,sets=4",
                                      "shared=99999999999999999999",
                                      "no-int64 ",
                                      "heap=99999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        listen_to_layer();
        VkResult result = create_instance(bad[i]);
        check_said("HRM_LAB_LIMITS");
        CHECK_MSG(result == VK_ERROR_INITIALIZATION_FAILED, "'%s' gave %d", bad[i], (int)result);
    }
    unsetenv("HRM_LAB_LIMITS");
    listen_to_layer();
    open_instance("push=64"); /* and a right one still works */
    check_said(NULL);
    close_all();
}

/* ---- queries ------------------------------------------------------------------------------------------------------
 */

/* The properties through all three calls, which must agree. */
static VkPhysicalDeviceProperties get_properties(void *chain) {
    VkPhysicalDeviceProperties base;
    VkPhysicalDeviceProperties2 core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = chain};
    VkPhysicalDeviceProperties2 alias = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    memset(&base, 0, sizeof base);
    vk.vkGetPhysicalDeviceProperties(vk.physical, &base);
    vk.vkGetPhysicalDeviceProperties2(vk.physical, &core);
    vk.vkGetPhysicalDeviceProperties2KHR(vk.physical, &alias);
#define SAME(field)                                                                                                    \
    CHECK_MSG(memcmp(&base.field, &core.properties.field, sizeof base.field) == 0 &&                                   \
                  memcmp(&base.field, &alias.properties.field, sizeof base.field) == 0,                                \
              "the calls differ in %s", #field)
    SAME(apiVersion);
    SAME(deviceType);
    SAME(deviceName);
    SAME(pipelineCacheUUID);
    SAME(limits.maxComputeSharedMemorySize);
    SAME(limits.maxComputeWorkGroupInvocations);
    SAME(limits.maxComputeWorkGroupSize);
    SAME(limits.maxStorageBufferRange);
    SAME(limits.maxTexelBufferElements);
    SAME(limits.maxPushConstantsSize);
    SAME(limits.maxBoundDescriptorSets);
    SAME(limits.minStorageBufferOffsetAlignment);
    SAME(limits.minTexelBufferOffsetAlignment);
    SAME(limits.timestampComputeAndGraphics);
    SAME(limits.timestampPeriod);
#undef SAME
    return base;
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *words;
        size_t offset;
        uint32_t value;
    } rows[] = {
#define LIMIT(field) offsetof(VkPhysicalDeviceLimits, field)
        {"shared=16384", LIMIT(maxComputeSharedMemorySize), 16384},
        {"invocations=128", LIMIT(maxComputeWorkGroupInvocations), 128},
        {"invocations=128", LIMIT(maxComputeWorkGroupSize[0]), 128},
        {"invocations=32", LIMIT(maxComputeWorkGroupSize[2]), 32},
        {"range=65536", LIMIT(maxStorageBufferRange), 65536},
        {"texels=65536", LIMIT(maxTexelBufferElements), 65536},
        {"push=64", LIMIT(maxPushConstantsSize), 64},
        {"sets=4", LIMIT(maxBoundDescriptorSets), 4},
        {"alignment=1024", LIMIT(minStorageBufferOffsetAlignment), 1024},
        {"alignment=1024", LIMIT(minTexelBufferOffsetAlignment), 1024},
        {"no-timestamps", LIMIT(timestampComputeAndGraphics), 0},
        {"no-timestamps", LIMIT(timestampPeriod), 0},
#undef LIMIT
    };
    open_instance(NULL);
    VkPhysicalDeviceProperties real = get_properties(NULL);
    close_all();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_instance(rows[i].words);
        VkPhysicalDeviceProperties now = get_properties(NULL);
        uint32_t value, other = rows[i].offset == offsetof(VkPhysicalDeviceLimits, maxPushConstantsSize);
        memcpy(&value, (const char *)&now.limits + rows[i].offset, sizeof value);
        CHECK_MSG(value == rows[i].value, "%s shows as %u", rows[i].words, value);
        /* other words stay as they are */
        if (!other) CHECK_EQ(now.limits.maxPushConstantsSize, real.limits.maxPushConstantsSize);
        CHECK_EQ(now.limits.maxImageDimension2D, real.limits.maxImageDimension2D);
        close_all();
    }
    /* what the device cannot do anyway is not promised */
    open_instance("shared=1073741824,invocations=1000000,texels=4294967295,alignment=1,allocation=1000000");
    VkPhysicalDeviceProperties now = get_properties(NULL);
    CHECK_EQ(now.limits.maxComputeSharedMemorySize, real.limits.maxComputeSharedMemorySize);
    CHECK_EQ(now.limits.maxComputeWorkGroupInvocations, real.limits.maxComputeWorkGroupInvocations);
    CHECK_EQ(now.limits.maxTexelBufferElements, real.limits.maxTexelBufferElements);
    CHECK_EQ(now.limits.minStorageBufferOffsetAlignment, real.limits.minStorageBufferOffsetAlignment);
    close_all();
}

/* Structures of the pNext chain that hold what words change. */
typedef struct chained {
    VkPhysicalDeviceVulkan11Properties v11;
    VkPhysicalDeviceVulkan13Properties v13;
    VkPhysicalDeviceIDProperties id;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceMaintenance3Properties maintenance3;
    VkPhysicalDeviceSubgroupSizeControlProperties size;
    VkPhysicalDeviceTexelBufferAlignmentProperties texel;
} chained;

static VkPhysicalDeviceProperties get_chained(chained *c) {
    memset(c, 0, sizeof *c);
    c->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES;
    c->v13.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES;
    c->id.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES;
    c->subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
    c->maintenance3.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
    c->size.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES;
    c->texel.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TEXEL_BUFFER_ALIGNMENT_PROPERTIES;
    /* the versions' own structures in one query, those they took over in another: together they are not allowed */
    c->v11.pNext = &c->v13;
    VkPhysicalDeviceProperties properties = get_properties(&c->v11);
    c->id.pNext = &c->subgroup;
    c->subgroup.pNext = &c->maintenance3;
    c->maintenance3.pNext = &c->size;
    c->size.pNext = &c->texel;
    get_properties(&c->id);
    CHECK_EQ(memcmp(c->v11.deviceUUID, c->id.deviceUUID, VK_UUID_SIZE), 0);
    CHECK_EQ(c->v11.subgroupSupportedOperations, c->subgroup.supportedOperations);
    CHECK_EQ(c->v11.maxMemoryAllocationSize, c->maintenance3.maxMemoryAllocationSize);
    return properties;
}

static void test_chains(void **state) {
    (void)state;
    chained real, now;
    open_instance(NULL);
    VkPhysicalDeviceProperties real_base = get_chained(&real);
    close_all();
    const uint32_t basic = VK_SUBGROUP_FEATURE_BASIC_BIT, arithmetic = VK_SUBGROUP_FEATURE_ARITHMETIC_BIT,
                   shuffle = VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT,
                   ballot = VK_SUBGROUP_FEATURE_BALLOT_BIT;
    const uint32_t all = real.subgroup.supportedOperations;

    open_instance("no-subgroup,allocation=64,alignment=512,invocations=64,type=discrete");
    VkPhysicalDeviceProperties base = get_chained(&now);
    CHECK_EQ(now.subgroup.supportedOperations, all & basic);
    CHECK_EQ(now.maintenance3.maxMemoryAllocationSize, 64 << 20);
    CHECK_EQ(now.texel.storageTexelBufferOffsetAlignmentBytes, 512);
    CHECK_EQ(now.texel.uniformTexelBufferOffsetAlignmentBytes, 512);
    CHECK_EQ(now.v13.storageTexelBufferOffsetAlignmentBytes, 512);
    CHECK_EQ(now.v13.uniformTexelBufferOffsetAlignmentBytes, 512);
    CHECK(now.size.maxComputeWorkgroupSubgroups <= 64 / now.size.minSubgroupSize);
    CHECK_EQ(now.v13.maxComputeWorkgroupSubgroups, now.size.maxComputeWorkgroupSubgroups);
    CHECK_EQ(base.deviceType, VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU);
    CHECK(memcmp(base.pipelineCacheUUID, real_base.pipelineCacheUUID, VK_UUID_SIZE) != 0);
    CHECK(memcmp(now.id.deviceUUID, real.id.deviceUUID, VK_UUID_SIZE) != 0);
    uint8_t uuid[VK_UUID_SIZE];
    memcpy(uuid, now.id.deviceUUID, sizeof uuid);
    close_all();

    open_instance("no-arithmetic,type=integrated");
    base = get_chained(&now);
    CHECK_EQ(now.subgroup.supportedOperations & (arithmetic | shuffle | ballot), all & (shuffle | ballot));
    CHECK_EQ(base.deviceType, VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU);
    CHECK(memcmp(now.id.deviceUUID, uuid, VK_UUID_SIZE) != 0); /* another list is another device */
    close_all();
    open_instance("no-shuffle");
    get_chained(&now);
    CHECK_EQ(now.subgroup.supportedOperations & (arithmetic | shuffle | ballot), all & (arithmetic | ballot));
    close_all();
    open_instance("no-ballot,no-size-control");
    get_chained(&now);
    CHECK_EQ(now.subgroup.supportedOperations & (arithmetic | shuffle | ballot), all & (arithmetic | shuffle));
    CHECK_EQ(now.size.requiredSubgroupSizeStages, 0);
    CHECK_EQ(now.size.minSubgroupSize, real.subgroup.subgroupSize);
    CHECK_EQ(now.size.maxSubgroupSize, real.subgroup.subgroupSize);
    CHECK_EQ(now.v13.requiredSubgroupSizeStages, 0);
    CHECK_EQ(now.v13.maxSubgroupSize, real.subgroup.subgroupSize);
    close_all();

    static const struct {
        const char *words;
        VkPhysicalDeviceType type;
    } types[] = {{"type=virtual", VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU},
                 {"type=cpu", VK_PHYSICAL_DEVICE_TYPE_CPU},
                 {"type=other", VK_PHYSICAL_DEVICE_TYPE_OTHER}};
    for (size_t i = 0; i < 3; i++) {
        open_instance(types[i].words);
        CHECK_EQ(get_properties(NULL).deviceType, types[i].type);
        close_all();
    }
}

static void test_versions(void **state) {
    (void)state;
    open_instance("vulkan=1.2");
    VkPhysicalDeviceVulkan13Properties v13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
    VkPhysicalDeviceVulkan13Features features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    VkPhysicalDeviceFeatures2 whole = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &features};
    VkPhysicalDeviceProperties base = get_properties(&v13);
    CHECK_EQ(VK_API_VERSION_MAJOR(base.apiVersion), 1);
    CHECK_EQ(VK_API_VERSION_MINOR(base.apiVersion), 2);
    CHECK_EQ(v13.maxBufferSize, 0);
    vk.vkGetPhysicalDeviceFeatures2(vk.physical, &whole);
    CHECK_EQ(features.synchronization2, VK_FALSE);
    CHECK_EQ(features.maintenance4, VK_FALSE);
    features.maintenance4 = VK_TRUE;
    listen_to_layer();
    CHECK_EQ(create_device(&features, NULL, NULL), VK_ERROR_FEATURE_NOT_PRESENT);
    check_said("newer Vulkan");
    CHECK_EQ(create_device(NULL, NULL, NULL), VK_SUCCESS);
    CHECK(vk.vkGetDeviceProcAddr(vk.device, "vkCmdPipelineBarrier2") == NULL);
    CHECK(vk.vkGetDeviceProcAddr(vk.device, "vkGetSemaphoreCounterValue") != NULL); /* Vulkan 1.2 */
    close_all();

    open_instance("vulkan=1.1");
    VkPhysicalDeviceVulkan11Features features11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
    VkPhysicalDeviceVulkan12Features features12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                                   .pNext = &features11};
    VkPhysicalDeviceVulkan12Properties v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES,
                                              .pNext = &v12};
    base = get_properties(&v11);
    CHECK_EQ(VK_API_VERSION_MINOR(base.apiVersion), 1);
    CHECK_EQ(v11.subgroupSize, 0);
    CHECK_EQ(v12.driverID, 0);
    whole.pNext = &features12;
    vk.vkGetPhysicalDeviceFeatures2(vk.physical, &whole);
    CHECK_EQ(features12.timelineSemaphore, VK_FALSE);
    CHECK_EQ(features11.storageBuffer16BitAccess, VK_FALSE);
    close_all();
}

/* ---- features -----------------------------------------------------------------------------------------------------
 */

#define CORE(words, field)                                                                                             \
    {                                                                                                                  \
        words, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,                                                           \
            offsetof(VkPhysicalDeviceFeatures2, features) + offsetof(VkPhysicalDeviceFeatures, field)                  \
    }
#define IN(words, id, structure, field)                                                                                \
    { words, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##id, offsetof(VkPhysicalDevice##structure, field) }
#define IN_11(words, id, structure, field)                                                                             \
    IN(words, VULKAN_1_1_FEATURES, Vulkan11Features, field), IN(words, id, structure, field)
#define IN_12(words, id, structure, field)                                                                             \
    IN(words, VULKAN_1_2_FEATURES, Vulkan12Features, field), IN(words, id, structure, field)
#define IN_13(words, id, structure, field)                                                                             \
    IN(words, VULKAN_1_3_FEATURES, Vulkan13Features, field), IN(words, id, structure, field)

static const struct {
    const char *words;
    VkStructureType type;
    size_t offset;
} feature_rows[] = {
    CORE("no-int64", shaderInt64),
    CORE("no-f64", shaderFloat64),
    CORE("no-16bit", shaderInt16),
    IN_11("no-16bit", 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, storageBuffer16BitAccess),
    IN_11("no-16bit", 16BIT_STORAGE_FEATURES, 16BitStorageFeatures, uniformAndStorageBuffer16BitAccess),
    IN_12("no-int8", 8BIT_STORAGE_FEATURES, 8BitStorageFeatures, storageBuffer8BitAccess),
    IN_12("no-int8", SHADER_FLOAT16_INT8_FEATURES, ShaderFloat16Int8Features, shaderInt8),
    IN_12("no-f16", SHADER_FLOAT16_INT8_FEATURES, ShaderFloat16Int8Features, shaderFloat16),
    IN_12("no-int64", SHADER_ATOMIC_INT64_FEATURES, ShaderAtomicInt64Features, shaderBufferInt64Atomics),
    IN_12("no-address", BUFFER_DEVICE_ADDRESS_FEATURES, BufferDeviceAddressFeatures, bufferDeviceAddress),
    IN_12("no-timeline", TIMELINE_SEMAPHORE_FEATURES, TimelineSemaphoreFeatures, timelineSemaphore),
    IN_13("no-size-control", SUBGROUP_SIZE_CONTROL_FEATURES, SubgroupSizeControlFeatures, subgroupSizeControl),
    IN_13("no-size-control", SUBGROUP_SIZE_CONTROL_FEATURES, SubgroupSizeControlFeatures, computeFullSubgroups),
    IN("no-ballot", VULKAN_1_2_FEATURES, Vulkan12Features, subgroupBroadcastDynamicId),
    IN_12("no-subgroup", SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES, ShaderSubgroupExtendedTypesFeatures,
          shaderSubgroupExtendedTypes),
};

/* Room for any structure of features. */
typedef union any_features {
    VkBaseOutStructure base;
    VkPhysicalDeviceFeatures2 core;
    unsigned char bytes[sizeof(VkPhysicalDeviceVulkan12Features) + sizeof(VkPhysicalDeviceFeatures2)];
} any_features;

static VkBool32 get_feature(size_t row) {
    any_features any;
    VkPhysicalDeviceFeatures2 alone = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    memset(&any, 0, sizeof any);
    any.base.sType = feature_rows[row].type;
    bool core = any.base.sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    if (!core) alone.pNext = &any;
    VkBool32 values[3];
    PFN_vkGetPhysicalDeviceFeatures2 calls[] = {vk.vkGetPhysicalDeviceFeatures2, vk.vkGetPhysicalDeviceFeatures2KHR};
    for (size_t i = 0; i < 2; i++) {
        calls[i](vk.physical, core ? &any.core : &alone);
        memcpy(&values[i], any.bytes + feature_rows[row].offset, sizeof values[i]);
    }
    CHECK_EQ(values[0], values[1]);
    if (core) {
        vk.vkGetPhysicalDeviceFeatures(vk.physical, &any.core.features);
        memcpy(&values[2], any.bytes + feature_rows[row].offset, sizeof values[2]);
        CHECK_EQ(values[0], values[2]);
    }
    return values[0];
}

static void test_features(void **state) {
    (void)state;
    uint32_t taken_away = 0;
    for (size_t i = 0; i < sizeof feature_rows / sizeof feature_rows[0]; i++) {
        open_instance(NULL);
        taken_away += get_feature(i) != VK_FALSE;
        close_all();
        open_instance(feature_rows[i].words);
        CHECK_MSG(get_feature(i) == VK_FALSE, "%s leaves the feature of row %zu", feature_rows[i].words, i);
        any_features any;
        const VkBool32 yes = VK_TRUE;
        memset(&any, 0, sizeof any);
        any.base.sType = feature_rows[i].type;
        memcpy(any.bytes + feature_rows[i].offset, &yes, sizeof yes);
        listen_to_layer();
        VkResult result = create_device(&any, NULL, NULL);
        check_said("vkCreateDevice");
        CHECK_MSG(result == VK_ERROR_FEATURE_NOT_PRESENT, "row %zu (%s): %d", i, feature_rows[i].words, (int)result);
        if (any.base.sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) {
            listen_to_layer();
            CHECK_EQ(create_device(NULL, &any.core.features, NULL), VK_ERROR_FEATURE_NOT_PRESENT);
            check_said("vkCreateDevice");
        }
        close_all();
    }
    printf("%u of %zu features exist here and were taken away\n", taken_away,
           sizeof feature_rows / sizeof feature_rows[0]);
    CHECK(taken_away > 0);
}

static bool has_extension(const char *name) {
    uint32_t count = 0, again = 0;
    CHECK_EQ(vk.vkEnumerateDeviceExtensionProperties(vk.physical, NULL, &count, NULL), VK_SUCCESS);
    VkExtensionProperties *list = calloc(count + 1, sizeof *list);
    CHECK(list != NULL);
    again = count + 1;
    CHECK_EQ(vk.vkEnumerateDeviceExtensionProperties(vk.physical, NULL, &again, list), VK_SUCCESS);
    CHECK_EQ(again, count);
    bool found = false;
    for (uint32_t i = 0; i < count; i++) found = found || strcmp(list[i].extensionName, name) == 0;
    again = count - 1;
    CHECK_EQ(vk.vkEnumerateDeviceExtensionProperties(vk.physical, NULL, &again, list), VK_INCOMPLETE);
    CHECK_EQ(again, count - 1);
    free(list);
    return found;
}

static void test_extensions(void **state) {
    (void)state;
    static const struct {
        const char *words, *extension;
    } rows[] = {{"no-extension:VK_KHR_8bit_storage", "VK_KHR_8bit_storage"},
                {"no-size-control", VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME},
                {"no-address", VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME},
                {"no-timeline", VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME},
                {"push=64", VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_instance(NULL);
        bool real = has_extension(rows[i].extension);
        close_all();
        open_instance(rows[i].words);
        CHECK_MSG(!has_extension(rows[i].extension), "%s leaves %s", rows[i].words, rows[i].extension);
        /* by the loader, which asks the layer what exists */
        CHECK_EQ(create_device(NULL, NULL, rows[i].extension), VK_ERROR_EXTENSION_NOT_PRESENT);
        close_all();
        printf("%s: %s here\n", rows[i].extension, real ? "hidden" : "does not exist");
    }
}

/* ---- the rest -----------------------------------------------------------------------------------------------------
 */

VkPhysicalDeviceMemoryProperties get_memory(void) {
    VkPhysicalDeviceMemoryProperties base;
    VkPhysicalDeviceMemoryProperties2 core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    VkPhysicalDeviceMemoryProperties2 alias = core;
    memset(&base, 0, sizeof base);
    vk.vkGetPhysicalDeviceMemoryProperties(vk.physical, &base);
    vk.vkGetPhysicalDeviceMemoryProperties2(vk.physical, &core);
    vk.vkGetPhysicalDeviceMemoryProperties2KHR(vk.physical, &alias);
    for (const VkPhysicalDeviceMemoryProperties2 *other = &core; other; other = other == &core ? &alias : NULL) {
        const VkPhysicalDeviceMemoryProperties *o = &other->memoryProperties;
        CHECK_EQ(o->memoryHeapCount, base.memoryHeapCount);
        CHECK_EQ(o->memoryTypeCount, base.memoryTypeCount);
        for (uint32_t i = 0; i < base.memoryHeapCount; i++) {
            CHECK_EQ(o->memoryHeaps[i].size, base.memoryHeaps[i].size);
            CHECK_EQ(o->memoryHeaps[i].flags, base.memoryHeaps[i].flags);
        }
        for (uint32_t i = 0; i < base.memoryTypeCount; i++) {
            CHECK_EQ(o->memoryTypes[i].heapIndex, base.memoryTypes[i].heapIndex);
            CHECK_EQ(o->memoryTypes[i].propertyFlags, base.memoryTypes[i].propertyFlags);
        }
    }
    return base;
}

int main(void) {
    load_vulkan();
#define LAB_TEST(function) cmocka_unit_test_teardown(function, leave_nothing_open)
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_unknown_words_are_refused),
        LAB_TEST(test_numbers),
        LAB_TEST(test_chains),
        LAB_TEST(test_versions),
        LAB_TEST(test_features),
        LAB_TEST(test_extensions),
        LAB_TEST(test_heaps),
        LAB_TEST(test_hidden_vram),
        LAB_TEST(test_timestamps),
        LAB_TEST(test_workgroups),
        LAB_TEST(test_capabilities),
        LAB_TEST(test_broken_shaders),
        LAB_TEST(test_views),
        LAB_TEST(test_layouts),
        LAB_TEST(test_descriptors),
    };
    return cmocka_run_group_tests_name("lab/limits", tests, NULL, NULL);
}
