/* Model files: opened, listed, summed up, loaded and saved. */
#include <hrm/checkpoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/config_copy.h"
#include "base/hash.h"
#include "model/config.h"
#include "train/checkpoint_private.h"
#include "train/model_reader.h"
#include "train/model_writer.h"

/* ---- opening ---- */

static uint32_t find_param(const hrm_checkpoint *c, size_t tensor) {
    return hrm_param_list_find(&c->list, hrm_tensor_file_get(c->file, tensor).name);
}

/* Pairs the parameters of the architecture with tensors of the file, shapes and all. */
static hrm_status match_params(hrm_checkpoint *c) {
    hrm_model_config shapes = c->architecture.config;
    /* What shapes do not depend on may still be unknown. */
    if (shapes.num_heads == 0) shapes.num_heads = 1;
    if (shapes.seq_len == 0) shapes.seq_len = 1;
    hrm_status status = hrm_param_list_init(&c->list, &shapes);
    if (status != HRM_OK) return status;
    c->param_index = malloc(c->list.count * sizeof *c->param_index);
    if (!c->param_index) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a list of tensors");
    for (uint32_t p = 0; p < c->list.count; p++) c->param_index[p] = SIZE_MAX;
    for (size_t i = 0; i < hrm_tensor_file_count(c->file); i++) {
        uint32_t p = find_param(c, i);
        if (p == HRM_PARAM_NONE) continue;
        const hrm_param *param = &c->list.items[p];
        const hrm_tensor_info t = hrm_tensor_file_get(c->file, i);
        if (c->param_index[p] != SIZE_MAX)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s occurs twice under different prefixes", param->name);
        bool fits = param->rows ? t.rank == 2 && t.shape[0] == param->rows && t.shape[1] == param->cols
                                : t.rank == 1 && t.shape[0] == param->cols;
        if (!fits)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s is not %u x %u, as the other tensors' shapes demand", t.name,
                            param->rows ? param->rows : 1, param->cols);
        if (t.dtype != HRM_ST_F32 && t.dtype != HRM_ST_F16 && t.dtype != HRM_ST_BF16 && t.dtype != HRM_ST_F64)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s holds %s, which are no weights", t.name,
                            hrm_safetensors_dtype_name(t.dtype));
        c->param_index[p] = i;
    }
    for (uint32_t p = 0; p < c->list.count; p++)
        if (c->param_index[p] == SIZE_MAX)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s is missing", c->list.items[p].name);
    return HRM_OK;
}

hrm_status hrm_checkpoint_open(const char *path, const hrm_model_config *known, hrm_checkpoint **out) {
    hrm_status status;
    struct stat info;
    hrm_model_config given;
    *out = NULL;
    if (known) {
        status = hrm_config_copy(known, &given, sizeof given, "hrm_model_config");
        if (status != HRM_OK) return status;
    }
    hrm_checkpoint *c = calloc(1, sizeof *c);
    if (c) c->path = strdup(path);
    if (!c || !c->path) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory", path);
        goto fail;
    }
    HRM_TRY(hrm_tensor_file_open(path, &c->file));
    if (stat(path, &info) == 0) c->file_bytes = (uint64_t)info.st_size;
    status = hrm_architecture_find(path, c->file, known ? &given : NULL, &c->architecture);
    if (status == HRM_OK) status = match_params(c);
    if (status == HRM_ERR_OUT_OF_MEMORY || status == HRM_ERR_INVALID_ARGUMENT) {
        hrm_fail_prefix(status, "%s", path);
        goto fail;
    }
    if (status != HRM_OK) {
        c->problem_status = status;
        snprintf(c->problem, sizeof c->problem, "%s", hrm_last_error());
        hrm_param_list_deinit(&c->list);
    }
    *out = c;
    return HRM_OK;
fail:
    hrm_checkpoint_close(c);
    return status;
}

void hrm_checkpoint_close(hrm_checkpoint *c) {
    if (!c) return;
    hrm_tensor_file_close(c->file);
    hrm_param_list_deinit(&c->list);
    free(c->param_index);
    free(c->path);
    free(c);
}

hrm_status hrm_checkpoint_check(const hrm_checkpoint *c) {
    return c->problem_status == HRM_OK ? HRM_OK : hrm_fail(c->problem_status, "%s: %s", c->path, c->problem);
}

/* ---- what is in it ---- */

static bool is_state(const hrm_checkpoint *c, size_t tensor) {
    return strncmp(hrm_tensor_file_get(c->file, tensor).name, "hrm.", 4) == 0;
}

hrm_status hrm_checkpoint_get_info(const hrm_checkpoint *c, hrm_checkpoint_info *info) {
    const char *state = hrm_tensor_file_metadata(c->file, HRM_STATE_KEY);
    *info = (hrm_checkpoint_info){
        .struct_size = (uint32_t)sizeof *info,
        .kind = hrm_tensor_file_get_kind(c->file) == HRM_TENSOR_FILE_TORCH ? HRM_CHECKPOINT_TORCH
                                                                           : HRM_CHECKPOINT_SAFETENSORS,
        .file_bytes = c->file_bytes,
        .tensors = (uint32_t)hrm_tensor_file_count(c->file),
        .config = c->architecture.config,
        .missing = c->architecture.missing,
        .config_path = c->architecture.yaml_path,
        .problem = c->problem,
        .state = state ? state : "",
    };
    for (uint32_t p = 0; p < c->list.count; p++)
        if (c->list.items[p].group != HRM_GROUP_FIXED) info->parameters += c->list.items[p].count;
    for (size_t i = 0; i < info->tensors; i++) info->state_tensors += is_state(c, i);
    return HRM_OK;
}

