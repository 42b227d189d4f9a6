/* From one kind of model file to the other, and from one type of numbers to another. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/config_copy.h"
#include "base/file_write.h"
#include "base/half.h"
#include "base/path.h"
#include "io/safetensors_writer.h"
#include "io/torch_writer.h"
#include "model/config.h"
#include "train/checkpoint_private.h"
#include "train/model_writer.h"

/* What the reference's compiled, loss-wrapped model puts before every name. Its evaluation takes it as it is, and
 * strips `_orig_mod.` where it runs without the compiler. */
#define TORCH_PREFIX "_orig_mod." HRM_TENSOR_PREFIX

enum { CHUNK_VALUES = 1 << 18 };

/* One tensor on its way from file to file. */
typedef struct conversion {
    hrm_checkpoint *checkpoint;
    size_t index;
    hrm_safetensors_dtype from, to;
    hrm_tensor_stream *stream; /* open from the first piece to the last */
    float *values;             /* [CHUNK_VALUES], shared by all */
} conversion;

static hrm_status narrow(const conversion *c, const float *values, size_t count, uint16_t *dst) {
    for (size_t i = 0; i < count; i++) {
        dst[i] = c->to == HRM_ST_BF16 ? hrm_bf16_from_f32(values[i]) : hrm_f16_from_f32(values[i]);
        bool lost = c->to == HRM_ST_F16 && isfinite(values[i]) && !isfinite(hrm_f16_to_f32(dst[i]));
        if (lost)
            return hrm_fail(HRM_ERR_FORMAT, "tensor %s holds %g, which is beyond what f16 can hold; use bf16 or f32",
                            hrm_tensor_file_get(c->checkpoint->file, c->index).name, (double)values[i]);
    }
    return HRM_OK;
}

static hrm_status read_piece(conversion *c, void *dst, size_t bytes) {
    if (c->from == c->to) return hrm_tensor_stream_read(c->stream, dst, bytes);
    const size_t width = hrm_safetensors_dtype_size(c->to);
    unsigned char *out = dst;
    for (size_t left = bytes / width; left > 0;) {
        size_t n = left < CHUNK_VALUES ? left : CHUNK_VALUES;
        hrm_status status = hrm_tensor_stream_read_f32(c->stream, c->values, n);
        if (status != HRM_OK) return status;
        if (c->to == HRM_ST_F32)
            memcpy(out, c->values, n * width);
        else
            status = narrow(c, c->values, n, (uint16_t *)(void *)out);
        if (status != HRM_OK) return status;
        out += n * width;
        left -= n;
    }
    return HRM_OK;
}

static hrm_status fill(void *user, uint64_t offset, void *dst, size_t bytes) {
    conversion *c = user;
    hrm_status status = HRM_OK;
    if (offset == 0) {
        hrm_tensor_stream_close(c->stream);
        c->stream = NULL;
        status = hrm_tensor_stream_open(c->checkpoint->file, c->index, &c->stream);
    }
    if (status == HRM_OK) status = read_piece(c, dst, bytes);
    const uint64_t total = hrm_tensor_file_get(c->checkpoint->file, c->index).count * hrm_safetensors_dtype_size(c->to);
    if (status == HRM_OK && offset + bytes == total) {
        hrm_tensor_stream_close(c->stream);
        c->stream = NULL;
    }
    return status;
}

/* ---- both kinds of writers behind one face ---- */

typedef struct sink {
    hrm_safetensors_writer *safetensors; /* one of the two is set */
    hrm_torch_writer *torch;
} sink;

static hrm_status sink_add(sink *s, const char *bare_name, const hrm_tensor_info *t, conversion *c) {
    char name[256];
    snprintf(name, sizeof name, "%s%s", s->torch ? TORCH_PREFIX : HRM_TENSOR_PREFIX, bare_name);
    if (s->torch) return hrm_torch_writer_add_callback(s->torch, name, c->to, t->rank, t->shape, fill, c);
    return hrm_safetensors_writer_add_callback(s->safetensors, name, c->to, t->rank, t->shape, fill, c);
}

