/* An opened adapter: one compute queue, one heap of large blocks, one table of kernels, its pipelines and caches. */
#ifndef HRM_GPU_DEVICE_H
#define HRM_GPU_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "gpu/adapter.h"
#include "gpu/kernel.h"

typedef struct hrm_device hrm_device;

typedef struct hrm_device_open_info {
    const hrm_kernel_table *kernels; /* borrowed for the device's life */
    const char *selector;            /* adapter index, part of a name, or UUID; NULL = HRM_DEVICE, else best score */
    const char *cache_dir; /* pipeline and tuning caches; NULL = the user's cache folder; "" = no disk cache */
    bool validation;       /* enable VK_LAYER_KHRONOS_validation and route its messages to the log */
    bool compile_only; /* accept an adapter that can only create pipelines (no memory, no queue work): kernel_prepare
                          and kernel_read_statistics are all that works */
} hrm_device_open_info;

hrm_status hrm_device_open(const hrm_device_open_info *info, hrm_device **out);
/* NULL is fine. Waits for the queue, saves the pipeline cache. Children should be gone: buffers left behind are named
 * in the log and destroyed too, programs and recorders are counted there. */
void hrm_device_close(hrm_device *device);

const hrm_adapter *hrm_device_get_adapter(const hrm_device *device);
uint32_t hrm_device_get_caps(const hrm_device *device); /* HRM_CAP_* after HRM_DISABLE */
/* Invocations of the subgroups in which pipelines with cooperative matrices run, all of them full; 0 without
 * HRM_CAP_COOPMAT. The X size of such a workgroup must be a multiple of it (else creating the pipeline fails), and
 * gl_SubgroupID is gl_LocalInvocationIndex divided by it. It is the smallest size where one can be required, which is
 * that of the matrix units themselves (8 on Xe1, 16 on Xe2, 32 on RDNA), else the only one there is. A row with an
 * HRM_CAP_SUBGROUP_* gets that size instead. */
uint32_t hrm_device_get_coopmat_subgroup(const hrm_device *device);
uint64_t hrm_device_get_binding_alignment(const hrm_device *device); /* for span offsets; >= 64, power of two */
uint64_t hrm_device_get_binding_range(const hrm_device *device);     /* largest storage-buffer binding in bytes */
uint64_t hrm_device_get_memory_in_use(const hrm_device *device);     /* bytes of live buffers */
/* Bytes of the device-memory blocks that stand behind those buffers, in all heaps: what this device really holds.
 * Larger than memory_in_use by what is free inside the blocks. */
uint64_t hrm_device_get_allocated_bytes(const hrm_device *device);
/* How much memory this process may use of the heap where HRM_MEMORY_DEVICE buffers go.
 *   budget_bytes  in all, what is in use already included. With HRM_CAP_MEMBUDGET the driver's heapBudget, which
 *                 shrinks when other programs need memory, but never more than the heap's size. Without: the heap's
 *                 size, less an eighth on GPUs, which is left to the desktop and other programs; the heap of a CPU
 *                 driver belongs to this process alone, so there it is the whole heap.
 *   used_bytes    with HRM_CAP_MEMBUDGET the driver's heapUsage of this process, other devices of the process included;
 *                 without, or where that is less than what we know to hold: our own blocks of that heap.
 * used_bytes may exceed budget_bytes when others took memory since. Both are estimates, to plan with: an allocation may
 * fail below the budget, and one buffer is bounded by max_allocation_bytes of the adapter as well (some drivers report
 * that larger than the heap: then the budget is what bounds it).
 * On CPU drivers the numbers are the driver's word, not the machine's memory: llvmpipe of Mesa 22 reports a heap of 2
 * GiB on any machine, and does not stop allocations whose sum exceeds it (nor do we there: only GPU heaps are closed at
 * their size).
 * Either pointer may be NULL. Errors: UNSUPPORTED (a driver without device memory, which only compiles). */
hrm_status hrm_device_get_memory_budget(hrm_device *device, uint64_t *budget_bytes, uint64_t *used_bytes);
/* Cache folder in use ("" when none). Files in it are named with hrm_device_get_key, which changes with the driver. */
const char *hrm_device_get_cache_dir(const hrm_device *device);
const char *hrm_device_get_key(const hrm_device *device); /* hex of device + driver UUID + driver version + settings */

/* Messages of the validation layer (warnings and errors) since Vulkan was started; 0 where it is not enabled. They go
 * to the log as warnings. The layer is enabled by the field above or by HRM_VALIDATION=1 in the environment. */
uint64_t hrm_device_get_validation_count(const hrm_device *device);
/* Longest submission aimed at, in nanoseconds; 0 = no limit. Default: 100 ms on GPUs, no limit on CPU drivers, which
 * have no watchdog. Applies to programs recorded afterwards. */
void hrm_device_set_submit_target(hrm_device *device, uint64_t ns);

/* One slot for the layer above (ops keeps its measured kernel choices there); freed with the device. */
void hrm_device_set_user(hrm_device *device, void *user, void (*destroy)(void *user));
void *hrm_device_get_user(const hrm_device *device);

#endif
