#include "ops/grid.h"

static uint64_t divide_up(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

void hrm_grid_1d_within(const uint32_t max_count[3], uint64_t count, uint32_t groups[3]) {
    groups[0] = groups[1] = groups[2] = UINT32_MAX;
    if (count > INT32_MAX) return;
    groups[0] = (uint32_t)count;
    groups[1] = groups[2] = 1;
    if (count <= max_count[0]) return;

    /* The fewest planes and rows first, then rows of equal length: the surplus is then below one group per row. */
    uint64_t rows = divide_up(count, max_count[0]);
    uint64_t planes = divide_up(rows, max_count[1]);
    if (planes > max_count[2]) {
        groups[0] = groups[1] = groups[2] = UINT32_MAX;
        return;
    }
    uint64_t y = divide_up(rows, planes);
    groups[0] = (uint32_t)divide_up(count, y * planes);
    groups[1] = (uint32_t)y;
    groups[2] = (uint32_t)planes;
}

void hrm_grid_1d(const hrm_device *device, uint64_t count, uint32_t groups[3]) {
    hrm_grid_1d_within(hrm_device_get_adapter(device)->max_workgroup_count, count, groups);
}
