#include "gpu/heap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "gpu/caps.h"
#include "gpu/device_private.h"

typedef struct free_range {
    uint64_t offset, bytes;
} free_range;

struct hrm_heap_block {
    hrm_heap_block *next;
    VkDeviceMemory memory;
    uint32_t type;
    uint64_t bytes;
    unsigned char *mapped;
    bool dedicated;
    uint32_t pieces;
    free_range *ranges; /* sorted by offset, never touching one another */
    uint32_t range_count, range_capacity;
};

/* A block is a sixteenth of what its heap holds already, within these bounds: what is free in the newest one then
 * hardly counts, so that a run takes what was planned for it, and blocks stay few (drivers promise 4096). */
#define BLOCK_LEAST_BYTES (UINT64_C(8) << 20)
#define BLOCK_MOST_BYTES (UINT64_C(256) << 20)
#define BLOCK_SHARE 16

void hrm_heap_init(hrm_heap *heap, const VkPhysicalDeviceMemoryProperties *memory, uint64_t max_allocation_bytes,
                   bool unified, bool strict) {
    memset(heap, 0, sizeof *heap);
    heap->memory = *memory;
    heap->max_allocation_bytes = max_allocation_bytes;
    heap->unified = unified;
    heap->strict = strict;
}

static void destroy_block(hrm_heap *heap, hrm_device *device, hrm_heap_block *block) {
    if (block->memory) heap->heap_used[heap->memory.memoryTypes[block->type].heapIndex] -= block->bytes;
    if (block->memory) device->vk.vkFreeMemory(device->handle, block->memory, NULL); /* unmaps too */
    free(block->ranges);
    free(block);
}

void hrm_heap_deinit(hrm_heap *heap, hrm_device *device) {
    while (heap->blocks) {
        hrm_heap_block *block = heap->blocks;
        heap->blocks = block->next;
        destroy_block(heap, device, block);
    }
}

/* ---- choosing a type ----------------------------------------------------------------------------------------------
 */

/* Larger is better; negative: not for this kind. */
static int rank_type(const hrm_heap *heap, VkMemoryPropertyFlags flags, hrm_memory_kind kind) {
    /* protected, lazily allocated and AMD's uncached device-coherent types are for other uses */
    const VkMemoryPropertyFlags unwanted = VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
                                           VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD |
                                           VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;
    const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    if (flags & unwanted) return -1;
    bool local = (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) != 0;
    bool visible = (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0;
    bool cached = (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0;
    if (kind == HRM_MEMORY_DEVICE) {
        /* Off the small host-visible window of a discrete card; shared memory is all alike. */
        return (local ? 8 : 0) + (visible == heap->unified ? 2 : 0) + (cached ? 0 : 1);
    }
    if ((flags & host) != host) return -1;
    if (kind == HRM_MEMORY_UPLOAD) return (local == heap->unified ? 4 : 0) + (cached ? 0 : 1);
    return (cached ? 8 : 0) + (local == heap->unified ? 1 : 0);
}

uint32_t hrm_heap_get_device_heap(const hrm_heap *heap) {
    uint32_t best = UINT32_MAX;
    int best_rank = -1;
    for (uint32_t t = 0; t < heap->memory.memoryTypeCount; t++) {
        int rank = rank_type(heap, heap->memory.memoryTypes[t].propertyFlags, HRM_MEMORY_DEVICE);
        if (rank > best_rank) best = heap->memory.memoryTypes[t].heapIndex, best_rank = rank;
    }
    return best;
}

uint64_t hrm_heap_get_block_bytes(const hrm_heap *heap) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < heap->memory.memoryHeapCount; i++) bytes += heap->heap_used[i];
    return bytes;
}

/* ---- ranges of a block --------------------------------------------------------------------------------------------
 */

static bool reserve_range(hrm_heap_block *block) {
    if (block->range_count < block->range_capacity) return true;
    uint32_t capacity = block->range_capacity ? block->range_capacity * 2 : 16;
    free_range *grown = realloc(block->ranges, capacity * sizeof *grown);
    if (!grown) return false;
    block->ranges = grown;
    block->range_capacity = capacity;
    return true;
}

static void insert_range(hrm_heap_block *block, uint32_t at, free_range range) {
    memmove(block->ranges + at + 1, block->ranges + at, (block->range_count - at) * sizeof *block->ranges);
    block->ranges[at] = range;
    block->range_count++;
}

static void remove_range(hrm_heap_block *block, uint32_t at) {
    memmove(block->ranges + at, block->ranges + at + 1, (block->range_count - at - 1) * sizeof *block->ranges);
    block->range_count--;
}

/* Best fit. A piece splits its range in at most two: room for one more is kept at all times, so that giving back never
 * allocates (pieces + 1 ranges at most). */
