/* Adapters with their Vulkan handles, for opening one. Private to gpu/. */
#ifndef HRM_GPU_ADAPTER_PRIVATE_H
#define HRM_GPU_ADAPTER_PRIVATE_H

#include "gpu/adapter.h"
#include "gpu/instance.h"

typedef struct hrm_adapter_entry {
    hrm_adapter info;
    VkPhysicalDevice handle;
    uint32_t queue_family;
    uint64_t timestamp_mask;       /* valid bits of a timestamp of that family */
    uint32_t max_storage_bindings; /* storage buffers in one stage */
    uint32_t max_texel_bindings;   /* uniform texel buffers in one stage */
    uint32_t max_image_bindings;   /* storage texel buffers in one stage */
    uint32_t max_resources;        /* all of them together */
    uint32_t max_workgroup_subgroups;
    bool size_control;           /* a subgroup size can be required in compute */
    bool size_control_extension; /* ... through the extension, not core 1.3 */
    bool full_subgroups;
    bool broadcast_dynamic;
    bool portability_subset;
    bool executable_properties; /* VK_KHR_pipeline_executable_properties */
    bool workgroup_matrices;    /* workgroup scope of VK_NV_cooperative_matrix2 */
    VkDriverId driver_id;
} hrm_adapter_entry;

/* All adapters of the instance in the order of hrm_adapter_list; free *out with free(). Errors: NO_DEVICE. */
hrm_status hrm_adapter_enumerate(hrm_instance *instance, hrm_adapter_entry **out, uint32_t *count);

/* Marks an adapter below Vulkan 1.2's own minimums as unusable, naming the limit, what was found and what is required:
 * its driver is broken, and what follows would divide by its zeros. The first reason stays. */
void hrm_adapter_check_limits(hrm_adapter *adapter);

/* Subgroup sizes and the capabilities that follow; entry->size_control says whether `control` was filled, and
 * afterwards whether a size can be required. */
void hrm_adapter_probe_subgroups(hrm_adapter_entry *entry, const VkPhysicalDeviceSubgroupProperties *subgroup,
                                 const VkPhysicalDeviceSubgroupSizeControlProperties *control);

/* Extensions of matrix units that the driver lists. */
typedef struct hrm_matrix_extensions {
    bool matrix, bf16, second; /* VK_KHR_cooperative_matrix, VK_KHR_shader_bfloat16, VK_NV_cooperative_matrix2 */
} hrm_matrix_extensions;

/* adapter_matrix.c: shapes, granules and HRM_CAP_COOPMAT*. Needs HRM_CAP_F16 and the subgroup sizes of the entry.
 *   memory_model  the vulkanMemoryModel feature, which SPIR-V with cooperative matrices is written against */
hrm_status hrm_adapter_probe_matrices(hrm_instance *instance, hrm_adapter_entry *entry,
                                      const hrm_matrix_extensions *listed, bool memory_model);

/* Best first; drivers of one physical device (equal UUIDs) stay together, the preferred driver first. Sets info.index.
 */
void hrm_adapter_sort(hrm_adapter_entry *entries, uint32_t count);

/* The entry that a selector (index, UUID, part of a name; NULL or "": the best usable one) means. `allow_unusable`
 * accepts adapters that can compile but not run. Errors: NO_DEVICE, INVALID_ARGUMENT, each listing what there is. */
hrm_status hrm_adapter_select(const hrm_adapter_entry *entries, uint32_t count, const char *selector,
                              bool allow_unusable, uint32_t *index);

#endif
