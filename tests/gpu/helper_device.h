/* What the tests of the gpu layer share: one device per process, chained elementwise kernels, host data. */
#ifndef HRM_TESTS_GPU_HELPER_DEVICE_H
#define HRM_TESTS_GPU_HELPER_DEVICE_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gpu/adapter.h"
#include "gpu/caps.h"
#include "gpu/device.h"
#include "gpu/program.h"
#include "gpu/recorder.h"
#include "ops/kernels.h"
#include "shared/params.h"
#include "shared/spec_ids.h"

/* A device of its own, chosen by `selector` (NULL: HRM_DEVICE or the best), its caches in `cache_dir`; leaves the
 * process with "skipped" where there is none. */
hrm_device *open_device(const char *selector, const char *cache_dir);
/* One device for the whole process, closed by close_shared_device, which also checks that validation stayed silent. */
hrm_device *shared_device(void);
int close_shared_device(void **state);

/* The log goes to standard error for warnings, and each message is kept for log_has. */
void watch_log(void);
bool log_has(const char *text);
void clear_log(void);

hrm_buffer *make_buffer(hrm_device *device, uint64_t floats, const char *label);
void upload(hrm_device *device, hrm_buffer *buffer, const float *values, uint64_t floats);
float *download(hrm_device *device, hrm_buffer *buffer, uint64_t floats);

/* y = factor * x and y = a + b over whole spans of equal size. */
hrm_dispatch scale_dispatch(struct hrm_elementwise_params *params, hrm_span x, hrm_span y, float factor);
hrm_dispatch add_dispatch(struct hrm_elementwise_params *params, hrm_span a, hrm_span b, hrm_span y);
void record_scale(hrm_recorder *rec, hrm_span x, hrm_span y, float factor);
void record_add(hrm_recorder *rec, hrm_span a, hrm_span b, hrm_span y);

#endif
