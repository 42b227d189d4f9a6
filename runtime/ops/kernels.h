/* The kernel rows as an enumeration, and the table that a device is opened with. */
#ifndef HRM_OPS_KERNELS_H
#define HRM_OPS_KERNELS_H

#include "gpu/caps.h"
#include "gpu/kernel.h"

typedef enum hrm_kernel_id {
#define HRM_KERNEL(id, source, access, push, caps, defines) HRM_KERNEL_##id,
#include "kernels.def"
#undef HRM_KERNEL
    HRM_KERNEL_COUNT
} hrm_kernel_id;

/* All rows, with the SPIR-V made at build time. */
const hrm_kernel_table *hrm_kernels_get_table(void);

#endif
