/* Model files: safetensors with the reference's tensor names, the architecture in the metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/model.h>

#include "io/safetensors.h"
#include "io/safetensors_writer.h"
#include "model/weights.h"

/* What the reference's own, uncompiled, loss-wrapped model puts before every name. */
#define HRM_TENSOR_PREFIX "model.inner."
#define HRM_CONFIG_KEY "hrm.config"

static hrm_status read_tensor(hrm_model *m, uint32_t index, const hrm_safetensors_tensor *t, float *values) {
    const hrm_param *p = &m->list.items[index];
    bool fits = p->rows ? t->rank == 2 && t->shape[0] == p->rows && t->shape[1] == p->cols
                        : t->rank == 1 && t->shape[0] == p->cols;
    if (!fits) {
        char found[128];
        int n = 0;
        for (uint32_t i = 0; i < t->rank && n < 100; i++)
            n += snprintf(found + n, sizeof found - (size_t)n, "%s%llu", i ? " x " : "",
                          (unsigned long long)t->shape[i]);
        found[n] = 0;
        return hrm_fail(HRM_ERR_FORMAT, "tensor %s is %s; this architecture needs %u x %u", t->name,
                        n ? found : "a scalar", p->rows ? p->rows : 1, p->cols);
    }
    hrm_status status = hrm_safetensors_copy_f32(t, values, p->count);
    if (status != HRM_OK) return hrm_fail_prefix(status, "tensor %s", t->name);
    return hrm_model_write_param(m, index, values);
}

static hrm_status read_all(hrm_model *m, const hrm_safetensors *file) {
    hrm_status status;
    uint64_t largest = 0;
    for (uint32_t i = 0; i < m->list.count; i++)
        if (m->list.items[i].count > largest) largest = m->list.items[i].count;
    float *values = malloc(largest * sizeof *values);
    bool *seen = calloc(m->list.count, sizeof *seen);
    if (!values || !seen) {
        status =
            hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a tensor of %llu values", (unsigned long long)largest);
        goto fail;
    }
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        uint32_t index = hrm_param_list_find(&m->list, t->name);
        if (index == HRM_PARAM_NONE) continue; /* a resumable run keeps more than weights */
        if (seen[index]) {
            status =
                hrm_fail(HRM_ERR_FORMAT, "tensor %s occurs twice under different prefixes", m->list.items[index].name);
            goto fail;
        }
        seen[index] = true;
        HRM_TRY(read_tensor(m, index, t, values));
    }
    for (uint32_t i = 0; i < m->list.count; i++) {
        if (seen[i]) continue;
        status = hrm_fail(HRM_ERR_FORMAT, "tensor %s is missing", m->list.items[i].name);
        goto fail;
    }
    status = hrm_model_pack(m);
fail:
    free(values);
    free(seen);
    return status;
}

hrm_status hrm_model_load(hrm_device *device, const char *path, hrm_model **out) {
    hrm_status status;
    *out = NULL;
    hrm_model *m = NULL;
    hrm_safetensors *file = NULL;
    HRM_TRY(hrm_safetensors_open(path, &file));
    const char *json = hrm_safetensors_metadata(file, HRM_CONFIG_KEY);
    if (!json) {
        status = hrm_fail(
            HRM_ERR_FORMAT,
            "%s: no architecture in its metadata (key \"" HRM_CONFIG_KEY "\"); was it written by hrm train?", path);
        goto fail;
    }
    hrm_model_config config;
    status = hrm_model_config_from_json(json, &config);
    if (status == HRM_OK) status = hrm_model_alloc(device, &config, &m);
    if (status == HRM_OK) status = read_all(m, file);
    if (status != HRM_OK) {
        hrm_fail_prefix(status, "%s", path);
        goto fail;
    }
    hrm_safetensors_close(file);
    *out = m;
    return HRM_OK;
fail:
    hrm_safetensors_close(file);
    hrm_model_destroy(m);
    return status;
}

/* Fills a tensor's bytes from the device when the writer asks for them, so that a large model is never held twice. */
typedef struct tensor_source {
    const hrm_model *model;
    hrm_span span;
} tensor_source;

static hrm_status fill_tensor(void *user, uint64_t offset, void *dst, size_t bytes) {
    const tensor_source *source = user;
    hrm_span part = {source->span.buffer, source->span.offset + offset, bytes};
    return hrm_queue_download(source->model->device, part, dst);
}

hrm_status hrm_model_save(const hrm_model *m, const char *path, const char *const *notes) {
    hrm_status status;
    hrm_safetensors_writer *writer = NULL;
    tensor_source *sources = calloc(m->list.count, sizeof *sources);
    char *config = hrm_model_config_to_json(&m->config);
    if (!sources || !config) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "save %s: no host memory", path);
        goto fail;
    }
    HRM_TRY(hrm_safetensors_writer_create(&writer));
    HRM_TRY(hrm_safetensors_writer_set_metadata(writer, "format", "pt"));
    HRM_TRY(hrm_safetensors_writer_set_metadata(writer, HRM_CONFIG_KEY, config));
    for (size_t i = 0; notes && notes[i]; i += 2) {
        if (!notes[i + 1]) {
            status = hrm_fail(HRM_ERR_INVALID_ARGUMENT, "save %s: the note \"%s\" has no value", path, notes[i]);
            goto fail;
        }
        HRM_TRY(hrm_safetensors_writer_set_metadata(writer, notes[i], notes[i + 1]));
    }
    for (uint32_t i = 0; i < m->list.count; i++) {
        const hrm_param *p = &m->list.items[i];
        hrm_tensor t = hrm_param_tensor(&m->list, i, m->groups[p->group].buffer);
        char name[128];
        snprintf(name, sizeof name, HRM_TENSOR_PREFIX "%s", p->name);
        sources[i] = (tensor_source){m, hrm_tensor_get_span(&t)};
        HRM_TRY(
            hrm_safetensors_writer_add_callback(writer, name, HRM_ST_F32, t.rank, t.shape, fill_tensor, &sources[i]));
    }
    HRM_TRY(hrm_safetensors_writer_write(writer, path));
fail:
    hrm_safetensors_writer_destroy(writer);
    free(sources);
    free(config);
    return status;
}
