/* VK_LAYER_HRM_limits: makes the device below it look weaker, and act so.
 *
 * Stands next to the driver, below the validation layer, so that this checks the program against the lowered limits.
 * HRM_LAB_LIMITS names what to lower, separated by commas; an instance without it, or with an unknown word, is refused:
 *   shared=BYTES        shared memory of a workgroup
 *   invocations=N       invocations of a workgroup, in all and in each direction
 *   range=BYTES         of one storage buffer descriptor
 *   texels=N            of one texel buffer view
 *   push=BYTES          push constants
 *   alignment=BYTES     of offsets of storage and texel buffers, raised to this
 *   sets=N              descriptor sets bound at once
 *   heap=MIB            of each memory heap, and of what lives in it
 *   allocation=MIB      of one allocation
 *   no-subgroup         subgroup operations other than the basic ones
 *   no-arithmetic  no-shuffle  no-ballot   those operations
 *   no-size-control     required subgroup sizes, and the promise of a size
 *   no-address  no-timeline  no-timestamps   buffer addresses, timeline semaphores, timestamps
 *   no-int64  no-f64  no-int8  no-f16        arithmetic (no-int8: storage too)
 *   no-16bit            16-bit storage and integers
 *   no-host-visible-vram   device-local memory cannot be mapped; a driver with nothing else gets a heap for what can
 *   vulkan=1.1  vulkan=1.2  an older version (1.3 is the newest that this layer lets through)
 *   type=discrete  type=integrated  type=virtual  type=cpu  type=other   the kind of device
 *   no-extension:NAME   a device extension
 * A number larger than the device's own (or a smaller alignment) changes nothing.
 *
 * Promises: every query says the same, pNext structures and aliases of extensions included; the name ends in
 * "(limited)" and UUIDs differ, so that no cache of the real device is used. What the device does not have fails: one
 * line on standard error, VK_LAYER_HRM_limits: ..., and the error a driver would give, or abort() in calls that return
 * nothing. Extensions with ways around this layer (limits_settings.c) are hidden. Shaders are judged by their SPIR-V,
 * with what a layer in between adds to them: GPU-assisted validation needs buffer addresses, and says so under
 * no-address. A limit on a heap counts the allocations of one device. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

#define LIMITS_DEVICE_CALLS(X)                                                                                         \
    X(vkAllocateMemory)                                                                                                \
    X(vkFreeMemory)                                                                                                    \
    X(vkMapMemory)                                                                                                     \
    X(vkCreateBuffer)                                                                                                  \
    X(vkDestroyBuffer)                                                                                                 \
    X(vkCreateBufferView)                                                                                              \
    X(vkGetBufferMemoryRequirements)                                                                                   \
    X(vkGetBufferMemoryRequirements2)                                                                                  \
    X(vkGetDeviceBufferMemoryRequirements)                                                                             \
    X(vkGetImageMemoryRequirements)                                                                                    \
    X(vkGetImageMemoryRequirements2)                                                                                   \
    X(vkGetDeviceImageMemoryRequirements)                                                                              \
    X(vkCreateShaderModule)                                                                                            \
    X(vkDestroyShaderModule)                                                                                           \
    X(vkCreatePipelineLayout)                                                                                          \
    X(vkCreateComputePipelines)                                                                                        \
    X(vkUpdateDescriptorSets)                                                                                          \
    X(vkUpdateDescriptorSetWithTemplate)                                                                               \
    X(vkCmdWriteTimestamp)                                                                                             \
    X(vkCmdWriteTimestamp2)

/* What must be remembered of a handle: the memory's size and type, the buffer's size, the shader's words. */
typedef struct object {
    struct object *next;
    uint64_t handle;
    uint64_t bytes;
    uint32_t type;
    uint32_t words[];
} object;

enum { BUCKETS = 1024 };

typedef struct table {
    object *buckets[BUCKETS];
} table;

typedef struct limits_device {
    VkPhysicalDeviceLimits limits; /* as reported */
    limits_memory memory;
    pthread_mutex_t lock; /* of what follows */
    uint64_t heap_used[VK_MAX_MEMORY_HEAPS];
    table memories, buffers, shaders;
#define LIMITS_CALL(call) PFN_##call call;
    LIMITS_DEVICE_CALLS(LIMITS_CALL)
#undef LIMITS_CALL
} limits_device;

static object **find_link(table *t, uint64_t handle) {
    object **link = &t->buckets[(handle ^ handle >> 12) / 16 % BUCKETS];
    while (*link && (*link)->handle != handle) link = &(*link)->next;
    return link;
}

