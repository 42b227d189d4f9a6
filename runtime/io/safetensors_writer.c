#include "io/safetensors_writer.h"

#include "base/arena.h"
#include "base/checked.h"
#include "base/checksum.h"
#include "base/file_write.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name;
    hrm_safetensors_dtype dtype;
    uint32_t rank;
    uint64_t shape[HRM_SAFETENSORS_MAX_RANK];
    uint64_t bytes;
    const void *data;
    hrm_safetensors_fill_fn fill; /* NULL: data */
    void *user;
};

struct hrm_safetensors_writer {
    hrm_arena arena; /* names */
    struct entry *entries;
    size_t count, room;
    uint64_t total_bytes;
    json_t *names;      /* object used as a set */
    json_t *metadata;   /* object of strings */
    char *checksum_key; /* lies in arena; NULL: no checksum */
};

hrm_status hrm_safetensors_writer_create(hrm_safetensors_writer **out) {
    *out = NULL;
    hrm_safetensors_writer *writer = calloc(1, sizeof *writer);
    if (writer) {
        writer->names = json_object();
        writer->metadata = json_object();
    }
    if (!writer || !writer->names || !writer->metadata) {
        hrm_safetensors_writer_destroy(writer);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "safetensors_writer_create: no host memory");
    }
    *out = writer;
    return HRM_OK;
}

void hrm_safetensors_writer_destroy(hrm_safetensors_writer *writer) {
    if (!writer) return;
    json_decref(writer->names);
    json_decref(writer->metadata);
    free(writer->entries);
    hrm_arena_deinit(&writer->arena);
    free(writer);
}

static hrm_status add(hrm_safetensors_writer *writer, const char *name, struct entry entry, const uint64_t *shape) {
    if (strcmp(name, "__metadata__") == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: \"__metadata__\" cannot name a tensor");
    if ((unsigned)entry.dtype >= HRM_ST_DTYPE_COUNT)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: tensor \"%s\" has no valid dtype", name);
    if (entry.rank > HRM_SAFETENSORS_MAX_RANK)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "safetensors: tensor \"%s\" has %u dimensions, at most %d are allowed", name, entry.rank,
                        HRM_SAFETENSORS_MAX_RANK);
    entry.bytes = hrm_safetensors_dtype_size(entry.dtype);
    uint64_t total;
    bool fits = true;
    for (uint32_t i = 0; i < entry.rank; i++) {
        entry.shape[i] = shape[i];
        fits = fits && shape[i] <= (uint64_t)INT64_MAX && hrm_mul_u64(entry.bytes, shape[i], &entry.bytes);
    }
    if (!fits || !hrm_add_u64(writer->total_bytes, entry.bytes, &total) || total > (uint64_t)INT64_MAX)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: tensor \"%s\" makes the file exceed 2^63 bytes", name);
    if (json_object_get(writer->names, name))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: tensor \"%s\" is added twice", name);

    if (writer->count == writer->room) {
        size_t room = writer->room ? 2 * writer->room : 64;
        struct entry *grown = realloc(writer->entries, room * sizeof *grown);
        if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "safetensors: no host memory for tensor \"%s\"", name);
        writer->entries = grown;
        writer->room = room;
    }
    hrm_status status = hrm_arena_copy_text(&writer->arena, name, strlen(name), &entry.name);
    if (status != HRM_OK) return status;
    if (json_object_set_new(writer->names, name, json_true()) != 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: the tensor name \"%.80s\" is not UTF-8", name);
    writer->entries[writer->count++] = entry;
    writer->total_bytes = total;
    return HRM_OK;
}

hrm_status hrm_safetensors_writer_add(hrm_safetensors_writer *writer, const char *name, hrm_safetensors_dtype dtype,
                                      uint32_t rank, const uint64_t *shape, const void *data) {
    return add(writer, name, (struct entry){.dtype = dtype, .rank = rank, .data = data}, shape);
}

hrm_status hrm_safetensors_writer_add_callback(hrm_safetensors_writer *writer, const char *name,
                                               hrm_safetensors_dtype dtype, uint32_t rank, const uint64_t *shape,
                                               hrm_safetensors_fill_fn fill, void *user) {
    return add(writer, name, (struct entry){.dtype = dtype, .rank = rank, .fill = fill, .user = user}, shape);
}

static hrm_status set_metadata(hrm_safetensors_writer *writer, const char *key, const char *value) {
    json_t *text = json_string(value);
    if (!text) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: metadata \"%.80s\" is not UTF-8", key);
    if (json_object_set_new(writer->metadata, key, text) != 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: the metadata key \"%.80s\" is not UTF-8", key);
    return HRM_OK;
}

hrm_status hrm_safetensors_writer_set_metadata(hrm_safetensors_writer *writer, const char *key, const char *value) {
    if (writer->checksum_key && strcmp(writer->checksum_key, key) == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: the metadata \"%s\" is the checksum's", key);
    return set_metadata(writer, key, value);
}

static const char checksum_zeros[HRM_SAFETENSORS_CHECKSUM_DIGITS + 1] = "0000000000000000";

hrm_status hrm_safetensors_writer_set_checksum(hrm_safetensors_writer *writer, const char *key) {
    if (writer->checksum_key)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "safetensors: the checksum already has the key \"%s\"",
                        writer->checksum_key);
    if (json_object_get(writer->metadata, key))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "safetensors: the metadata \"%s\" is set, it cannot be the checksum's", key);
    bool plain = key[0] != 0; /* the header then holds the key as it is */
    for (const char *c = key; *c; c++) plain = plain && *c >= ' ' && *c <= '~' && *c != '"' && *c != '\\';
    if (!plain)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "safetensors: the checksum's key must be plain text without quotes and backslashes");
    char *copy;
    hrm_status status = hrm_arena_copy_text(&writer->arena, key, strlen(key), &copy);
    if (status == HRM_OK) status = set_metadata(writer, key, checksum_zeros);
    if (status == HRM_OK) writer->checksum_key = copy;
    return status;
}

