/* Devices: what Vulkan offers on this machine, and opening one. */
#ifndef HRM_DEVICE_H
#define HRM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrm_device hrm_device;

typedef enum hrm_device_type {
    HRM_DEVICE_OTHER = 0,
    HRM_DEVICE_INTEGRATED = 1,
    HRM_DEVICE_DISCRETE = 2,
    HRM_DEVICE_VIRTUAL = 3,
    HRM_DEVICE_CPU = 4,
} hrm_device_type;

/* A size at which the device's matrix units multiply 16-bit floats and add up in 32 bits: [m,n] += [m,k] [k,n]. */
typedef struct hrm_matrix_shape {
    uint32_t m, n, k;
    uint32_t bf16;      /* 1: bfloat16; 0: IEEE half */
    uint32_t multiples; /* 1: any multiples of m, n and k (VK_NV_cooperative_matrix2); 0: exactly these */
    uint32_t workgroup; /* 0: a subgroup multiplies; else a workgroup of so many invocations */
} hrm_matrix_shape;

#define HRM_MATRIX_SHAPES_MAX 32

/* What was probed of one adapter. Sizes in bytes. Filled by hrm_device_enumerate. */
typedef struct hrm_device_info {
    uint32_t struct_size;
    uint32_t index; /* what "--device N" and hrm_device_config.selector "N" mean */
    hrm_device_type type;
    bool usable; /* false: unusable_reason says why */
    bool unified_memory;
    char name[256];
    char driver_name[256];
    char driver_info[256];
    char uuid[40]; /* 8-4-4-4-12 lower-case hex; also a selector */
    char unusable_reason[128];
    char features[256]; /* space-separated names of optional features found: the words HRM_DISABLE takes */
    uint32_t vendor_id, device_id;
    uint32_t vulkan_major, vulkan_minor, vulkan_patch;
    uint32_t subgroup_size, min_subgroup_size, max_subgroup_size;
    uint32_t max_workgroup_invocations, max_shared_bytes, max_push_bytes;
    uint32_t storage_alignment, max_texel_elements;
    uint64_t max_storage_range, max_allocation_bytes;
    uint64_t device_local_bytes, host_visible_bytes;
    uint32_t matrix_shape_count; /* listed by the driver; kernels that use them are checked and measured before use */
    hrm_matrix_shape matrix_shapes[HRM_MATRIX_SHAPES_MAX];
} hrm_device_info;

/* Lists the adapters, best first. `infos` may be NULL to ask for the number; otherwise up to `capacity` entries are
 * written, each with struct_size set by the caller in infos[0] (all entries share it). *count is the number found.
 * Errors: NO_DEVICE (no Vulkan loader or driver: the message says what to install). */
HRM_API hrm_status hrm_device_enumerate(hrm_device_info *infos, uint32_t capacity, uint32_t *count);

typedef struct hrm_device_config {
    uint32_t struct_size;
    uint32_t validation;   /* 1: enable the Khronos validation layer, messages to the log callback */
    const char *selector;  /* adapter index, part of a name, or UUID; NULL: environment HRM_DEVICE, else the best */
    const char *cache_dir; /* where pipelines and measured kernel choices are kept; NULL: the user's cache folder;
                              "": nowhere */
} hrm_device_config;

/* Opens a device. On a device without stored measurements, the first use of the heavy operations measures the kernel
 * variants for a few seconds; results are kept in the cache folder.
 * Errors: NO_DEVICE (nothing matches; the message lists what exists), UNSUPPORTED (adapter below the floor). */
HRM_API hrm_status hrm_device_create(const hrm_device_config *config, hrm_device **out);
/* Destroys what was made from it first. NULL is fine. */
HRM_API void hrm_device_destroy(hrm_device *device);

/* The opened adapter. */
HRM_API hrm_status hrm_device_get_info(const hrm_device *device, hrm_device_info *info);
/* Validation messages seen so far (0 unless validation is on). */
HRM_API uint64_t hrm_device_get_validation_message_count(const hrm_device *device);

/* Calls visit for every operation with several kernel variants: which was chosen, its measured rate in GFLOP/s (0 when
 * there was nothing to measure), and how the choice was made ("measured", "cached", "only one", ...). After programs
 * were recorded also for the types and shapes they use that have a choice of their own ("matmul_nt.bf16",
 * "matmul_nt:4096x1536x512", see hrm/tune.h). Blocks while measuring when nothing is cached. */
HRM_API hrm_status hrm_device_visit_choices(hrm_device *device,
                                            void (*visit)(void *user, const char *op, const char *row, double gflops,
                                                          const char *how),
                                            void *user);
/* Calls visit for each kernel row: `reason` is NULL where it can run on this device, else why not in words. */
HRM_API hrm_status hrm_device_visit_kernels(hrm_device *device,
                                            void (*visit)(void *user, const char *row, const char *reason), void *user);
/* Compiles every usable kernel row, as a check of driver and shaders. visit gets the outcome of each; the return value
 * is that of the first failure. */
HRM_API hrm_status hrm_device_compile_all(hrm_device *device,
                                          void (*visit)(void *user, const char *row, hrm_status status, double ms),
                                          void *user);

#ifdef __cplusplus
}
#endif

#endif
