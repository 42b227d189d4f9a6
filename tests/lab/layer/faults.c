/* VK_LAYER_HRM_faults: plants one fault in an unmodified program, to show that the tools which should find it do.
 *
 * Stands next to the program, above the validation layer, so that this sees the faulty calls. HRM_LAB_FAULT names the
 * fault; an instance without it, or with an unknown one, is refused:
 *   barrier      pipeline barriers from shader writes to shader reads are left out (synchronization validation)
 *   barrier:N    only the Nth of them, counted from 1
 *   store        in every vkUpdateDescriptorSets the storage buffer of the highest binding, where kernels have their
 *                outputs, is 16 bytes shorter, so that they store past its end (GPU-assisted validation)
 *   race         barriers in shaders become no-operations (GPU-assisted validation of shared memory)
 *   workgroup    workgroups have one invocation more in x than the device allows in all (core validation)
 *
 * Promises: everything else passes untouched; standard error says once what was planted first, and at the end of a
 * device in which nothing was, that too. planted_fault.sh runs a program with a fault and judges the outcome. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "spirv.h"

enum { SHORTER_BYTES = 16, SPEC_LOCAL_X = 0 };

typedef enum fault { FAULT_BARRIER, FAULT_STORE, FAULT_RACE, FAULT_WORKGROUP } fault;

/* Of the newest instance: programs of the lab have one at a time. */
static struct {
    fault kind;
    uint64_t only; /* 0: all */
} plan;

typedef struct faults_instance {
    PFN_vkGetPhysicalDeviceProperties vkGetPhysicalDeviceProperties;
} faults_instance;

#define FAULTS_DEVICE_CALLS(X)                                                                                         \
    X(vkCmdPipelineBarrier)                                                                                            \
    X(vkCmdPipelineBarrier2)                                                                                           \
    X(vkUpdateDescriptorSets)                                                                                          \
    X(vkCreateShaderModule)                                                                                            \
    X(vkCreateComputePipelines)

typedef struct faults_device {
    uint32_t too_many;    /* invocations in a workgroup */
    pthread_mutex_t lock; /* of what follows */
    uint64_t seen;        /* places where the fault could be planted */
    uint64_t planted;
#define FAULTS_CALL(call) PFN_##call call;
    FAULTS_DEVICE_CALLS(FAULTS_CALL)
#undef FAULTS_CALL
} faults_device;

/* Whether this place gets the fault; the first that does is told. */
static bool plant(faults_device *d, const char *what) {
    pthread_mutex_lock(&d->lock);
    bool here = ++d->seen == plan.only || plan.only == 0;
    bool first = here && d->planted++ == 0;
    pthread_mutex_unlock(&d->lock);
    if (first) chain_say("planted: %s", what);
    return here;
}

/* ---- barrier ------------------------------------------------------------------------------------------------------
 */

/* The two kinds of access masks agree in their first 32 bits. */
static bool is_write_to_read(uint64_t from, uint64_t to) {
    const uint64_t writes = VK_ACCESS_2_SHADER_WRITE_BIT | VK_ACCESS_2_SHADER_STORAGE_WRITE_BIT;
    const uint64_t reads =
        VK_ACCESS_2_SHADER_READ_BIT | VK_ACCESS_2_SHADER_STORAGE_READ_BIT | VK_ACCESS_2_SHADER_SAMPLED_READ_BIT;
    return (from & writes) && (to & reads);
}

static VKAPI_ATTR void VKAPI_CALL barrier(VkCommandBuffer commands, VkPipelineStageFlags from, VkPipelineStageFlags to,
                                          VkDependencyFlags flags, uint32_t memory_count, const VkMemoryBarrier *memory,
                                          uint32_t buffer_count, const VkBufferMemoryBarrier *buffers,
                                          uint32_t image_count, const VkImageMemoryBarrier *images) {
    faults_device *d = chain_get_device(commands);
    bool matches = false;
    for (uint32_t i = 0; i < memory_count; i++) {
        matches = matches || is_write_to_read(memory[i].srcAccessMask, memory[i].dstAccessMask);
    }
    for (uint32_t i = 0; i < buffer_count; i++) {
        matches = matches || is_write_to_read(buffers[i].srcAccessMask, buffers[i].dstAccessMask);
    }
    if (plan.kind == FAULT_BARRIER && matches && plant(d, "a barrier is left out")) return;
    d->vkCmdPipelineBarrier(commands, from, to, flags, memory_count, memory, buffer_count, buffers, image_count,
                            images);
}

