#include "model/plan.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/queue.h"

void hrm_plan_init(hrm_plan *plan, hrm_device *device) {
    memset(plan, 0, sizeof *plan);
    plan->device = device;
}

void hrm_plan_init_dry(hrm_plan *plan, hrm_device *device) {
    hrm_plan_init(plan, device);
    plan->dry = true;
}

uint64_t hrm_plan_get_bytes(const hrm_plan *plan) {
    uint64_t bytes = 0;
    for (int life = 0; life < HRM_LIFE_COUNT; life++) bytes += plan->bytes[life];
    return bytes;
}

void hrm_plan_deinit(hrm_plan *plan) {
    /* uploads into these buffers may still be under way, for example when loading a model fails half-way; a device that
     * was lost has said so before */
    if (plan->count && !plan->dry) (void)hrm_queue_drain(plan->device);
    for (uint32_t i = plan->count; i-- > 0;) hrm_buffer_destroy(plan->buffers[i]);
    free(plan->buffers);
    memset(plan, 0, sizeof *plan);
}

hrm_status hrm_plan_get_status(const hrm_plan *plan) {
    return plan->status; /* the message is still this thread's last: nothing else is called after a failed plan */
}

hrm_tensor hrm_plan_1d(hrm_plan *plan, hrm_lifetime life, const char *label, hrm_dtype dtype, uint64_t n) {
    if (plan->status != HRM_OK) return (hrm_tensor){0};
    uint64_t range = hrm_device_get_binding_range(plan->device);
    /* Kernels read whole vec4s at the end of a tensor, so room is made for one. */
    uint64_t bytes = n <= UINT64_MAX / 8 ? (n * hrm_dtype_get_bytes(dtype) + 15) / 16 * 16 : UINT64_MAX;
    if (n == 0 || bytes > range) {
        plan->status =
            hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                     "%s needs %llu bytes in one tensor; this device binds at most %llu: use a smaller batch or model",
                     label, (unsigned long long)bytes, (unsigned long long)range);
        return (hrm_tensor){0};
    }
    if (plan->count == plan->capacity) {
        uint32_t capacity = plan->capacity ? plan->capacity * 2 : 64;
        hrm_buffer **grown = realloc(plan->buffers, capacity * sizeof *grown);
        if (!grown) {
            plan->status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to plan %s", label);
            return (hrm_tensor){0};
        }
        plan->buffers = grown;
        plan->capacity = capacity;
    }
    hrm_buffer *buffer = NULL;
    plan->status =
        hrm_buffer_create(plan->device, bytes, plan->dry ? HRM_MEMORY_NONE : HRM_MEMORY_DEVICE, label, &buffer);
    if (plan->status != HRM_OK) return (hrm_tensor){0};
    plan->buffers[plan->count++] = buffer;
    plan->bytes[life] += bytes;
    return hrm_tensor_1d(buffer, 0, dtype, n);
}

hrm_tensor hrm_plan_2d(hrm_plan *plan, hrm_lifetime life, const char *label, hrm_dtype dtype, uint64_t rows,
                       uint64_t cols) {
    hrm_tensor t = hrm_plan_1d(plan, life, label, dtype, rows * cols);
    return t.buffer ? hrm_tensor_2d(t.buffer, 0, dtype, rows, cols) : t;
}
