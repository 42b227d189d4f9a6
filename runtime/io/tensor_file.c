#include "io/tensor_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "io/torch_file.h"
#include "io/weights_kind.h"

struct hrm_tensor_file {
    hrm_safetensors *safetensors; /* one of the two is set */
    hrm_torch_file *torch;
    char *path; /* for messages */
    uint32_t owners;
};

struct hrm_tensor_stream {
    const hrm_safetensors_tensor *tensor;
    hrm_torch_stream *torch; /* NULL: the values lie in tensor->data */
    uint64_t done;           /* bytes */
};

static hrm_status open_file(const char *path, bool writable, hrm_tensor_file **out) {
    hrm_status status;
    hrm_weights_kind kind;
    *out = NULL;
    hrm_tensor_file *file = calloc(1, sizeof *file);
    if (!file) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot read %s: no host memory", path);
    file->owners = 1;
    file->path = strdup(path);
    if (!file->path) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot read %s: no host memory", path);
        goto fail;
    }
    HRM_TRY(hrm_weights_kind_load(path, &kind));
    switch (kind) {
    case HRM_WEIGHTS_TORCH:
    case HRM_WEIGHTS_TORCH_LEGACY: /* refused there, with the way out */
        HRM_TRY(hrm_torch_file_open(path, &file->torch));
        break;
    default: /* what is no safetensors file either is refused there */
        HRM_TRY(writable ? hrm_safetensors_open_private(path, &file->safetensors)
                         : hrm_safetensors_open(path, &file->safetensors));
        break;
    }
    *out = file;
    return HRM_OK;
fail:
    hrm_tensor_file_close(file);
    return status;
}

hrm_status hrm_tensor_file_open(const char *path, hrm_tensor_file **out) {
    return open_file(path, false, out);
}

hrm_status hrm_tensor_file_open_private(const char *path, hrm_tensor_file **out) {
    return open_file(path, true, out);
}

void hrm_tensor_file_retain(hrm_tensor_file *file) {
    file->owners++;
}

void hrm_tensor_file_close(hrm_tensor_file *file) {
    if (!file || --file->owners > 0) return;
    hrm_safetensors_close(file->safetensors);
    hrm_torch_file_close(file->torch);
    free(file->path);
    free(file);
}

hrm_tensor_file_kind hrm_tensor_file_get_kind(const hrm_tensor_file *file) {
    return file->torch ? HRM_TENSOR_FILE_TORCH : HRM_TENSOR_FILE_SAFETENSORS;
}

size_t hrm_tensor_file_count(const hrm_tensor_file *file) {
    return file->torch ? hrm_torch_file_count(file->torch) : hrm_safetensors_count(file->safetensors);
}

static const hrm_safetensors_tensor *get(const hrm_tensor_file *file, size_t index) {
    return file->torch ? hrm_torch_file_get(file->torch, index) : hrm_safetensors_get(file->safetensors, index);
}

hrm_tensor_info hrm_tensor_file_get(const hrm_tensor_file *file, size_t index) {
    const hrm_safetensors_tensor *t = get(file, index);
    hrm_tensor_info info = {.name = t->name, .dtype = t->dtype, .rank = t->rank, .count = t->count, .bytes = t->bytes};
    memcpy(info.shape, t->shape, sizeof info.shape);
    return info;
}

const void *hrm_tensor_file_get_mapped(const hrm_tensor_file *file, size_t index) {
    return file->torch ? NULL : get(file, index)->data;
}

float *hrm_tensor_file_get_writable_f32(const hrm_tensor_file *file, size_t index) {
    if (file->torch || get(file, index)->dtype != HRM_ST_F32) return NULL;
    void *values = hrm_safetensors_get_writable(file->safetensors, index);
    return (uintptr_t)values % sizeof(float) == 0 ? values : NULL;
}

