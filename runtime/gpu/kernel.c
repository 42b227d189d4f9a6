#include "gpu/kernel_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"
#include "shared/spec_ids.h"

/* ---- what a row needs ---------------------------------------------------------------------------------------------
 */

uint32_t hrm_kernel_required_subgroup(uint32_t caps) {
    if (caps & HRM_CAP_SUBGROUP_4) return 4;
    if (caps & HRM_CAP_SUBGROUP_8) return 8;
    if (caps & HRM_CAP_SUBGROUP_16) return 16;
    if (caps & HRM_CAP_SUBGROUP_32) return 32;
    if (caps & HRM_CAP_SUBGROUP_64) return 64;
    return 0;
}

static char descriptor_kind(char letter) {
    return letter == 'r' || letter == 'w' || letter == 'm' ? 's' : letter;
}

static void count_descriptors(const char *access, uint32_t *storage, uint32_t *texel, uint32_t *image) {
    *storage = *texel = *image = 0;
    for (; *access; access++) {
        char kind = descriptor_kind(*access);
        if (kind == 's')
            ++*storage;
        else if (kind == 't')
            ++*texel;
        else if (kind == 'i')
            ++*image;
    }
}

/* What a workgroup asks beyond the device's limits; false when it fits. */
static bool explain_workgroup(const hrm_device *device, const hrm_spirv_needs *needs, char *reason, size_t size) {
    const hrm_adapter *a = &device->adapter.info;
    const uint32_t *local = needs->local_size;
    bool fits = true;
    uint64_t invocations = 1;
    for (uint32_t i = 0; i < 3 && fits; i++) {
        invocations *= local[i]; /* two factors of 32 bits: no overflow */
        fits = local[i] > 0 && local[i] <= a->max_workgroup_size[i] && invocations <= a->max_workgroup_invocations;
    }
    if (!fits) {
        snprintf(reason, size, "a workgroup of %u x %u x %u exceeds what this device allows (%u x %u x %u, %u in all)",
                 local[0], local[1], local[2], a->max_workgroup_size[0], a->max_workgroup_size[1],
                 a->max_workgroup_size[2], a->max_workgroup_invocations);
        return true;
    }
    if (needs->shared_bytes > a->max_shared_bytes) {
        snprintf(reason, size, "a workgroup with %" PRIu64 " bytes of shared memory exceeds this device's %u",
                 needs->shared_bytes, a->max_shared_bytes);
        return true;
    }
    return false;
}

