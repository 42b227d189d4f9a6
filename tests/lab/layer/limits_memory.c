#include <string.h>

#include "limits.h"

static void add_type(limits_memory *memory, uint32_t real_type, VkMemoryPropertyFlags flags, uint32_t heap) {
    VkPhysicalDeviceMemoryProperties *shown = &memory->shown;
    if (shown->memoryTypeCount == VK_MAX_MEMORY_TYPES) return; /* 32 types are more than any driver has, doubled */
    memory->real_type[shown->memoryTypeCount] = real_type;
    shown->memoryTypes[shown->memoryTypeCount++] = (VkMemoryType){flags, heap};
}

/* A card whose own memory the host cannot see: types of device-local heaps lose what makes them visible. A driver
 * without any other visible memory (one heap, as CPU drivers have) is shown with a second heap for it, of the same
 * size, whose types really lie in the first. */
static void part_memory(const VkPhysicalDeviceMemoryProperties *real, limits_memory *memory) {
    const VkMemoryPropertyFlags visible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    bool has_other = false;
    uint32_t source = UINT32_MAX;
    for (uint32_t t = 0; t < real->memoryTypeCount; t++) {
        VkMemoryPropertyFlags flags = real->memoryTypes[t].propertyFlags;
        if (!(flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) continue;
        if (!(flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT))
            has_other = true;
        else if (source == UINT32_MAX)
            source = t;
    }
    memory->shown.memoryTypeCount = 0;
    for (uint32_t t = 0; t < real->memoryTypeCount; t++) {
        VkMemoryPropertyFlags flags = real->memoryTypes[t].propertyFlags;
        if (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) flags &= ~visible;
        add_type(memory, t, flags, real->memoryTypes[t].heapIndex);
    }
    if (has_other || source == UINT32_MAX || real->memoryHeapCount == VK_MAX_MEMORY_HEAPS) return;
    uint32_t heap = memory->shown.memoryHeapCount++;
    memory->real_heap[heap] = real->memoryTypes[source].heapIndex;
    memory->shown.memoryHeaps[heap] = (VkMemoryHeap){real->memoryHeaps[memory->real_heap[heap]].size, 0};
    VkMemoryPropertyFlags host = real->memoryTypes[source].propertyFlags & visible;
    VkMemoryPropertyFlags plain = host & ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    add_type(memory, source, plain, heap);
    if (host != plain) add_type(memory, source, host, heap);
}

void limits_arrange_memory(const VkPhysicalDeviceMemoryProperties *real, limits_memory *memory) {
    memory->shown = *real;
    for (uint32_t t = 0; t < VK_MAX_MEMORY_TYPES; t++) memory->real_type[t] = t;
    for (uint32_t h = 0; h < VK_MAX_MEMORY_HEAPS; h++) memory->real_heap[h] = h;
    if (limits.taken & LIMITS_NO_VISIBLE_VRAM) part_memory(real, memory);
    for (uint32_t h = 0; h < memory->shown.memoryHeapCount; h++) {
        VkDeviceSize *size = &memory->shown.memoryHeaps[h].size;
        if (limits.heap && limits.heap < *size) *size = limits.heap;
    }
}

void limits_get_memory(VkPhysicalDevice physical, limits_memory *memory) {
    const limits_instance *next = chain_get_instance(physical);
    VkPhysicalDeviceMemoryProperties real;
    next->vkGetPhysicalDeviceMemoryProperties(physical, &real);
    limits_arrange_memory(&real, memory);
}

uint32_t limits_show_type_bits(const limits_memory *memory, uint32_t real_bits) {
    uint32_t bits = 0;
    for (uint32_t t = 0; t < memory->shown.memoryTypeCount; t++) {
        if (real_bits >> memory->real_type[t] & 1u) bits |= 1u << t;
    }
    return bits;
}
