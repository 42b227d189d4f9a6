/* Golden folders of the reference: a manifest.json that describes safetensors files beside it. Tests walk every folder
 * of HRM_GOLDEN_DIR (default tests/golden) and run those whose manifest has what they are about, so that other folders
 * of the same layout, with other names, shapes or tensors missing, can be put in their place. What lacks an input is
 * left out with a printed line, what lacks an output is not compared, and nothing passes by comparing nothing. */
#ifndef HRM_TESTS_MODEL_HELPER_GOLDEN_H
#define HRM_TESTS_MODEL_HELPER_GOLDEN_H

#include <jansson.h>

#include "check.h"
#include "gpu/device.h"
#include "io/safetensors.h"
#include "model/config.h"
#include "model/weights.h"

typedef struct golden {
    char folder[512];
    json_t *manifest;
} golden;

/* Opens the one device of this process (skips without any). HRM_VALIDATION=1 or HRM_TEST_VALIDATION=1: with the
 * validation layer, whose messages golden_exit fails on. */
hrm_device *golden_device(void);
/* Closes the device and makes the exit code: `failed` if that is not 0; 0 when anything was compared. When nothing was:
 * 77 (skipped) where HRM_GOLDEN_DIR names a folder with manifests of other kinds only, else 1. */
int golden_exit(int failed);

/* Calls run for every golden folder that has manifest key `key`; run returns whether the folder is what it is about. */
void golden_for_each(const char *key, bool (*run)(const golden *g));
/* Prints that the folder, or a part of it, is left out, and why. */
void golden_skip(const golden *g, const char *format, ...) CHECK_PRINTF(2, 3);
/* Counts comparisons. */
void golden_count(void);
/* A file of the folder; NULL when it does not exist. Close it. */
hrm_safetensors *golden_open(const golden *g, const char *file);
/* The first file of the manifest that holds a tensor whose name starts so; NULL when none does. Close it. */
hrm_safetensors *golden_open_with(const golden *g, const char *start);
/* The file with the start weights, and that of entry `index` of "steps", whose number is `number`: by their usual names
 * (init.safetensors, step<number>.safetensors), or by what they hold where a folder names none of its files like that.
 * NULL when there is none. Close it. */
hrm_safetensors *golden_open_init(const golden *g);
hrm_safetensors *golden_open_step(const golden *g, size_t index, int number);
/* The model configuration of the manifest ("config"."arch" and the sizes beside it). */
hrm_model_config golden_config(const golden *g);
/* A model with the weights of `file` (names with any prefix); NULL, after golden_skip, when a weight is missing. */
hrm_model *golden_model(const golden *g, const hrm_safetensors *file);
double golden_number(const json_t *object, const char *key, double fallback);

/* Tensor as f32 or u32 (labels -100 become HRM_LABEL_IGNORED); NULL when absent; free it. Fails on another count. */
float *golden_f32(const hrm_safetensors *file, const char *name, uint64_t count);
uint32_t *golden_u32(const hrm_safetensors *file, const char *name, uint64_t count);

/* Compares, when the tensor exists, with max(10 x the manifest's noise, floor_rel x the largest value). `noise` is the
 * object of noise entries or NULL. */
void golden_compare(const hrm_safetensors *file, const char *name, const json_t *noise, const float *got,
                    uint64_t count, double floor_rel);

/* The precision of the models made from now on, f32 at first. */
void golden_set_precision(hrm_precision precision);
hrm_precision golden_get_precision(void);
/* Skips the test in a variant of tests/matrix.cmake: another one runs the same kernels there in 16 bits. */
void golden_skip_in_variant(void);
/* Relative floor of comparisons in that precision.
 * f32: activations pass some hundred rounded sums of up to a few hundred terms each, and exp, sqrt and division of a
 * GPU may be a few ulp (2^-22) off where the reference's are not; 2e-5 = 2^-15.6 of the largest value. 16 bits: each
 * number stored is off by up to 2^-9 (bf16) or 2^-12 (f16) of itself, which is all there is beside f32's; `roundings`
 * of them is what a test measured, about doubled. That both types keep to the same number shows that it is rounding. */
double golden_floor(double roundings);

/* A tensor's values from the device; free it. */
void *golden_download(hrm_device *device, const hrm_tensor *t);
void golden_upload(hrm_device *device, const hrm_tensor *t, const void *data);

#endif
