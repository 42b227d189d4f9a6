/* Golden folders of the reference: a manifest.json that describes safetensors files beside it. Tests walk every folder
 * of HRM_GOLDEN_DIR (default tests/golden) and run those whose manifest has what they are about, so that other folders
 * of the same layout, with other shapes or tensors missing, can be put in their place. */
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

/* Opens the one device of this process (skips without any) and closes it. */
hrm_device *golden_device(void);
void golden_close_device(void);

/* Calls run for every golden folder that has manifest key `key`; returns how many there were. */
uint32_t golden_for_each(const char *key, void (*run)(const golden *g));
/* A file of the folder; NULL when it does not exist. Close it. */
hrm_safetensors *golden_open(const golden *g, const char *file);
/* The model configuration of the manifest ("config"."arch" and the sizes beside it). */
hrm_model_config golden_config(const golden *g);
/* A model with the weights of `file` (names with any prefix); every weight must be there. */
hrm_model *golden_model(const golden *g, const hrm_safetensors *file);
double golden_number(const json_t *object, const char *key, double fallback);

/* Tensor as f32 or u32 (labels -100 become HRM_LABEL_IGNORED); NULL when absent; free it. Fails on another count. */
float *golden_f32(const hrm_safetensors *file, const char *name, uint64_t count);
uint32_t *golden_u32(const hrm_safetensors *file, const char *name, uint64_t count);

/* Compares, when the tensor exists, with max(10 x the manifest's noise, GOLDEN_FLOOR x the largest value). `noise` is
 * the object of noise entries or NULL. Returns whether there was something to compare. */
bool golden_compare(const hrm_safetensors *file, const char *name, const json_t *noise, const float *got, uint64_t count);

/* f32 relative floor: activations pass some hundred rounded sums of up to a few hundred terms each, and exp, sqrt and
 * division of a GPU may be a few ulp (2^-22) off where the reference's are not; 2e-5 = 2^-15.6 of the largest value. */
#define GOLDEN_FLOOR 2e-5

/* A tensor's values from the device; free it. */
void *golden_download(hrm_device *device, const hrm_tensor *t);
void golden_upload(hrm_device *device, const hrm_tensor *t, const void *data);

#endif