bool hrm_kernel_explain(const hrm_device *device, uint32_t kernel, char *reason, size_t size) {
    const hrm_kernel_row *row = &device->kernels.table->rows[kernel];
    const hrm_kernel_state *state = &device->kernels.states[kernel];
    uint32_t missing = (row->caps | state->needs.caps) & ~device->caps;
    if (device->compile_only) missing &= ~HRM_CAPS_OF_USE; /* compiling is not running */
    if (missing) {
        size_t used = (size_t)snprintf(reason, size, "this device lacks");
#define HRM_CAP_TEXT(id, text)                                                                                         \
    if ((missing & HRM_CAP_##id) && used < size) used += (size_t)snprintf(reason + used, size - used, " %s", text);
        HRM_CAP_LIST(HRM_CAP_TEXT)
#undef HRM_CAP_TEXT
        return true;
    }
    if (!row->spirv || row->spirv_words == 0) {
        snprintf(reason, size, "its SPIR-V was not built");
        return true;
    }
    if (state->unreadable[0]) {
        snprintf(reason, size, "%s", state->unreadable);
        return true;
    }
    uint32_t storage, texel, image;
    const hrm_adapter_entry *a = &device->adapter;
    count_descriptors(row->access, &storage, &texel, &image);
    if (storage > a->max_storage_bindings || texel > a->max_texel_bindings || image > a->max_image_bindings ||
        storage + texel + image > a->max_resources) {
        snprintf(reason, size, "it binds %u storage, %u texel and %u image buffers; this device allows %u, %u and %u",
                 storage, texel, image, a->max_storage_bindings, a->max_texel_bindings, a->max_image_bindings);
        return true;
    }
    if (row->push_bytes > a->info.max_push_bytes) {
        snprintf(reason, size, "it needs %u bytes of push constants; this device has %u", row->push_bytes,
                 a->info.max_push_bytes);
        return true;
    }
    return explain_workgroup(device, &state->needs, reason, size);
}

bool hrm_kernel_is_usable(const hrm_device *device, uint32_t kernel) {
    char reason[256];
    return kernel < device->kernels.table->count && !hrm_kernel_explain(device, kernel, reason, sizeof reason);
}

const hrm_kernel_row *hrm_kernel_get_row(const hrm_device *device, uint32_t kernel) {
    return kernel < device->kernels.table->count ? &device->kernels.table->rows[kernel] : NULL;
}

/* ---- layouts and modules ------------------------------------------------------------------------------------------
 */

static hrm_status find_layout(hrm_device *device, const hrm_kernel_row *row, uint32_t *index) {
    hrm_status status;
    hrm_kernels *kernels = &device->kernels;
    hrm_kernel_layout layout = {.set = VK_NULL_HANDLE};
    size_t letters = strlen(row->access);
    if (letters > HRM_MAX_BINDINGS || strspn(row->access, "rwmtia") != letters) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "kernel %s: access \"%s\" is not 0 to %d of r w m t i a", row->name,
                        row->access, (int)HRM_MAX_BINDINGS);
    }
    for (size_t i = 0; i < letters; i++) layout.access[i] = descriptor_kind(row->access[i]);
    for (uint32_t i = 0; i < kernels->layout_count; i++) {
        if (strcmp(kernels->layouts[i].access, layout.access) == 0) {
            *index = i;
            return HRM_OK;
        }
    }
    count_descriptors(row->access, &layout.storage, &layout.texel, &layout.image);
    VkDescriptorSetLayoutBinding bindings[HRM_MAX_BINDINGS];
    uint32_t binding_count = 0;
    for (uint32_t i = 0; i < letters; i++) {
        if (layout.access[i] == 'a') continue;
        bindings[binding_count++] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = layout.access[i] == 's'   ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                              : layout.access[i] == 't' ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                        : VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    }
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = binding_count,
        .pBindings = bindings,
    };
    hrm_kernel_layout *grown = realloc(kernels->layouts, (kernels->layout_count + 1) * sizeof *grown);
    if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "kernel %s: no host memory", row->name);
    kernels->layouts = grown;
    HRM_TRY(HRM_VK(device->vk.vkCreateDescriptorSetLayout(device->handle, &info, NULL, &layout.set)));
    *index = kernels->layout_count;
    kernels->layouts[kernels->layout_count++] = layout;
    return HRM_OK;
fail:
    return status;
}

static hrm_status prepare_state(hrm_device *device, uint32_t kernel) {
    hrm_status status;
    hrm_kernel_state *state = &device->kernels.states[kernel];
    const hrm_kernel_row *row = &device->kernels.table->rows[kernel];
    char reason[256];
    if (hrm_kernel_explain(device, kernel, reason, sizeof reason)) {
        return hrm_fail(HRM_ERR_UNSUPPORTED, "kernel %s cannot run on %s: %s", row->name, device->adapter.info.name,
                        reason);
    }
    HRM_TRY(find_layout(device, row, &state->layout));
    const VkPushConstantRange push = {
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .offset = 0, .size = (row->push_bytes + 3) & ~3u};
    const VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &device->kernels.layouts[state->layout].set,
        .pushConstantRangeCount = row->push_bytes ? 1 : 0,
        .pPushConstantRanges = &push,
    };
    if (!state->pipeline_layout) {
        HRM_TRY(HRM_VK(device->vk.vkCreatePipelineLayout(device->handle, &layout_info, NULL, &state->pipeline_layout)));
    }
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = (size_t)row->spirv_words * 4,
        .pCode = row->spirv,
    };
    if (!state->module) {
        HRM_TRY(HRM_VK(device->vk.vkCreateShaderModule(device->handle, &module_info, NULL, &state->module)));
    }
    state->prepared = true;
    return HRM_OK;
fail:
    return hrm_fail_prefix(status, "kernel %s", row->name);
}

hrm_status hrm_kernel_get_state(hrm_device *device, uint32_t kernel, const hrm_kernel_state **out) {
    hrm_status status;
    *out = NULL;
    if (kernel >= device->kernels.table->count) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "kernel %u does not exist; the table has %u", kernel,
                        device->kernels.table->count);
    }
    if (!device->kernels.states[kernel].prepared) HRM_TRY(prepare_state(device, kernel));
    *out = &device->kernels.states[kernel];
    return HRM_OK;
fail:
    return status;
}

const hrm_kernel_layout *hrm_kernel_get_layout(const hrm_device *device, const hrm_kernel_state *state) {
    return &device->kernels.layouts[state->layout];
}

/* ---- pipelines ----------------------------------------------------------------------------------------------------
 */

