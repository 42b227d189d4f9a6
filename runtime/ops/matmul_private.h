/* Shared by matmul.c (recording) and matmul_choice.c (which family). */
#ifndef HRM_OPS_MATMUL_PRIVATE_H
#define HRM_OPS_MATMUL_PRIVATE_H

#include "ops/kernels.h"
#include "ops/matmul.h"

/* The row of a family. wide, where there are two: the one that reads A and B 4 elements at a time (tiles, direct), or
 * stores 64-bit words (lane_shuffle). */
hrm_kernel_id hrm_matmul_find_kernel(hrm_matmul_family family, hrm_matmul_form form, bool wide);
/* Lanes of a subgroup that the CPU families use; 0 = the device's subgroup has another size. */
uint32_t hrm_matmul_lanes(const hrm_device *device);

static inline bool hrm_matmul_family_packs(hrm_matmul_family family) {
    return family == HRM_MATMUL_LANE_SHUFFLE || family == HRM_MATMUL_LANE_BROADCAST;
}

static inline bool hrm_matmul_family_tiles(hrm_matmul_family family) {
    return family == HRM_MATMUL_TILE || family == HRM_MATMUL_TILE_LARGE || family == HRM_MATMUL_TILE_SMALL;
}

#endif
