/* For the tests of VK_LAYER_HRM_limits: opens Vulkan with and without the layer, and listens to what it says. */
#ifndef HRM_TESTS_LAB_LAYER_HELPER_LIMITS_H
#define HRM_TESTS_LAB_LAYER_HELPER_LIMITS_H

#include "check.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define INSTANCE_CALLS(X)                                                                                              \
    X(vkDestroyInstance)                                                                                               \
    X(vkEnumeratePhysicalDevices)                                                                                      \
    X(vkGetPhysicalDeviceProperties)                                                                                   \
    X(vkGetPhysicalDeviceProperties2)                                                                                  \
    X(vkGetPhysicalDeviceProperties2KHR)                                                                               \
    X(vkGetPhysicalDeviceFeatures)                                                                                     \
    X(vkGetPhysicalDeviceFeatures2)                                                                                    \
    X(vkGetPhysicalDeviceFeatures2KHR)                                                                                 \
    X(vkGetPhysicalDeviceMemoryProperties)                                                                             \
    X(vkGetPhysicalDeviceMemoryProperties2)                                                                            \
    X(vkGetPhysicalDeviceMemoryProperties2KHR)                                                                         \
    X(vkGetPhysicalDeviceQueueFamilyProperties)                                                                        \
    X(vkGetPhysicalDeviceQueueFamilyProperties2)                                                                       \
    X(vkGetPhysicalDeviceQueueFamilyProperties2KHR)                                                                    \
    X(vkEnumerateDeviceExtensionProperties)                                                                            \
    X(vkCreateDevice)                                                                                                  \
    X(vkGetDeviceProcAddr)

#define DEVICE_CALLS(X)                                                                                                \
    X(vkAllocateMemory)                                                                                                \
    X(vkFreeMemory)                                                                                                    \
    X(vkMapMemory)                                                                                                     \
    X(vkCreateBuffer)                                                                                                  \
    X(vkDestroyBuffer)                                                                                                 \
    X(vkBindBufferMemory)                                                                                              \
    X(vkGetBufferMemoryRequirements)                                                                                   \
    X(vkGetBufferMemoryRequirements2)                                                                                  \
    X(vkGetDeviceBufferMemoryRequirements)                                                                             \
    X(vkCreateBufferView)                                                                                              \
    X(vkDestroyBufferView)                                                                                             \
    X(vkCreateShaderModule)                                                                                            \
    X(vkDestroyShaderModule)                                                                                           \
    X(vkCreatePipelineLayout)                                                                                          \
    X(vkDestroyPipelineLayout)                                                                                         \
    X(vkCreateComputePipelines)                                                                                        \
    X(vkDestroyPipeline)                                                                                               \
    X(vkCreateDescriptorSetLayout)                                                                                     \
    X(vkDestroyDescriptorSetLayout)                                                                                    \
    X(vkCreateDescriptorPool)                                                                                          \
    X(vkDestroyDescriptorPool)                                                                                         \
    X(vkAllocateDescriptorSets)                                                                                        \
    X(vkUpdateDescriptorSets)                                                                                          \
    X(vkCreateCommandPool)                                                                                             \
    X(vkAllocateCommandBuffers)                                                                                        \
    X(vkBeginCommandBuffer)                                                                                            \
    X(vkCreateQueryPool)                                                                                               \
    X(vkCmdWriteTimestamp)

/* One opened instance with its first physical device, and perhaps a device. */
typedef struct opened_vulkan {
    PFN_vkGetInstanceProcAddr proc;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
#define CALL(name) PFN_##name name;
    INSTANCE_CALLS(CALL) DEVICE_CALLS(CALL)
#undef CALL
} opened_vulkan;

extern opened_vulkan vk;

/* Finds the loader, or skips the test. */
void load_vulkan(void);

/* An instance with these words, or without the layer (NULL). */
VkResult create_instance(const char *words);
void open_instance(const char *words);

/* In the open instance. */
VkResult create_device(const void *chain, const VkPhysicalDeviceFeatures *core, const char *extension);
void open_device(const char *words); /* an instance too */
void close_all(void);

/* Standard error goes to a file until check_said(): the layer said one line that holds `text`; nothing at all for NULL.
 */
void listen_to_layer(void);
void check_said(const char *text);

/* In a child process, opens a device with these words and calls `body`, which must end in abort() with one line. */
void check_aborts(const char *words, void (*body)(void), const char *text);

/* Closes what a failed test left open, and shows what was written while it listened. */
int leave_nothing_open(void **state);

/* The memory properties through all three calls, which must agree. */
VkPhysicalDeviceMemoryProperties get_memory(void);

/* test_limits_acts.c: what is enforced. */
void test_heaps(void **state);
void test_hidden_vram(void **state);
void test_timestamps(void **state);
void test_workgroups(void **state);
void test_capabilities(void **state);
void test_broken_shaders(void **state);
void test_views(void **state);
void test_layouts(void **state);
void test_descriptors(void **state);

#endif
