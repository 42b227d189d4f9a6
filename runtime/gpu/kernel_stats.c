/* What a driver's compiler made of a kernel: for reading register pressure and spills without the hardware. */
#include <stdlib.h>

#include "gpu/device_private.h"

static double statistic_value(const VkPipelineExecutableStatisticKHR *statistic) {
    switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return statistic->value.b32 ? 1.0 : 0.0;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)statistic->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double)statistic->value.u64;
    default:
        return statistic->value.f64;
    }
}

hrm_status hrm_kernel_read_statistics(hrm_device *device, uint32_t kernel, const hrm_spec *spec, uint32_t spec_count,
                                      void (*visit)(void *user, const hrm_kernel_statistic *statistic), void *user) {
    hrm_status status;
    VkPipelineExecutableStatisticKHR *statistics = NULL;
    VkPipelineExecutablePropertiesKHR *properties = NULL;
    VkPipeline pipeline;
    if (!device->compile_only || !device->adapter.executable_properties) {
        return hrm_fail(HRM_ERR_UNSUPPORTED,
                        "%s: kernel statistics need a device opened for compiling only and "
                        "VK_KHR_pipeline_executable_properties",
                        device->adapter.info.name);
    }
    HRM_TRY(hrm_kernel_get_pipeline(device, kernel, spec, spec_count, &pipeline));
    const VkPipelineInfoKHR pipeline_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    uint32_t executables = 0;
    HRM_TRY(
        HRM_VK(device->vk.vkGetPipelineExecutablePropertiesKHR(device->handle, &pipeline_info, &executables, NULL)));
    properties = calloc(executables ? executables : 1, sizeof *properties);
    if (!properties) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "kernel statistics: no host memory");
        goto fail;
    }
    for (uint32_t e = 0; e < executables; e++) {
        properties[e].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR;
    }
    HRM_TRY(HRM_VK(
        device->vk.vkGetPipelineExecutablePropertiesKHR(device->handle, &pipeline_info, &executables, properties)));
    for (uint32_t e = 0; e < executables; e++) {
        const VkPipelineExecutableInfoKHR info = {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline, .executableIndex = e};
        uint32_t count = 0;
        HRM_TRY(HRM_VK(device->vk.vkGetPipelineExecutableStatisticsKHR(device->handle, &info, &count, NULL)));
        free(statistics);
        statistics = calloc(count ? count : 1, sizeof *statistics);
        if (!statistics) {
            status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "kernel statistics: no host memory");
            goto fail;
        }
        for (uint32_t i = 0; i < count; i++) {
            statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
        }
        HRM_TRY(HRM_VK(device->vk.vkGetPipelineExecutableStatisticsKHR(device->handle, &info, &count, statistics)));
        for (uint32_t i = 0; i < count; i++) {
            visit(user, &(hrm_kernel_statistic){properties[e].name, properties[e].subgroupSize, statistics[i].name,
                                                statistic_value(&statistics[i])});
        }
    }
    status = HRM_OK;
fail:
    free(properties);
    free(statistics);
    return status;
}
