#include "model/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_VALUES = 64 }; /* 256 bytes: the largest storage-buffer alignment Vulkan allows a device to ask for */

static uint32_t add(hrm_param_list *list, const char *prefix, const char *name, uint32_t rows, uint32_t cols,
                    hrm_param_init init, hrm_param_group group) {
    hrm_param *p = &list->items[list->count];
    snprintf(p->name, sizeof p->name, "%s%s", prefix, name);
    p->rows = rows;
    p->cols = cols;
    p->count = (uint64_t)(rows ? rows : 1) * cols;
    p->group = group;
    p->init = init;
    p->offset = list->group_count[group];
    list->group_count[group] += (p->count + ALIGN_VALUES - 1) / ALIGN_VALUES * ALIGN_VALUES;
    return list->count++;
}

static void add_layers(hrm_param_list *list, const hrm_dims *d, char level, uint32_t layers, hrm_layer_index *index) {
    for (uint32_t i = 0; i < layers; i++) {
        char prefix[48];
        snprintf(prefix, sizeof prefix, "%c_level.layers.%u.", level, i);
#define HRM_PARAM(field, name, rows, cols, init, group, present)
#define HRM_LAYER_PARAM(field, name, rows, cols)                                                                       \
    index[i].field = add(list, prefix, name, rows, cols, HRM_PARAM_LINEAR, HRM_GROUP_DENSE);
#include "model/params.def"
#undef HRM_PARAM
#undef HRM_LAYER_PARAM
    }
}

hrm_status hrm_param_list_init(hrm_param_list *list, const hrm_model_config *config) {
    const hrm_dims dims = hrm_model_config_get_dims(config), *d = &dims;
    memset(list, 0, sizeof *list);
    uint32_t most = 0;
#define HRM_PARAM(field, name, rows, cols, init, group, present) most++;
#define HRM_LAYER_PARAM(field, name, rows, cols) most += config->h_layers + config->l_layers;
#include "model/params.def"
#undef HRM_PARAM
#undef HRM_LAYER_PARAM
    list->items = calloc(most, sizeof *list->items);
    list->h_layers = calloc(config->h_layers, sizeof *list->h_layers);
    list->l_layers = calloc(config->l_layers, sizeof *list->l_layers);
    if (!list->items || !list->h_layers || !list->l_layers) {
        hrm_param_list_deinit(list);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "model: no host memory for the table of %u weights", most);
    }
#define HRM_PARAM(field, name, rows, cols, init, group, present)                                                       \
    list->field = (present) ? add(list, "", name, rows, cols, HRM_PARAM_##init, HRM_GROUP_##group) : HRM_PARAM_NONE;
#define HRM_LAYER_PARAM(field, name, rows, cols)
#include "model/params.def"
#undef HRM_PARAM
#undef HRM_LAYER_PARAM
    add_layers(list, d, 'H', config->h_layers, list->h_layers);
    add_layers(list, d, 'L', config->l_layers, list->l_layers);
    for (int g = 0; g < HRM_GROUP_COUNT; g++) {
        if (list->group_count[g] > UINT32_MAX) {
            hrm_param_list_deinit(list);
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "model: a weight group has more than 2^32 values; make the model smaller");
        }
    }
    return HRM_OK;
}

void hrm_param_list_deinit(hrm_param_list *list) {
    free(list->items);
    free(list->h_layers);
    free(list->l_layers);
    memset(list, 0, sizeof *list);
}

const char *hrm_param_bare_name(const char *name) {
    static const char *const prefixes[] = {"_orig_mod.", "model.", "inner."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], n) == 0) name += n;
    }
    return name;
}

uint32_t hrm_param_list_find(const hrm_param_list *list, const char *name) {
    name = hrm_param_bare_name(name);
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0) return i;
    return HRM_PARAM_NONE;
}

hrm_tensor hrm_param_tensor(const hrm_param_list *list, uint32_t index, hrm_buffer *buffer) {
    if (index == HRM_PARAM_NONE) return (hrm_tensor){0};
    const hrm_param *p = &list->items[index];
    return p->rows ? hrm_tensor_2d(buffer, p->offset * 4, HRM_F32_T, p->rows, p->cols)
                   : hrm_tensor_1d(buffer, p->offset * 4, HRM_F32_T, p->cols);
}
