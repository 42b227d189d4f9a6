#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

limits_settings limits;

/* Extensions that a word takes away whole, besides the features it hides. */
static const struct {
    uint32_t taken;
    const char *name;
} taken_extensions[] = {
    {LIMITS_NO_SUBGROUP | LIMITS_NO_BALLOT, "VK_EXT_shader_subgroup_ballot"},
    {LIMITS_NO_SUBGROUP, "VK_EXT_shader_subgroup_vote"},
    {LIMITS_NO_SUBGROUP, "VK_NV_shader_subgroup_partitioned"},
    {LIMITS_NO_SUBGROUP | LIMITS_NO_SHUFFLE, "VK_KHR_shader_subgroup_rotate"},
    {LIMITS_NO_SIZE_CONTROL, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME},
    {LIMITS_NO_ADDRESS, VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME},
    {LIMITS_NO_ADDRESS, VK_EXT_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME},
    {LIMITS_NO_TIMELINE, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME},
    {LIMITS_NO_TIMESTAMPS, VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME},
    {LIMITS_NO_TIMESTAMPS, "VK_KHR_calibrated_timestamps"},
    /* memory that did not come through vkAllocateMemory's own types */
    {LIMITS_NO_VISIBLE_VRAM, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME},
    {LIMITS_NO_VISIBLE_VRAM, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME},
    {LIMITS_NO_VISIBLE_VRAM, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME},
};

/* Ways around this layer: calls it does not know, or that do the work of those it watches. Never offered. */
static const char *const detours[] = {
    "VK_KHR_map_memory2",     "VK_EXT_shader_object",     "VK_EXT_shader_module_identifier",
    "VK_KHR_push_descriptor", "VK_EXT_descriptor_buffer", "VK_KHR_pipeline_binary",
};

static bool hide_extension(const char *name, size_t length) {
    if (length == 0 || length >= VK_MAX_EXTENSION_NAME_SIZE || limits.extension_count == LIMITS_MAX_EXTENSIONS) {
        return false;
    }
    memcpy(limits.extensions[limits.extension_count], name, length);
    limits.extensions[limits.extension_count++][length] = '\0';
    return true;
}

/* A whole decimal number above 0. */
static bool read_number(const char *text, uint64_t factor, uint64_t *out) {
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > UINT64_MAX / 10 - 1) return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (value == 0 || value > UINT64_MAX / factor) return false;
    *out = value * factor;
    return true;
}

static bool read_word(const char *word) {
    static const struct {
        const char *name;
        VkPhysicalDeviceType type;
    } types[] = {{"type=other", VK_PHYSICAL_DEVICE_TYPE_OTHER},
                 {"type=integrated", VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU},
                 {"type=discrete", VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU},
                 {"type=virtual", VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU},
                 {"type=cpu", VK_PHYSICAL_DEVICE_TYPE_CPU}};
    static const struct {
        const char *name;
        uint32_t version;
    } versions[] = {{"vulkan=1.1", VK_API_VERSION_1_1}, {"vulkan=1.2", VK_API_VERSION_1_2}};
#define LIMITS_READ_TAKEN(id, text)                                                                                    \
    if (strcmp(word, text) == 0) {                                                                                     \
        limits.taken |= LIMITS_NO_##id;                                                                                \
        return true;                                                                                                   \
    }
    LIMITS_TAKEN_LIST(LIMITS_READ_TAKEN)
#undef LIMITS_READ_TAKEN
#define LIMITS_READ_NUMBER(field, text, factor)                                                                        \
    if (strncmp(word, text "=", sizeof text) == 0) return read_number(word + sizeof text, factor, &limits.field);
    LIMITS_NUMBER_LIST(LIMITS_READ_NUMBER)
#undef LIMITS_READ_NUMBER
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(word, types[i].name) != 0) continue;
        limits.has_type = true;
        limits.type = types[i].type;
        return true;
    }
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (strcmp(word, versions[i].name) != 0) continue;
        limits.version = versions[i].version;
        return true;
    }
    static const char without[] = "no-extension:";
    if (strncmp(word, without, sizeof without - 1) == 0) {
        return hide_extension(word + sizeof without - 1, strlen(word + sizeof without - 1));
    }
    return false;
}

