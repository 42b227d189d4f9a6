#include "io/safetensors.h"

#include "base/arena.h"
#include "base/checked.h"
#include "base/checksum.h"
#include "base/file_map.h"
#include "base/half.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metadata_entry {
    const char *key, *value;
};

struct hrm_safetensors {
    hrm_file_map map;           /* closed when parsed from the caller's bytes */
    const unsigned char *bytes; /* the whole file */
    size_t size;
    hrm_arena arena; /* everything below; freed at once */
    hrm_safetensors_tensor *tensors;
    const hrm_safetensors_tensor **by_name; /* sorted */
    size_t count;
    struct metadata_entry *metadata;
    size_t metadata_count;
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define DTYPE_ROW(name, bytes) {#name, bytes},
    HRM_SAFETENSORS_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

const char *hrm_safetensors_dtype_name(hrm_safetensors_dtype dtype) {
    return (unsigned)dtype < HRM_ST_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

size_t hrm_safetensors_dtype_size(hrm_safetensors_dtype dtype) {
    return (unsigned)dtype < HRM_ST_DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

static hrm_status parse_dtype(const char *tensor, const json_t *value, hrm_safetensors_dtype *out) {
    const char *name = json_string_value(value);
    if (!name) return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": \"dtype\" is missing or not a string", tensor);
    for (int i = 0; i < HRM_ST_DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name) != 0) continue;
        *out = (hrm_safetensors_dtype)i;
        return HRM_OK;
    }
    return hrm_fail(HRM_ERR_UNSUPPORTED, "tensor \"%s\": unknown dtype \"%.32s\"", tensor, name);
}

static bool read_u64(const json_t *value, uint64_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static hrm_status parse_shape(const json_t *value, hrm_safetensors_tensor *tensor) {
    if (!json_is_array(value))
        return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": \"shape\" is missing or not a list", tensor->name);
    size_t rank = json_array_size(value);
    if (rank > HRM_SAFETENSORS_MAX_RANK)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "tensor \"%s\": %zu dimensions, at most %d are supported", tensor->name,
                        rank, HRM_SAFETENSORS_MAX_RANK);
    tensor->rank = (uint32_t)rank;
    tensor->count = 1;
    bool fits = true;
    for (size_t i = 0; i < rank; i++) {
        if (!read_u64(json_array_get(value, i), &tensor->shape[i]))
            return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": dimension %zu is not a whole number >= 0", tensor->name, i);
        fits = fits && hrm_mul_u64(tensor->count, tensor->shape[i], &tensor->count);
    }
    uint64_t bytes;
    if (!fits || !hrm_mul_u64(tensor->count, hrm_safetensors_dtype_size(tensor->dtype), &bytes) ||
        !hrm_u64_to_size(bytes, &tensor->bytes))
        return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": its shape describes more than 2^64 bytes", tensor->name);
    return HRM_OK;
}

/* Offsets count from the first byte after the header. */
static hrm_status parse_offsets(const json_t *value, const unsigned char *data, size_t data_size,
                                hrm_safetensors_tensor *tensor) {
    uint64_t begin, end;
    if (!json_is_array(value) || json_array_size(value) != 2 || !read_u64(json_array_get(value, 0), &begin) ||
        !read_u64(json_array_get(value, 1), &end))
        return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": \"data_offsets\" is not a pair of whole numbers >= 0",
                        tensor->name);
    if (begin > end || end > data_size)
        return hrm_fail(HRM_ERR_FORMAT,
                        "tensor \"%s\": bytes %" PRIu64 "..%" PRIu64 " lie outside the %zu bytes of data the file has",
                        tensor->name, begin, end, data_size);
    if (end - begin != tensor->bytes)
        return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": shape and dtype need %zu bytes, data_offsets give %" PRIu64,
                        tensor->name, tensor->bytes, end - begin);
    tensor->data = data + begin;
    return HRM_OK;
}

static hrm_status parse_tensor(hrm_safetensors *file, const char *name, const json_t *entry, const unsigned char *data,
                               size_t data_size) {
    hrm_safetensors_tensor *tensor = &file->tensors[file->count];
    hrm_status status;
    char *copy;
    HRM_TRY(hrm_arena_copy_text(&file->arena, name, strlen(name), &copy));
    tensor->name = copy;
    if (!json_is_object(entry)) return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": its entry is not an object", name);
    HRM_TRY(parse_dtype(name, json_object_get(entry, "dtype"), &tensor->dtype));
    HRM_TRY(parse_shape(json_object_get(entry, "shape"), tensor));
    HRM_TRY(parse_offsets(json_object_get(entry, "data_offsets"), data, data_size, tensor));
    if (json_object_size(entry) != 3)
        return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": unknown fields beside dtype, shape and data_offsets", name);
    file->count++;
    return HRM_OK;
fail:
    return status;
}