/* The object of a handle, or NULL; the caller holds the lock. */
static const object *find_object(table *t, uint64_t handle) {
    return *find_link(t, handle);
}

static void add_object(limits_device *d, table *t, object *o, uint64_t handle) {
    pthread_mutex_lock(&d->lock);
    object **link = find_link(t, handle);
    o->handle = handle;
    o->next = *link;
    *link = o;
    pthread_mutex_unlock(&d->lock);
}

static object *take_object(limits_device *d, table *t, uint64_t handle) {
    pthread_mutex_lock(&d->lock);
    object **link = find_link(t, handle), *o = *link;
    if (o) *link = o->next;
    pthread_mutex_unlock(&d->lock);
    return o;
}

static void free_table(table *t) {
    for (size_t i = 0; i < BUCKETS; i++) {
        while (t->buckets[i]) {
            object *o = t->buckets[i];
            t->buckets[i] = o->next;
            free(o);
        }
    }
}

#define HANDLE(of) ((uint64_t)(uintptr_t)(of))

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkDeviceMemory *memory) {
    limits_device *d = chain_get_device(device);
    const VkPhysicalDeviceMemoryProperties *shown = &d->memory.shown;
    if (info->memoryTypeIndex >= shown->memoryTypeCount) {
        chain_say("vkAllocateMemory: memory type %" PRIu32 " does not exist", info->memoryTypeIndex);
        return VK_ERROR_UNKNOWN;
    }
    if (limits.allocation && info->allocationSize > limits.allocation) {
        chain_say("vkAllocateMemory: %" PRIu64 " bytes exceed the %" PRIu64 " of one allocation", info->allocationSize,
                  limits.allocation);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    uint32_t heap = shown->memoryTypes[info->memoryTypeIndex].heapIndex;
    uint64_t heap_bytes = shown->memoryHeaps[heap].size;
    object *o = calloc(1, sizeof *o);
    if (!o) return VK_ERROR_OUT_OF_HOST_MEMORY;
    o->bytes = info->allocationSize;
    o->type = info->memoryTypeIndex;
    pthread_mutex_lock(&d->lock);
    uint64_t used = d->heap_used[heap];
    bool fits = !limits.heap || (info->allocationSize <= heap_bytes && used <= heap_bytes - info->allocationSize);
    if (fits) d->heap_used[heap] += info->allocationSize;
    pthread_mutex_unlock(&d->lock);
    if (!fits) {
        chain_say("vkAllocateMemory: %" PRIu64 " bytes more than %" PRIu64 " exceed the %" PRIu64 " of heap %" PRIu32,
                  info->allocationSize, used, heap_bytes, heap);
        free(o);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    VkMemoryAllocateInfo real = *info;
    real.memoryTypeIndex = d->memory.real_type[info->memoryTypeIndex];
    VkResult result = d->vkAllocateMemory(device, &real, allocator, memory);
    if (result == VK_SUCCESS) {
        add_object(d, &d->memories, o, HANDLE(*memory));
        return result;
    }
    pthread_mutex_lock(&d->lock);
    d->heap_used[heap] -= info->allocationSize;
    pthread_mutex_unlock(&d->lock);
    free(o);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                              const VkAllocationCallbacks *allocator) {
    limits_device *d = chain_get_device(device);
    object *o = memory ? take_object(d, &d->memories, HANDLE(memory)) : NULL;
    d->vkFreeMemory(device, memory, allocator);
    if (!o) return;
    pthread_mutex_lock(&d->lock);
    d->heap_used[d->memory.shown.memoryTypes[o->type].heapIndex] -= o->bytes;
    pthread_mutex_unlock(&d->lock);
    free(o);
}

static VKAPI_ATTR VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                                 VkDeviceSize size, VkMemoryMapFlags flags, void **data) {
    limits_device *d = chain_get_device(device);
    pthread_mutex_lock(&d->lock);
    const object *o = find_object(&d->memories, HANDLE(memory));
    uint32_t type = o ? o->type : 0;
    pthread_mutex_unlock(&d->lock);
    if (o && !(d->memory.shown.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) {
        chain_say("vkMapMemory: the host cannot see memory of type %" PRIu32, type);
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    return d->vkMapMemory(device, memory, offset, size, flags, data);
}

static void show_types(const limits_device *d, VkMemoryRequirements *need) {
    need->memoryTypeBits = limits_show_type_bits(&d->memory, need->memoryTypeBits);
}

static VKAPI_ATTR void VKAPI_CALL get_buffer_need(VkDevice device, VkBuffer buffer, VkMemoryRequirements *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetBufferMemoryRequirements(device, buffer, need);
    show_types(d, need);
}

static VKAPI_ATTR void VKAPI_CALL get_buffer_need2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
                                                   VkMemoryRequirements2 *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetBufferMemoryRequirements2(device, info, need);
    show_types(d, &need->memoryRequirements);
}

static VKAPI_ATTR void VKAPI_CALL get_device_buffer_need(VkDevice device, const VkDeviceBufferMemoryRequirements *info,
                                                         VkMemoryRequirements2 *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetDeviceBufferMemoryRequirements(device, info, need);
    show_types(d, &need->memoryRequirements);
}

static VKAPI_ATTR void VKAPI_CALL get_image_need(VkDevice device, VkImage image, VkMemoryRequirements *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetImageMemoryRequirements(device, image, need);
    show_types(d, need);
}

static VKAPI_ATTR void VKAPI_CALL get_image_need2(VkDevice device, const VkImageMemoryRequirementsInfo2 *info,
                                                  VkMemoryRequirements2 *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetImageMemoryRequirements2(device, info, need);
    show_types(d, &need->memoryRequirements);
}

static VKAPI_ATTR void VKAPI_CALL get_device_image_need(VkDevice device, const VkDeviceImageMemoryRequirements *info,
                                                        VkMemoryRequirements2 *need) {
    const limits_device *d = chain_get_device(device);
    d->vkGetDeviceImageMemoryRequirements(device, info, need);
    show_types(d, &need->memoryRequirements);
}

/* ---- buffers, views and descriptors -------------------------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL create_buffer(VkDevice device, const VkBufferCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkBuffer *buffer) {
    limits_device *d = chain_get_device(device);
    object *o = calloc(1, sizeof *o);
    if (!o) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkResult result = d->vkCreateBuffer(device, info, allocator, buffer);
    if (result != VK_SUCCESS) {
        free(o);
        return result;
    }
    o->bytes = info->size;
    add_object(d, &d->buffers, o, HANDLE(*buffer));
    return result;
}

static VKAPI_ATTR void VKAPI_CALL destroy_buffer(VkDevice device, VkBuffer buffer,
                                                 const VkAllocationCallbacks *allocator) {
    limits_device *d = chain_get_device(device);
    if (buffer) free(take_object(d, &d->buffers, HANDLE(buffer)));
    d->vkDestroyBuffer(device, buffer, allocator);
}

/* What VK_WHOLE_SIZE means for a buffer from an offset on. */
static uint64_t resolve_range(limits_device *d, VkBuffer buffer, uint64_t offset, uint64_t range) {
    if (range != VK_WHOLE_SIZE) return range;
    pthread_mutex_lock(&d->lock);
    const object *o = find_object(&d->buffers, HANDLE(buffer));
    uint64_t bytes = o ? o->bytes : 0;
    pthread_mutex_unlock(&d->lock);
    return bytes > offset ? bytes - offset : 0;
}

/* Bytes of a texel of the formats that views of buffers have: neither compressed nor of depth. 0: none of these. */
static uint32_t get_texel_bytes(VkFormat format) {
    static const struct {
        VkFormat last;
        uint32_t bytes;
    } runs[] = {{VK_FORMAT_UNDEFINED, 0},
                {VK_FORMAT_R4G4_UNORM_PACK8, 1},
                {VK_FORMAT_A1R5G5B5_UNORM_PACK16, 2},
                {VK_FORMAT_R8_SRGB, 1},
                {VK_FORMAT_R8G8_SRGB, 2},
                {VK_FORMAT_B8G8R8_SRGB, 3},
                {VK_FORMAT_A2B10G10R10_SINT_PACK32, 4},
                {VK_FORMAT_R16_SFLOAT, 2},
                {VK_FORMAT_R16G16_SFLOAT, 4},
                {VK_FORMAT_R16G16B16_SFLOAT, 6},
                {VK_FORMAT_R16G16B16A16_SFLOAT, 8},
                {VK_FORMAT_R32_SFLOAT, 4},
                {VK_FORMAT_R32G32_SFLOAT, 8},
                {VK_FORMAT_R32G32B32_SFLOAT, 12},
                {VK_FORMAT_R32G32B32A32_SFLOAT, 16},
                {VK_FORMAT_R64_SFLOAT, 8},
                {VK_FORMAT_R64G64_SFLOAT, 16},
                {VK_FORMAT_R64G64B64_SFLOAT, 24},
                {VK_FORMAT_R64G64B64A64_SFLOAT, 32},
                {VK_FORMAT_E5B9G9R9_UFLOAT_PACK32, 4}};
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        if (format <= runs[i].last) return runs[i].bytes;
    }
    return 0;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_buffer_view(VkDevice device, const VkBufferViewCreateInfo *info,
                                                         const VkAllocationCallbacks *allocator, VkBufferView *view) {
    limits_device *d = chain_get_device(device);
    uint32_t texel = get_texel_bytes(info->format);
    uint64_t range = resolve_range(d, info->buffer, info->offset, info->range);
    if (!texel) {
        chain_say("vkCreateBufferView: format %d is not one that this layer can count", (int)info->format);
        return VK_ERROR_UNKNOWN;
    }
    if (range / texel > d->limits.maxTexelBufferElements) {
        chain_say("vkCreateBufferView: %" PRIu64 " texels exceed maxTexelBufferElements, %" PRIu32, range / texel,
                  d->limits.maxTexelBufferElements);
        return VK_ERROR_UNKNOWN;
    }
    if (info->offset % d->limits.minTexelBufferOffsetAlignment) {
        chain_say("vkCreateBufferView: offset %" PRIu64 " is no multiple of minTexelBufferOffsetAlignment, %" PRIu64,
                  info->offset, d->limits.minTexelBufferOffsetAlignment);
        return VK_ERROR_UNKNOWN;
    }
    return d->vkCreateBufferView(device, info, allocator, view);
}

static VKAPI_ATTR void VKAPI_CALL update_sets(VkDevice device, uint32_t write_count, const VkWriteDescriptorSet *writes,
                                              uint32_t copy_count, const VkCopyDescriptorSet *copies) {
    limits_device *d = chain_get_device(device);
    for (uint32_t i = 0; i < write_count; i++) {
        const VkWriteDescriptorSet *w = &writes[i];
        if (w->descriptorType != VK_DESCRIPTOR_TYPE_STORAGE_BUFFER &&
            w->descriptorType != VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC) {
            continue;
        }
        for (uint32_t k = 0; k < w->descriptorCount; k++) {
            const VkDescriptorBufferInfo *b = &w->pBufferInfo[k];
            if (!b->buffer) continue;
            uint64_t range = resolve_range(d, b->buffer, b->offset, b->range);
            if (range > d->limits.maxStorageBufferRange) {
                chain_die("vkUpdateDescriptorSets: binding %" PRIu32 ": %" PRIu64
                          " bytes exceed maxStorageBufferRange, %" PRIu32,
                          w->dstBinding, range, d->limits.maxStorageBufferRange);
            }
            if (b->offset % d->limits.minStorageBufferOffsetAlignment) {
                chain_die("vkUpdateDescriptorSets: binding %" PRIu32 ": offset %" PRIu64
                          " is no multiple of minStorageBufferOffsetAlignment, %" PRIu64,
                          w->dstBinding, b->offset, d->limits.minStorageBufferOffsetAlignment);
            }
        }
    }
    d->vkUpdateDescriptorSets(device, write_count, writes, copy_count, copies);
}

static VKAPI_ATTR void VKAPI_CALL update_with_template(VkDevice device, VkDescriptorSet set,
                                                       VkDescriptorUpdateTemplate with, const void *data) {
    const limits_device *d = chain_get_device(device);
    if (limits.range || limits.alignment) {
        chain_die("vkUpdateDescriptorSetWithTemplate: this layer cannot see ranges and offsets there");
    }
    d->vkUpdateDescriptorSetWithTemplate(device, set, with, data);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipeline_layout(VkDevice device, const VkPipelineLayoutCreateInfo *info,
                                                             const VkAllocationCallbacks *allocator,
                                                             VkPipelineLayout *layout) {
    const limits_device *d = chain_get_device(device);
    if (info->setLayoutCount > d->limits.maxBoundDescriptorSets) {
        chain_say("vkCreatePipelineLayout: %" PRIu32 " sets exceed maxBoundDescriptorSets, %" PRIu32,
                  info->setLayoutCount, d->limits.maxBoundDescriptorSets);
        return VK_ERROR_UNKNOWN;
    }
    for (uint32_t i = 0; i < info->pushConstantRangeCount; i++) {
        uint64_t end = (uint64_t)info->pPushConstantRanges[i].offset + info->pPushConstantRanges[i].size;
        if (end <= d->limits.maxPushConstantsSize) continue;
        chain_say("vkCreatePipelineLayout: %" PRIu64 " bytes exceed maxPushConstantsSize, %" PRIu32, end,
                  d->limits.maxPushConstantsSize);
        return VK_ERROR_UNKNOWN;
    }
    return d->vkCreatePipelineLayout(device, info, allocator, layout);
}

/* ---- shaders ------------------------------------------------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL create_shader(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkShaderModule *module) {
    limits_device *d = chain_get_device(device);
    object *o = calloc(1, sizeof *o + info->codeSize);
    if (!o) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkResult result = d->vkCreateShaderModule(device, info, allocator, module);
    if (result != VK_SUCCESS) {
        free(o);
        return result;
    }
    o->bytes = info->codeSize;
    memcpy(o->words, info->pCode, info->codeSize);
    add_object(d, &d->shaders, o, HANDLE(*module));
    return result;
}

static VKAPI_ATTR void VKAPI_CALL destroy_shader(VkDevice device, VkShaderModule module,
                                                 const VkAllocationCallbacks *allocator) {
    limits_device *d = chain_get_device(device);
    if (module) free(take_object(d, &d->shaders, HANDLE(module)));
    d->vkDestroyShaderModule(device, module, allocator);
}

static VkResult check_stage(limits_device *d, const VkPipelineShaderStageCreateInfo *stage) {
    const VkPipelineShaderStageCreateFlags sized = VK_PIPELINE_SHADER_STAGE_CREATE_ALLOW_VARYING_SUBGROUP_SIZE_BIT |
                                                   VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    if ((limits.taken & LIMITS_NO_SIZE_CONTROL) &&
        ((stage->flags & sized) ||
         chain_find(stage->pNext, VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO))) {
        chain_say("vkCreateComputePipelines: control of the subgroup size, which this device does not have");
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    const VkShaderModuleCreateInfo *own = chain_find(stage->pNext, VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO);
    if (!stage->module && own) return limits_check_shader(&d->limits, stage, own->pCode, own->codeSize / 4);
    pthread_mutex_lock(&d->lock);
    const object *o = find_object(&d->shaders, HANDLE(stage->module));
    pthread_mutex_unlock(&d->lock); /* the program may not destroy it during this call */
    if (o) return limits_check_shader(&d->limits, stage, o->words, o->bytes / 4);
    chain_say("vkCreateComputePipelines: a shader that did not come through vkCreateShaderModule");
    return VK_ERROR_UNKNOWN;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
    limits_device *d = chain_get_device(device);
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) result = check_stage(d, &infos[i].stage);
    if (result == VK_SUCCESS) return d->vkCreateComputePipelines(device, cache, count, infos, allocator, pipelines);
    for (uint32_t i = 0; i < count; i++) pipelines[i] = VK_NULL_HANDLE;
    return result;
}

/* ---- timestamps ---------------------------------------------------------------------------------------------------
 */

static VKAPI_ATTR void VKAPI_CALL write_timestamp(VkCommandBuffer commands, VkPipelineStageFlagBits stage,
                                                  VkQueryPool pool, uint32_t query) {
    const limits_device *d = chain_get_device(commands);
    if (limits.taken & LIMITS_NO_TIMESTAMPS) chain_die("vkCmdWriteTimestamp: this device has none");
    d->vkCmdWriteTimestamp(commands, stage, pool, query);
}

static VKAPI_ATTR void VKAPI_CALL write_timestamp2(VkCommandBuffer commands, VkPipelineStageFlags2 stage,
                                                   VkQueryPool pool, uint32_t query) {
    const limits_device *d = chain_get_device(commands);
    if (limits.taken & LIMITS_NO_TIMESTAMPS) chain_die("vkCmdWriteTimestamp2: this device has none");
    d->vkCmdWriteTimestamp2(commands, stage, pool, query);
}

/* ---- the layer ----------------------------------------------------------------------------------------------------
 */

static VkResult create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                VkInstance *instance, PFN_vkCreateInstance next) {
    if (!limits_read_settings()) return VK_ERROR_INITIALIZATION_FAILED;
    /* a driver goes by the version that the program asks for: none newer than we report */
    VkInstanceCreateInfo lowered = *info;
    VkApplicationInfo application;
    if (info->pApplicationInfo && info->pApplicationInfo->apiVersion > limits.version) {
        application = *info->pApplicationInfo;
        application.apiVersion = limits.version;
        lowered.pApplicationInfo = &application;
    }
    return next(&lowered, allocator, instance);
}