static json_t *describe(const struct entry *entry, uint64_t begin) {
    json_t *shape = json_array();
    if (!shape) return NULL;
    for (uint32_t i = 0; i < entry->rank; i++) {
        if (json_array_append_new(shape, json_integer((json_int_t)entry->shape[i])) == 0) continue;
        json_decref(shape);
        return NULL;
    }
    /* "o" takes shape over, also on failure. */
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", hrm_safetensors_dtype_name(entry->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + entry->bytes));
}

/* Entries in file order: falling element size, then as added. Sizes are 8, 4, 2, 1. */
static void sort_entries(const hrm_safetensors_writer *writer, const struct entry **sorted) {
    size_t next = 0;
    for (size_t size = 8; size > 0; size /= 2)
        for (size_t i = 0; i < writer->count; i++)
            if (hrm_safetensors_dtype_size(writer->entries[i].dtype) == size) sorted[next++] = &writer->entries[i];
}

static hrm_status make_header(const hrm_safetensors_writer *writer, const struct entry **sorted, const char *path,
                              char **out) {
    bool complete = true;
    uint64_t offset = 0;
    json_t *header = json_object();
    *out = NULL;
    if (json_object_size(writer->metadata) > 0)
        complete = json_object_set(header, "__metadata__", writer->metadata) == 0;
    for (size_t i = 0; complete && i < writer->count; i++) {
        complete = json_object_set_new(header, sorted[i]->name, describe(sorted[i], offset)) == 0;
        offset += sorted[i]->bytes;
    }
    if (header && complete) *out = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return *out ? HRM_OK : hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", path);
}

/* A file being written, and the checksum of what it holds so far. */
typedef struct sink {
    hrm_file_writer *file;
    hrm_checksum *sum; /* NULL: none is wanted */
} sink;

static hrm_status put(sink *out, const void *data, size_t bytes) {
    if (out->sum) hrm_checksum_update(out->sum, data, bytes);
    return hrm_file_writer_write(out->file, data, bytes);
}

static hrm_status write_entry(sink *out, const struct entry *entry, const char *path, void *chunk) {
    hrm_status status = HRM_OK;
    /* In pieces, that the second reading of them (checksum, file) finds them in a cache. */
    for (uint64_t offset = 0; offset < entry->bytes; offset += HRM_SAFETENSORS_CHUNK_BYTES) {
        uint64_t rest = entry->bytes - offset;
        size_t bytes = rest < HRM_SAFETENSORS_CHUNK_BYTES ? (size_t)rest : HRM_SAFETENSORS_CHUNK_BYTES;
        if (entry->fill) {
            status = entry->fill(entry->user, offset, chunk, bytes);
            if (status != HRM_OK) return hrm_fail_prefix(status, "cannot write %s: tensor \"%s\"", path, entry->name);
        }
        status = put(out, entry->fill ? chunk : (const unsigned char *)entry->data + offset, bytes);
        if (status != HRM_OK) return status;
    }
    return HRM_OK;
}

/* The zeros that keep the checksum's place become its digits. */
static hrm_status write_checksum(const hrm_safetensors_writer *writer, const sink *out, const char *header) {
    const size_t place = hrm_safetensors_find_checksum(header, strlen(header), writer->checksum_key, checksum_zeros);
    assert(place > 0); /* set_checksum put it there */
    char digits[HRM_SAFETENSORS_CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, hrm_checksum_get(out->sum));
    return hrm_file_writer_rewrite(out->file, sizeof(uint64_t) + place, digits, HRM_SAFETENSORS_CHECKSUM_DIGITS);
}

hrm_status hrm_safetensors_writer_write(hrm_safetensors_writer *writer, const char *path) {
    hrm_status status;
    hrm_file_writer *file = NULL;
    char *header = NULL;
    void *chunk = NULL;
    const struct entry **sorted = calloc(writer->count + 1, sizeof *sorted);
    bool callbacks = false;
    if (!sorted) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", path);
        goto fail;
    }
    sort_entries(writer, sorted);
    HRM_TRY(make_header(writer, sorted, path, &header));
    size_t length = strlen(header), padding = (8 - length % 8) % 8;
    if (length + padding > HRM_SAFETENSORS_MAX_HEADER_BYTES) {
        status =
            hrm_fail(HRM_ERR_INVALID_ARGUMENT, "cannot write %s: the header takes %zu bytes, at most %u are allowed",
                     path, length, HRM_SAFETENSORS_MAX_HEADER_BYTES);
        goto fail;
    }
    for (size_t i = 0; i < writer->count; i++) callbacks = callbacks || writer->entries[i].fill;
    if (callbacks && !(chunk = malloc(HRM_SAFETENSORS_CHUNK_BYTES))) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", path);
        goto fail;
    }
    uint64_t announced = length + padding;
    hrm_checksum sum;
    hrm_checksum_init(&sum);
    HRM_TRY(hrm_file_writer_open(path, &file));
    sink out = {file, writer->checksum_key ? &sum : NULL};
    HRM_TRY(put(&out, &announced, sizeof announced));
    HRM_TRY(put(&out, header, length));
    HRM_TRY(put(&out, "        ", padding));
    for (size_t i = 0; i < writer->count; i++) HRM_TRY(write_entry(&out, sorted[i], path, chunk));
    if (out.sum) HRM_TRY(write_checksum(writer, &out, header));
    HRM_TRY(hrm_file_writer_commit(&file));
fail:
    hrm_file_writer_abort(file);
    free(header);
    free(chunk);
    free(sorted);
    return status;
}
