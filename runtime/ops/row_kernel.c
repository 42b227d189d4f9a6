#include "ops/row_kernel.h"

#include <inttypes.h>

static const char *dtype_name(hrm_dtype dtype) {
    static const char *const names[] = {"f32", "u32", "bf16", "f16"};
    return (uint32_t)dtype < sizeof names / sizeof *names ? names[dtype] : "unknown";
}

bool hrm_row_check(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, hrm_dtype dtype,
                   uint64_t count) {
    if (!hrm_tensor_is_set(t)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: tensor %s is not set", op, name);
    } else if (t->dtype != dtype) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: tensor %s is %s, expected %s", op, name,
                          dtype_name(t->dtype), dtype_name(dtype));
    } else if (hrm_tensor_get_count(t) != count) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT,
                          "%s: tensor %s has %" PRIu64 " elements, the shape asks for %" PRIu64, op, name,
                          hrm_tensor_get_count(t), count);
    } else if (!hrm_tensor_is_contiguous(t)) {
        hrm_recorder_fail(rec, HRM_ERR_INVALID_ARGUMENT, "%s: tensor %s is not contiguous", op, name);
    } else {
        return true;
    }
    return false;
}

bool hrm_row_check_float(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, uint64_t count) {
    return hrm_row_check(rec, op, name, t, hrm_dtype_is_16bit(t->dtype) ? t->dtype : HRM_F32_T, count);
}

bool hrm_row_check_optional(hrm_recorder *rec, const char *op, const char *name, const hrm_tensor *t, hrm_dtype dtype,
                            uint64_t count) {
    return !hrm_tensor_is_set(t) || hrm_row_check(rec, op, name, t, dtype, count);
}

bool hrm_row_is_cpu(const hrm_device *device) {
    return (hrm_device_get_caps(device) & HRM_CAP_CPU) != 0;
}

static bool is_usable(const hrm_device *device, hrm_kernel_id kernel) {
    return kernel != HRM_ROW_NONE && hrm_kernel_is_usable(device, (uint32_t)kernel);
}

hrm_row_choice hrm_row_choose(const hrm_device *device, const hrm_row_family *family, uint64_t inner,
                              uint64_t largest) {
    const hrm_adapter *adapter = hrm_device_get_adapter(device);
    /* 128 is a multiple of every subgroup size and the smallest invocation limit Vulkan allows. */
    hrm_row_choice choice = {.kernel = family->scalar, .width = 1, .local_x = 128};
    if (hrm_row_is_cpu(device) && adapter->subgroup_size > 0 && adapter->subgroup_size <= 128)
        choice.local_x = adapter->subgroup_size;
    if (inner % 4 == 0 && inner > 0) {
        bool fits = (largest + 3) / 4 <= adapter->max_texel_elements;
        if (fits && hrm_row_is_cpu(device) && is_usable(device, family->texel)) {
            choice.kernel = family->texel;
            choice.width = 4;
            return choice;
        }
        if (is_usable(device, family->vec4)) {
            choice.kernel = family->vec4;
            choice.width = 4;
            return choice;
        }
    }
    if (!is_usable(device, family->scalar) && is_usable(device, family->tree)) {
        choice.kernel = family->tree;
        choice.is_tree = true;
        choice.local_x = 128;
    }
    return choice;
}

uint32_t hrm_row_teams(const hrm_device *device, const hrm_row_choice *choice) {
    uint32_t subgroup = hrm_device_get_adapter(device)->subgroup_size;
    if (choice->is_tree || subgroup == 0 || choice->local_x <= subgroup) return 1;
    return choice->local_x / subgroup;
}

uint32_t hrm_row_per_group(const hrm_device *device, uint64_t count, uint32_t step) {
    /* CPU: enough groups to keep tens of threads even, not more. GPU: four units per invocation once the grid is
     * large enough to fill any device. */
    uint64_t want = hrm_row_is_cpu(device) ? count / 64 : (count >= (1u << 22) ? 4u * (uint64_t)step : step);
    if (want > (1u << 16)) want = 1u << 16;
    uint64_t steps = want / step;
    return (uint32_t)((steps > 0 ? steps : 1) * step);
}