/* Device calls that came with a version of Vulkan. */
static const struct {
    uint32_t version;
    const char *name;
} new_calls[] = {
    {VK_API_VERSION_1_2, "vkCmdDrawIndirectCount"},
    {VK_API_VERSION_1_2, "vkCmdDrawIndexedIndirectCount"},
    {VK_API_VERSION_1_2, "vkCreateRenderPass2"},
    {VK_API_VERSION_1_2, "vkCmdBeginRenderPass2"},
    {VK_API_VERSION_1_2, "vkCmdNextSubpass2"},
    {VK_API_VERSION_1_2, "vkCmdEndRenderPass2"},
    {VK_API_VERSION_1_2, "vkResetQueryPool"},
    {VK_API_VERSION_1_2, "vkGetSemaphoreCounterValue"},
    {VK_API_VERSION_1_2, "vkWaitSemaphores"},
    {VK_API_VERSION_1_2, "vkSignalSemaphore"},
    {VK_API_VERSION_1_2, "vkGetBufferDeviceAddress"},
    {VK_API_VERSION_1_2, "vkGetBufferOpaqueCaptureAddress"},
    {VK_API_VERSION_1_2, "vkGetDeviceMemoryOpaqueCaptureAddress"},
    {VK_API_VERSION_1_3, "vkCreatePrivateDataSlot"},
    {VK_API_VERSION_1_3, "vkDestroyPrivateDataSlot"},
    {VK_API_VERSION_1_3, "vkSetPrivateData"},
    {VK_API_VERSION_1_3, "vkGetPrivateData"},
    {VK_API_VERSION_1_3, "vkCmdSetEvent2"},
    {VK_API_VERSION_1_3, "vkCmdResetEvent2"},
    {VK_API_VERSION_1_3, "vkCmdWaitEvents2"},
    {VK_API_VERSION_1_3, "vkCmdPipelineBarrier2"},
    {VK_API_VERSION_1_3, "vkCmdWriteTimestamp2"},
    {VK_API_VERSION_1_3, "vkQueueSubmit2"},
    {VK_API_VERSION_1_3, "vkCmdCopyBuffer2"},
    {VK_API_VERSION_1_3, "vkCmdCopyImage2"},
    {VK_API_VERSION_1_3, "vkCmdCopyBufferToImage2"},
    {VK_API_VERSION_1_3, "vkCmdCopyImageToBuffer2"},
    {VK_API_VERSION_1_3, "vkCmdBlitImage2"},
    {VK_API_VERSION_1_3, "vkCmdResolveImage2"},
    {VK_API_VERSION_1_3, "vkCmdBeginRendering"},
    {VK_API_VERSION_1_3, "vkCmdEndRendering"},
    {VK_API_VERSION_1_3, "vkCmdSetCullMode"},
    {VK_API_VERSION_1_3, "vkCmdSetFrontFace"},
    {VK_API_VERSION_1_3, "vkCmdSetPrimitiveTopology"},
    {VK_API_VERSION_1_3, "vkCmdSetViewportWithCount"},
    {VK_API_VERSION_1_3, "vkCmdSetScissorWithCount"},
    {VK_API_VERSION_1_3, "vkCmdBindVertexBuffers2"},
    {VK_API_VERSION_1_3, "vkCmdSetDepthTestEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetDepthWriteEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetDepthCompareOp"},
    {VK_API_VERSION_1_3, "vkCmdSetDepthBoundsTestEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetStencilTestEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetStencilOp"},
    {VK_API_VERSION_1_3, "vkCmdSetRasterizerDiscardEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetDepthBiasEnable"},
    {VK_API_VERSION_1_3, "vkCmdSetPrimitiveRestartEnable"},
    {VK_API_VERSION_1_3, "vkGetDeviceBufferMemoryRequirements"},
    {VK_API_VERSION_1_3, "vkGetDeviceImageMemoryRequirements"},
    {VK_API_VERSION_1_3, "vkGetDeviceImageSparseMemoryRequirements"},
};

bool limits_hide_call(const char *name) {
    for (size_t i = 0; i < sizeof new_calls / sizeof new_calls[0]; i++) {
        if (new_calls[i].version > limits.version && strcmp(new_calls[i].name, name) == 0) return true;
    }
    return false;
}

bool limits_read_settings(void) {
    const char *list = getenv("HRM_LAB_LIMITS");
    memset(&limits, 0, sizeof limits);
    limits.version = VK_API_VERSION_1_3; /* newer versions have calls and features that this layer does not know */
    if (!list || !*list) {
        chain_say("HRM_LAB_LIMITS is not set: name what to lower, as in shared=16384,invocations=128,no-subgroup");
        return false;
    }
    limits.hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *c = list; *c; c++) limits.hash = (limits.hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    while (*list) {
        char word[VK_MAX_EXTENSION_NAME_SIZE + 16];
        size_t length = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), list);
        if (length >= sizeof word || !read_word(word)) {
            chain_say("HRM_LAB_LIMITS: '%s' is no word of this layer, or its value is none", word);
            return false;
        }
        list += length;
        if (*list) list++;
    }
    for (size_t i = 0; i < sizeof taken_extensions / sizeof taken_extensions[0]; i++) {
        const char *name = taken_extensions[i].name;
        if ((limits.taken & taken_extensions[i].taken) && !hide_extension(name, strlen(name))) return false;
    }
    for (size_t i = 0; i < sizeof detours / sizeof detours[0]; i++) {
        if (!hide_extension(detours[i], strlen(detours[i]))) return false;
    }
    return true;
}