static bool take_from_block(hrm_heap_block *block, uint64_t bytes, uint64_t alignment, uint64_t *offset) {
    uint32_t best = UINT32_MAX;
    uint64_t best_start = 0;
    for (uint32_t i = 0; i < block->range_count; i++) {
        uint64_t start;
        if (!hrm_align_up_u64(block->ranges[i].offset, alignment, &start)) continue;
        uint64_t end = block->ranges[i].offset + block->ranges[i].bytes;
        if (start > end || end - start < bytes) continue;
        if (best == UINT32_MAX || block->ranges[i].bytes < block->ranges[best].bytes) best = i, best_start = start;
    }
    if (best == UINT32_MAX) return false;
    while (block->range_capacity < block->pieces + 3) {
        uint32_t capacity = block->range_capacity ? block->range_capacity * 2 : 16;
        free_range *grown = realloc(block->ranges, capacity * sizeof *grown);
        if (!grown) return false;
        block->ranges = grown;
        block->range_capacity = capacity;
    }
    free_range range = block->ranges[best];
    free_range before = {range.offset, best_start - range.offset};
    free_range after = {best_start + bytes, range.offset + range.bytes - best_start - bytes};
    remove_range(block, best);
    if (after.bytes) insert_range(block, best, after);
    if (before.bytes) insert_range(block, best, before);
    block->pieces++;
    *offset = best_start;
    return true;
}

static void give_to_block(hrm_heap_block *block, uint64_t offset, uint64_t bytes) {
    uint32_t at = 0;
    while (at < block->range_count && block->ranges[at].offset < offset) at++;
    bool joins_before = at > 0 && block->ranges[at - 1].offset + block->ranges[at - 1].bytes == offset;
    bool joins_after = at < block->range_count && offset + bytes == block->ranges[at].offset;
    if (joins_before && joins_after) {
        block->ranges[at - 1].bytes += bytes + block->ranges[at].bytes;
        remove_range(block, at);
    } else if (joins_before) {
        block->ranges[at - 1].bytes += bytes;
    } else if (joins_after) {
        block->ranges[at].offset = offset;
        block->ranges[at].bytes += bytes;
    } else {
        insert_range(block, at, (free_range){offset, bytes});
    }
    block->pieces--;
}

/* ---- blocks -------------------------------------------------------------------------------------------------------
 */

