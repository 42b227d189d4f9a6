/* Who lives in which memory: every tensor of a model, solver or trainer is planned here, by lifetime, so that memory
 * can be reported by lifetime and freed in one call. Each tensor has a buffer of its own (sub-allocated by the device's
 * heap), so no tensor is bound by more than its own size. Errors latch: plan all, then ask hrm_plan_get_status once. */
#ifndef HRM_MODEL_PLAN_H
#define HRM_MODEL_PLAN_H

#include "gpu/device.h"
#include "ops/tensor.h"

typedef enum hrm_lifetime {
    HRM_LIFE_WEIGHTS,   /* as long as the model */
    HRM_LIFE_PACKED,    /* weights in the layout a kernel row wants, rewritten after each update */
    HRM_LIFE_GRADIENTS, /* one step */
    HRM_LIFE_OPTIMIZER, /* moments, averages */
    HRM_LIFE_CARRY,     /* z_H, z_L and the rows in flight, from step to step */
    HRM_LIFE_SAVED,     /* activations from forward to backward */
    HRM_LIFE_SCRATCH,   /* within one pass */
    HRM_LIFE_IO,        /* batches, answers, metrics */
    HRM_LIFE_COUNT
} hrm_lifetime;

typedef struct hrm_plan {
    hrm_device *device;
    bool dry; /* tensors have sizes and no memory: to count what a config would need, and to record without running */
    hrm_buffer **buffers;
    uint32_t count, capacity;
    uint64_t bytes[HRM_LIFE_COUNT];
    hrm_status status;
} hrm_plan;

void hrm_plan_init(hrm_plan *plan, hrm_device *device);
void hrm_plan_init_dry(hrm_plan *plan, hrm_device *device);
void hrm_plan_deinit(hrm_plan *plan);
/* First error, with its message set again; HRM_OK if all tensors exist. */
hrm_status hrm_plan_get_status(const hrm_plan *plan);

/* Contiguous tensors; an unset tensor after an error. */
hrm_tensor hrm_plan_1d(hrm_plan *plan, hrm_lifetime life, const char *label, hrm_dtype dtype, uint64_t n);
hrm_tensor hrm_plan_2d(hrm_plan *plan, hrm_lifetime life, const char *label, hrm_dtype dtype, uint64_t rows,
                       uint64_t cols);
/* Sum over all lifetimes. */
uint64_t hrm_plan_get_bytes(const hrm_plan *plan);

#endif
