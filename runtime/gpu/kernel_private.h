/* The inside of the kernel registry: layouts, shader modules, pipelines and their cache on disk. Private to gpu/. */
#ifndef HRM_GPU_KERNEL_PRIVATE_H
#define HRM_GPU_KERNEL_PRIVATE_H

#include "gpu/kernel.h"
#include "gpu/recorder.h"
#include "gpu/spirv.h"
#include "gpu/vk.h"

/* Descriptor set layouts are shared by rows whose descriptors are alike. */
typedef struct hrm_kernel_layout {
    char access[HRM_MAX_BINDINGS + 1]; /* descriptor kind per binding: 's' storage, 't', 'i', 'a' none */
    VkDescriptorSetLayout set;
    uint32_t storage, texel, image; /* descriptors of each kind */
} hrm_kernel_layout;

typedef struct hrm_kernel_state {
    hrm_spirv_needs needs; /* with the compiled defaults of the specialization constants */
    char unreadable[112];  /* why `needs` is not known, else "" */
    bool prepared;
    uint32_t layout; /* index */
    VkPipelineLayout pipeline_layout;
    VkShaderModule module;
} hrm_kernel_state;

typedef struct hrm_pipeline {
    uint32_t kernel;
    uint32_t spec_count;
    hrm_spec specs[HRM_MAX_SPECS];
    VkPipeline handle;
} hrm_pipeline;

typedef struct hrm_kernels {
    const hrm_kernel_table *table;
    hrm_kernel_state *states;
    hrm_kernel_layout *layouts;
    uint32_t layout_count;
    hrm_pipeline **slots; /* open addressing, a power of two, at most half full */
    uint32_t slot_count, pipeline_count;
    VkPipelineCache cache;
    char cache_path[4096 + 64]; /* "" = not on disk */
    uint64_t cache_loaded_hash; /* of what was loaded, so that nothing unchanged is written */
} hrm_kernels;

hrm_status hrm_kernels_init(hrm_device *device, const hrm_kernel_table *table);
void hrm_kernels_deinit(hrm_device *device);

/* Layout and module of a row. Errors: UNSUPPORTED (the row is not usable here: says what is missing). */
hrm_status hrm_kernel_get_state(hrm_device *device, uint32_t kernel, const hrm_kernel_state **out);
const hrm_kernel_layout *hrm_kernel_get_layout(const hrm_device *device, const hrm_kernel_state *state);
hrm_status hrm_kernel_get_pipeline(hrm_device *device, uint32_t kernel, const hrm_spec *specs, uint32_t spec_count,
                                   VkPipeline *out);
/* The subgroup size that the row requires, 0 for any. */
uint32_t hrm_kernel_required_subgroup(uint32_t caps);

/* kernel_cache.c: VkPipelineCache on disk. Never an error: what goes wrong is logged. */
void hrm_kernel_cache_load(hrm_device *device);
void hrm_kernel_cache_save(hrm_device *device);

#endif
