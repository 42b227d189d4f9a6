#include "gpu/instance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct hrm_instance {
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger;
    uint32_t version;
    bool validation;
    bool debug_utils;
    atomic_uint_fast64_t validation_count;
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static hrm_instance shared; /* guarded by shared_lock while it is made and unmade; read-only in between */
static uint32_t shared_users;
static bool shared_loader_ready;

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

hrm_status hrm_instance_fail_no_driver(const char *found) {
    return hrm_fail(
        HRM_ERR_NO_DEVICE,
        "no usable Vulkan driver: %s; install one (Debian/Ubuntu: apt install mesa-vulkan-drivers, which also "
        "runs on the CPU, or the GPU maker's driver)",
        found);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT types,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    hrm_instance *instance = user;
    if (types & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT) atomic_fetch_add(&instance->validation_count, 1);
    hrm_log(HRM_LOG_WARN, "vulkan%s: [%s] %s", severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT ? " error" : "",
            data->pMessageIdName ? data->pMessageIdName : "", data->pMessage ? data->pMessage : "");
    return VK_FALSE;
}

static bool has_layer(const char *name) {
    uint32_t count = 0;
    if (vkEnumerateInstanceLayerProperties(&count, NULL) != VK_SUCCESS || count == 0) return false;
    VkLayerProperties *layers = calloc(count, sizeof *layers);
    bool found = false;
    if (layers && vkEnumerateInstanceLayerProperties(&count, layers) >= VK_SUCCESS) {
        for (uint32_t i = 0; i < count; i++) found = found || strcmp(layers[i].layerName, name) == 0;
    }
    free(layers);
    return found;
}

static bool has_extension(const char *layer, const char *name) {
    uint32_t count = 0;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, NULL) != VK_SUCCESS || count == 0) return false;
    VkExtensionProperties *extensions = calloc(count, sizeof *extensions);
    bool found = false;
    if (extensions && vkEnumerateInstanceExtensionProperties(layer, &count, extensions) >= VK_SUCCESS) {
        for (uint32_t i = 0; i < count; i++) found = found || strcmp(extensions[i].extensionName, name) == 0;
    }
    free(extensions);
    return found;
}

/* Called with shared_lock held and no users. */
static hrm_status create_shared(bool validation) {
    if (!shared_loader_ready) {
        if (volkInitialize() != VK_SUCCESS)
            return hrm_instance_fail_no_driver("the Vulkan loader (libvulkan.so.1) is missing");
        shared_loader_ready = true;
    }
    uint32_t loader_version = volkGetInstanceVersion();
    if (loader_version < VK_API_VERSION_1_2) {
        return hrm_instance_fail_no_driver("the Vulkan loader is older than 1.2");
    }
    shared.handle = VK_NULL_HANDLE;
    shared.messenger = VK_NULL_HANDLE;
    shared.version = loader_version < VK_API_VERSION_1_3 ? VK_API_VERSION_1_2 : VK_API_VERSION_1_3;
    shared.validation = false;
    shared.debug_utils = false;
    atomic_store(&shared.validation_count, 0);

    const char *layers[1];
    const char *extensions[2];
    uint32_t layer_count = 0, extension_count = 0;
    VkInstanceCreateFlags flags = 0;
    if (validation) {
        if (has_layer(validation_layer)) {
            layers[layer_count++] = validation_layer;
            shared.validation = true;
            if (has_extension(NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
                has_extension(validation_layer, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) {
                extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
                shared.debug_utils = true;
            }
        } else {
            hrm_log(HRM_LOG_WARN,
                    "validation was asked for, but %s is not installed (Debian/Ubuntu: vulkan-validationlayers); going "
                    "on without it",
                    validation_layer);
        }
    }
    if (has_extension(NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = &shared,
    };
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "hrm",
        .pEngineName = "hrm",
        .apiVersion = shared.version,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = shared.debug_utils ? &messenger : NULL,
        .flags = flags,
        .pApplicationInfo = &application,
        .enabledLayerCount = layer_count,
        .ppEnabledLayerNames = layers,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result = vkCreateInstance(&info, NULL, &shared.handle);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER || result == VK_ERROR_INITIALIZATION_FAILED) {
        return hrm_instance_fail_no_driver("the Vulkan loader finds no driver that it can start");
    }
    if (result != VK_SUCCESS) return hrm_vk_check(result, "vkCreateInstance(");
    volkLoadInstanceOnly(shared.handle);
    if (shared.debug_utils && vkCreateDebugUtilsMessengerEXT) {
        result = vkCreateDebugUtilsMessengerEXT(shared.handle, &messenger, NULL, &shared.messenger);
        if (result != VK_SUCCESS) {
            hrm_log(HRM_LOG_WARN, "validation messages cannot be shown: %s", hrm_vk_result_name(result));
        }
    }
    return HRM_OK;
}

static void destroy_shared(void) {
    if (shared.messenger) vkDestroyDebugUtilsMessengerEXT(shared.handle, shared.messenger, NULL);
    vkDestroyInstance(shared.handle, NULL);
    shared.handle = VK_NULL_HANDLE;
    shared.messenger = VK_NULL_HANDLE;
}

hrm_status hrm_instance_acquire(bool validation, hrm_instance **out) {
    *out = NULL;
    const char *wish = getenv("HRM_VALIDATION");
    validation = validation || (wish && *wish && strcmp(wish, "0") != 0);
    hrm_status status = HRM_OK;
    pthread_mutex_lock(&shared_lock);
    if (shared_users == 0) {
        status = create_shared(validation);
    } else if (validation && !shared.validation) {
        hrm_log(HRM_LOG_WARN, "validation was asked for after Vulkan was started without it; going on without it");
    }
    if (status == HRM_OK) {
        shared_users++;
        *out = &shared;
    }
    pthread_mutex_unlock(&shared_lock);
    return status;
}

void hrm_instance_release(hrm_instance *instance) {
    if (!instance) return;
    pthread_mutex_lock(&shared_lock);
    if (--shared_users == 0) destroy_shared();
    pthread_mutex_unlock(&shared_lock);
}

VkInstance hrm_instance_get_handle(const hrm_instance *instance) {
    return instance->handle;
}

uint32_t hrm_instance_get_version(const hrm_instance *instance) {
    return instance->version;
}

bool hrm_instance_has_debug_names(const hrm_instance *instance) {
    return instance->debug_utils;
}

uint64_t hrm_instance_get_validation_count(const hrm_instance *instance) {
    return atomic_load(&instance->validation_count);
}