static hrm_status parse_metadata(hrm_safetensors *file, json_t *map) {
    hrm_status status;
    if (!json_is_object(map)) return hrm_fail(HRM_ERR_FORMAT, "\"__metadata__\" is not an object");
    void *entries;
    HRM_TRY(hrm_arena_alloc(&file->arena, json_object_size(map), sizeof *file->metadata, 0, &entries));
    file->metadata = entries;
    const char *key;
    const json_t *value;
    json_object_foreach(map, key, value) {
        if (!json_is_string(value))
            return hrm_fail(HRM_ERR_FORMAT, "\"__metadata__\": the value of \"%s\" is not a string", key);
        char *key_copy, *value_copy;
        HRM_TRY(hrm_arena_copy_text(&file->arena, key, strlen(key), &key_copy));
        HRM_TRY(hrm_arena_copy_text(&file->arena, json_string_value(value), json_string_length(value), &value_copy));
        file->metadata[file->metadata_count++] = (struct metadata_entry){key_copy, value_copy};
    }
    return HRM_OK;
fail:
    return status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const hrm_safetensors_tensor *const *)a)->name, (*(const hrm_safetensors_tensor *const *)b)->name);
}

static int compare_places(const void *a, const void *b) {
    const hrm_safetensors_tensor *x = *(const hrm_safetensors_tensor *const *)a;
    const hrm_safetensors_tensor *y = *(const hrm_safetensors_tensor *const *)b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first: they may share a place */
}

/* In order of place, each range starts where the one before ended, and the last ends with the file. */
static hrm_status check_ranges(const hrm_safetensors *file, const unsigned char *data, size_t data_size,
                               const hrm_safetensors_tensor **sorted) {
    for (size_t i = 0; i < file->count; i++) sorted[i] = &file->tensors[i];
    if (file->count > 1) qsort(sorted, file->count, sizeof *sorted, compare_places);
    size_t expected = 0;
    for (size_t i = 0; i < file->count; i++) {
        size_t begin = (size_t)((const unsigned char *)sorted[i]->data - data);
        if (begin < expected)
            return hrm_fail(HRM_ERR_FORMAT, "tensors \"%s\" and \"%s\" overlap", sorted[i - 1]->name, sorted[i]->name);
        if (begin > expected)
            return hrm_fail(HRM_ERR_FORMAT, "%zu bytes before tensor \"%s\" belong to no tensor", begin - expected,
                            sorted[i]->name);
        expected = begin + sorted[i]->bytes;
    }
    if (expected != data_size)
        return hrm_fail(HRM_ERR_FORMAT, "%zu bytes at the end belong to no tensor", data_size - expected);
    return HRM_OK;
}

static hrm_status parse_header(const char *text, size_t size, json_t **out) {
    json_error_t error;
    *out = NULL;
    if (text[0] != '{') return hrm_fail(HRM_ERR_FORMAT, "not a safetensors file: the header does not start with '{'");
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*out) return HRM_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a header of %zu bytes", size);
    return hrm_fail(HRM_ERR_FORMAT, "header is not valid JSON at byte %d: %s", error.position, error.text);
}

hrm_status hrm_safetensors_parse(const void *bytes, size_t size, hrm_safetensors **out) {
    hrm_status status;
    json_t *header = NULL;
    *out = NULL;
    uint64_t header_bytes = 0;
    if (size < 8)
        return hrm_fail(HRM_ERR_FORMAT, "not a safetensors file: %zu bytes, the header's length alone takes 8", size);
    memcpy(&header_bytes, bytes, 8);
    if (header_bytes > HRM_SAFETENSORS_MAX_HEADER_BYTES)
        return hrm_fail(HRM_ERR_FORMAT, "header of %" PRIu64 " bytes, at most %u are accepted (is this safetensors?)",
                        header_bytes, HRM_SAFETENSORS_MAX_HEADER_BYTES);
    if (header_bytes > size - 8)
        return hrm_fail(HRM_ERR_FORMAT, "truncated: a header of %" PRIu64 " bytes is announced, %zu follow",
                        header_bytes, size - 8);
    if (header_bytes < 2)
        return hrm_fail(HRM_ERR_FORMAT, "header of %" PRIu64 " bytes is no JSON object", header_bytes);
    const unsigned char *data = (const unsigned char *)bytes + 8 + header_bytes;
    size_t data_size = size - 8 - (size_t)header_bytes;

    hrm_safetensors *file = calloc(1, sizeof *file);
    if (!file) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "safetensors_parse: no host memory");
    file->bytes = bytes;
    file->size = size;
    HRM_TRY(parse_header((const char *)bytes + 8, (size_t)header_bytes, &header));
    size_t entries = json_object_size(header);
    void *storage;
    HRM_TRY(hrm_arena_alloc(&file->arena, entries, sizeof *file->tensors, 0, &storage));
    file->tensors = storage;
    HRM_TRY(hrm_arena_alloc(&file->arena, entries, sizeof *file->by_name, 0, &storage));
    file->by_name = storage;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            HRM_TRY(parse_metadata(file, entry));
        else
            HRM_TRY(parse_tensor(file, name, entry, data, data_size));
    }
    HRM_TRY(check_ranges(file, data, data_size, file->by_name));
    if (file->count > 1) qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
    json_decref(header);
    *out = file;
    return HRM_OK;
