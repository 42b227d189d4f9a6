/* What the wrappers of elementwise and row kernels share: checking tensors, choosing between the rows of the table that
 * shaders/lib/vec.glsl makes from one source, and sizing their workgroups.
 *
 * Promises: nothing here records; every failed check latches an error in the recorder that names op and argument. */
#ifndef HRM_OPS_ROW_KERNEL_H
#define HRM_OPS_ROW_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "ops/kernels.h"
#include "ops/tensor.h"

/* True when `t` is set, of that type, contiguous and has exactly `count` elements; otherwise latches the error. */
bool hrm_row_check(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, hrm_dtype dtype,
                   uint64_t count);
/* The same for f32, bf16 or f16. */
bool hrm_row_check_float(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, uint64_t count);
/* The same, but a tensor that is not set passes. */
bool hrm_row_check_optional(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, hrm_dtype dtype,
                            uint64_t count);

/* The rows one source gives. HRM_ROW_NONE where a family lacks one. The row for 16-bit tensors stands beside them: an
 * op with such a tensor chooses from a family of that row alone (as `vec4`), its sizes checked to be multiples of 4. */
#define HRM_ROW_NONE HRM_KERNEL_COUNT
typedef struct hrm_row_family {
    hrm_kernel_id texel;  /* vec4, inputs as texel buffers, for CPU drivers */
    hrm_kernel_id vec4;   /* vec4 storage buffers */
    hrm_kernel_id scalar; /* any size */
    hrm_kernel_id tree;   /* any size, no subgroup arithmetic */
} hrm_row_family;

typedef struct hrm_row_choice {
    hrm_kernel_id kernel;
    uint32_t width;   /* floats per element of that row: 4 or 1 */
    bool is_tree;     /* the family's tree row: the one team is the workgroup */
    uint32_t local_x; /* workgroup size: one subgroup on CPU drivers, where a workgroup of several costs switches */
} hrm_row_choice;

/* `inner` is the size that must divide by 4 for vec4, `largest` the floats of the largest input (texel buffers have
 * their own limit). Always gives a row; one the device lacks is refused by the recorder with its name. */
hrm_row_choice hrm_row_choose(const hrm_device *device, const hrm_row_family *family, uint64_t inner, uint64_t largest);

/* How many of `count` units (elements, rows) a workgroup takes: a multiple of `step`; few large groups on CPU drivers,
 * where each costs 0.15 us, many small ones elsewhere. */
uint32_t hrm_row_per_group(const hrm_device *device, uint64_t count, uint32_t step);

/* Teams of lib/reduce.glsl in a workgroup of that row, as far as the host can know: rows of a workgroup should be a
 * multiple of it. 1 for the tree form. */
uint32_t hrm_row_teams(const hrm_device *device, const hrm_row_choice *choice);

bool hrm_row_is_cpu(const hrm_device *device);

#endif
