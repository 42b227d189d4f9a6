#include <hrm/model.h>

#include "model/weights.h"

hrm_status hrm_model_create(hrm_device *device, const hrm_model_config *config, uint64_t seed, hrm_model **out) {
    hrm_model *m = NULL;
    *out = NULL;
    hrm_status status = hrm_model_alloc(device, config, &m);
    if (status == HRM_OK) status = hrm_model_init_weights(m, seed);
    if (status != HRM_OK) {
        hrm_model_destroy(m);
        return status;
    }
    *out = m;
    return HRM_OK;
}

hrm_status hrm_model_get_config(const hrm_model *m, hrm_model_config *config) {
    *config = m->config;
    return HRM_OK;
}

uint64_t hrm_model_get_parameter_count(const hrm_model *m) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < m->list.count; i++)
        if (m->list.items[i].group != HRM_GROUP_FIXED) count += m->list.items[i].count;
    return count;
}

uint64_t hrm_model_get_device_bytes(const hrm_model *m) {
    return hrm_plan_get_bytes(&m->plan) + hrm_plan_get_bytes(&m->copies);
}

hrm_precision hrm_model_get_precision(const hrm_model *m) {
    return m->precision;
}

hrm_device *hrm_model_get_device(const hrm_model *m) {
    return m->device;
}