static VKAPI_ATTR void VKAPI_CALL barrier2(VkCommandBuffer commands, const VkDependencyInfo *info) {
    faults_device *d = chain_get_device(commands);
    bool matches = false;
    for (uint32_t i = 0; i < info->memoryBarrierCount; i++) {
        const VkMemoryBarrier2 *b = &info->pMemoryBarriers[i];
        matches = matches || is_write_to_read(b->srcAccessMask, b->dstAccessMask);
    }
    for (uint32_t i = 0; i < info->bufferMemoryBarrierCount; i++) {
        const VkBufferMemoryBarrier2 *b = &info->pBufferMemoryBarriers[i];
        matches = matches || is_write_to_read(b->srcAccessMask, b->dstAccessMask);
    }
    if (plan.kind == FAULT_BARRIER && matches && plant(d, "a barrier is left out")) return;
    d->vkCmdPipelineBarrier2(commands, info);
}

/* ---- store --------------------------------------------------------------------------------------------------------
 */

static VKAPI_ATTR void VKAPI_CALL update_sets(VkDevice device, uint32_t write_count, const VkWriteDescriptorSet *writes,
                                              uint32_t copy_count, const VkCopyDescriptorSet *copies) {
    faults_device *d = chain_get_device(device);
    const VkWriteDescriptorSet *last = NULL;
    for (uint32_t i = 0; i < write_count && plan.kind == FAULT_STORE; i++) {
        const VkWriteDescriptorSet *w = &writes[i];
        if (w->descriptorType != VK_DESCRIPTOR_TYPE_STORAGE_BUFFER || w->descriptorCount != 1) continue;
        if (w->pBufferInfo->range == VK_WHOLE_SIZE || w->pBufferInfo->range <= SHORTER_BYTES) continue;
        if (!last || w->dstBinding > last->dstBinding) last = w;
    }
    VkWriteDescriptorSet *changed = last ? malloc(write_count * sizeof *changed) : NULL;
    if (!changed || !plant(d, "a storage buffer descriptor is 16 bytes too short")) {
        free(changed);
        d->vkUpdateDescriptorSets(device, write_count, writes, copy_count, copies);
        return;
    }
    VkDescriptorBufferInfo shorter = *last->pBufferInfo;
    shorter.range -= SHORTER_BYTES;
    memcpy(changed, writes, write_count * sizeof *changed);
    changed[last - writes].pBufferInfo = &shorter;
    d->vkUpdateDescriptorSets(device, write_count, changed, copy_count, copies);
    free(changed);
}

/* ---- race and workgroup -------------------------------------------------------------------------------------------
 */

static bool drop_barriers(faults_device *d, uint32_t *words, size_t count) {
    size_t at = 0;
    spirv_op op;
    bool changed = false;
    while (spirv_next(words, count, &at, &op)) {
        if (op.opcode != SPIRV_CONTROL_BARRIER || !plant(d, "a barrier in a shader does nothing")) continue;
        for (size_t i = at - op.count; i < at; i++) words[i] = SPIRV_NOP_WORD;
        changed = true;
    }
    return changed;
}

/* The literal size in x, and the default of the specialization constant that stands for it. */
static bool widen_workgroup(faults_device *d, uint32_t *words, size_t count) {
    size_t at = 0;
    spirv_op op;
    uint32_t constant = 0;
    bool changed = false;
    while (spirv_next(words, count, &at, &op) && op.opcode != SPIRV_FUNCTION) {
        uint32_t *own = words + (at - op.count);
        if (op.opcode == SPIRV_DECORATE && op.count == 4 && own[2] == SPIRV_DECORATION_SPEC_ID &&
            own[3] == SPEC_LOCAL_X) {
            constant = own[1];
        }
        bool literal = op.opcode == SPIRV_EXECUTION_MODE && op.count == 6 && own[2] == SPIRV_MODE_LOCAL_SIZE;
        bool special = op.opcode == SPIRV_SPEC_CONSTANT && op.count == 4 && constant && own[2] == constant;
        if ((!literal && !special) || !plant(d, "a workgroup is too large")) continue;
        own[3] = d->too_many;
        changed = true;
    }
    return changed;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_shader(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkShaderModule *module) {
    faults_device *d = chain_get_device(device);
    if (plan.kind != FAULT_RACE && plan.kind != FAULT_WORKGROUP) {
        return d->vkCreateShaderModule(device, info, allocator, module);
    }
    uint32_t *words = malloc(info->codeSize);
    if (!words) return VK_ERROR_OUT_OF_HOST_MEMORY;
    memcpy(words, info->pCode, info->codeSize);
    bool changed = plan.kind == FAULT_RACE ? drop_barriers(d, words, info->codeSize / 4)
                                           : widen_workgroup(d, words, info->codeSize / 4);
    VkShaderModuleCreateInfo faulty = *info;
    faulty.pCode = words;
    VkResult result = d->vkCreateShaderModule(device, changed ? &faulty : info, allocator, module);
    free(words);
    return result;
}

/* A copy of the constants with a too large workgroup, or NULL where the pipeline does not set its size. */
static VkSpecializationInfo *widen_constants(faults_device *d, const VkSpecializationInfo *constants) {
    for (uint32_t i = 0; constants && i < constants->mapEntryCount; i++) {
        const VkSpecializationMapEntry *entry = &constants->pMapEntries[i];
        if (entry->constantID != SPEC_LOCAL_X || entry->size != sizeof d->too_many) continue;
        VkSpecializationInfo *copy = malloc(sizeof *copy + constants->dataSize);
        if (!copy) return NULL;
        unsigned char *data = (unsigned char *)(copy + 1);
        *copy = *constants;
        memcpy(data, constants->pData, constants->dataSize);
        memcpy(data + entry->offset, &d->too_many, sizeof d->too_many);
        copy->pData = data;
        return copy;
    }
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
    faults_device *d = chain_get_device(device);
    if (plan.kind != FAULT_WORKGROUP) {
        return d->vkCreateComputePipelines(device, cache, count, infos, allocator, pipelines);
    }
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < count; i++) pipelines[i] = VK_NULL_HANDLE;
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        VkComputePipelineCreateInfo info = infos[i];
        VkSpecializationInfo *constants = widen_constants(d, info.stage.pSpecializationInfo);
        if (constants && plant(d, "a workgroup is too large")) info.stage.pSpecializationInfo = constants;
        result = d->vkCreateComputePipelines(device, cache, 1, &info, allocator, &pipelines[i]);
        free(constants);
    }
    return result;
}