static hrm_safetensors_dtype pick_type(hrm_number_type wanted, hrm_safetensors_dtype present) {
    switch (wanted) {
    case HRM_NUMBER_F32:
        return HRM_ST_F32;
    case HRM_NUMBER_F16:
        return HRM_ST_F16;
    case HRM_NUMBER_BF16:
        return HRM_ST_BF16;
    default:
        return present;
    }
}

/* What belongs to a run that can be continued. */
static bool is_state(const char *key) {
    return strcmp(key, HRM_STATE_KEY) == 0 || strcmp(key, HRM_RUN_KEY) == 0 || strcmp(key, HRM_CHECKSUM_KEY) == 0;
}

/* The architecture, and the notes of a file that has some. What makes a run continue goes with its tensors. */
static hrm_status add_notes(hrm_checkpoint *c, hrm_safetensors_writer *writer, bool with_state) {
    hrm_status status;
    hrm_model_config config;
    char *json = NULL;
    const char *key, *value;
    status = hrm_architecture_resolve(&c->architecture, &config);
    if (status != HRM_OK) {
        hrm_fail_prefix(status, "%s", c->path);
        goto fail;
    }
    json = hrm_model_config_to_json(&config);
    if (!json) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a model's architecture as text");
        goto fail;
    }
    HRM_TRY(hrm_safetensors_writer_set_metadata(writer, "format", "pt"));
    HRM_TRY(hrm_safetensors_writer_set_metadata(writer, HRM_CONFIG_KEY, json));
    for (uint32_t i = 0; hrm_checkpoint_get_note(c, i, &key, &value); i++) {
        if (strcmp(key, HRM_CONFIG_KEY) == 0 || (!with_state && is_state(key))) continue;
        if (strcmp(key, HRM_CHECKSUM_KEY) == 0) /* of the new file, not the old one's */
            HRM_TRY(hrm_safetensors_writer_set_checksum(writer, key));
        else
            HRM_TRY(hrm_safetensors_writer_set_metadata(writer, key, value));
    }
fail:
    free(json);
    return status;
}

