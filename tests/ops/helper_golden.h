/* Golden folders as the op tests see them: every manifest.json below the golden folder, its safetensors files, and the
 * tensors in groups: "rms_norm/h64/y" is tensor y of group "rms_norm/h64" of op "rms_norm".
 *
 * Promises: folder and file names do not matter (HRM_GOLDEN_DIR may point anywhere), only the names inside the files
 * do; a group is visited whatever it holds, so tests ask for each tensor and leave out what is missing. */
#ifndef HRM_TESTS_OPS_HELPER_GOLDEN_H
#define HRM_TESTS_OPS_HELPER_GOLDEN_H

#include "helper_gpu.h"

#include "io/json.h"
#include "io/safetensors.h"

typedef struct helper_golden {
    const char *folder;
    const char *group; /* "rms_norm/h64" */
    const hrm_safetensors *file;
    const json_t *manifest;
} helper_golden;

/* Calls `visit` for every group whose first component is `op` ("attention") or that is named so ("embedding"); GPU and
 * host memory of the helper is freed after each. Returns the number of groups. */
size_t helper_golden_each(const char *op, void (*visit)(const helper_golden *golden, void *user), void *user);

/* NULL when the group lacks it. */
const hrm_safetensors_tensor *helper_golden_find(const helper_golden *golden, const char *leaf);
/* The values as f32 / 32-bit integers, freed with the helper's host memory; NULL when missing. */
float *helper_golden_f32(const helper_golden *golden, const char *leaf);
uint32_t *helper_golden_u32(const helper_golden *golden, const char *leaf);

/* Compares got with the recorded tensor, tolerance max(10 * noise, floor_rel * largest magnitude): the noise and the
 * magnitude come from the manifest, or from the tensor itself where the manifest does not name it. Does nothing when
 * the tensor is missing. */
void helper_golden_check(const helper_golden *golden, const char *leaf, const float *got, size_t count,
                         double floor_rel);

#endif
