/* What the stand-ins for kernel graphics drivers share.
 *
 * A stand-in is a library for LD_PRELOAD: node.c and one file with a struct kmd_driver. Mesa's own Vulkan driver then
 * finds one PCI graphics card, the one named by HRM_LAB_CHIP, opens its render node and works as usual: memory is real
 * (zero until written), kernels are compiled, submits do nothing and are finished at once.
 *
 * node.c answers what all DRM drivers have in common, below libdrm, whose own functions (drmIoctl, drmSyncobj*,
 * drmGetCap, drmGetVersion, drmCommandWriteRead, ...) work unchanged on top: drmGetDevices2, drmGetDevice2 and their
 * frees; open, access, stat and fstat of the node; ioctls: VERSION, GET_CAP, GEM_CLOSE and the SYNCOBJ family. Numbers
 * from DRM_COMMAND_BASE to DRM_COMMAND_END go to the driver. Everything else, and every other file, passes through.
 *
 * The opened node is a sparse memory file. A driver gives a buffer's kmd_buffer.offset as its mmap offset, and the
 * ordinary mmap64 of the opened node does the rest: there is nothing to redirect.
 *
 * Functions are thread-safe. Errors are negative errno values. Buffers and sync objects are shared by all opens of the
 * node.
 *
 * Environment:
 *   HRM_LAB_CHIP      the chip; unknown or unset: one line on standard error, and no device
 *   HRM_LAB_VRAM_MIB  local memory of a discrete card
 *   HRM_LAB_BAR_MIB   how much of it the host can map; each stand-in says what it takes for either unless set
 *   HRM_LAB_TRACE     set: names on standard error each kind of ioctl that was refused, once per call */
#ifndef HRM_LAB_KMD_NODE_H
#define HRM_LAB_KMD_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every chip has; the first member of a driver's own row. */
struct kmd_chip {
    const char *name; /* for HRM_LAB_CHIP */
    uint16_t vendor, device;
    uint8_t revision;
};

struct kmd_buffer;

/* Each stand-in defines exactly one, named kmd_driver. */
struct kmd_driver {
    const char *name; /* the kernel driver's, as DRM_IOCTL_VERSION reports it */
    int major, minor, patch;
    /* The chip at an index, NULL past the last one. */
    const struct kmd_chip *(*chip)(size_t index);
    /* Called once, with the chip chosen, before anything else of the driver. Reads more of the environment. False, with
     * a line on standard error, refuses: there is no device then. */
    bool (*setup)(const struct kmd_chip *chip);
    /* NULL, or told of each buffer closed, after it is. No lock of node.c is held. */
    void (*closed)(const struct kmd_buffer *buffer);
    /* A driver ioctl; nr counts from DRM_COMMAND_BASE. 0 or a negative errno; -ENOSYS is traced as unanswered. */
    int (*ioctl)(unsigned nr, void *argument);
};
extern const struct kmd_driver kmd_driver;

/* The chosen chip, or NULL (said on standard error). */
const struct kmd_chip *kmd_chip(void);

/* Reads a size in MiB from the environment into bytes; fallback_mib where the variable is unset. False, with a line on
 * standard error, where it is no number from least_mib to 16777216. */
bool kmd_read_mib(const char *variable, uint64_t least_mib, uint64_t fallback_mib, uint64_t *bytes);

struct kmd_buffer {
    uint64_t offset; /* in the node: what mmap takes; multiple of 64 KiB */
    uint64_t bytes;
    uint64_t tag; /* the driver's own, 0 at first */
};

/* Makes a buffer of zeroes. Memory is taken when a page is first touched. The handle is never 0; DRM_IOCTL_GEM_CLOSE
 * frees. */
int kmd_buffer_create(uint64_t bytes, uint64_t tag, uint32_t *handle);
bool kmd_buffer_find(uint32_t handle, struct kmd_buffer *buffer);
int kmd_buffer_close(uint32_t handle);

/* The memory of buffers, by its offset in the node, where no map of it is at hand. False outside of the node. */
bool kmd_memory_read(uint64_t offset, void *data, size_t bytes);
bool kmd_memory_write(uint64_t offset, const void *data, size_t bytes);

/* What a submit does at its end: the sync object is signalled, and a timeline reaches point (0 for a binary one).
 * Waits never look: they succeed at once. */
void kmd_syncobj_signal(uint32_t handle, uint64_t point);

#endif
