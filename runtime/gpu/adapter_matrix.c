/* Matrix units: what an adapter lists of VK_KHR_cooperative_matrix, VK_KHR_shader_bfloat16 and
 * VK_NV_cooperative_matrix2. A listing is a hint: some drivers list shapes that they emulate slowly or get wrong, so
 * rows that use them are tested and measured before use (ops/select). */
#include <stdlib.h>

#include "gpu/adapter_private.h"
#include "gpu/caps.h"
#include "gpu/vk_matrix.h"

/* f16 or bf16 in, f32 accumulated: the only kind our rows use (16-bit sums overflow). */
static bool is_ours(VkComponentTypeKHR a, VkComponentTypeKHR b, VkComponentTypeKHR c, VkComponentTypeKHR result,
                    VkBool32 saturating) {
    return (a == VK_COMPONENT_TYPE_FLOAT16_KHR || a == VK_COMPONENT_TYPE_BFLOAT16_KHR) && b == a &&
           c == VK_COMPONENT_TYPE_FLOAT32_KHR && result == VK_COMPONENT_TYPE_FLOAT32_KHR && !saturating;
}

static hrm_status list_shapes(VkInstance vulkan, hrm_adapter_entry *entry, bool bf16_usable) {
    hrm_adapter *a = &entry->info;
    PFN_vkVoidFunction found = vkGetInstanceProcAddr(vulkan, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR read =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)found;
    uint32_t count = 0;
    if (!read || read(entry->handle, &count, NULL) != VK_SUCCESS || count == 0) return HRM_OK;
    VkCooperativeMatrixPropertiesKHR *all = calloc(count, sizeof *all);
    if (!all) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "adapter list: no host memory");
    for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    if (read(entry->handle, &count, all) < VK_SUCCESS) count = 0;
    for (uint32_t i = 0; i < count && a->coopmat_count < HRM_COOPMAT_MAX_SHAPES; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &all[i];
        const bool bf16 = p->AType == VK_COMPONENT_TYPE_BFLOAT16_KHR;
        const bool usable = bf16 ? bf16_usable : (a->caps & HRM_CAP_F16) != 0;
        if (!usable || p->scope != VK_SCOPE_SUBGROUP_KHR || p->MSize == 0 || p->NSize == 0 || p->KSize == 0 ||
            !is_ours(p->AType, p->BType, p->CType, p->ResultType, p->saturatingAccumulation))
            continue;
        a->coopmat[a->coopmat_count++] = (hrm_coopmat_shape){.m = p->MSize, .n = p->NSize, .k = p->KSize, .bf16 = bf16};
        a->caps |= bf16 ? HRM_CAP_COOPMAT_BF16 : HRM_CAP_COOPMAT_F16;
    }
    free(all);
    return HRM_OK;
}

static hrm_status list_granules(VkInstance vulkan, hrm_adapter_entry *entry) {
    hrm_adapter *a = &entry->info;
    PFN_vkVoidFunction found =
        vkGetInstanceProcAddr(vulkan, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV read =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)found;
    uint32_t count = 0;
    if (!read || read(entry->handle, &count, NULL) != VK_SUCCESS || count == 0) return HRM_OK;
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV *all = calloc(count, sizeof *all);
    if (!all) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "adapter list: no host memory");
    for (uint32_t i = 0; i < count; i++)
        all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV;
    if (read(entry->handle, &count, all) < VK_SUCCESS) count = 0;
    for (uint32_t i = 0; i < count && a->granule_count < HRM_COOPMAT_MAX_SHAPES; i++) {
        const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *p = &all[i];
        const bool bf16 = p->AType == VK_COMPONENT_TYPE_BFLOAT16_KHR, subgroup = p->scope == VK_SCOPE_SUBGROUP_KHR;
        if (!(a->caps & (bf16 ? HRM_CAP_COOPMAT_BF16 : HRM_CAP_COOPMAT_F16)) ||
            !(subgroup || (entry->workgroup_matrices && p->scope == VK_SCOPE_WORKGROUP_KHR)) || p->MGranularity == 0 ||
            p->NGranularity == 0 || p->KGranularity == 0 ||
            !is_ours(p->AType, p->BType, p->CType, p->ResultType, p->saturatingAccumulation))
            continue;
        a->granules[a->granule_count++] = (hrm_coopmat_granule){.m = p->MGranularity,
                                                                .n = p->NGranularity,
                                                                .k = p->KGranularity,
                                                                .workgroup = subgroup ? 0 : p->workgroupInvocations,
                                                                .bf16 = bf16};
        if (subgroup) a->caps |= HRM_CAP_COOPMAT2;
    }
    if (!(a->caps & HRM_CAP_COOPMAT2)) a->granule_count = 0; /* only workgroup-wide ones */
    free(all);
    return HRM_OK;
}

hrm_status hrm_adapter_probe_matrices(hrm_instance *instance, hrm_adapter_entry *entry,
                                      const hrm_matrix_extensions *listed, bool memory_model) {
    hrm_adapter *a = &entry->info;
    VkInstance vulkan = hrm_instance_get_handle(instance);
    if (!listed->matrix || !memory_model) return HRM_OK;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV second = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
        .pNext = listed->second ? &second : NULL};
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR first = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
        .pNext = listed->bf16 ? (void *)&bf16 : bf16.pNext};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &first};
    vkGetPhysicalDeviceFeatures2(entry->handle, &features);
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV second_limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR,
        .pNext = listed->second ? &second_limits : NULL};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &limits};
    vkGetPhysicalDeviceProperties2(entry->handle, &properties);
    if (!first.cooperativeMatrix || !(limits.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return HRM_OK;
    a->caps |= HRM_CAP_COOPMAT;
    /* The native size of matrix units is the smallest that can be required: larger subgroups are several of them. */
    a->coopmat_subgroup = entry->size_control ? a->min_subgroup_size : a->subgroup_size;
    hrm_status status = list_shapes(vulkan, entry, bf16.shaderBFloat16Type && bf16.shaderBFloat16CooperativeMatrix);
    if (status != HRM_OK || !second.cooperativeMatrixFlexibleDimensions || !second.cooperativeMatrixReductions ||
        !second.cooperativeMatrixConversions || !second.cooperativeMatrixPerElementOperations)
        return status;
    a->coopmat_max_dimension = second_limits.cooperativeMatrixFlexibleDimensionsMaxDimension;
    entry->workgroup_matrices = second.cooperativeMatrixWorkgroupScope;
    return list_granules(vulkan, entry);
}
