/* Golden folders as the op tests see them: every manifest.json below the golden folder, the safetensors files it lists,
 * and the tensors in groups: "rms_norm/h64/y" is tensor y of group "rms_norm/h64" of op "rms_norm".
 *
 * Promises: names of folders and files do not matter (HRM_GOLDEN_DIR may point anywhere), nor do shapes; only the names
 * inside the files do. A group is visited whatever it holds: what lacks an input is left out with a printed line, what
 * lacks an output is not compared. What was compared is counted, so that nothing passes by comparing nothing. */
#ifndef HRM_TESTS_OPS_HELPER_GOLDEN_H
#define HRM_TESTS_OPS_HELPER_GOLDEN_H

#include "helper_gpu.h"

#include "io/json.h"
#include "io/safetensors.h"

typedef struct helper_golden {
    const char *folder;
    const char *group; /* "rms_norm/h64"; "" when a whole file is visited */
    const hrm_safetensors *file;
    const json_t *manifest;
} helper_golden;

typedef void (*helper_golden_visit)(const helper_golden *golden, void *user);

/* Calls `visit` for every group of an op: "attention/hd32_seq7", "embedding", "linear_vocab" belong to "attention",
 * "embedding", "linear". GPU and host memory of the helper is freed after each. Returns the number of groups. */
size_t helper_golden_each(const char *op, helper_golden_visit visit, void *user);
/* Calls `visit` for the file of every recorded training step: folders whose manifest has "steps"; `user` is the
 * manifest's json_t of the step. Returns the number of steps. */
size_t helper_golden_each_step(helper_golden_visit visit);
/* Prints the groups that belong to none of the ops (NULL-terminated), of files that hold one of them. */
void helper_golden_print_unknown(const char *const *ops);

/* NULL when the group lacks it; need() prints that the group is left out for it. */
const hrm_safetensors_tensor *helper_golden_find(const helper_golden *golden, const char *leaf);
const hrm_safetensors_tensor *helper_golden_need(const helper_golden *golden, const char *leaf);
void helper_golden_skip(const helper_golden *golden, const char *format, ...) CHECK_PRINTF(2, 3);
/* Size of the innermost dimension. */
uint64_t helper_golden_width(const hrm_safetensors_tensor *t);
/* The values as f32 / 32-bit integers (-100 becomes HRM_LABEL_IGNORED), freed with the helper's host memory; NULL when
 * missing. Fails the test when there are not `count` of them; 0 takes any number. */
float *helper_golden_f32(const helper_golden *golden, const char *leaf, uint64_t count);
uint32_t *helper_golden_u32(const helper_golden *golden, const char *leaf, uint64_t count);

/* What the manifest says a tensor means; "" when nothing. */
const char *helper_golden_meaning(const helper_golden *golden, const char *leaf);
/* The number that follows `word` in a text; false when there is none. */
bool helper_golden_number_after(const char *text, const char *word, double *value);
/* A number of the manifest, of its "config" or of that one's "arch". */
double helper_golden_config(const helper_golden *golden, const char *key, double fallback);

/* Compares got with the recorded tensor, tolerance max(10 * noise, floor_rel * largest magnitude): the noise and the
 * magnitude come from the manifest, or from the tensor itself where the manifest does not name it. Does nothing when
 * the tensor is missing. */
void helper_golden_check(const helper_golden *golden, const char *leaf, const float *got, uint64_t count,
                         double floor_rel);
/* Compares elements first .. first + count - 1, tolerance max(10 * noise, floor) + rel * |recorded|. */
void helper_golden_check_part(const helper_golden *golden, const char *leaf, uint64_t first, const float *got,
                              uint64_t count, double floor, double rel);
/* Counts a comparison that was made by other means. */
void helper_golden_count(void);

/* The exit code: `failed` if that is not 0; 0 when anything was compared. When nothing was: 77 (skipped) where
 * HRM_GOLDEN_DIR names a folder with manifests of other kinds only, else 1. */
int helper_golden_exit(int failed);

#define HELPER_GOLDEN_MAIN(...)                                                                                        \
    int main(void) {                                                                                                   \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                               \
        helper_gpu_open(HELPER_GPU_DISABLE);                                                                           \
        int failed = cmocka_run_group_tests(tests, NULL, NULL);                                                        \
        return helper_golden_exit(failed + helper_gpu_close());                                                        \
    }

#endif
