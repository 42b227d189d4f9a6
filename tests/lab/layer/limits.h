/* The parts of VK_LAYER_HRM_limits to one another: settings, what a physical device is made to report, the memory it is
 * made to have. limits.c says what the layer promises. */
#ifndef HRM_TESTS_LAB_LAYER_LIMITS_H
#define HRM_TESTS_LAB_LAYER_LIMITS_H

#include "chain.h"

/* ---- settings: the words of HRM_LAB_LIMITS ------------------------------------------------------------------------
 */

/* Words that take something away; each is one bit of limits_settings.taken. */
#define LIMITS_TAKEN_LIST(X)                                                                                           \
    X(SUBGROUP, "no-subgroup")                                                                                         \
    X(ARITHMETIC, "no-arithmetic")                                                                                     \
    X(SHUFFLE, "no-shuffle")                                                                                           \
    X(BALLOT, "no-ballot")                                                                                             \
    X(SIZE_CONTROL, "no-size-control")                                                                                 \
    X(ADDRESS, "no-address")                                                                                           \
    X(TIMELINE, "no-timeline")                                                                                         \
    X(TIMESTAMPS, "no-timestamps")                                                                                     \
    X(INT64, "no-int64")                                                                                               \
    X(F64, "no-f64")                                                                                                   \
    X(INT8, "no-int8")                                                                                                 \
    X(F16, "no-f16")                                                                                                   \
    X(16BIT, "no-16bit")                                                                                               \
    X(VISIBLE_VRAM, "no-host-visible-vram")

enum {
#define LIMITS_TAKEN_INDEX(id, word) LIMITS_INDEX_##id,
    LIMITS_TAKEN_LIST(LIMITS_TAKEN_INDEX)
#undef LIMITS_TAKEN_INDEX
};
enum {
#define LIMITS_TAKEN_BIT(id, word) LIMITS_NO_##id = 1 << LIMITS_INDEX_##id,
    LIMITS_TAKEN_LIST(LIMITS_TAKEN_BIT)
#undef LIMITS_TAKEN_BIT
};

/* Words with a number: field, word, factor. */
#define LIMITS_NUMBER_LIST(X)                                                                                          \
    X(shared, "shared", 1)                                                                                             \
    X(invocations, "invocations", 1)                                                                                   \
    X(range, "range", 1)                                                                                               \
    X(texels, "texels", 1)                                                                                             \
    X(push, "push", 1)                                                                                                 \
    X(alignment, "alignment", 1)                                                                                       \
    X(sets, "sets", 1)                                                                                                 \
    X(heap, "heap", UINT64_C(1) << 20)                                                                                 \
    X(allocation, "allocation", UINT64_C(1) << 20)

enum { LIMITS_MAX_EXTENSIONS = 32 };

typedef struct limits_settings {
#define LIMITS_FIELD(field, word, factor) uint64_t field; /* 0: as the device has it */
    LIMITS_NUMBER_LIST(LIMITS_FIELD)
#undef LIMITS_FIELD
    uint32_t taken;
    uint32_t version; /* the newest Vulkan to report */
    bool has_type;
    VkPhysicalDeviceType type;
    char extensions[LIMITS_MAX_EXTENSIONS][VK_MAX_EXTENSION_NAME_SIZE];
    uint32_t extension_count;
    uint64_t hash; /* of the whole list */
} limits_settings;

/* Of the newest instance: programs of the lab have one at a time. */
extern limits_settings limits;

/* Reads HRM_LAB_LIMITS. False, with a line on standard error, where it is missing or not understood. */
bool limits_read_settings(void);

/* Whether a device call is newer than the version reported. */
bool limits_hide_call(const char *name);

/* ---- what a physical device reports --------------------------------------------------------------------------------
 */

#define LIMITS_INSTANCE_CALLS(X)                                                                                       \
    X(vkGetPhysicalDeviceProperties)                                                                                   \
    X(vkGetPhysicalDeviceProperties2)                                                                                  \
    X(vkGetPhysicalDeviceFeatures)                                                                                     \
    X(vkGetPhysicalDeviceFeatures2)                                                                                    \
    X(vkGetPhysicalDeviceMemoryProperties)                                                                             \
    X(vkGetPhysicalDeviceMemoryProperties2)                                                                            \
    X(vkGetPhysicalDeviceQueueFamilyProperties)                                                                        \
    X(vkGetPhysicalDeviceQueueFamilyProperties2)                                                                       \
    X(vkEnumerateDeviceExtensionProperties)

/* Those calls of the next layer or driver; a "2" that only exists as ...2KHR is that one. */
typedef struct limits_instance {
#define LIMITS_CALL(call) PFN_##call call;
    LIMITS_INSTANCE_CALLS(LIMITS_CALL)
#undef LIMITS_CALL
} limits_instance;

extern const chain_hook limits_instance_hooks[];

void limits_get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *properties);

/* Refuses what is hidden: VK_SUCCESS, or the error of vkCreateDevice after a line on standard error. */
VkResult limits_check_features(const VkDeviceCreateInfo *info);
VkResult limits_check_extensions(const VkDeviceCreateInfo *info);

/* Operations of VkSubgroupFeatureFlags that are taken away. */
VkSubgroupFeatureFlags limits_hidden_operations(void);

/* ---- memory
 * ---------------------------------------------------------------------------------------------------------- */

/* The memory that is reported, and where it really lies. */
typedef struct limits_memory {
    VkPhysicalDeviceMemoryProperties shown;
    uint32_t real_type[VK_MAX_MEMORY_TYPES]; /* of each type shown */
    uint32_t real_heap[VK_MAX_MEMORY_HEAPS]; /* of each heap shown */
} limits_memory;

void limits_arrange_memory(const VkPhysicalDeviceMemoryProperties *real, limits_memory *memory);
void limits_get_memory(VkPhysicalDevice physical, limits_memory *memory);

/* Bits of the types shown, for bits of the real ones. */
uint32_t limits_show_type_bits(const limits_memory *memory, uint32_t real_bits);

/* ---- shaders ------------------------------------------------------------------------------------------------------
 */

/* Judges a compute stage by its SPIR-V: VK_SUCCESS, or an error after a line on standard error. */
VkResult limits_check_shader(const VkPhysicalDeviceLimits *l, const VkPipelineShaderStageCreateInfo *stage,
                             const uint32_t *words, size_t count);

#endif
