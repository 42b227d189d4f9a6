#include "train/model_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/program.h"

typedef struct tensor_source {
    hrm_device *device;
    uint32_t count;
    hrm_span *pieces; /* one after another they are the tensor */
} tensor_source;

static hrm_status fill_tensor(void *user, uint64_t offset, void *dst, size_t bytes) {
    const tensor_source *source = user;
    unsigned char *to = dst;
    for (uint32_t i = 0; i < source->count && bytes > 0; i++) {
        const hrm_span *piece = &source->pieces[i];
        if (offset >= piece->bytes) {
            offset -= piece->bytes;
            continue;
        }
        const size_t n = piece->bytes - offset < bytes ? (size_t)(piece->bytes - offset) : bytes;
        hrm_status status =
            hrm_queue_download(source->device, (hrm_span){piece->buffer, piece->offset + offset, n}, to);
        if (status != HRM_OK) return status;
        to += n;
        bytes -= n;
        offset = 0;
    }
    return HRM_OK;
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
            HRM_TRY(
                hrm_safetensors_writer_add(w->file, name, HRM_ST_F32, 2, shape, hrm_model_get_puzzle_host(m)->rows));
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
    const hrm_span span = hrm_tensor_get_span(&t);
    return hrm_model_writer_add_pieces(w, name, &t, &span, 1);
}

hrm_status hrm_model_writer_add_pieces(hrm_model_writer *w, const char *name, const hrm_tensor *like,
                                       const hrm_span *pieces, uint32_t count) {
    void *source, *kept;
    hrm_status status = hrm_arena_alloc(&w->sources, 1, sizeof(tensor_source), 0, &source);
    if (status == HRM_OK) status = hrm_arena_alloc(&w->sources, count, sizeof *pieces, 0, &kept);
    if (status != HRM_OK) return status;
    memcpy(kept, pieces, count * sizeof *pieces);
    *(tensor_source *)source = (tensor_source){w->device, count, kept};
    return hrm_safetensors_writer_add_callback(w->file, name, like->dtype == HRM_U32_T ? HRM_ST_U32 : HRM_ST_F32,
                                               like->rank, like->shape, fill_tensor, source);
}

hrm_status hrm_model_writer_add_u32(hrm_model_writer *w, const char *name, const uint32_t *values, uint64_t count) {
    return hrm_safetensors_writer_add(w->file, name, HRM_ST_U32, 1, &count, values);
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

hrm_status hrm_model_writer_set_checksum(hrm_model_writer *w) {
    return hrm_safetensors_writer_set_checksum(w->file, HRM_CHECKSUM_KEY);
}

hrm_status hrm_model_writer_write(hrm_model_writer *w, const char *path) {
    return hrm_safetensors_writer_write(w->file, path);
}
