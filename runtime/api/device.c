#include <hrm/device.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config_copy.h"
#include "gpu/caps.h"
#include "gpu/device.h"
#include "ops/kernels.h"
#include "ops/select.h"

static_assert(HRM_MATRIX_SHAPES_MAX >= 2 * HRM_COOPMAT_MAX_SHAPES, "a shape and a granule for each");

static void list_shapes(const hrm_adapter *a, hrm_device_info *out) {
    for (uint32_t i = 0; i < a->coopmat_count; i++) {
        const hrm_coopmat_shape *s = &a->coopmat[i];
        out->matrix_shapes[out->matrix_shape_count++] =
            (hrm_matrix_shape){.m = s->m, .n = s->n, .k = s->k, .bf16 = s->bf16};
    }
    for (uint32_t i = 0; i < a->granule_count; i++) {
        const hrm_coopmat_granule *g = &a->granules[i];
        out->matrix_shapes[out->matrix_shape_count++] = (hrm_matrix_shape){
            .m = g->m, .n = g->n, .k = g->k, .bf16 = g->bf16, .multiples = 1, .workgroup = g->workgroup};
    }
}

static void describe(const hrm_adapter *a, uint32_t struct_size, hrm_device_info *out) {
    hrm_device_info i = {.struct_size = struct_size,
                         .index = a->index,
                         .type = (hrm_device_type)a->type,
                         .usable = a->usable,
                         .unified_memory = a->unified_memory,
                         .vendor_id = a->vendor_id,
                         .device_id = a->device_id,
                         .vulkan_major = a->api_version >> 22 & 0x7f,
                         .vulkan_minor = a->api_version >> 12 & 0x3ff,
                         .vulkan_patch = a->api_version & 0xfff,
                         .subgroup_size = a->subgroup_size,
                         .min_subgroup_size = a->min_subgroup_size,
                         .max_subgroup_size = a->max_subgroup_size,
                         .max_workgroup_invocations = a->max_workgroup_invocations,
                         .max_shared_bytes = a->max_shared_bytes,
                         .max_push_bytes = a->max_push_bytes,
                         .storage_alignment = a->storage_alignment,
                         .max_texel_elements = a->max_texel_elements,
                         .max_storage_range = a->max_storage_range,
                         .max_allocation_bytes = a->max_allocation_bytes,
                         .device_local_bytes = a->device_local_bytes,
                         .host_visible_bytes = a->host_visible_bytes};
    snprintf(i.name, sizeof i.name, "%s", a->name);
    snprintf(i.driver_name, sizeof i.driver_name, "%s", a->driver_name);
    snprintf(i.driver_info, sizeof i.driver_info, "%s", a->driver_info);
    snprintf(i.unusable_reason, sizeof i.unusable_reason, "%s", a->unusable_reason);
    int n = 0;
    for (int b = 0; b < 16; b++) {
        bool dash = b == 4 || b == 6 || b == 8 || b == 10;
        n += snprintf(i.uuid + n, sizeof i.uuid - (size_t)n, "%s%02x", dash ? "-" : "", a->device_uuid[b]);
    }
    n = 0;
#define X(cap, name)                                                                                                   \
    if (a->caps & HRM_CAP_##cap)                                                                                       \
        n += snprintf(i.features + n, sizeof i.features - (size_t)n, "%s%s", n ? " " : "", name);
    HRM_CAP_LIST(X)
#undef X
    list_shapes(a, &i);
    memcpy(out, &i, struct_size < sizeof i ? struct_size : sizeof i);
}

hrm_status hrm_device_enumerate(hrm_device_info *infos, uint32_t capacity, uint32_t *count) {
    *count = 0;
    uint32_t struct_size = infos && capacity ? infos[0].struct_size : (uint32_t)sizeof *infos;
    if (struct_size == 0 || struct_size > sizeof *infos)
        return hrm_fail(struct_size ? HRM_ERR_VERSION : HRM_ERR_INVALID_ARGUMENT,
                        "device list: infos[0].struct_size is %u, this library's is %zu", struct_size, sizeof *infos);
    hrm_adapter *adapters;
    uint32_t n;
    hrm_status status = hrm_adapter_list(false, &adapters, &n);
    if (status != HRM_OK) return status;
    unsigned char *out = (unsigned char *)infos; /* entries have the caller's size */
    for (uint32_t i = 0; infos && i < n && i < capacity; i++) {
        hrm_device_info info;
        describe(&adapters[i], (uint32_t)sizeof info, &info);
        info.struct_size = struct_size;
        memcpy(out + (size_t)i * struct_size, &info, struct_size);
    }
    free(adapters);
    *count = n;
    return HRM_OK;
}

hrm_status hrm_device_create(const hrm_device_config *config, hrm_device **out) {
    hrm_device_config c;
    *out = NULL;
    hrm_status status = hrm_config_copy(config, &c, sizeof c, "hrm_device_config");
    if (status != HRM_OK) return status;
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table(),
                                 .selector = c.selector,
                                 .cache_dir = c.cache_dir,
                                 .validation = c.validation != 0};
    return hrm_device_open(&info, out);
}

void hrm_device_destroy(hrm_device *device) {
    hrm_device_close(device);
}

hrm_status hrm_device_get_info(const hrm_device *device, hrm_device_info *info) {
    if (info->struct_size == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "device info: struct_size is 0; start from HRM_INIT(hrm_device_info)");
    describe(hrm_device_get_adapter(device), info->struct_size, info);
    return HRM_OK;
}

uint64_t hrm_device_get_validation_message_count(const hrm_device *device) {
    return hrm_device_get_validation_count(device);
}

hrm_status hrm_device_visit_choices(hrm_device *device,
                                    void (*visit)(void *user, const char *op, const char *row, double gflops,
                                                  const char *how),
                                    void *user) {
    return hrm_select_list(device, visit, user);
}

hrm_status hrm_device_visit_kernels(hrm_device *device, void (*visit)(void *user, const char *row, const char *reason),
                                    void *user) {
    for (uint32_t k = 0; k < HRM_KERNEL_COUNT; k++) {
        char reason[256];
        bool usable = !hrm_kernel_explain(device, k, reason, sizeof reason);
        visit(user, hrm_kernel_get_row(device, k)->name, usable ? NULL : reason);
    }
    return HRM_OK;
}

hrm_status hrm_device_compile_all(hrm_device *device,
                                  void (*visit)(void *user, const char *row, hrm_status status, double ms),
                                  void *user) {
    hrm_status first = HRM_OK;
    for (uint32_t k = 0; k < HRM_KERNEL_COUNT; k++) {
        if (!hrm_kernel_is_usable(device, k)) continue;
        uint64_t start = hrm_clock_ns();
        hrm_status status = hrm_kernel_prepare(device, k, NULL, 0);
        visit(user, hrm_kernel_get_row(device, k)->name, status, hrm_clock_seconds_since(start) * 1e3);
        if (first == HRM_OK) first = status;
    }
    return first;
}
