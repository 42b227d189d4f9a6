/* Every kernel row through AMD's real shader compiler, without the chip: RADV's null device compiles for the family
 * that RADV_FORCE_FAMILY names and reports what the pipeline uses. Such a device has no memory and cannot submit, so
 * pipelines are made here directly, not through hrm_device. Fails when a row does not compile; spills are printed. Runs
 * itself once per family, because the driver reads the variable once per process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <volk.h>

#include "check.h"
#include "ops/kernels.h"

static const char *const families[] = {"polaris10", "navi21"};

#define VK(expr)                                                                                                       \
    do {                                                                                                               \
        VkResult result_ = (expr);                                                                                     \
        if (result_ != VK_SUCCESS) {                                                                                   \
            printf("%s -> %d\n", #expr, (int)result_);                                                                 \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

/* One statistic by name, or -1. */
static long long statistic(VkDevice device, VkPipeline pipeline, const char *name) {
    VkPipelineExecutableInfoKHR info = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};
    uint32_t count = 0;
    if (vkGetPipelineExecutableStatisticsKHR(device, &info, &count, NULL) != VK_SUCCESS) return -1;
    VkPipelineExecutableStatisticKHR *stats = calloc(count, sizeof *stats);
    for (uint32_t i = 0; i < count; i++) stats[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    long long value = -1;
    if (vkGetPipelineExecutableStatisticsKHR(device, &info, &count, stats) == VK_SUCCESS)
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(stats[i].name, name) == 0)
                value = stats[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR
                            ? (long long)stats[i].value.u64
                            : (long long)stats[i].value.i64;
    free(stats);
    return value;
}

static int compile_row(VkDevice device, const hrm_kernel_row *row, uint32_t *spilling) {
    VkDescriptorSetLayoutBinding bindings[16];
    uint32_t count = 0;
    for (uint32_t i = 0; row->access[i]; i++) {
        if (row->access[i] == 'a') continue;
        bindings[count++] =
            (VkDescriptorSetLayoutBinding){i,
                                           row->access[i] == 't'   ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                           : row->access[i] == 'i' ? VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER
                                                                   : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
    VkDescriptorSetLayoutCreateInfo set_info = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, NULL, 0, count,
                                                bindings};
    VkDescriptorSetLayout set;
    VK(vkCreateDescriptorSetLayout(device, &set_info, NULL, &set));
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, row->push_bytes};
    VkPipelineLayoutCreateInfo layout_info = {
        VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, NULL, 0, 1, &set, 1, &push};
    VkPipelineLayout layout;
    VK(vkCreatePipelineLayout(device, &layout_info, NULL, &layout));
    VkShaderModuleCreateInfo module_info = {VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, NULL, 0,
                                            row->spirv_words * 4ull, row->spirv};
    VkShaderModule module;
    VK(vkCreateShaderModule(device, &module_info, NULL, &module));
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
    info.flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    info.stage = (VkPipelineShaderStageCreateInfo){VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                   NULL,
                                                   0,
                                                   VK_SHADER_STAGE_COMPUTE_BIT,
                                                   module,
                                                   "main",
                                                   NULL};
    info.layout = layout;
    VkPipeline pipeline;
    VK(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    long long vgprs = statistic(device, pipeline, "VGPRs"), spills = statistic(device, pipeline, "Spilled VGPRs");
    long long lds = statistic(device, pipeline, "LDS size"), latency = statistic(device, pipeline, "Latency");
    printf("  %-40s VGPRs %3lld  spilled %3lld  LDS %6lld  latency %7lld\n", row->name, vgprs, spills, lds, latency);
    *spilling += spills > 0;
    vkDestroyPipeline(device, pipeline, NULL);
    vkDestroyShaderModule(device, module, NULL);
    vkDestroyPipelineLayout(device, layout, NULL);
    vkDestroyDescriptorSetLayout(device, set, NULL);
    return 0;
}

static int compile_family(const char *family) {
    VkApplicationInfo app = {VK_STRUCTURE_TYPE_APPLICATION_INFO, NULL, "hrm test", 1, NULL, 0, VK_API_VERSION_1_2};
    VkInstanceCreateInfo instance_info = {VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, NULL, 0, &app, 0, NULL, 0, NULL};
    VkInstance instance;
    VK(volkInitialize());
    VK(vkCreateInstance(&instance_info, NULL, &instance));
    volkLoadInstance(instance);
    uint32_t count = 1;
    VkPhysicalDevice physical;
    if (vkEnumeratePhysicalDevices(instance, &count, &physical) < 0 || count == 0) return 77;
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(physical, &properties);
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
    VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .pNext = &statistics};
    VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                            .pNext = &f12};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
    vkGetPhysicalDeviceFeatures2(physical, &features);
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, NULL, 0, 0, 1, &priority};
    const char *extension = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    VkDeviceCreateInfo device_info = {
        VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, &features, 0, 1, &queue, 0, NULL, 1, &extension, NULL};
    VkDevice device;
    VK(vkCreateDevice(physical, &device_info, NULL, &device));
    volkLoadDevice(device);
    const hrm_kernel_table *table = hrm_kernels_get_table();
    printf("%s (%s): %u kernel rows\n", family, properties.deviceName, table->count);
    int failed = 0;
    uint32_t spilling = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        if (compile_row(device, &table->rows[i], &spilling)) {
            printf("  %s does not compile for %s\n", table->rows[i].name, family);
            failed++;
        }
    }
    printf("%s: %u rows, %d failed, %u spill\n", family, table->count, failed, spilling);
    fflush(stdout);
    return failed ? 1 : 0;
}

static int run_family(const char *family, const char *icd) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setenv("RADV_FORCE_FAMILY", family, 1);
        setenv("NODEVICE_SELECT", "1", 1);
        setenv("VK_ICD_FILENAMES", icd, 1);
        setenv("VK_DRIVER_FILES", icd, 1);
        _exit(compile_family(family));
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
    return WEXITSTATUS(status);
}

int main(void) {
    static const char *const icds[] = {"/usr/share/vulkan/icd.d/radeon_icd.x86_64.json",
                                       "/usr/share/vulkan/icd.d/radeon_icd.json"};
    const char *icd = access(icds[0], R_OK) == 0 ? icds[0] : icds[1];
    if (access(icd, R_OK) != 0) CHECK_SKIP("no RADV driver file (%s)", icds[0]);
    int failed = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        int code = run_family(families[i], icd);
        /* Newer RADV has no null device any more: absent, not wrong. */
        if (code == 77) CHECK_SKIP("this RADV has no null device for %s", families[i]);
        failed += code != 0;
    }
    return failed ? 1 : 0;
}