static uint64_t hash_key(uint32_t kernel, const hrm_spec *specs, uint32_t spec_count) {
    uint64_t hash = hrm_fnv1a64(&kernel, sizeof kernel);
    return hrm_fnv1a64_update(hash, specs, spec_count * sizeof *specs);
}

static bool same_key(const hrm_pipeline *pipeline, uint32_t kernel, const hrm_spec *specs, uint32_t spec_count) {
    return pipeline->kernel == kernel && pipeline->spec_count == spec_count &&
           (spec_count == 0 || memcmp(pipeline->specs, specs, spec_count * sizeof *specs) == 0);
}

static hrm_pipeline **find_slot(hrm_kernels *kernels, uint32_t kernel, const hrm_spec *specs, uint32_t spec_count) {
    uint32_t mask = kernels->slot_count - 1;
    uint32_t at = (uint32_t)hash_key(kernel, specs, spec_count) & mask;
    while (kernels->slots[at] && !same_key(kernels->slots[at], kernel, specs, spec_count)) at = (at + 1) & mask;
    return &kernels->slots[at];
}

static hrm_status grow_slots(hrm_kernels *kernels) {
    uint32_t old_count = kernels->slot_count;
    hrm_pipeline **old = kernels->slots;
    if (old && kernels->pipeline_count * 2 < old_count) return HRM_OK;
    uint32_t count = old_count ? old_count * 2 : 64;
    hrm_pipeline **slots = calloc(count, sizeof *slots);
    if (!slots) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "pipelines: no host memory");
    kernels->slots = slots;
    kernels->slot_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i]) *find_slot(kernels, old[i]->kernel, old[i]->specs, old[i]->spec_count) = old[i];
    }
    free(old);
    return HRM_OK;
}

static hrm_status create_pipeline(hrm_device *device, hrm_pipeline *pipeline) {
    hrm_status status;
    const hrm_kernel_state *state;
    const hrm_kernel_row *row = &device->kernels.table->rows[pipeline->kernel];
    status = hrm_kernel_get_state(device, pipeline->kernel, &state);
    if (status != HRM_OK) return status; /* names the kernel itself */
    VkSpecializationMapEntry entries[HRM_MAX_SPECS];
    uint32_t values[HRM_MAX_SPECS];
    for (uint32_t i = 0; i < pipeline->spec_count; i++) {
        entries[i] = (VkSpecializationMapEntry){pipeline->specs[i].id, i * 4, 4};
        values[i] = pipeline->specs[i].value;
    }
    hrm_spirv_needs needs;
    HRM_TRY(hrm_spirv_measure(row->spirv, row->spirv_words, pipeline->specs, pipeline->spec_count, &needs));
    char reason[256];
    if (explain_workgroup(device, &needs, reason, sizeof reason)) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "%s", reason);
        goto fail;
    }
    const uint32_t *local = needs.local_size;
    const uint64_t invocations = (uint64_t)local[0] * local[1] * local[2];
    /* A device that only compiles may lack the row's size: it then picks its own. */
    uint32_t required = hrm_kernel_required_subgroup(row->caps & device->caps);
    const bool matrices = (needs.caps & HRM_CAP_COOPMAT) != 0;
    if (matrices) {
        /* a matrix is spread over a whole subgroup: one that misses invocations computes nonsense */
        const uint32_t subgroup = required ? required : device->adapter.info.coopmat_subgroup;
        if (local[0] % subgroup != 0) {
            status = hrm_fail(HRM_ERR_UNSUPPORTED,
                              "its workgroup is %u invocations long in X; cooperative matrices need whole subgroups of "
                              "%u",
                              local[0], subgroup);
            goto fail;
        }
        if (device->adapter.size_control) required = subgroup;
    }
    if (required && invocations > (uint64_t)required * device->adapter.max_workgroup_subgroups) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED,
                          "a workgroup of %u subgroups of %u invocations exceeds what this device allows (%u)",
                          (unsigned)(invocations / required), required, device->adapter.max_workgroup_subgroups);
        goto fail;
    }
    const VkSpecializationInfo specialization = {
        .mapEntryCount = pipeline->spec_count,
        .pMapEntries = entries,
        .dataSize = (size_t)pipeline->spec_count * 4,
        .pData = values,
    };
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = required,
    };
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = device->compile_only && device->adapter.executable_properties
                     ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR
                     : 0,
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = state->module,
                .pName = "main",
                .pSpecializationInfo = pipeline->spec_count ? &specialization : NULL,
            },
        .layout = state->pipeline_layout,
    };
    if (device->adapter.size_control) {
        if (required) {
            info.stage.pNext = &subgroup;
            if (device->adapter.full_subgroups && local[0] % required == 0) {
                info.stage.flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
            }
        } else {
            /* gl_SubgroupSize then tells the truth where the driver picks a size per kernel */
            info.stage.flags |= VK_PIPELINE_SHADER_STAGE_CREATE_ALLOW_VARYING_SUBGROUP_SIZE_BIT;
        }
    }
    HRM_TRY(HRM_VK(
        device->vk.vkCreateComputePipelines(device->handle, device->kernels.cache, 1, &info, NULL, &pipeline->handle)));
    hrm_device_name_object(device, VK_OBJECT_TYPE_PIPELINE, (uint64_t)(uintptr_t)pipeline->handle, row->name);
    return HRM_OK;
