#include "train/model_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "gpu/program.h"

enum { CHUNK_VALUES = 1 << 20 };

static char *describe_shape(uint32_t rank, const uint64_t *shape, char text[128]) {
    int n = 0;
    for (uint32_t i = 0; i < rank && n < 100; i++)
        n += snprintf(text + n, 128 - (size_t)n, "%s%llu", i ? " x " : "", (unsigned long long)shape[i]);
    if (rank == 0) snprintf(text, 128, "a scalar");
    return text;
}

static hrm_status upload_chunk(hrm_device *device, const hrm_span *pieces, uint32_t count, uint64_t offset,
                               const void *values, uint64_t bytes) {
    const unsigned char *from = values;
    for (uint32_t i = 0; i < count && bytes > 0; i++) {
        if (offset >= pieces[i].bytes) {
            offset -= pieces[i].bytes;
            continue;
        }
        const uint64_t n = pieces[i].bytes - offset < bytes ? pieces[i].bytes - offset : bytes;
        hrm_status status = hrm_queue_upload(device, (hrm_span){pieces[i].buffer, pieces[i].offset + offset, n}, from);
        if (status != HRM_OK) return status;
        from += n;
        bytes -= n;
        offset = 0;
    }
    return HRM_OK;
}

hrm_status hrm_model_reader_upload(hrm_device *device, hrm_tensor_file *file, size_t index, hrm_tensor dst) {
    const hrm_span span = hrm_tensor_get_span(&dst);
    return hrm_model_reader_upload_pieces(device, file, index, &dst, &span, 1);
}

hrm_status hrm_model_reader_upload_pieces(hrm_device *device, hrm_tensor_file *file, size_t index,
                                          const hrm_tensor *like, const hrm_span *pieces, uint32_t count) {
    hrm_status status;
    const hrm_tensor dst = *like;
    hrm_tensor_stream *stream = NULL;
    float *values = NULL;
    const hrm_tensor_info t = hrm_tensor_file_get(file, index);
    bool fits = t.rank == dst.rank;
    for (uint32_t i = 0; fits && i < t.rank; i++) fits = t.shape[i] == dst.shape[i];
    if (!fits) {
        char found[128], wanted[128];
        return hrm_fail(HRM_ERR_FORMAT, "tensor %s is %s; this architecture needs %s", t.name,
                        describe_shape(t.rank, t.shape, found), describe_shape(dst.rank, dst.shape, wanted));
    }
    if ((dst.dtype == HRM_U32_T) != (t.dtype == HRM_ST_U32))
        return hrm_fail(HRM_ERR_FORMAT, "tensor %s holds %s; %s was expected", t.name,
                        hrm_safetensors_dtype_name(t.dtype), dst.dtype == HRM_U32_T ? "U32" : "a float type");
    values = malloc(CHUNK_VALUES * sizeof *values);
    if (!values) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to read tensor %s", t.name);
        goto fail;
    }
    HRM_TRY(hrm_tensor_stream_open(file, index, &stream));
    for (uint64_t done = 0; done < t.count; done += CHUNK_VALUES) {
        size_t n = t.count - done < CHUNK_VALUES ? (size_t)(t.count - done) : CHUNK_VALUES;
        if (dst.dtype == HRM_U32_T)
            HRM_TRY(hrm_tensor_stream_read(stream, values, n * sizeof *values));
        else
            HRM_TRY(hrm_tensor_stream_read_f32(stream, values, n));
        HRM_TRY(upload_chunk(device, pieces, count, done * sizeof *values, values, n * sizeof *values));
    }
    status = HRM_OK;
fail:
    hrm_tensor_stream_close(stream);
    free(values);
    return status;
}

static void close_file(void *owner) {
    hrm_tensor_file_close(owner);
}

/* A puzzle table that stays on the host: left where it lies in a mapped file unless it is to be written, or read. A
 * model that shows another's table leaves this one alone. */
static hrm_status read_host_table(hrm_model *m, hrm_tensor_file *file, size_t index, const hrm_param *param) {
    hrm_status status;
    hrm_tensor_stream *stream = NULL;
    float *rows = NULL;
    size_t bytes;
    const hrm_tensor_info t = hrm_tensor_file_get(file, index);
    const void *mapped = hrm_tensor_file_get_mapped(file, index);
    if (t.rank != 2 || t.shape[0] != param->rows || t.shape[1] != param->cols)
        return hrm_fail(HRM_ERR_FORMAT, "tensor %s is not %u x %u, as this architecture needs", t.name, param->rows,
                        param->cols);
    if (m->puzzle_source) return HRM_OK;
    float *const writable = hrm_tensor_file_get_writable_f32(file, index);
    if (writable && m->puzzle_is_writable) {
        hrm_tensor_file_retain(file);
        hrm_model_set_puzzle_host(
            m, (hrm_host_table){(unsigned char *)writable, (unsigned char *)writable, file, close_file});
        return HRM_OK;
    }
    if (mapped && t.dtype == HRM_ST_F32 && !m->puzzle_is_writable) {
        hrm_tensor_file_retain(file);
        hrm_model_set_puzzle_host(m, (hrm_host_table){.rows = mapped, .owner = file, .release = close_file});
        return HRM_OK;
    }
    if (hrm_u64_to_size(t.count, &bytes) && hrm_mul_size(bytes, sizeof *rows, &bytes)) rows = malloc(bytes);
    if (!rows) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for tensor %s of %llu values", t.name,
                          (unsigned long long)t.count);
        goto fail;
    }
    HRM_TRY(hrm_tensor_stream_open(file, index, &stream));
    HRM_TRY(hrm_tensor_stream_read_f32(stream, rows, t.count));
    hrm_tensor_stream_close(stream);
    hrm_model_set_puzzle_host(m, (hrm_host_table){(unsigned char *)rows, (unsigned char *)rows, rows, free});
    return HRM_OK;
fail:
    hrm_tensor_stream_close(stream);
    free(rows);
    return status;
}

hrm_status hrm_model_reader_read_weights(hrm_model *m, hrm_tensor_file *file) {
    hrm_status status;
    bool *seen = calloc(m->list.count, sizeof *seen);
    if (!seen) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a list of %u tensors", m->list.count);
    for (size_t i = 0; i < hrm_tensor_file_count(file); i++) {
        uint32_t p = hrm_param_list_find(&m->list, hrm_tensor_file_get(file, i).name);
        if (p == HRM_PARAM_NONE) continue;
        const hrm_param *param = &m->list.items[p];
        if (seen[p]) {
            status = hrm_fail(HRM_ERR_FORMAT, "tensor %s occurs twice under different prefixes", param->name);
            goto fail;
        }
        seen[p] = true;
        if (param->group == HRM_GROUP_PUZZLE && m->puzzle_on_host) {
            HRM_TRY(read_host_table(m, file, i, param));
            continue;
        }
        HRM_TRY(
            hrm_model_reader_upload(m->device, file, i, hrm_param_tensor(&m->list, p, m->groups[param->group].buffer)));
    }
    for (uint32_t i = 0; i < m->list.count; i++) {
        if (seen[i]) continue;
        status = hrm_fail(HRM_ERR_FORMAT, "tensor %s is missing", m->list.items[i].name);
        goto fail;
    }
    status = hrm_model_pack(m);
fail:
    free(seen);
    return status;
}
