/* Buffers: one VkBuffer each, bound into a block of the device's heap. All buffers may be used as storage, uniform
 * texel (rgba32f views), transfer source and destination and, where the adapter has it, through their address. */
#ifndef HRM_GPU_BUFFER_H
#define HRM_GPU_BUFFER_H

#include <stdint.h>

#include "base/status.h"

typedef struct hrm_device hrm_device;
typedef struct hrm_buffer hrm_buffer;

typedef enum hrm_memory_kind {
    HRM_MEMORY_DEVICE = 0,   /* device-local; mapped only where the device shares memory with the host */
    HRM_MEMORY_UPLOAD = 1,   /* host-visible, coherent, written by the host */
    HRM_MEMORY_READBACK = 2, /* host-visible, cached where possible, read by the host */
    HRM_MEMORY_NONE = 3,     /* only planned: a size and a label without memory, for counting what a recording needs */
} hrm_memory_kind;

/* A region of a buffer: what kernels bind and the recorder tracks. `offset` is a multiple of the device's
 * `binding_alignment`, `bytes` may be any size within the buffer and the device's binding range. */
typedef struct hrm_span {
    hrm_buffer *buffer;
    uint64_t offset;
    uint64_t bytes;
} hrm_span;

/* Creates a buffer of `bytes` (> 0). `label` names it in errors and debuggers; it is copied. Contents are undefined.
 * A buffer of HRM_MEMORY_NONE has no memory and no address, may be larger than the device allows, and counts nowhere as
 * memory in use. Commands that use it can be recorded, so that their work can be counted (hrm_recorder_get_flops);
 * whatever would run them or touch its bytes (hrm_recorder_end, uploads, downloads, copies) is INVALID_ARGUMENT.
 * Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, OUT_OF_DEVICE_MEMORY (says how much was asked and what the heap has). */
hrm_status hrm_buffer_create(hrm_device *device, uint64_t bytes, hrm_memory_kind kind, const char *label,
                             hrm_buffer **out);
/* Waits for nothing: the caller knows no submitted work uses it. NULL is fine. */
void hrm_buffer_destroy(hrm_buffer *buffer);

uint64_t hrm_buffer_get_size(const hrm_buffer *buffer);
/* Host pointer to the start of the buffer; NULL unless UPLOAD or READBACK. */
void *hrm_buffer_get_mapped(const hrm_buffer *buffer);
/* Device address of the start of the buffer; 0 where the adapter has no buffer addresses. */
uint64_t hrm_buffer_get_address(const hrm_buffer *buffer);

static inline hrm_span hrm_buffer_span(hrm_buffer *buffer) {
    return (hrm_span){buffer, 0, hrm_buffer_get_size(buffer)};
}

#endif
