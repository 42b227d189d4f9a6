/* Weights: the expansion of params.def for one config, laid out in three contiguous groups so that an optimizer is one
 * dispatch over the dense group. Gradients, moments and averages use the same layout. */
#ifndef HRM_MODEL_PARAMS_H
#define HRM_MODEL_PARAMS_H

#include "model/config.h"
#include "ops/tensor.h"

typedef enum hrm_param_group {
    HRM_GROUP_DENSE = 0,
    HRM_GROUP_PUZZLE = 1,
    HRM_GROUP_FIXED = 2,
    HRM_GROUP_COUNT
} hrm_param_group;
typedef enum hrm_param_init {
    HRM_PARAM_LINEAR,
    HRM_PARAM_EMBED,
    HRM_PARAM_UNIT,
    HRM_PARAM_ZERO,
    HRM_PARAM_QBIAS
} hrm_param_init;

typedef struct hrm_param {
    char name[96]; /* as in the reference's state dict, without prefix */
    uint32_t rows; /* 0: a vector [cols] */
    uint32_t cols;
    uint64_t count;  /* values */
    uint64_t offset; /* first value within its group, in values; a multiple of 64 */
    hrm_param_group group;
    hrm_param_init init;
} hrm_param;

/* Where a parameter is: index into hrm_param_list.items, or HRM_PARAM_NONE. */
#define HRM_PARAM_NONE UINT32_MAX

typedef struct hrm_layer_index {
#define HRM_PARAM(field, name, rows, cols, init, group, present)
#define HRM_LAYER_PARAM(field, name, rows, cols) uint32_t field;
#include "model/params.def"
#undef HRM_PARAM
#undef HRM_LAYER_PARAM
} hrm_layer_index;

typedef struct hrm_param_list {
    hrm_param *items;
    uint32_t count;
    uint64_t group_count[HRM_GROUP_COUNT]; /* values per group, padding included (padding is 0 and stays 0) */
    hrm_layer_index *h_layers, *l_layers;
#define HRM_PARAM(field, name, rows, cols, init, group, present) uint32_t field;
#define HRM_LAYER_PARAM(field, name, rows, cols)
#include "model/params.def"
#undef HRM_PARAM
#undef HRM_LAYER_PARAM
} hrm_param_list;

/* Errors: OUT_OF_MEMORY, INVALID_ARGUMENT (more values than can be indexed). */
hrm_status hrm_param_list_init(hrm_param_list *list, const hrm_model_config *config);
void hrm_param_list_deinit(hrm_param_list *list);
/* The name of a tensor without the prefixes `_orig_mod.`, `model.`, `inner.`, each of which may be missing. */
const char *hrm_param_bare_name(const char *name);
/* By name, with any of the prefixes `_orig_mod.`, `model.`, `inner.` stripped; HRM_PARAM_NONE if unknown. */
uint32_t hrm_param_list_find(const hrm_param_list *list, const char *name);
/* View of a parameter in `buffer`, which holds its group. Vectors have rank 1. */
hrm_tensor hrm_param_tensor(const hrm_param_list *list, uint32_t index, hrm_buffer *buffer);

#endif