fail:
    json_decref(header);
    hrm_safetensors_close(file);
    return status;
}

static hrm_status open_map(const char *path, hrm_status (*open)(const char *path, hrm_file_map *out),
                           hrm_safetensors **out) {
    hrm_file_map map;
    *out = NULL;
    hrm_status status = open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_safetensors_parse(map.data, map.size, out);
    if (status != HRM_OK) {
        hrm_file_map_close(&map);
        return hrm_fail_prefix(status, "cannot read %s", path);
    }
    (*out)->map = map;
    return HRM_OK;
}

hrm_status hrm_safetensors_open(const char *path, hrm_safetensors **out) {
    return open_map(path, hrm_file_map_open, out);
}

hrm_status hrm_safetensors_open_private(const char *path, hrm_safetensors **out) {
    return open_map(path, hrm_file_map_open_private, out);
}

void hrm_safetensors_close(hrm_safetensors *file) {
    if (!file) return;
    hrm_arena_deinit(&file->arena);
    hrm_file_map_close(&file->map);
    free(file);
}

size_t hrm_safetensors_count(const hrm_safetensors *file) {
    return file->count;
}

const hrm_safetensors_tensor *hrm_safetensors_get(const hrm_safetensors *file, size_t index) {
    return &file->tensors[index];
}

void *hrm_safetensors_get_writable(const hrm_safetensors *file, size_t index) {
    if (!file->map.writable) return NULL;
    return (unsigned char *)file->map.writable + ((const unsigned char *)file->tensors[index].data - file->bytes);
}

const hrm_safetensors_tensor *hrm_safetensors_find(const hrm_safetensors *file, const char *name) {
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->name);
        if (order == 0) return file->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t hrm_safetensors_metadata_count(const hrm_safetensors *file) {
    return file->metadata_count;
}

void hrm_safetensors_metadata_at(const hrm_safetensors *file, size_t index, const char **key, const char **value) {
    *key = file->metadata[index].key;
    *value = file->metadata[index].value;
}

const char *hrm_safetensors_metadata(const hrm_safetensors *file, const char *key) {
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
    return NULL;
}

/* ---- the checksum ---- */

size_t hrm_safetensors_find_checksum(const char *header, size_t bytes, const char *key, const char *digits) {
    const size_t key_bytes = strlen(key), length = key_bytes + HRM_SAFETENSORS_CHECKSUM_DIGITS + 5;
    /* In a string a quote has a backslash before it, so that no name or other value can look like this. */
    for (size_t at = 1; at < bytes && length <= bytes - at; at++) {
        const char *text = header + at, *colon = text + 1 + key_bytes, *value = colon + 3;
        if (text[0] == '"' && (text[-1] == '{' || text[-1] == ',') && memcmp(text + 1, key, key_bytes) == 0 &&
            memcmp(colon, "\":\"", 3) == 0 && memcmp(value, digits, HRM_SAFETENSORS_CHECKSUM_DIGITS) == 0 &&
            value[HRM_SAFETENSORS_CHECKSUM_DIGITS] == '"')
            return (size_t)(value - header);
    }
    return 0;
}

hrm_status hrm_safetensors_verify(const hrm_safetensors *file, const char *key, bool *has_checksum) {
    static const char zeros[HRM_SAFETENSORS_CHECKSUM_DIGITS + 1] = "0000000000000000";
    const char *want = hrm_safetensors_metadata(file, key);
    *has_checksum = want != NULL;
    if (!want) return HRM_OK;
    if (strlen(want) != HRM_SAFETENSORS_CHECKSUM_DIGITS || strspn(want, "0123456789abcdef") != strlen(want))
        return hrm_fail(HRM_ERR_FORMAT, "its checksum (metadata \"%s\") is \"%.32s\", not %d digits 0-9, a-f", key,
                        want, HRM_SAFETENSORS_CHECKSUM_DIGITS);
    uint64_t header_bytes;
    memcpy(&header_bytes, file->bytes, sizeof header_bytes); /* checked by the parser */
    const size_t place = hrm_safetensors_find_checksum((const char *)file->bytes + 8, (size_t)header_bytes, key, want);
    if (place == 0)
        return hrm_fail(HRM_ERR_FORMAT, "its header with the checksum %s is not as it was written (another program?)",
                        want);
    char got[HRM_SAFETENSORS_CHECKSUM_DIGITS + 1];
    const size_t digits = 8 + place, behind = digits + HRM_SAFETENSORS_CHECKSUM_DIGITS;
    hrm_checksum sum;
    hrm_checksum_init(&sum);
    hrm_checksum_update(&sum, file->bytes, digits);
    hrm_checksum_update(&sum, zeros, HRM_SAFETENSORS_CHECKSUM_DIGITS);
    hrm_checksum_update(&sum, file->bytes + behind, file->size - behind);
    snprintf(got, sizeof got, "%016" PRIx64, hrm_checksum_get(&sum));
    if (strcmp(got, want) == 0) return HRM_OK;
    return hrm_fail(HRM_ERR_FORMAT, "its checksum is %s, its data give %s", want, got);
}

