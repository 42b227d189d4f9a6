#include "io/torch_file.h"

#include "base/arena.h"
#include "base/checked.h"
#include "io/pickle.h"
#include "io/torch_archive.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Where a tensor's values lie; beside its public entry. */
struct place {
    size_t record;
    uint64_t offset, last; /* elements of the record: first one, and the furthest; 0 and 0 for an empty tensor */
    uint64_t strides[HRM_SAFETENSORS_MAX_RANK];
    bool contiguous;
};

struct hrm_torch_file {
    hrm_torch_archive *archive;
    hrm_arena arena; /* everything below; freed at once */
    char *path;      /* NULL: parsed */
    hrm_safetensors_tensor *tensors;
    const hrm_safetensors_tensor **by_name; /* sorted */
    struct place *places;
    size_t count;
    bool swap; /* the file is big-endian */
};

struct hrm_torch_stream {
    hrm_torch_file *file;
    const hrm_safetensors_tensor *tensor;
    const struct place *place;
    size_t done;              /* bytes handed out */
    bool failed;              /* what follows would be out of step */
    hrm_torch_record *record; /* contiguous */
    unsigned char *span;      /* else: elements offset..last */
    uint64_t at;              /* element of the span that is next */
    uint64_t index[HRM_SAFETENSORS_MAX_RANK];
};

/* ---- which tensors ---- */

static bool has_tensor(const hrm_pickle_value *dict) {
    for (size_t i = 1; i < dict->list.count; i += 2)
        if (dict->list.items[i]->kind == HRM_PICKLE_TENSOR) return true;
    return false;
}

static hrm_status find_root(const hrm_pickle_value *top, const hrm_pickle_value **out) {
    static const char *const keys[] = {"state_dict", "model_state_dict", "model", "module"};
    if (top->kind != HRM_PICKLE_DICT)
        return hrm_fail(HRM_ERR_FORMAT, "it holds a %s, a dict of tensors is needed", hrm_pickle_kind_name(top->kind));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const hrm_pickle_value *inner = hrm_pickle_find(top, keys[i]);
        if (!inner || inner->kind != HRM_PICKLE_DICT || !has_tensor(inner)) continue;
        *out = inner;
        return HRM_OK;
    }
    *out = top;
    if (top->list.count == 0 || has_tensor(top)) return HRM_OK;
    const hrm_pickle_value *key = top->list.items[0];
    return hrm_fail(
        HRM_ERR_FORMAT,
        "its dict of %zu entries (the first is \"%.80s\") holds no tensor, and none is below \"state_dict\", "
        "\"model_state_dict\", \"model\" or \"module\"",
        top->list.count / 2, key->kind == HRM_PICKLE_TEXT ? key->text.data : "?");
}

/* ---- is a tensor sound? ---- */

static hrm_status copy_name(hrm_torch_file *file, const hrm_pickle_value *key, const char **out) {
    if (key->kind != HRM_PICKLE_TEXT)
        return hrm_fail(HRM_ERR_FORMAT, "tensor %zu has a %s for a name", file->count, hrm_pickle_kind_name(key->kind));
    json_t *checked = json_stringn(key->text.data, key->text.size);
    bool good = checked && key->text.size > 0 && strlen(key->text.data) == key->text.size;
    json_decref(checked);
    if (!good) return hrm_fail(HRM_ERR_FORMAT, "the name of tensor %zu is empty, not UTF-8 or has a NUL", file->count);
    char *copy;
    hrm_status status = hrm_arena_copy_text(&file->arena, key->text.data, key->text.size, &copy);
    if (status == HRM_OK) *out = copy;
    return status;
}

