/* Device memory in few large blocks, sub-allocated. Private to gpu/.
 *
 * A block is one VkDeviceMemory of one memory type; its free ranges are a sorted list, taken best-fit and merged when
 * given back. Pieces past half a block get a block of their own. Host-visible blocks stay mapped.
 * Only buffers live here, so bufferImageGranularity never applies; UPLOAD and READBACK use coherent types only, so
 * neither does nonCoherentAtomSize. */
#ifndef HRM_GPU_HEAP_H
#define HRM_GPU_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/buffer.h"
#include "gpu/vk.h"

typedef struct hrm_heap_block hrm_heap_block;

typedef struct hrm_heap {
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t max_allocation_bytes;
    hrm_heap_block *blocks;
    uint32_t block_counts[VK_MAX_MEMORY_TYPES]; /* shared blocks made so far, for growing sizes */
    uint64_t heap_used[VK_MAX_MEMORY_HEAPS];
    bool fallback_logged;
    bool unified; /* device memory is the host's: any type will do for any kind */
    bool strict;  /* never past a heap's reported size: some GPU drivers over-commit and then lose the device */
} hrm_heap;

typedef struct hrm_heap_piece {
    hrm_heap_block *block;
    VkDeviceMemory memory;
    uint64_t offset, bytes;
    unsigned char *mapped; /* host pointer to the piece, NULL where not host-visible */
} hrm_heap_piece;

void hrm_heap_init(hrm_heap *heap, const VkPhysicalDeviceMemoryProperties *memory, uint64_t max_allocation_bytes,
                   bool unified, bool strict);
void hrm_heap_deinit(hrm_heap *heap, hrm_device *device);

/* The heap that HRM_MEMORY_DEVICE pieces come from while it has room; UINT32_MAX: there is none. */
uint32_t hrm_heap_get_device_heap(const hrm_heap *heap);
/* Bytes of all blocks. */
uint64_t hrm_heap_get_block_bytes(const hrm_heap *heap);

/* A piece for a resource with these requirements, from the best memory type for `kind` that has room; a worse type than
 * the first choice is logged once. `label` is for messages. Errors: OUT_OF_DEVICE_MEMORY, OUT_OF_MEMORY. */
hrm_status hrm_heap_take(hrm_heap *heap, hrm_device *device, const VkMemoryRequirements *need, hrm_memory_kind kind,
                         const char *label, hrm_heap_piece *out);
/* Gives a piece back; a block that becomes empty is freed unless it is the last shared one of its type. */
void hrm_heap_give(hrm_heap *heap, hrm_device *device, hrm_heap_piece *piece);

#endif