/* VK_SUCCESS, or the driver's refusal; OUT_OF_HOST_MEMORY also for our own. */
static VkResult make_block(hrm_heap *heap, hrm_device *device, uint32_t type, uint64_t bytes, bool dedicated,
                           hrm_heap_block **out) {
    *out = NULL;
    hrm_heap_block *block = calloc(1, sizeof *block);
    if (!block || !reserve_range(block)) {
        free(block);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    const uint32_t index = heap->memory.memoryTypes[type].heapIndex;
    if (heap->strict && heap->heap_used[index] + bytes > heap->memory.memoryHeaps[index].size) {
        free(block->ranges);
        free(block);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    const VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = device->caps & HRM_CAP_ADDRESS ? &flags : NULL,
        .allocationSize = bytes,
        .memoryTypeIndex = type,
    };
    VkResult result = device->vk.vkAllocateMemory(device->handle, &info, NULL, &block->memory);
    block->type = type;
    block->bytes = bytes;
    if (result == VK_SUCCESS)
        heap->heap_used[index] += bytes;
    else
        block->memory = VK_NULL_HANDLE;
    if (result == VK_SUCCESS && (heap->memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) &&
        (heap->memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)) {
        void *mapped = NULL;
        result = device->vk.vkMapMemory(device->handle, block->memory, 0, VK_WHOLE_SIZE, 0, &mapped);
        block->mapped = mapped;
    }
    if (result != VK_SUCCESS) {
        destroy_block(heap, device, block);
        return result;
    }
    block->dedicated = dedicated;
    block->ranges[0] = (free_range){0, bytes};
    block->range_count = 1;
    block->next = heap->blocks;
    heap->blocks = block;
    if (!dedicated) heap->block_counts[type]++;
    *out = block;
    return VK_SUCCESS;
}

static void fill_piece(hrm_heap_block *block, uint64_t offset, uint64_t bytes, hrm_heap_piece *out) {
    *out = (hrm_heap_piece){block, block->memory, offset, bytes, block->mapped ? block->mapped + offset : NULL};
}

static VkResult take_from_type(hrm_heap *heap, hrm_device *device, uint32_t type, uint64_t bytes, uint64_t alignment,
                               hrm_heap_piece *out) {
    uint64_t offset, heap_bytes = heap->memory.memoryHeaps[heap->memory.memoryTypes[type].heapIndex].size;
    if (bytes > heap_bytes) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    for (hrm_heap_block *block = heap->blocks; block; block = block->next) {
        if (block->type != type || block->dedicated || !take_from_block(block, bytes, alignment, &offset)) continue;
        fill_piece(block, offset, bytes, out);
        return VK_SUCCESS;
    }
    uint64_t block_bytes = heap->heap_used[heap->memory.memoryTypes[type].heapIndex] / BLOCK_SHARE & ~UINT64_C(0xffff);
    if (block_bytes < BLOCK_LEAST_BYTES) block_bytes = BLOCK_LEAST_BYTES;
    if (block_bytes > BLOCK_MOST_BYTES) block_bytes = BLOCK_MOST_BYTES;
    if (block_bytes > heap_bytes / 8) block_bytes = heap_bytes / 8 & ~UINT64_C(0xffff);
    if (block_bytes > heap->max_allocation_bytes) block_bytes = heap->max_allocation_bytes;
    bool dedicated = bytes > block_bytes / 2;
    hrm_heap_block *block;
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (!dedicated) result = make_block(heap, device, type, block_bytes, false, &block);
    /* no room for a whole block: the piece alone may still fit */
    if (result != VK_SUCCESS) result = make_block(heap, device, type, bytes, true, &block);
    if (result != VK_SUCCESS) return result;
    if (!take_from_block(block, bytes, 1, &offset)) return VK_ERROR_OUT_OF_HOST_MEMORY;
    fill_piece(block, offset, bytes, out);
    return VK_SUCCESS;
}

hrm_status hrm_heap_take(hrm_heap *heap, hrm_device *device, const VkMemoryRequirements *need, hrm_memory_kind kind,
                         const char *label, hrm_heap_piece *out) {
    memset(out, 0, sizeof *out);
    if (need->size > heap->max_allocation_bytes) {
        return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY,
                        "%" PRIu64 " bytes asked for, but this driver allows %" PRIu64
                        " in one allocation; use a smaller batch or model",
                        need->size, heap->max_allocation_bytes);
    }
    uint32_t tried = 0;
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    uint64_t largest = 0;
    for (bool first = true;; first = false) {
        uint32_t best = UINT32_MAX;
        int best_rank = -1;
        for (uint32_t t = 0; t < heap->memory.memoryTypeCount; t++) {
            if (!(need->memoryTypeBits >> t & 1u) || (tried >> t & 1u)) continue;
            int rank = rank_type(heap, heap->memory.memoryTypes[t].propertyFlags, kind);
            if (rank > best_rank) best = t, best_rank = rank;
        }
        if (best == UINT32_MAX) break;
        tried |= 1u << best;
        uint64_t heap_bytes = heap->memory.memoryHeaps[heap->memory.memoryTypes[best].heapIndex].size;
        if (heap_bytes > largest) largest = heap_bytes;
        result = take_from_type(heap, device, best, need->size, need->alignment, out);
        if (result == VK_SUCCESS) {
            bool local = heap->memory.memoryTypes[best].propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
            if (!first && kind == HRM_MEMORY_DEVICE && !local && !heap->fallback_logged) {
                heap->fallback_logged = true;
                hrm_log(HRM_LOG_WARN,
                        "device memory is full: buffer '%s' of %" PRIu64
                        " bytes, and perhaps others, live in slower host memory",
                        label, need->size);
            }
            return HRM_OK;
        }
        if (result != VK_ERROR_OUT_OF_DEVICE_MEMORY && result != VK_ERROR_OUT_OF_HOST_MEMORY) break;
    }
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
        return hrm_fail(HRM_ERR_OUT_OF_DEVICE_MEMORY,
                        "%" PRIu64 " bytes asked for, but no device memory is left (largest fitting heap %" PRIu64
                        " bytes, %" PRIu64 " in use by this device); use a smaller batch or model",
                        need->size, largest, device->memory_in_use);
    }
    return hrm_vk_check(result, "vkAllocateMemory(");
}

void hrm_heap_give(hrm_heap *heap, hrm_device *device, hrm_heap_piece *piece) {
    hrm_heap_block *block = piece->block;
    if (!block) return;
    give_to_block(block, piece->offset, piece->bytes);
    memset(piece, 0, sizeof *piece);
    if (block->pieces || (!block->dedicated && heap->block_counts[block->type] == 1)) return;
    for (hrm_heap_block **link = &heap->blocks; *link; link = &(*link)->next) {
        if (*link != block) continue;
        *link = block->next;
        break;
    }
    if (!block->dedicated) heap->block_counts[block->type]--;
    destroy_block(heap, device, block);
}