static hrm_status add_weights(hrm_checkpoint *c, const hrm_convert_config *config, sink *s, conversion *conversions) {
    for (uint32_t p = 0; p < c->list.count; p++) {
        const hrm_param *param = &c->list.items[p];
        const hrm_tensor_info t = hrm_tensor_file_get(c->file, c->param_index[p]);
        conversion *one = &conversions[p];
        one->index = c->param_index[p];
        one->from = t.dtype;
        one->to = pick_type(param->group == HRM_GROUP_FIXED ? config->initial_states : config->weights, t.dtype);
        hrm_status status = sink_add(s, param->name, &t, one);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

/* Tensors of a run's state, as they are. */
static hrm_status add_state(hrm_checkpoint *c, hrm_safetensors_writer *writer, conversion *conversions) {
    size_t used = c->list.count;
    for (size_t i = 0; i < hrm_tensor_file_count(c->file); i++) {
        const hrm_tensor_info t = hrm_tensor_file_get(c->file, i);
        if (strncmp(t.name, "hrm.", 4) != 0) continue;
        conversion *one = &conversions[used++];
        one->index = i;
        one->from = one->to = t.dtype;
        hrm_status status = hrm_safetensors_writer_add_callback(writer, t.name, t.dtype, t.rank, t.shape, fill, one);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

/* all_config.yaml beside a PyTorch checkpoint, unless there is one: the part of the reference's own file that describes
 * the architecture, as far as it is known. */
static hrm_status write_yaml(const hrm_architecture *architecture, const char *path) {
    const hrm_model_config *c = &architecture->config;
    hrm_status status;
    char folder[HRM_PATH_MAX], yaml[HRM_PATH_MAX], text[1024];
    struct stat info;
    HRM_TRY(hrm_path_parent(path, folder, sizeof folder));
    HRM_TRY(hrm_path_join(folder, "all_config.yaml", yaml, sizeof yaml));
    if (stat(yaml, &info) == 0) return HRM_OK;
    int n = snprintf(text, sizeof text, "arch:\n  name: hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1\n");
#define ADD(key, format, value) n += snprintf(text + n, sizeof text - (size_t)n, "  %s: " format "\n", key, value)
#define ADD_KNOWN(key, value)                                                                                          \
    if (value) ADD(key, "%u", value)
    ADD_KNOWN("H_cycles", c->h_cycles);
    ADD_KNOWN("H_layers", c->h_layers);
    ADD_KNOWN("L_cycles", c->l_cycles);
    ADD_KNOWN("L_layers", c->l_layers);
    ADD("expansion", "%.9g", (double)c->expansion);
    ADD_KNOWN("halt_max_steps", c->halt_max_segments);
    ADD_KNOWN("hidden_size", c->hidden_size);
    ADD_KNOWN("num_heads", c->num_heads);
    if (c->positions != HRM_POSITIONS_BOTH)
        ADD("pos_encodings", "%s", c->positions == HRM_POSITIONS_LEARNED ? "learned" : "rope");
    ADD("puzzle_emb_ndim", "%u", c->puzzle_emb_dim);
    if (c->rms_norm_eps > 0) ADD("rms_norm_eps", "%.9g", (double)c->rms_norm_eps);
    if (c->rope_theta > 0) ADD("rope_theta", "%.9g", (double)c->rope_theta);
    /* Ours: what that implementation takes from the data set, or does not know. It passes over the key. */
    n += snprintf(text + n, sizeof text - (size_t)n, "hrm:\n");
    ADD_KNOWN("seq_len", c->seq_len);
    ADD_KNOWN("grid_width", c->grid_width);
    ADD("positions", "%u", (unsigned)c->positions);
    ADD("halt_rule", "%u", (unsigned)c->halt_rule);
#undef ADD_KNOWN
#undef ADD
    HRM_TRY(hrm_file_write_all(yaml, text, (size_t)n));
fail:
    return status;
}

hrm_status hrm_checkpoint_convert(hrm_checkpoint *c, const hrm_convert_config *caller_config, const char *path) {
    hrm_status status;
    hrm_convert_config given, *config = &given;
    sink s = {0};
    conversion *conversions = NULL;
    float *values = NULL;
    const size_t count = hrm_tensor_file_count(c->file);
    status = hrm_config_copy(caller_config, &given, sizeof given, "hrm_convert_config");
    if (status != HRM_OK) return status;
    if ((config->kind != HRM_CHECKPOINT_SAFETENSORS && config->kind != HRM_CHECKPOINT_TORCH) ||
        config->weights > HRM_NUMBER_BF16 || config->initial_states > HRM_NUMBER_BF16)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "convert: unknown kind of file %d or type of numbers %d, %d",
                        (int)config->kind, (int)config->weights, (int)config->initial_states);
    HRM_TRY(hrm_checkpoint_check(c));
    conversions = calloc(count + 1, sizeof *conversions);
    values = malloc(CHUNK_VALUES * sizeof *values);
    if (!conversions || !values) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory to convert it", c->path);
        goto fail;
    }
    for (size_t i = 0; i < count; i++) conversions[i] = (conversion){.checkpoint = c, .values = values};
    if (config->kind == HRM_CHECKPOINT_TORCH) {
        HRM_TRY(hrm_torch_writer_create(&s.torch));
        HRM_TRY(add_weights(c, config, &s, conversions));
        HRM_TRY(hrm_torch_writer_write(s.torch, path));
        HRM_TRY(write_yaml(&c->architecture, path));
    } else {
        HRM_TRY(hrm_safetensors_writer_create(&s.safetensors));
        HRM_TRY(add_notes(c, s.safetensors, !config->weights_only));
        HRM_TRY(add_weights(c, config, &s, conversions));
        if (!config->weights_only) HRM_TRY(add_state(c, s.safetensors, conversions));
        HRM_TRY(hrm_safetensors_writer_write(s.safetensors, path));
    }
fail:
    for (size_t i = 0; conversions && i < count; i++) hrm_tensor_stream_close(conversions[i].stream);
    hrm_torch_writer_destroy(s.torch);
    hrm_safetensors_writer_destroy(s.safetensors);
    free(conversions);
    free(values);
    return status;
}
