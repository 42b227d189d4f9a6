/* What every Vulkan layer needs: its place in the loader's chain of calls. Shared by the layers of this folder.
 *
 * A layer is one `chain_layer`, called `chain_self`: names of the calls it stands in front of, and functions that are
 * told when an instance or a device is made. Promises: a call is intercepted through vkGetInstanceProcAddr and
 * vkGetDeviceProcAddr alike, and only where the next layer or driver knows it too, so that an extension nobody enabled
 * is not offered; all that is not intercepted passes untouched. The layers are for one machine's tests: what goes wrong
 * is one line on standard error that starts with the layer's name. */
#ifndef HRM_TESTS_LAB_LAYER_CHAIN_H
#define HRM_TESTS_LAB_LAYER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vulkan/vk_layer.h>

typedef struct chain_hook {
    const char *name;
    PFN_vkVoidFunction function;
} chain_hook;

/* A row of a hook table: the call's own name and the function, of whatever type, that answers for it. */
#define CHAIN_HOOK(call, with)                                                                                         \
    { call, (PFN_vkVoidFunction)(with) }

typedef struct chain_layer {
    const char *name;
    const chain_hook *instance_hooks; /* both end in a row without a name */
    const chain_hook *device_hooks;
    bool (*hide_call)(const char *name); /* of a device: whether it shall not exist; NULL: nothing is hidden */
    /* Reads the settings and calls `next`, perhaps with another info; an error refuses the instance. */
    VkResult (*create_instance)(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                VkInstance *instance, PFN_vkCreateInstance next);
    /* What chain_get_instance() shall return, from malloc; NULL: no host memory. */
    void *(*make_instance)(VkInstance instance, PFN_vkGetInstanceProcAddr next);
    VkResult (*create_device)(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDevice *device, PFN_vkCreateDevice next);
    /* The same for chain_get_device(), and its end. */
    void *(*make_device)(VkPhysicalDevice physical, VkDevice device, PFN_vkGetDeviceProcAddr next);
    void (*destroy_device)(void *state);
} chain_layer;

extern const chain_layer chain_self;

/* The state of the instance that a VkInstance or VkPhysicalDevice belongs to; of the device of a VkDevice, VkQueue or
 * VkCommandBuffer. */
void *chain_get_instance(const void *handle);
void *chain_get_device(const void *handle);

/* "name: text" and a line end, on standard error, in one piece. */
void chain_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* chain_say, then abort(): for calls that return nothing and must not go on. */
void chain_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The first structure of this type in a pNext chain, or NULL. */
const void *chain_find(const void *next, VkStructureType type);

#endif