static hrm_status read_shape(const hrm_pickle_tensor *from, hrm_safetensors_tensor *tensor, struct place *place) {
    size_t rank = from->shape->list.count;
    if (rank > HRM_SAFETENSORS_MAX_RANK)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "%zu dimensions, at most %d are supported", rank,
                        HRM_SAFETENSORS_MAX_RANK);
    if (from->strides->list.count != rank)
        return hrm_fail(HRM_ERR_FORMAT, "%zu dimensions but %zu strides", rank, from->strides->list.count);
    if (from->offset < 0) return hrm_fail(HRM_ERR_FORMAT, "its offset %" PRIi64 " is negative", from->offset);
    tensor->rank = (uint32_t)rank;
    tensor->count = 1;
    uint64_t last = (uint64_t)from->offset, bytes, expected = 1;
    bool fits = true;
    for (size_t i = 0; i < rank; i++) {
        int64_t length = from->shape->list.items[i]->integer, stride = from->strides->list.items[i]->integer;
        if (length < 0 || stride < 0)
            return hrm_fail(HRM_ERR_FORMAT,
                            "dimension %zu has length %" PRIi64 " and stride %" PRIi64 ", neither may be negative", i,
                            length, stride);
        tensor->shape[i] = (uint64_t)length;
        place->strides[i] = (uint64_t)stride;
        fits = fits && hrm_mul_u64(tensor->count, (uint64_t)length, &tensor->count);
    }
    if (!fits || !hrm_mul_u64(tensor->count, hrm_safetensors_dtype_size(tensor->dtype), &bytes) || bytes > INT64_MAX ||
        !hrm_u64_to_size(bytes, &tensor->bytes))
        return hrm_fail(HRM_ERR_FORMAT, "its shape describes more than 2^63 bytes");
    place->contiguous = true;
    if (tensor->count == 0) return HRM_OK;
    for (size_t i = rank; i > 0; i--) {
        uint64_t length = tensor->shape[i - 1], reach = 0;
        if (length == 1) continue; /* its stride is never used */
        place->contiguous = place->contiguous && place->strides[i - 1] == expected;
        expected *= length; /* at most count */
        fits = fits && hrm_mul_u64(length - 1, place->strides[i - 1], &reach) && hrm_add_u64(last, reach, &last);
    }
    if (!fits) return hrm_fail(HRM_ERR_FORMAT, "its strides reach beyond 2^64 elements");
    place->offset = (uint64_t)from->offset;
    place->last = last;
    return HRM_OK;
}

/* The storage's record must be there and have its size, and the tensor must lie inside. */
static hrm_status check_storage(const hrm_torch_file *file, const hrm_pickle_storage *storage,
                                const hrm_safetensors_tensor *tensor, struct place *place) {
    char record[256];
    uint64_t bytes, size, element = hrm_safetensors_dtype_size(tensor->dtype);
    if (storage->count < 0 || !hrm_mul_u64((uint64_t)storage->count, storage->untyped ? 1 : element, &bytes))
        return hrm_fail(HRM_ERR_FORMAT, "its storage has %" PRIi64 " elements", storage->count);
    if (strlen(storage->key) > sizeof record - sizeof "data/" ||
        (snprintf(record, sizeof record, "data/%s", storage->key),
         !hrm_torch_archive_find(file->archive, record, &place->record, &size)))
        return hrm_fail(HRM_ERR_FORMAT, "record \"%.200s/data/%.200s\" is missing",
                        hrm_torch_archive_folder(file->archive), storage->key);
    if (size != bytes)
        return hrm_fail(HRM_ERR_FORMAT, "record \"%.200s/%s\" has %" PRIu64 " bytes, its storage needs %" PRIu64,
                        hrm_torch_archive_folder(file->archive), record, size, bytes);
    if (tensor->count > 0 && place->last >= bytes / element)
        return hrm_fail(HRM_ERR_FORMAT, "it reaches element %" PRIu64 " of record \"%.200s/%s\", which has %" PRIu64,
                        place->last, hrm_torch_archive_folder(file->archive), record, bytes / element);
    if (tensor->bytes > bytes && tensor->bytes > HRM_TORCH_MAX_EXPANDED_BYTES)
        return hrm_fail(
            HRM_ERR_FORMAT,
            "it is expanded to %zu bytes from %" PRIu64 " in record \"%.200s/%s\", at most %" PRIu64 " are accepted",
            tensor->bytes, bytes, hrm_torch_archive_folder(file->archive), record, HRM_TORCH_MAX_EXPANDED_BYTES);
    return HRM_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const hrm_safetensors_tensor *const *)a)->name, (*(const hrm_safetensors_tensor *const *)b)->name);
}

static hrm_status list_tensors(hrm_torch_file *file, const hrm_pickle_value *root) {
    hrm_status status;
    void *tensors, *by_name, *places;
    size_t entries = root->list.count / 2;
    HRM_TRY(hrm_arena_alloc(&file->arena, entries, sizeof *file->tensors, 0, &tensors));
    HRM_TRY(hrm_arena_alloc(&file->arena, entries, sizeof *file->by_name, 0, &by_name));
    HRM_TRY(hrm_arena_alloc(&file->arena, entries, sizeof *file->places, 0, &places));
    file->tensors = tensors;
    file->by_name = by_name;
    file->places = places;
    for (size_t i = 0; i < entries; i++) {
        const hrm_pickle_value *value = root->list.items[2 * i + 1];
        if (value->kind != HRM_PICKLE_TENSOR) continue;
        hrm_safetensors_tensor *tensor = &file->tensors[file->count];
        struct place *place = &file->places[file->count];
        HRM_TRY(copy_name(file, root->list.items[2 * i], &tensor->name));
        tensor->dtype = value->tensor->dtype;
        status = read_shape(value->tensor, tensor, place);
        if (status == HRM_OK) status = check_storage(file, value->tensor->storage, tensor, place);
        if (status != HRM_OK) return hrm_fail_prefix(status, "tensor \"%.200s\"", tensor->name);
        file->by_name[file->count++] = tensor;
    }
    if (file->count > 1) qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0)
            return hrm_fail(HRM_ERR_FORMAT, "two tensors are named \"%.200s\"", file->by_name[i]->name);
    return HRM_OK;