static hrm_status check_count(const hrm_safetensors_tensor *tensor, uint64_t count) {
    if (tensor->count == count) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "tensor \"%s\" has %" PRIu64 " elements, %" PRIu64 " are wanted",
                    tensor->name, tensor->count, count);
}

/* Element i of a tensor whose data may be misaligned. */
#define LOAD(type, variable)                                                                                           \
    type variable;                                                                                                     \
    memcpy(&variable, (const unsigned char *)tensor->data + i * sizeof(type), sizeof(type))

static bool load_float(const hrm_safetensors_tensor *tensor, size_t i, double *out) {
    switch (tensor->dtype) {
    case HRM_ST_F64: {
        memcpy(out, (const unsigned char *)tensor->data + i * sizeof(double), sizeof(double));
        return true;
    }
    case HRM_ST_F32: {
        LOAD(float, value);
        *out = (double)value;
        return true;
    }
    case HRM_ST_F16: {
        LOAD(uint16_t, value);
        *out = (double)hrm_f16_to_f32(value);
        return true;
    }
    case HRM_ST_BF16: {
        LOAD(uint16_t, value);
        *out = (double)hrm_bf16_to_f32(value);
        return true;
    }
    default:
        return false;
    }
}

static hrm_status refuse_dtype(const hrm_safetensors_tensor *tensor, const char *wanted) {
    return hrm_fail(HRM_ERR_UNSUPPORTED, "tensor \"%s\" is %s, %s is needed", tensor->name,
                    hrm_safetensors_dtype_name(tensor->dtype), wanted);
}

hrm_status hrm_safetensors_copy_f32(const hrm_safetensors_tensor *tensor, float *dst, uint64_t count) {
    hrm_status status = check_count(tensor, count);
    if (status != HRM_OK) return status;
    if (tensor->dtype == HRM_ST_F32) { /* no detour: keeps NaN bits */
        if (tensor->bytes) memcpy(dst, tensor->data, tensor->bytes);
        return HRM_OK;
    }
    double value = 0.0;
    for (size_t i = 0; i < (size_t)count; i++) {
        if (!load_float(tensor, i, &value)) return refuse_dtype(tensor, "a float type");
        dst[i] = (float)value;
    }
    return HRM_OK;
}

hrm_status hrm_safetensors_copy_f64(const hrm_safetensors_tensor *tensor, double *dst, uint64_t count) {
    hrm_status status = check_count(tensor, count);
    if (status != HRM_OK) return status;
    for (size_t i = 0; i < (size_t)count; i++)
        if (!load_float(tensor, i, &dst[i])) return refuse_dtype(tensor, "a float type");
    return HRM_OK;
}

hrm_status hrm_safetensors_copy_i64(const hrm_safetensors_tensor *tensor, int64_t *dst, uint64_t count) {
    hrm_status status = check_count(tensor, count);
    if (status != HRM_OK) return status;
#define COPY_CASE(dtype_name, type)                                                                                    \
    case HRM_ST_##dtype_name: {                                                                                        \
        LOAD(type, value);                                                                                             \
        dst[i] = (int64_t)value;                                                                                       \
        break;                                                                                                         \
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        switch (tensor->dtype) {
            COPY_CASE(BOOL, uint8_t)
            COPY_CASE(U8, uint8_t)
            COPY_CASE(I8, int8_t)
            COPY_CASE(U16, uint16_t)
            COPY_CASE(I16, int16_t)
            COPY_CASE(U32, uint32_t)
            COPY_CASE(I32, int32_t)
            COPY_CASE(I64, int64_t)
        case HRM_ST_U64: {
            LOAD(uint64_t, value);
            if (value > (uint64_t)INT64_MAX)
                return hrm_fail(HRM_ERR_FORMAT, "tensor \"%s\": element %zu is %" PRIu64 ", beyond INT64_MAX",
                                tensor->name, i, value);
            dst[i] = (int64_t)value;
            break;
        }
        default:
            return refuse_dtype(tensor, "an integer type");
        }
    }
#undef COPY_CASE
    return HRM_OK;
}
