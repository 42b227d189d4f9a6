/* What a SPIR-V module needs of a device, read from the module itself: the size of its workgroup, its shared memory and
 * its capabilities. Private to gpu/.
 *
 * A kernel whose author forgot a limit must not reach a driver: with too large a workgroup or too much shared memory
 * drivers fail, crash or compute nonsense. Sizes that come from specialization constants are worked out with the values
 * that the pipeline will get, so this is called once for a row (with the compiled defaults) and once for a pipeline. */
#ifndef HRM_GPU_SPIRV_H
#define HRM_GPU_SPIRV_H

#include <stdint.h>

#include "base/status.h"
#include "gpu/kernel.h"

typedef struct hrm_spirv_needs {
    uint32_t local_size[3];
    uint64_t shared_bytes; /* the most that Vulkan lets a driver take: std430 sizes in the order that wastes most */
    uint32_t caps;         /* HRM_CAP_* behind the module's own capabilities */
} hrm_spirv_needs;

/* Measures a module of one entry point. Constants that the module lacks are ignored, as in pipelines.
 * Errors: UNSUPPORTED (not such a module, a size that cannot be worked out, or a capability that no HRM_CAP_* stands
 * for: the message says which), OUT_OF_MEMORY. */
hrm_status hrm_spirv_measure(const uint32_t *words, uint32_t word_count, const hrm_spec *specs, uint32_t spec_count,
                             hrm_spirv_needs *out);

#endif
