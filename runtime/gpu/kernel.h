/* Kernel rows and pipelines. The table of rows is handed to the device when it is opened (ops owns it: gpu knows
 * nothing of what a kernel computes); a pipeline is a row with its specialization constants, created once per device,
 * through an on-disk VkPipelineCache. */
#ifndef HRM_GPU_KERNEL_H
#define HRM_GPU_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "gpu/buffer.h"

/* One row of shaders/kernels.def with its SPIR-V.
 * access: a letter per binding, binding i being descriptor (set 0, binding i):
 *   r storage buffer, read      w storage buffer, written (fully or partly)      m storage buffer, read and written
 *   t uniform texel buffer (rgba32f view of the span), read
 *   i storage texel buffer (read-only imageBuffer, rgba32f view of the span), read
 *   a read through its buffer address (no descriptor: the address travels in the push constants; takes part in hazards)
 * Descriptor binding numbers count every letter, 'a' included (its number is simply unused). */
typedef struct hrm_kernel_row {
    const char *name;
    const char *access;
    uint32_t push_bytes;
    uint32_t caps; /* HRM_CAP_* that must all be present */
    const uint32_t *spirv;
    uint32_t spirv_words;
} hrm_kernel_row;

typedef struct hrm_kernel_table {
    const hrm_kernel_row *rows;
    uint32_t count;
} hrm_kernel_table;

/* A specialization constant: 32-bit value (uint, int, bool or the bits of a float). Ids: shaders/shared/spec_ids.h. */
typedef struct hrm_spec {
    uint32_t id;
    uint32_t value;
} hrm_spec;

/* True when every capability of the row is present (after HRM_DISABLE), its SPIR-V was built, and its bindings, push
 * constants, workgroup and shared memory fit the device's limits. Sizes are those of the compiled defaults of the
 * specialization constants; a pipeline is checked again with the values it gets. */
bool hrm_kernel_is_usable(const hrm_device *device, uint32_t kernel);
/* Why a row cannot be used here, in words ("its workgroup of 256 x 1 x 1 ..."); false when it can. */
bool hrm_kernel_explain(const hrm_device *device, uint32_t kernel, char *reason, size_t size);
const hrm_kernel_row *hrm_kernel_get_row(const hrm_device *device, uint32_t kernel);
/* Creates the pipeline now (otherwise the recorder does at hrm_recorder_end). */
hrm_status hrm_kernel_prepare(hrm_device *device, uint32_t kernel, const hrm_spec *spec, uint32_t spec_count);

/* One number that the driver's compiler gives for a pipeline. Strings are borrowed for the call. */
typedef struct hrm_kernel_statistic {
    const char *executable; /* drivers may compile a kernel several times, e.g. "SIMD8 compute shader", "SIMD16 ..." */
    uint32_t subgroup_size; /* of that executable */
    const char *name;       /* as the driver prints it */
    double value;
} hrm_kernel_statistic;

/* What the driver's compiler says of a pipeline (registers, spills, ...), which is created if need be. Only on devices
 * opened with compile_only whose driver has VK_KHR_pipeline_executable_properties; else UNSUPPORTED. */
hrm_status hrm_kernel_read_statistics(hrm_device *device, uint32_t kernel, const hrm_spec *spec, uint32_t spec_count,
                                      void (*visit)(void *user, const hrm_kernel_statistic *statistic), void *user);

#endif
