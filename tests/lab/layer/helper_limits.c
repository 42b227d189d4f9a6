#include "helper_limits.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

opened_vulkan vk;

/* ---- opening and closing ------------------------------------------------------------------------------------------
 */

VkResult create_instance(const char *words) {
    if (words) {
        setenv("VK_INSTANCE_LAYERS", "VK_LAYER_HRM_limits", 1);
        setenv("HRM_LAB_LIMITS", words, 1);
    } else {
        unsetenv("VK_INSTANCE_LAYERS");
    }
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_3};
    const char *extension = VK_KHR_GET_PHYSICAL_DEVICE_PROPERTIES_2_EXTENSION_NAME;
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application,
                                       .enabledExtensionCount = 1,
                                       .ppEnabledExtensionNames = &extension};
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)vk.proc(NULL, "vkCreateInstance");
    vk.instance = VK_NULL_HANDLE;
    return create(&info, NULL, &vk.instance);
}

void load_vulkan(void) {
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!loader) CHECK_SKIP("no Vulkan loader");
    /* POSIX lets an object pointer be a function's; C does not */
    void *symbol = dlsym(loader, "vkGetInstanceProcAddr");
    memcpy(&vk.proc, &symbol, sizeof vk.proc);
    if (!vk.proc) CHECK_SKIP("no vkGetInstanceProcAddr in the Vulkan loader");
    /* Kept to the end, so that the driver stays loaded: AddressSanitizer cannot name what leaks in a library that is
     * gone.
     */
    if (create_instance(NULL) != VK_SUCCESS) CHECK_SKIP("no Vulkan driver");
    vk.instance = VK_NULL_HANDLE;
}

void open_instance(const char *words) {
    VkResult result = create_instance(words);
    CHECK_MSG(result == VK_SUCCESS, "vkCreateInstance with '%s': %d", words ? words : "(no layer)", (int)result);
#define CALL(name) vk.name = (PFN_##name)vk.proc(vk.instance, #name);
    INSTANCE_CALLS(CALL)
#undef CALL
    uint32_t count = 1;
    result = vk.vkEnumeratePhysicalDevices(vk.instance, &count, &vk.physical);
    if (result < VK_SUCCESS || count == 0) CHECK_SKIP("no Vulkan device");
    VkPhysicalDeviceProperties properties;
    vk.vkGetPhysicalDeviceProperties(vk.physical, &properties);
    bool limited = strstr(properties.deviceName, "(limited)") != NULL;
    CHECK_MSG(limited == (words != NULL), "the layer is %s: is its folder in VK_LAYER_PATH?", words ? "absent" : "on");
}

VkResult create_device(const void *chain, const VkPhysicalDeviceFeatures *core, const char *extension) {
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = chain,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .pEnabledFeatures = core,
                                     .enabledExtensionCount = extension ? 1 : 0,
                                     .ppEnabledExtensionNames = &extension};
    vk.device = VK_NULL_HANDLE;
    return vk.vkCreateDevice(vk.physical, &info, NULL, &vk.device);
}

void open_device(const char *words) {
    open_instance(words);
    CHECK_EQ(create_device(NULL, NULL, NULL), VK_SUCCESS);
#define CALL(name) vk.name = (PFN_##name)vk.vkGetDeviceProcAddr(vk.device, #name);
    DEVICE_CALLS(CALL)
#undef CALL
}

void close_all(void) {
    if (vk.device) {
        /* the table may be that of an earlier device */
        ((PFN_vkDestroyDevice)vk.vkGetDeviceProcAddr(vk.device, "vkDestroyDevice"))(vk.device, NULL);
    }
    if (vk.instance) vk.vkDestroyInstance(vk.instance, NULL);
    vk.device = VK_NULL_HANDLE;
    vk.instance = VK_NULL_HANDLE;
}

/* ---- what the layer says ------------------------------------------------------------------------------------------
 */

static int kept_error = -1;

void listen_to_layer(void) {
    fflush(stderr);
    kept_error = dup(2);
    int file = open(check_temp_path("said"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    CHECK(kept_error >= 0 && file >= 0);
    dup2(file, 2);
    close(file);
}

static void stop_listening(void) {
    if (kept_error < 0) return;
    fflush(stderr);
    dup2(kept_error, 2);
    close(kept_error);
    kept_error = -1;
}

void check_said(const char *text) {
    stop_listening();
    size_t size;
    char *said = check_read_file(check_temp_path("said"), &size);
    const char *first = strstr(said, "VK_LAYER_HRM_limits: ");
    const char *second = first ? strstr(first + 1, "VK_LAYER_HRM_limits: ") : NULL;
    if (text) {
        CHECK_MSG(first && !second && strstr(first, text), "one line with '%s' was expected, and this said: '%s'", text,
                  said);
    } else {
        CHECK_MSG(!first, "nothing was to be said but: %s", said);
    }
    free(said);
}

void check_aborts(const char *words, void (*body)(void), const char *text) {
    listen_to_layer();
    pid_t child = fork();
    if (child == 0) {
        open_device(words);
        body();
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    check_said(text);
    CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "no abort() but status %d", status);
}

int leave_nothing_open(void **state) {
    (void)state;
    if (kept_error >= 0) { /* a check failed on the way: show what it wrote */
        stop_listening();
        size_t size;
        char *said = check_read_file(check_temp_path("said"), &size);
        fputs(said, stderr);
        free(said);
    }
    close_all();
    return 0;
}
