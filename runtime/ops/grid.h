/* Grids of any size: Vulkan promises no more than 65535 workgroups along an axis.
 *
 * Promises: for count < 2^31 the grid has at least `count` groups, fewer than twice as many, and stays within the
 * device's limits; the kernel numbers them with flat_group() of shaders/lib/grid.glsl and leaves when that number is
 * >= count. This arithmetic lives in these two files only. */
#ifndef HRM_OPS_GRID_H
#define HRM_OPS_GRID_H

#include <stdint.h>

#include "gpu/device.h"

/* Fills groups[3]. A count of 0 gives x = 0 (the recorder then records nothing); one past 2^31 - 1 gives a grid that
 * every recorder refuses, naming the kernel. */
void hrm_grid_1d(const hrm_device *device, uint64_t count, uint32_t groups[3]);

/* The same for stated limits (what hrm_grid_1d does with the device's). */
void hrm_grid_1d_within(const uint32_t max_count[3], uint64_t count, uint32_t groups[3]);

#endif
