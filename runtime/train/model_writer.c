#include "train/model_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpu/program.h"

typedef struct tensor_source {
    hrm_device *device;
    hrm_span span;
} tensor_source;

static hrm_status fill_tensor(void *user, uint64_t offset, void *dst, size_t bytes) {
    const tensor_source *source = user;
    hrm_span part = {source->span.buffer, source->span.offset + offset, bytes};
    return hrm_queue_download(source->device, part, dst);
}

hrm_status hrm_model_writer_init(hrm_model_writer *w, const hrm_model *m) {
    hrm_status status;
    char *config = NULL;
    *w = (hrm_model_writer){.device = m->device};
    HRM_TRY(hrm_safetensors_writer_create(&w->file));
    config = hrm_model_config_to_json(&m->config);
    if (!config) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a model's architecture as text");
        goto fail;
    }
    HRM_TRY(hrm_model_writer_set(w, "format", "pt"));
    HRM_TRY(hrm_model_writer_set(w, HRM_CONFIG_KEY, config));
    for (uint32_t i = 0; i < m->list.count; i++) {
        const hrm_param *p = &m->list.items[i];
        char name[128];
        snprintf(name, sizeof name, HRM_TENSOR_PREFIX "%s", p->name);
        if (p->group == HRM_GROUP_PUZZLE && m->puzzle_on_host) {
            const uint64_t shape[2] = {p->rows, p->cols};
            HRM_TRY(hrm_safetensors_writer_add(w->file, name, HRM_ST_F32, 2, shape, m->puzzle_host.rows));
            continue;
        }
        HRM_TRY(hrm_model_writer_add(w, name, hrm_param_tensor(&m->list, i, m->groups[p->group].buffer)));
    }
fail:
    free(config);
    return status;
}

void hrm_model_writer_deinit(hrm_model_writer *w) {
    hrm_safetensors_writer_destroy(w->file);
    hrm_arena_deinit(&w->sources);
    *w = (hrm_model_writer){0};
}

hrm_status hrm_model_writer_add(hrm_model_writer *w, const char *name, hrm_tensor t) {
    void *source;
    hrm_status status = hrm_arena_alloc(&w->sources, 1, sizeof(tensor_source), 0, &source);
    if (status != HRM_OK) return status;
    *(tensor_source *)source = (tensor_source){w->device, hrm_tensor_get_span(&t)};
    return hrm_safetensors_writer_add_callback(w->file, name, t.dtype == HRM_U32_T ? HRM_ST_U32 : HRM_ST_F32, t.rank,
                                               t.shape, fill_tensor, source);
}

hrm_status hrm_model_writer_set(hrm_model_writer *w, const char *key, const char *value) {
    return hrm_safetensors_writer_set_metadata(w->file, key, value);
}

hrm_status hrm_model_writer_set_notes(hrm_model_writer *w, const char *const *notes) {
    for (size_t i = 0; notes && notes[i]; i += 2) {
        if (!notes[i + 1])
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "the note \"%s\" of a model file has no value", notes[i]);
        hrm_status status = hrm_model_writer_set(w, notes[i], notes[i + 1]);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

hrm_status hrm_model_writer_write(hrm_model_writer *w, const char *path) {
    return hrm_safetensors_writer_write(w->file, path);
}
