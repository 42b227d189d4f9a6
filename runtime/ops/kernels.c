#include "ops/kernels.h"

#include <stddef.h>

#include "shared/params.h"

/* Defined by the generated kernels_spirv.c, in the order of kernels.def. */
extern const uint32_t *const hrm_spirv_code[];
extern const uint32_t hrm_spirv_words[];

const hrm_kernel_table *hrm_kernels_get_table(void) {
    static hrm_kernel_row rows[HRM_KERNEL_COUNT] = {
#define HRM_KERNEL(id, source, access, push, caps, defines) {#id, access, (uint32_t)sizeof(struct push), caps, NULL, 0},
#include "kernels.def"
#undef HRM_KERNEL
    };
    static const hrm_kernel_table table = {rows, HRM_KERNEL_COUNT};
    /* Idempotent: every caller stores the same pointers. */
    for (uint32_t i = 0; i < HRM_KERNEL_COUNT; i++) {
        rows[i].spirv = hrm_spirv_code[i];
        rows[i].spirv_words = hrm_spirv_words[i];
    }
    return &table;
}
