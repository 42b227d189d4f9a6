/* Reading the folder form of a puzzle set: dataset.json, five .npy files, identifiers.json. */
#include "data/puzzle_set.h"

#include "base/checked.h"
#include "base/path.h"
#include "io/json.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct set_reader {
    hrm_puzzle_set *set;
    const char *folder;      /* of the split */
    char path[HRM_PATH_MAX]; /* the file being read */
    char set_name[256];      /* "all" */
    uint32_t total_groups;   /* from dataset.json */
} set_reader;

/* One integer of dataset.json in [least, most]; a missing or null value gives `missing` when that is allowed. */
static hrm_status read_number(const char *path, const json_t *object, const char *key, uint32_t least, uint32_t most,
                              const uint32_t *missing, uint32_t *out) {
    const json_t *value = json_object_get(object, key);
    if ((!value || json_is_null(value)) && missing) {
        *out = *missing;
        return HRM_OK;
    }
    if (!json_is_integer(value))
        return hrm_fail(HRM_ERR_FORMAT, "%s: \"%s\" is %s; it must be a whole number", path, key,
                        value ? "something else" : "missing");
    json_int_t number = json_integer_value(value);
    if (number < (json_int_t)least || number > (json_int_t)most)
        return hrm_fail(HRM_ERR_FORMAT, "%s: \"%s\" is %lld; it must be %u to %u", path, key, (long long)number, least,
                        most);
    *out = (uint32_t)number;
    return HRM_OK;
}

static hrm_status read_set_name(set_reader *reader, const json_t *object) {
    const json_t *sets = json_object_get(object, "sets");
    const char *name = json_string_value(json_array_get(sets, 0));
    if (!name || !*name || strlen(name) >= sizeof reader->set_name || strchr(name, '/'))
        return hrm_fail(HRM_ERR_FORMAT, "%s: \"sets\" must be a list with the name of one set, such as [\"all\"]",
                        reader->path);
    if (json_array_size(sets) > 1)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "%s: \"sets\" names %zu sets; folders with exactly one are read",
                        reader->path, json_array_size(sets));
    memcpy(reader->set_name, name, strlen(name) + 1);
    return HRM_OK;
}

static hrm_status read_dataset_json(set_reader *reader) {
    hrm_status status;
    json_t *object = NULL;
    hrm_puzzle_set *set = reader->set;
    const char *path = reader->path;
    static const uint32_t no_ignore = HRM_PUZZLE_SET_NO_IGNORE, zero = 0;
    HRM_TRY(hrm_path_join(reader->folder, "dataset.json", reader->path, sizeof reader->path));
    HRM_TRY(hrm_json_load(path, &object));
    if (!json_is_object(object)) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s: holds no JSON object", path);
        goto fail;
    }
    HRM_TRY(read_number(path, object, "vocab_size", 1, INT32_MAX, NULL, &set->vocab_size));
    if (set->vocab_size > HRM_PUZZLE_SET_MAX_VOCAB) {
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "%s: vocab_size is %u; at most %u tokens are supported", path,
                          set->vocab_size, HRM_PUZZLE_SET_MAX_VOCAB);
        goto fail;
    }
    HRM_TRY(read_number(path, object, "seq_len", 1, 1 << 20, NULL, &set->seq_len));
    HRM_TRY(read_number(path, object, "num_puzzle_identifiers", 1, INT32_MAX, NULL, &set->identifier_count));
    HRM_TRY(read_number(path, object, "pad_id", 0, set->vocab_size - 1, NULL, &set->pad_id));
    HRM_TRY(read_number(path, object, "ignore_label_id", 0, INT32_MAX, &no_ignore, &set->ignore_label_id));
    HRM_TRY(read_number(path, object, "blank_identifier_id", 0, set->identifier_count - 1, NULL,
                        &set->blank_identifier_id));
    HRM_TRY(read_number(path, object, "total_groups", 0, INT32_MAX, NULL, &reader->total_groups));
    uint32_t side = hrm_puzzle_set_square_side(set->seq_len);
    HRM_TRY(read_number(path, object, "grid_width", 1, set->seq_len, &side, &set->grid_width));
    HRM_TRY(read_number(path, object, "grid_height", 1, set->seq_len, set->grid_width == side ? &side : &zero,
                        &set->grid_height));
    if ((set->grid_width || set->grid_height) && (uint64_t)set->grid_width * set->grid_height != set->seq_len) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s: a grid of %ux%u cells does not have seq_len %u cells", path,
                          set->grid_width, set->grid_height, set->seq_len);
        goto fail;
    }
    HRM_TRY(read_set_name(reader, object));
fail:
    json_decref(object);
    return status;
}

