#include "gpu/defects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/caps.h"

typedef struct defect {
    VkDriverId driver;
    const char *version; /* what stands before the number in driver_info */
    unsigned long first; /* the first version seen with the defect; no later one has been seen without it */
    uint32_t subgroup;   /* only at this subgroup size */
    uint32_t caps;
    const char *symptom;
} defect;

static const defect defects[] = {
    /* 26.1.6; 256 bits are fine, and so are Mesa 22.3 and 25.0 at any width */
    {VK_DRIVER_ID_MESA_LLVMPIPE, "Mesa ", 26, 16, HRM_CAP_INT64,
     "at 512 bits creating a pipeline that packs two words into one, as kernels with 64-bit stores do, overruns the "
     "driver's stack and ends the process"},
    /* 26.1.6; 256 bits are fine, older ones have no cooperative matrices */
    {VK_DRIVER_ID_MESA_LLVMPIPE, "Mesa ", 26, 16,
     HRM_CAP_COOPMAT | HRM_CAP_COOPMAT_F16 | HRM_CAP_COOPMAT_BF16 | HRM_CAP_COOPMAT2,
     "at 512 bits creating a pipeline with cooperative matrices ends the process"},
};

static bool has(const hrm_adapter *adapter, VkDriverId driver, const defect *d) {
    const size_t length = strlen(d->version);
    return driver == d->driver && strncmp(adapter->driver_info, d->version, length) == 0 &&
           strtoul(adapter->driver_info + length, NULL, 10) >= d->first && adapter->subgroup_size == d->subgroup;
}

void hrm_defects_apply(hrm_adapter *adapter, VkDriverId driver) {
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        if (!has(adapter, driver, &defects[i])) continue;
        adapter->defect_caps |= adapter->caps & defects[i].caps;
        adapter->caps &= ~defects[i].caps;
    }
    if (adapter->defect_caps & HRM_CAP_COOPMAT) {
        adapter->coopmat_count = adapter->granule_count = 0;
        adapter->coopmat_subgroup = adapter->coopmat_max_dimension = 0;
    }
}

void hrm_defects_log(const hrm_adapter *adapter, VkDriverId driver) {
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        const uint32_t lost = adapter->defect_caps & defects[i].caps;
        if (!lost || !has(adapter, driver, &defects[i])) continue;
        char names[256] = "";
        size_t used = 0;
#define HRM_CAP_TEXT(id, text)                                                                                         \
    if ((lost & HRM_CAP_##id) && used < sizeof names)                                                                  \
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", text);
        HRM_CAP_LIST(HRM_CAP_TEXT)
#undef HRM_CAP_TEXT
        hrm_log(HRM_LOG_INFO, "not used on %s although its driver lists it:%s (%s %s: %s)", adapter->name, names,
                adapter->driver_name, adapter->driver_info, defects[i].symptom);
    }
}