fail:
    return status;
}

/* ---- opening ---- */

static hrm_status read_byte_order(hrm_torch_file *file) {
    size_t number, length;
    uint64_t size;
    void *text;
    if (!hrm_torch_archive_find(file->archive, "byteorder", &number, &size)) return HRM_OK; /* before 2.1: little */
    hrm_status status = hrm_torch_archive_load(file->archive, number, 16, &text, &length);
    if (status != HRM_OK) return status;
    file->swap = length == 3 && memcmp(text, "big", 3) == 0;
    bool known = file->swap || (length == 6 && memcmp(text, "little", 6) == 0);
    free(text);
    return known ? HRM_OK : hrm_fail(HRM_ERR_FORMAT, "record \"byteorder\" says neither little nor big");
}

static hrm_status read_pickle(hrm_torch_file *file) {
    hrm_status status;
    hrm_pickle *pickle = NULL;
    const hrm_pickle_value *root = NULL;
    size_t number, length;
    uint64_t size;
    void *bytes = NULL;
    if (!hrm_torch_archive_find(file->archive, "data.pkl", &number, &size))
        return hrm_fail(HRM_ERR_FORMAT, "record data.pkl is missing");
    HRM_TRY(hrm_torch_archive_load(file->archive, number, HRM_PICKLE_MAX_BYTES, &bytes, &length));
    status = hrm_pickle_parse(bytes, length, &pickle);
    if (status != HRM_OK) {
        hrm_fail_prefix(status, "record \"%.200s/data.pkl\"", hrm_torch_archive_folder(file->archive));
        goto fail;
    }
    HRM_TRY(find_root(hrm_pickle_get(pickle), &root));
    HRM_TRY(list_tensors(file, root));
fail:
    hrm_pickle_destroy(pickle);
    free(bytes);
    return status;
}

/* Takes `archive` over. */
static hrm_status open_archive(hrm_torch_archive *archive, hrm_torch_file **out) {
    hrm_status status;
    hrm_torch_file *file = calloc(1, sizeof *file);
    if (!file) {
        hrm_torch_archive_close(archive);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "torch_file: no host memory");
    }
    file->archive = archive;
    HRM_TRY(read_byte_order(file));
    HRM_TRY(read_pickle(file));
    *out = file;
    return HRM_OK;
fail:
    hrm_torch_file_close(file);
    return status;
}

hrm_status hrm_torch_file_parse(const void *bytes, size_t size, hrm_torch_file **out) {
    hrm_torch_archive *archive;
    *out = NULL;
    hrm_status status = hrm_torch_archive_parse(bytes, size, &archive);
    return status == HRM_OK ? open_archive(archive, out) : status;
}

hrm_status hrm_torch_file_open(const char *path, hrm_torch_file **out) {
    hrm_torch_archive *archive;
    hrm_torch_file *file;
    *out = NULL;
    hrm_status status = hrm_torch_archive_open(path, &archive);
    if (status != HRM_OK) return status;
    status = open_archive(archive, &file);
    if (status != HRM_OK) return hrm_fail_prefix(status, "cannot read %s", path);
    status = hrm_arena_copy_text(&file->arena, path, strlen(path), &file->path);
    if (status == HRM_OK)
        *out = file;
    else
        hrm_torch_file_close(file);
    return status;
}

void hrm_torch_file_close(hrm_torch_file *file) {
    if (!file) return;
    hrm_torch_archive_close(file->archive);
    hrm_arena_deinit(&file->arena);
    free(file);
}

size_t hrm_torch_file_count(const hrm_torch_file *file) {
    return file->count;
}

const hrm_safetensors_tensor *hrm_torch_file_get(const hrm_torch_file *file, size_t index) {
    return &file->tensors[index];
}

bool hrm_torch_file_find(const hrm_torch_file *file, const char *name, size_t *index) {
    const hrm_safetensors_tensor key = {.name = name}, *pointer = &key;
    if (file->count == 0) return false;
    const hrm_safetensors_tensor **found =
        bsearch(&pointer, file->by_name, file->count, sizeof *file->by_name, compare_names);
    if (found) *index = (size_t)(*found - file->tensors);
    return found != NULL;
}

/* ---- reading values ---- */