/* Opens <set>__<what>.npy, an array of integers of the given rank, and leaves its path in the reader. */
static hrm_status open_array(set_reader *reader, const char *what, uint32_t rank, hrm_npy *array) {
    hrm_status status;
    char name[320];
    snprintf(name, sizeof name, "%s__%s.npy", reader->set_name, what);
    HRM_TRY(hrm_path_join(reader->folder, name, reader->path, sizeof reader->path));
    HRM_TRY(hrm_npy_open(reader->path, array));
    if (array->rank == rank && array->shape[0] <= INT32_MAX) return HRM_OK;
    status = hrm_fail(HRM_ERR_FORMAT,
                      "%s: the array has %u dimension%s and %llu rows; %u dimension%s and fewer than 2^31 "
                      "rows were expected",
                      reader->path, array->rank, array->rank == 1 ? "" : "s",
                      (unsigned long long)(array->rank ? array->shape[0] : 1), rank, rank == 1 ? "" : "s");
    hrm_npy_close(array);
fail:
    return status;
}

#define CHUNK 4096u

/* Reads a whole array of numbers that must lie in [0, limit]; with `of` (what is counted) they must also rise from 0 to
 * the limit, as bounds do. The result is the caller's. */
static hrm_status read_u32_array(set_reader *reader, const char *what, uint64_t limit, const char *of, uint32_t *count,
                                 uint32_t **out) {
    hrm_status status;
    hrm_npy array = {0};
    int64_t chunk[CHUNK];
    uint32_t *values = NULL;
    HRM_TRY(open_array(reader, what, 1, &array));
    values = malloc((size_t)array.count * sizeof *values + 1);
    if (!values) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %llu numbers", reader->path,
                          (unsigned long long)array.count);
        goto fail;
    }
    for (uint64_t first = 0; first < array.count; first += CHUNK) {
        uint64_t n = array.count - first < CHUNK ? array.count - first : CHUNK;
        status = hrm_npy_copy_i64(&array, first, n, chunk);
        if (status != HRM_OK) {
            hrm_fail_prefix(status, "%s", reader->path);
            goto fail;
        }
        for (uint64_t i = 0; i < n; i++) {
            if (chunk[i] < 0 || (uint64_t)chunk[i] > limit) {
                status = hrm_fail(HRM_ERR_FORMAT, "%s: element %llu (byte %llu) is %lld; it must be 0 to %llu",
                                  reader->path, (unsigned long long)(first + i),
                                  (unsigned long long)hrm_npy_element_offset(&array, first + i), (long long)chunk[i],
                                  (unsigned long long)limit);
                goto fail;
            }
            values[first + i] = (uint32_t)chunk[i];
            uint32_t least = first + i ? values[first + i - 1] : 0, most = first + i ? (uint32_t)limit : 0;
            if (of && (values[first + i] < least || values[first + i] > most)) {
                status = hrm_fail(HRM_ERR_FORMAT,
                                  "%s: element %llu (byte %llu) is %lld; the indices must rise from 0 to the number of "
                                  "%s, %llu",
                                  reader->path, (unsigned long long)(first + i),
                                  (unsigned long long)hrm_npy_element_offset(&array, first + i), (long long)chunk[i],
                                  of, (unsigned long long)limit);
                goto fail;
            }
        }
    }
    if (of && (array.count == 0 || values[array.count - 1] != limit)) {
        status = hrm_fail(HRM_ERR_FORMAT,
                          "%s: the %llu elements end too early; the indices must rise from 0 to the number of %s, "
                          "%llu",
                          reader->path, (unsigned long long)array.count, of, (unsigned long long)limit);
        goto fail;
    }
    *count = (uint32_t)array.count;
    *out = values;
    hrm_npy_close(&array);
    return HRM_OK;
fail:
    hrm_npy_close(&array);
    free(values);
    return status;
}

/* Reads index bounds, gives the number of ranges. */
static hrm_status read_bounds(set_reader *reader, const char *what, uint32_t last, const char *of, uint32_t *ranges,
                              uint32_t **out) {
    hrm_status status = read_u32_array(reader, what, last, of, ranges, out);
    if (status == HRM_OK) --*ranges;
    return status;
}

/* Reads [examples, seq_len] tokens below vocab_size (or equal to `also`); `examples` is set by the first array and
 * checked by the second. */
