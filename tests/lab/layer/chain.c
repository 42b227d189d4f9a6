#include "chain.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Instances and devices by their dispatch key: the pointer that the loader keeps at the start of every dispatchable
 * handle, the same for a device and its queues and command buffers, and for an instance and its physical devices. */
typedef struct entry {
    struct entry *next;
    const void *key;
    VkInstance instance; /* of an instance */
    void *state;
    PFN_vkGetInstanceProcAddr instance_proc;
    PFN_vkGetDeviceProcAddr device_proc;
    PFN_vkDestroyInstance destroy_instance;
    PFN_vkDestroyDevice destroy_device;
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry *instances, *devices; /* guarded by lock */

static const void *get_key(const void *handle) {
    return *(void *const *)handle;
}

static entry *find(entry *const *list, const void *handle) {
    const void *key = get_key(handle);
    pthread_mutex_lock(&lock);
    entry *e = *list;
    while (e && e->key != key) e = e->next;
    pthread_mutex_unlock(&lock);
    return e;
}

static void add(entry **list, entry *e) {
    pthread_mutex_lock(&lock);
    e->next = *list;
    *list = e;
    pthread_mutex_unlock(&lock);
}

static void take_out(entry **list, const entry *e) {
    pthread_mutex_lock(&lock);
    while (*list != e) list = &(*list)->next;
    *list = e->next;
    pthread_mutex_unlock(&lock);
}

void *chain_get_instance(const void *handle) {
    const entry *e = find(&instances, handle);
    return e ? e->state : NULL;
}

void *chain_get_device(const void *handle) {
    const entry *e = find(&devices, handle);
    return e ? e->state : NULL;
}

static void say(const char *format, va_list arguments) {
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "%s: %s\n", chain_self.name, text);
}

void chain_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void chain_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    abort();
}

const void *chain_find(const void *next, VkStructureType type) {
    const VkBaseInStructure *at = next;
    while (at && at->sType != type) at = at->pNext;
    return at;
}

static PFN_vkVoidFunction find_hook(const chain_hook *hooks, const char *name) {
    for (; hooks->name; hooks++) {
        if (strcmp(hooks->name, name) == 0) return hooks->function;
    }
    return NULL;
}

/* ---- instances and devices ----------------------------------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *instance) {
    /* The loader hands every layer a link to the next one, in a structure which is const by the API and meant to be
     * advanced by the loader's rules. */
    VkLayerInstanceCreateInfo *link =
        (VkLayerInstanceCreateInfo *)(uintptr_t)chain_find(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    while (link && link->function != VK_LAYER_LINK_INFO) {
        link = (VkLayerInstanceCreateInfo *)(uintptr_t)chain_find(link->pNext,
                                                                  VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    }
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateInstance next = (PFN_vkCreateInstance)proc(NULL, "vkCreateInstance");
    if (!next) return VK_ERROR_INITIALIZATION_FAILED;

    entry *e = calloc(1, sizeof *e);
    if (!e) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkResult result = chain_self.create_instance(info, allocator, instance, next);
    if (result != VK_SUCCESS) {
        free(e);
        return result;
    }
    e->key = get_key(*instance);
    e->instance = *instance;
    e->instance_proc = proc;
    e->destroy_instance = (PFN_vkDestroyInstance)proc(*instance, "vkDestroyInstance");
    e->state = chain_self.make_instance(*instance, proc);
    if (!e->state) {
        e->destroy_instance(*instance, allocator);
        free(e);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    add(&instances, e);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_instance(VkInstance instance, const VkAllocationCallbacks *allocator) {
    if (!instance) return;
    entry *e = find(&instances, instance);
    take_out(&instances, e);
    e->destroy_instance(instance, allocator);
    free(e->state);
    free(e);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *device) {
    const entry *of = find(&instances, physical);
    VkLayerDeviceCreateInfo *link =
        (VkLayerDeviceCreateInfo *)(uintptr_t)chain_find(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    while (link && link->function != VK_LAYER_LINK_INFO) {
        link =
            (VkLayerDeviceCreateInfo *)(uintptr_t)chain_find(link->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    }
    if (!link || !of) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    PFN_vkGetDeviceProcAddr proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateDevice next = (PFN_vkCreateDevice)instance_proc(of->instance, "vkCreateDevice");
    if (!next) return VK_ERROR_INITIALIZATION_FAILED;

    entry *e = calloc(1, sizeof *e);
    if (!e) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkResult result = chain_self.create_device(physical, info, allocator, device, next);
    if (result != VK_SUCCESS) {
        free(e);
        return result;
    }
    e->key = get_key(*device);
    e->device_proc = proc;
    e->destroy_device = (PFN_vkDestroyDevice)proc(*device, "vkDestroyDevice");
    e->state = chain_self.make_device(physical, *device, proc);
    if (!e->state) {
        e->destroy_device(*device, allocator);
        free(e);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    add(&devices, e);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks *allocator) {
    if (!device) return;
    entry *e = find(&devices, device);
    take_out(&devices, e);
    e->destroy_device(device, allocator);
    chain_self.destroy_device(e->state);
    free(e);
}

/* ---- finding functions --------------------------------------------------------------------------------------------
 */

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc(VkInstance instance, const char *name);

static const chain_hook own_instance_hooks[] = {CHAIN_HOOK("vkGetInstanceProcAddr", get_instance_proc),
                                                CHAIN_HOOK("vkCreateInstance", create_instance),
                                                CHAIN_HOOK("vkDestroyInstance", destroy_instance),
                                                CHAIN_HOOK("vkCreateDevice", create_device),
                                                {NULL, NULL}};
static const chain_hook own_device_hooks[] = {
    CHAIN_HOOK("vkGetDeviceProcAddr", get_device_proc), CHAIN_HOOK("vkDestroyDevice", destroy_device), {NULL, NULL}};

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name) {
    PFN_vkVoidFunction own = find_hook(own_device_hooks, name);
    if (own) return own;
    if (chain_self.hide_call && chain_self.hide_call(name)) return NULL;
    PFN_vkVoidFunction next = find(&devices, device)->device_proc(device, name);
    own = find_hook(chain_self.device_hooks, name);
    return next && own ? own : next;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc(VkInstance instance, const char *name) {
    PFN_vkVoidFunction own = find_hook(own_instance_hooks, name);
    if (!own) own = find_hook(own_device_hooks, name);
    if (own || !instance) return own;
    PFN_vkVoidFunction next = find(&instances, instance)->instance_proc(instance, name);
    own = find_hook(chain_self.instance_hooks, name);
    if (!own) own = find_hook(chain_self.device_hooks, name);
    return next && own ? own : next;
}

/* The one symbol the loader looks for. */
__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *wish) {
    if (wish->sType != LAYER_NEGOTIATE_INTERFACE_STRUCT || wish->loaderLayerInterfaceVersion < 2) {
        chain_say("this Vulkan loader is too old");
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    wish->loaderLayerInterfaceVersion = 2;
    wish->pfnGetInstanceProcAddr = get_instance_proc;
    wish->pfnGetDeviceProcAddr = get_device_proc;
    wish->pfnGetPhysicalDeviceProcAddr = NULL; /* calls the loader does not know pass below us */
    return VK_SUCCESS;
}