static hrm_status name_stream(const hrm_torch_stream *stream, hrm_status status) {
    status = hrm_fail_prefix(status, "tensor \"%.200s\"", stream->tensor->name);
    return stream->file->path ? hrm_fail_prefix(status, "cannot read %s", stream->file->path) : status;
}

/* The part of the storage that a tensor with gaps or turned dimensions covers. */
static hrm_status load_span(hrm_torch_stream *stream) {
    const struct place *place = stream->place;
    size_t element = hrm_safetensors_dtype_size(stream->tensor->dtype), bytes;
    /* Inside the record, so it fits into 64 bits. */
    if (!hrm_u64_to_size((place->last - place->offset + 1) * element, &bytes) || !(stream->span = malloc(bytes)))
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a tensor that is not contiguous");
    hrm_status status = hrm_torch_record_read(stream->record, stream->span, bytes);
    if (status == HRM_OK) status = hrm_torch_record_finish(stream->record);
    hrm_torch_record_close(stream->record);
    stream->record = NULL;
    return status;
}

hrm_status hrm_torch_stream_open(hrm_torch_file *file, size_t index, hrm_torch_stream **out) {
    hrm_status status;
    *out = NULL;
    if (index >= file->count)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "torch_stream_open: tensor %zu of %zu", index, file->count);
    hrm_torch_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "torch_stream_open: no host memory");
    stream->file = file;
    stream->tensor = &file->tensors[index];
    stream->place = &file->places[index];
    if (stream->tensor->count > 0) {
        uint64_t offset = stream->place->offset * hrm_safetensors_dtype_size(stream->tensor->dtype);
        HRM_TRY(hrm_torch_record_open(file->archive, stream->place->record, offset, &stream->record));
        if (!stream->place->contiguous) HRM_TRY(load_span(stream));
    }
    *out = stream;
    return HRM_OK;
fail:
    name_stream(stream, status);
    hrm_torch_stream_close(stream);
    return status;
}

/* Row-major order over the strides: an odometer. */
static void gather(hrm_torch_stream *stream, unsigned char *dst, size_t bytes) {
    const hrm_safetensors_tensor *tensor = stream->tensor;
    const uint64_t *strides = stream->place->strides;
    size_t element = hrm_safetensors_dtype_size(tensor->dtype);
    for (size_t done = 0; done < bytes; done += element) {
        memcpy(dst + done, stream->span + stream->at * element, element);
        for (uint32_t i = tensor->rank; i > 0; i--) {
            stream->at += strides[i - 1];
            if (++stream->index[i - 1] < tensor->shape[i - 1]) break;
            stream->at -= strides[i - 1] * tensor->shape[i - 1];
            stream->index[i - 1] = 0;
        }
    }
}

static void swap_bytes(unsigned char *bytes, size_t count, size_t element) {
    for (size_t at = 0; at < count; at += element)
        for (size_t low = at, high = at + element - 1; low < high; low++, high--) {
            unsigned char byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
}

hrm_status hrm_torch_stream_read(hrm_torch_stream *stream, void *dst, size_t bytes) {
    size_t left = stream->tensor->bytes - stream->done, element = hrm_safetensors_dtype_size(stream->tensor->dtype);
    if (bytes > left || bytes % element != 0)
        return name_stream(stream, hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                                            "%zu bytes are asked for, %zu are left, %zu make an element", bytes, left,
                                            element));
    if (stream->failed) return name_stream(stream, hrm_fail(HRM_ERR_IO, "reading it failed before"));
    if (bytes == 0) return HRM_OK;
    hrm_status status = HRM_OK;
    if (stream->span) {
        gather(stream, dst, bytes);
    } else {
        status = hrm_torch_record_read(stream->record, dst, bytes);
        if (status == HRM_OK && bytes == left) status = hrm_torch_record_finish(stream->record);
    }
    if (status != HRM_OK) {
        stream->failed = true;
        return name_stream(stream, status);
    }
    if (stream->file->swap) swap_bytes(dst, bytes, element);
    stream->done += bytes;
    return HRM_OK;
}

void hrm_torch_stream_close(hrm_torch_stream *stream) {
    if (!stream) return;
    hrm_torch_record_close(stream->record);
    free(stream->span);
    free(stream);
}

hrm_status hrm_torch_file_read(hrm_torch_file *file, size_t index, void *dst, size_t bytes) {
    hrm_torch_stream *stream;
    hrm_status status = hrm_torch_stream_open(file, index, &stream);
    if (status != HRM_OK) return status;
    if (bytes == stream->tensor->bytes)
        status = hrm_torch_stream_read(stream, dst, bytes);
    else
        status = name_stream(stream, hrm_fail(HRM_ERR_INVALID_ARGUMENT, "it has %zu bytes, %zu are asked for",
                                              stream->tensor->bytes, bytes));
    hrm_torch_stream_close(stream);
    return status;
}