static hrm_status read_tokens(set_reader *reader, const char *what, uint32_t also, bool first_array, uint8_t **out) {
    hrm_status status;
    hrm_npy array = {0};
    int64_t chunk[CHUNK];
    hrm_puzzle_set *set = reader->set;
    uint8_t *tokens = NULL;
    HRM_TRY(open_array(reader, what, 2, &array));
    if (array.shape[1] != set->seq_len || (!first_array && array.shape[0] != set->example_count)) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s: the shape is [%llu, %llu]; rows of seq_len = %u tokens%s were expected",
                          reader->path, (unsigned long long)array.shape[0], (unsigned long long)array.shape[1],
                          set->seq_len, first_array ? "" : " and as many of them as there are inputs");
        goto fail;
    }
    set->example_count = (uint32_t)array.shape[0];
    tokens = malloc((size_t)array.count + 1);
    if (!tokens) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %llu tokens", reader->path,
                          (unsigned long long)array.count);
        goto fail;
    }
    for (uint64_t first = 0; first < array.count; first += CHUNK) {
        uint64_t n = array.count - first < CHUNK ? array.count - first : CHUNK;
        status = hrm_npy_copy_i64(&array, first, n, chunk);
        if (status != HRM_OK) {
            hrm_fail_prefix(status, "%s", reader->path);
            goto fail;
        }
        for (uint64_t i = 0; i < n; i++) {
            bool known = chunk[i] >= 0 && (chunk[i] < (int64_t)set->vocab_size ||
                                           (chunk[i] == (int64_t)also && also < HRM_PUZZLE_SET_MAX_VOCAB));
            if (!known) {
                status =
                    hrm_fail(HRM_ERR_FORMAT, "%s: row %llu, position %llu (byte %llu) holds %lld; tokens are 0 to %u",
                             reader->path, (unsigned long long)((first + i) / set->seq_len),
                             (unsigned long long)((first + i) % set->seq_len),
                             (unsigned long long)hrm_npy_element_offset(&array, first + i), (long long)chunk[i],
                             set->vocab_size - 1);
                goto fail;
            }
            tokens[first + i] = (uint8_t)chunk[i];
        }
    }
    *out = tokens;
    hrm_npy_close(&array);
    return HRM_OK;
fail:
    hrm_npy_close(&array);
    free(tokens);
    return status;
}

/* identifiers.json beside the splits: a list of names; absent is fine. */
static hrm_status read_identifier_names(set_reader *reader, const char *folder) {
    hrm_status status;
    json_t *names = NULL;
    hrm_puzzle_set *set = reader->set;
    struct stat info;
    HRM_TRY(hrm_path_join(folder, "identifiers.json", reader->path, sizeof reader->path));
    if (stat(reader->path, &info) != 0) return HRM_OK;
    HRM_TRY(hrm_json_load(reader->path, &names));
    if (json_array_size(names) != set->identifier_count) {
        status =
            hrm_fail(HRM_ERR_FORMAT, "%s: %zu names were found; a list of num_puzzle_identifiers = %u was expected",
                     reader->path, json_array_size(names), set->identifier_count);
        goto fail;
    }
    set->identifier_names = calloc(set->identifier_count, sizeof(char *));
    for (uint32_t i = 0; set->identifier_names && i < set->identifier_count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name) {
            status = hrm_fail(HRM_ERR_FORMAT, "%s: entry %u is no string", reader->path, i);
            goto fail;
        }
        set->identifier_names[i] = strdup(name);
        if (!set->identifier_names[i]) break;
    }
    if (!set->identifier_names || !set->identifier_names[set->identifier_count - 1])
        status =
            hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %u names", reader->path, set->identifier_count);
fail:
    json_decref(names);
    return status;
}

hrm_status hrm_puzzle_set_open(hrm_puzzle_set *set, const char *folder, const char *split) {
    hrm_status status;
    char split_folder[HRM_PATH_MAX];
    set_reader reader = {.set = set, .folder = split_folder};
    uint32_t identifiers;
    *set = (hrm_puzzle_set){0};
    HRM_TRY(hrm_path_join(folder, split, split_folder, sizeof split_folder));
    HRM_TRY(read_dataset_json(&reader));
    HRM_TRY(read_tokens(&reader, "inputs", UINT32_MAX, true, &set->inputs));
    HRM_TRY(read_tokens(&reader, "labels", set->ignore_label_id, false, &set->labels));
    HRM_TRY(read_bounds(&reader, "puzzle_indices", set->example_count, "examples", &set->puzzle_count,
                        &set->puzzle_indices));
    HRM_TRY(read_u32_array(&reader, "puzzle_identifiers", set->identifier_count - 1, NULL, &identifiers,
                           &set->puzzle_identifiers));
    if (identifiers != set->puzzle_count) {
        status =
            hrm_fail(HRM_ERR_FORMAT, "%s: %u identifiers for %u puzzles", reader.path, identifiers, set->puzzle_count);
        goto fail;
    }
    HRM_TRY(
        read_bounds(&reader, "group_indices", set->puzzle_count, "puzzles", &set->group_count, &set->group_indices));
    if (set->group_count != reader.total_groups) {
        status = hrm_fail(HRM_ERR_FORMAT, "%s: %u groups, but dataset.json says total_groups is %u", reader.path,
                          set->group_count, reader.total_groups);
        goto fail;
    }
    HRM_TRY(read_identifier_names(&reader, folder));
    return HRM_OK;
fail:
    hrm_puzzle_set_deinit(set);
    return status;
}