fail:
    return hrm_fail_prefix(status, "kernel %s on %s", row->name, device->adapter.info.name);
}

hrm_status hrm_kernel_get_pipeline(hrm_device *device, uint32_t kernel, const hrm_spec *specs, uint32_t spec_count,
                                   VkPipeline *out) {
    hrm_status status;
    hrm_pipeline *pipeline = NULL;
    *out = VK_NULL_HANDLE;
    if (spec_count > HRM_MAX_SPECS) {
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "kernel %u: %u specialization constants, at most %d", kernel,
                        spec_count, (int)HRM_MAX_SPECS);
    }
    HRM_TRY(grow_slots(&device->kernels));
    hrm_pipeline **slot = find_slot(&device->kernels, kernel, specs, spec_count);
    if (!*slot) {
        pipeline = calloc(1, sizeof *pipeline);
        if (!pipeline) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "pipelines: no host memory");
        pipeline->kernel = kernel;
        pipeline->spec_count = spec_count;
        if (spec_count) memcpy(pipeline->specs, specs, spec_count * sizeof *specs);
        HRM_TRY(create_pipeline(device, pipeline));
        *slot = pipeline;
        device->kernels.pipeline_count++;
    }
    *out = (*slot)->handle;
    return HRM_OK;
fail:
    free(pipeline);
    return status;
}

hrm_status hrm_kernel_prepare(hrm_device *device, uint32_t kernel, const hrm_spec *spec, uint32_t spec_count) {
    VkPipeline pipeline;
    return hrm_kernel_get_pipeline(device, kernel, spec, spec_count, &pipeline);
}

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

hrm_status hrm_kernels_init(hrm_device *device, const hrm_kernel_table *table) {
    hrm_kernels *kernels = &device->kernels;
    kernels->table = table;
    kernels->states = calloc(table->count ? table->count : 1, sizeof *kernels->states);
    if (!kernels->states) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "kernels: no host memory");
    for (uint32_t i = 0; i < table->count; i++) {
        const hrm_kernel_row *row = &table->rows[i];
        hrm_kernel_state *state = &kernels->states[i];
        if (!row->spirv) continue; /* explained where it is asked for */
        hrm_status status = hrm_spirv_measure(row->spirv, row->spirv_words, NULL, 0, &state->needs);
        if (status == HRM_ERR_OUT_OF_MEMORY) return status;
        if (status != HRM_OK) snprintf(state->unreadable, sizeof state->unreadable, "%s", hrm_last_error());
    }
    hrm_kernel_cache_load(device);
    return HRM_OK;
}

void hrm_kernels_deinit(hrm_device *device) {
    hrm_kernels *kernels = &device->kernels;
    if (kernels->cache) {
        hrm_kernel_cache_save(device);
        device->vk.vkDestroyPipelineCache(device->handle, kernels->cache, NULL);
    }
    for (uint32_t i = 0; i < kernels->slot_count; i++) {
        if (!kernels->slots[i]) continue;
        device->vk.vkDestroyPipeline(device->handle, kernels->slots[i]->handle, NULL);
        free(kernels->slots[i]);
    }
    for (uint32_t i = 0; kernels->states && i < kernels->table->count; i++) {
        device->vk.vkDestroyShaderModule(device->handle, kernels->states[i].module, NULL);
        device->vk.vkDestroyPipelineLayout(device->handle, kernels->states[i].pipeline_layout, NULL);
    }
    for (uint32_t i = 0; i < kernels->layout_count; i++) {
        device->vk.vkDestroyDescriptorSetLayout(device->handle, kernels->layouts[i].set, NULL);
    }
    free(kernels->slots);
    free(kernels->states);
    free(kernels->layouts);
    memset(kernels, 0, sizeof *kernels);
}
