/* Adapters: what the Vulkan loader offers, with everything we probe, without opening it. */
#ifndef HRM_GPU_ADAPTER_H
#define HRM_GPU_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum hrm_adapter_type {
    HRM_ADAPTER_OTHER = 0,
    HRM_ADAPTER_INTEGRATED = 1,
    HRM_ADAPTER_DISCRETE = 2,
    HRM_ADAPTER_VIRTUAL = 3,
    HRM_ADAPTER_CPU = 4,
} hrm_adapter_type;

/* A shape of VK_KHR_cooperative_matrix that a whole subgroup multiplies: C [m,n] f32 += A [m,k] B [k,n]. */
typedef struct hrm_coopmat_shape {
    uint32_t m, n, k;
    bool bf16; /* A and B are bf16; else f16 */
} hrm_coopmat_shape;
/* The same with VK_NV_cooperative_matrix2, which takes any multiples of m, n and k up to coopmat_max_dimension. */
typedef struct hrm_coopmat_granule {
    uint32_t m, n, k;
    uint32_t workgroup; /* 0: a subgroup multiplies; else a whole workgroup of so many invocations */
    bool bf16;
} hrm_coopmat_granule;
enum { HRM_COOPMAT_MAX_SHAPES = 16 };

typedef struct hrm_adapter {
    uint32_t index; /* position in the list: what --device N means */
    char name[256];
    char driver_name[256];
    char driver_info[256];
    hrm_adapter_type type;
    uint32_t vendor_id, device_id;
    uint32_t api_version, driver_version;
    uint8_t device_uuid[16], driver_uuid[16];
    uint32_t caps; /* HRM_CAP_* found, before HRM_DISABLE */
    bool usable;   /* Vulkan >= 1.2 and its minimum limits, compute queue, timeline semaphores, memory types */
    char unusable_reason[128];
    uint32_t subgroup_size, min_subgroup_size, max_subgroup_size;
    uint32_t max_workgroup_invocations, max_workgroup_size[3], max_workgroup_count[3];
    uint32_t max_shared_bytes, max_push_bytes, max_bound_sets;
    uint64_t max_storage_range, max_allocation_bytes;
    uint32_t storage_alignment, texel_alignment, max_texel_elements;
    float timestamp_period_ns;
    uint64_t device_local_bytes, host_visible_bytes;   /* largest heaps of those kinds */
    bool unified_memory;                               /* device-local memory is host-visible */
    hrm_coopmat_shape coopmat[HRM_COOPMAT_MAX_SHAPES]; /* in the driver's order */
    uint32_t coopmat_count;
    hrm_coopmat_granule granules[HRM_COOPMAT_MAX_SHAPES]; /* in the driver's order; none without HRM_CAP_COOPMAT2 */
    uint32_t granule_count;
    uint32_t coopmat_max_dimension; /* of a matrix made of granules */
    uint32_t coopmat_subgroup;      /* see hrm_device_get_coopmat_subgroup */
    uint32_t defect_caps;           /* HRM_CAP_* that the driver lists but gets wrong (defects.h): not in caps */
    int64_t score;                  /* larger is tried first; CPU drivers come last */
} hrm_adapter;

/* Lists adapters, best first within equal UUIDs (duplicates of one physical device under several drivers are kept but
 * ordered after the preferred one). Caller frees *out with free(). No adapter at all: NO_DEVICE, saying what to
 * install. */
hrm_status hrm_adapter_list(bool validation, hrm_adapter **out, uint32_t *count);

#endif