size_t hrm_tensor_file_find(const hrm_tensor_file *file, const char *name) {
    size_t index;
    if (file->torch) return hrm_torch_file_find(file->torch, name, &index) ? index : SIZE_MAX;
    for (size_t i = 0; i < hrm_safetensors_count(file->safetensors); i++)
        if (strcmp(get(file, i)->name, name) == 0) return i;
    return SIZE_MAX;
}

const char *hrm_tensor_file_metadata(const hrm_tensor_file *file, const char *key) {
    return file->torch ? NULL : hrm_safetensors_metadata(file->safetensors, key);
}

size_t hrm_tensor_file_metadata_count(const hrm_tensor_file *file) {
    return file->torch ? 0 : hrm_safetensors_metadata_count(file->safetensors);
}

void hrm_tensor_file_metadata_at(const hrm_tensor_file *file, size_t index, const char **key, const char **value) {
    hrm_safetensors_metadata_at(file->safetensors, index, key, value);
}

hrm_status hrm_tensor_file_verify(const hrm_tensor_file *file, const char *key, bool *has_checksum) {
    bool present = false;
    hrm_status status = file->torch ? HRM_OK : hrm_safetensors_verify(file->safetensors, key, &present);
    if (status != HRM_OK) return hrm_fail_prefix(status, "%s is damaged", file->path);
    if (has_checksum) *has_checksum = present;
    return HRM_OK;
}

hrm_status hrm_tensor_stream_open(hrm_tensor_file *file, size_t index, hrm_tensor_stream **out) {
    *out = NULL;
    hrm_tensor_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to read a tensor");
    stream->tensor = get(file, index);
    hrm_status status = file->torch ? hrm_torch_stream_open(file->torch, index, &stream->torch) : HRM_OK;
    if (status != HRM_OK) {
        free(stream);
        return status;
    }
    *out = stream;
    return HRM_OK;
}

void hrm_tensor_stream_close(hrm_tensor_stream *stream) {
    if (!stream) return;
    hrm_torch_stream_close(stream->torch);
    free(stream);
}

hrm_status hrm_tensor_stream_read(hrm_tensor_stream *stream, void *dst, size_t bytes) {
    const hrm_safetensors_tensor *t = stream->tensor;
    if (bytes > t->bytes - stream->done)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "tensor %s: %zu bytes were asked for, %zu are left", t->name, bytes,
                        (size_t)(t->bytes - stream->done));
    if (stream->torch) {
        hrm_status status = hrm_torch_stream_read(stream->torch, dst, bytes);
        if (status != HRM_OK) return status;
    } else if (bytes) {
        memcpy(dst, (const unsigned char *)t->data + stream->done, bytes);
    }
    stream->done += bytes;
    return HRM_OK;
}

hrm_status hrm_tensor_stream_read_f32(hrm_tensor_stream *stream, float *dst, size_t count) {
    enum { CHUNK = 4096 };
    const hrm_safetensors_dtype dtype = stream->tensor->dtype;
    union {
        double f64[CHUNK];
        uint16_t half[CHUNK];
    } piece;
    if (dtype == HRM_ST_F32) return hrm_tensor_stream_read(stream, dst, count * sizeof *dst);
    if (dtype != HRM_ST_F16 && dtype != HRM_ST_BF16 && dtype != HRM_ST_F64)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "tensor %s holds %s; a float type is needed", stream->tensor->name,
                        hrm_safetensors_dtype_name(dtype));
    for (size_t done = 0; done < count;) {
        size_t n = count - done < CHUNK ? count - done : CHUNK;
        hrm_status status = hrm_tensor_stream_read(stream, &piece, n * hrm_safetensors_dtype_size(dtype));
        if (status != HRM_OK) return status;
        for (size_t i = 0; i < n; i++)
            dst[done + i] = dtype == HRM_ST_F64    ? (float)piece.f64[i]
                            : dtype == HRM_ST_BF16 ? hrm_bf16_to_f32(piece.half[i])
                                                   : hrm_f16_to_f32(piece.half[i]);
        done += n;
    }
    return HRM_OK;
}