/* ---- the layer ----------------------------------------------------------------------------------------------------
 */

static bool read_plan(void) {
    static const struct {
        const char *name;
        fault kind;
    } names[] = {
        {"barrier", FAULT_BARRIER}, {"store", FAULT_STORE}, {"race", FAULT_RACE}, {"workgroup", FAULT_WORKGROUP}};
    const char *wish = getenv("HRM_LAB_FAULT");
    if (!wish || !*wish) {
        chain_say("HRM_LAB_FAULT is not set: name a fault to plant: barrier, barrier:N, store, race or workgroup");
        return false;
    }
    plan.only = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        plan.kind = names[i].kind;
        if (strcmp(wish, names[i].name) == 0) return true;
    }
    static const char numbered[] = "barrier:";
    char *end = NULL;
    if (strncmp(wish, numbered, sizeof numbered - 1) == 0) {
        plan.kind = FAULT_BARRIER;
        plan.only = strtoull(wish + sizeof numbered - 1, &end, 10);
        if (*end == '\0' && plan.only > 0) return true;
    }
    chain_say("HRM_LAB_FAULT: '%s' is no fault of this layer: barrier, barrier:N, store, race or workgroup", wish);
    return false;
}

static VkResult create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                VkInstance *instance, PFN_vkCreateInstance next) {
    return read_plan() ? next(info, allocator, instance) : VK_ERROR_INITIALIZATION_FAILED;
}

static void *make_instance(VkInstance instance, PFN_vkGetInstanceProcAddr next) {
    faults_instance *state = calloc(1, sizeof *state);
    if (!state) return NULL;
    state->vkGetPhysicalDeviceProperties =
        (PFN_vkGetPhysicalDeviceProperties)next(instance, "vkGetPhysicalDeviceProperties");
    return state;
}

static VkResult create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDevice *device, PFN_vkCreateDevice next) {
    return next(physical, info, allocator, device);
}

static void *make_device(VkPhysicalDevice physical, VkDevice device, PFN_vkGetDeviceProcAddr next) {
    const faults_instance *instance = chain_get_instance(physical);
    faults_device *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    VkPhysicalDeviceProperties properties;
    instance->vkGetPhysicalDeviceProperties(physical, &properties);
    d->too_many = properties.limits.maxComputeWorkGroupInvocations + 1;
    pthread_mutex_init(&d->lock, NULL);
#define FAULTS_CALL(call)                                                                                              \
    d->call = (PFN_##call)next(device, #call);                                                                         \
    if (!d->call) d->call = (PFN_##call)next(device, #call "KHR");
    FAULTS_DEVICE_CALLS(FAULTS_CALL)
#undef FAULTS_CALL
    return d;
}

static void destroy_device(void *state) {
    faults_device *d = state;
    if (d->planted == 0) chain_say("nothing was planted: the program had no place for this fault");
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static const chain_hook instance_hooks[] = {{NULL, NULL}};
static const chain_hook device_hooks[] = {
    CHAIN_HOOK("vkCmdPipelineBarrier", barrier),
    CHAIN_HOOK("vkCmdPipelineBarrier2", barrier2),
    CHAIN_HOOK("vkCmdPipelineBarrier2KHR", barrier2),
    CHAIN_HOOK("vkUpdateDescriptorSets", update_sets),
    CHAIN_HOOK("vkCreateShaderModule", create_shader),
    CHAIN_HOOK("vkCreateComputePipelines", create_pipelines),
    {NULL, NULL},
};

const chain_layer chain_self = {
    .name = "VK_LAYER_HRM_faults",
    .instance_hooks = instance_hooks,
    .device_hooks = device_hooks,
    .create_instance = create_instance,
    .make_instance = make_instance,
    .create_device = create_device,
    .make_device = make_device,
    .destroy_device = destroy_device,
};