static void *make_instance(VkInstance instance, PFN_vkGetInstanceProcAddr next) {
    limits_instance *state = calloc(1, sizeof *state);
    if (!state) return NULL;
#define LIMITS_CALL(call)                                                                                              \
    state->call = (PFN_##call)next(instance, #call);                                                                   \
    if (!state->call) state->call = (PFN_##call)next(instance, #call "KHR");
    LIMITS_INSTANCE_CALLS(LIMITS_CALL)
#undef LIMITS_CALL
    return state;
}

static VkResult create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDevice *device, PFN_vkCreateDevice next) {
    VkResult result = limits_check_features(info);
    if (result == VK_SUCCESS) result = limits_check_extensions(info);
    return result == VK_SUCCESS ? next(physical, info, allocator, device) : result;
}

static void *make_device(VkPhysicalDevice physical, VkDevice device, PFN_vkGetDeviceProcAddr next) {
    limits_device *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    VkPhysicalDeviceProperties properties;
    limits_get_properties(physical, &properties);
    d->limits = properties.limits;
    limits_get_memory(physical, &d->memory);
    pthread_mutex_init(&d->lock, NULL);
#define LIMITS_CALL(call)                                                                                              \
    d->call = (PFN_##call)next(device, #call);                                                                         \
    if (!d->call) d->call = (PFN_##call)next(device, #call "KHR");
    LIMITS_DEVICE_CALLS(LIMITS_CALL)
#undef LIMITS_CALL
    return d;
}

static void destroy_device(void *state) {
    limits_device *d = state;
    free_table(&d->memories);
    free_table(&d->buffers);
    free_table(&d->shaders);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static const chain_hook device_hooks[] = {
    CHAIN_HOOK("vkAllocateMemory", allocate_memory),
    CHAIN_HOOK("vkFreeMemory", free_memory),
    CHAIN_HOOK("vkMapMemory", map_memory),
    CHAIN_HOOK("vkCreateBuffer", create_buffer),
    CHAIN_HOOK("vkDestroyBuffer", destroy_buffer),
    CHAIN_HOOK("vkCreateBufferView", create_buffer_view),
    CHAIN_HOOK("vkGetBufferMemoryRequirements", get_buffer_need),
    CHAIN_HOOK("vkGetBufferMemoryRequirements2", get_buffer_need2),
    CHAIN_HOOK("vkGetBufferMemoryRequirements2KHR", get_buffer_need2),
    CHAIN_HOOK("vkGetDeviceBufferMemoryRequirements", get_device_buffer_need),
    CHAIN_HOOK("vkGetDeviceBufferMemoryRequirementsKHR", get_device_buffer_need),
    CHAIN_HOOK("vkGetImageMemoryRequirements", get_image_need),
    CHAIN_HOOK("vkGetImageMemoryRequirements2", get_image_need2),
    CHAIN_HOOK("vkGetImageMemoryRequirements2KHR", get_image_need2),
    CHAIN_HOOK("vkGetDeviceImageMemoryRequirements", get_device_image_need),
    CHAIN_HOOK("vkGetDeviceImageMemoryRequirementsKHR", get_device_image_need),
    CHAIN_HOOK("vkCreateShaderModule", create_shader),
    CHAIN_HOOK("vkDestroyShaderModule", destroy_shader),
    CHAIN_HOOK("vkCreatePipelineLayout", create_pipeline_layout),
    CHAIN_HOOK("vkCreateComputePipelines", create_pipelines),
    CHAIN_HOOK("vkUpdateDescriptorSets", update_sets),
    CHAIN_HOOK("vkUpdateDescriptorSetWithTemplate", update_with_template),
    CHAIN_HOOK("vkUpdateDescriptorSetWithTemplateKHR", update_with_template),
    CHAIN_HOOK("vkCmdWriteTimestamp", write_timestamp),
    CHAIN_HOOK("vkCmdWriteTimestamp2", write_timestamp2),
    CHAIN_HOOK("vkCmdWriteTimestamp2KHR", write_timestamp2),
    {NULL, NULL},
};

const chain_layer chain_self = {
    .name = "VK_LAYER_HRM_limits",
    .instance_hooks = limits_instance_hooks,
    .device_hooks = device_hooks,
    .hide_call = limits_hide_call,
    .create_instance = create_instance,
    .make_instance = make_instance,
    .create_device = create_device,
    .make_device = make_device,
    .destroy_device = destroy_device,
};