hrm_checkpoint_tensor hrm_checkpoint_get_tensor(const hrm_checkpoint *c, uint32_t index) {
    const hrm_tensor_info t = hrm_tensor_file_get(c->file, index);
    hrm_checkpoint_tensor out = {.name = t.name,
                                 .type = hrm_safetensors_dtype_name(t.dtype),
                                 .rank = t.rank,
                                 .bytes = t.bytes,
                                 .state = is_state(c, index),
                                 .weight = c->list.count && find_param(c, index) != HRM_PARAM_NONE};
    memcpy(out.shape, t.shape, sizeof out.shape);
    return out;
}

bool hrm_checkpoint_get_note(const hrm_checkpoint *c, uint32_t index, const char **key, const char **value) {
    if (index >= hrm_tensor_file_metadata_count(c->file)) return false;
    hrm_tensor_file_metadata_at(c->file, index, key, value);
    return true;
}

static hrm_status hash_tensor(hrm_checkpoint *c, size_t index, void *chunk, size_t chunk_bytes, uint64_t *hash) {
    hrm_tensor_stream *stream = NULL;
    const hrm_tensor_info t = hrm_tensor_file_get(c->file, index);
    const char *name = hrm_param_bare_name(t.name), *type = hrm_safetensors_dtype_name(t.dtype);
    uint64_t h = hrm_fnv1a64_update(*hash, name, strlen(name) + 1);
    h = hrm_fnv1a64_update(h, type, strlen(type) + 1);
    h = hrm_fnv1a64_update(h, t.shape, t.rank * sizeof *t.shape);
    hrm_status status = hrm_tensor_stream_open(c->file, index, &stream);
    for (uint64_t done = 0; status == HRM_OK && done < t.bytes; done += chunk_bytes) {
        size_t n = t.bytes - done < chunk_bytes ? (size_t)(t.bytes - done) : chunk_bytes;
        status = hrm_tensor_stream_read(stream, chunk, n);
        if (status == HRM_OK) h = hrm_fnv1a64_update(h, chunk, n);
    }
    hrm_tensor_stream_close(stream);
    *hash = h;
    return status;
}

hrm_status hrm_checkpoint_hash(hrm_checkpoint *c, uint64_t *hash) {
    enum { CHUNK = 1 << 20 };
    hrm_status status = HRM_OK;
    void *chunk = malloc(CHUNK);
    if (!chunk) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory", c->path);
    uint64_t h = HRM_FNV1A64_INIT;
    /* The order of the architecture, not of the file. A file that holds no HRM: all of it. */
    const size_t count = c->list.count ? c->list.count : hrm_tensor_file_count(c->file);
    for (size_t i = 0; i < count && status == HRM_OK; i++)
        status = hash_tensor(c, c->list.count ? c->param_index[i] : i, chunk, CHUNK, &h);
    if (status != HRM_OK) hrm_fail_prefix(status, "%s", c->path);
    free(chunk);
    if (status == HRM_OK) *hash = h;
    return status;
}

/* ---- models ---- */

hrm_status hrm_checkpoint_load(hrm_checkpoint *c, hrm_device *device, hrm_model **out) {
    hrm_status status;
    hrm_model *m = NULL;
    hrm_model_config config;
    *out = NULL;
    HRM_TRY(hrm_checkpoint_check(c));
    status = hrm_architecture_resolve(&c->architecture, &config);
    if (status == HRM_OK) status = hrm_model_alloc(device, &config, &m);
    if (status == HRM_OK) status = hrm_model_reader_read_weights(m, c->file);
    if (status != HRM_OK) {
        hrm_fail_prefix(status, "%s", c->path);
        goto fail;
    }
    *out = m;
    return HRM_OK;
fail:
    hrm_model_destroy(m);
    return status;
}

hrm_status hrm_model_load(hrm_device *device, const char *path, hrm_model **out) {
    hrm_checkpoint *c = NULL;
    *out = NULL;
    hrm_status status = hrm_checkpoint_open(path, NULL, &c);
    if (status == HRM_OK) status = hrm_checkpoint_load(c, device, out);
    hrm_checkpoint_close(c);
    return status;
}

hrm_status hrm_model_save(const hrm_model *m, const char *path, const char *const *notes) {
    hrm_status status;
    hrm_model_writer writer;
    HRM_TRY(hrm_model_writer_init(&writer, m));
    HRM_TRY(hrm_model_writer_set_notes(&writer, notes));
    HRM_TRY(hrm_model_writer_write(&writer, path));
fail:
    hrm_model_writer_deinit(&writer);
    return status;
}
