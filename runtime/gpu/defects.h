/* Driver defects that no query shows: capabilities which a driver lists and then gets wrong. The one place where a
 * driver is named. An entry needs a driver, its versions and a symptom that somebody saw; whatever can be found out by
 * running a kernel (wrong results, slowness) is left to the self-tests and measurements of ops/select. Private to gpu/.
 */
#ifndef HRM_GPU_DEFECTS_H
#define HRM_GPU_DEFECTS_H

#include "gpu/adapter.h"
#include "gpu/vk.h"

/* Moves what the driver gets wrong from adapter->caps to adapter->defect_caps. Needs caps, driver_info and the subgroup
 * sizes of the adapter. */
void hrm_defects_apply(hrm_adapter *adapter, VkDriverId driver);

/* Logs what hrm_defects_apply took away, with the symptoms. */
void hrm_defects_log(const hrm_adapter *adapter, VkDriverId driver);

#endif
