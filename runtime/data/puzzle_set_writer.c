#include "data/puzzle_set_writer.h"

#include "base/file_write.h"
#include "base/path.h"
#include "io/npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROWS ((uint32_t)INT32_MAX - 1) /* indices are int32, and carry one entry more */

enum { INPUTS, LABELS, IDENTIFIERS, PUZZLES, GROUPS, ARRAY_COUNT };

static const char *const array_names[ARRAY_COUNT] = {"all__inputs.npy", "all__labels.npy",
                                                     "all__puzzle_identifiers.npy", "all__puzzle_indices.npy",
                                                     "all__group_indices.npy"};

struct hrm_puzzle_set_writer {
    hrm_puzzle_set shape; /* identifier_names are borrowed, no other pointer is set */
    char folder[HRM_PATH_MAX], split_folder[HRM_PATH_MAX];
    hrm_npy_writer *arrays[ARRAY_COUNT];
    int32_t examples, puzzles; /* so far */
};

/* ---- the two JSON files, as Python's json.dump writes them ---- */

/* The shortest decimals that read back as the same number, as Python's repr has them; `mean` is 0 or lies within
 * 1e-10 and 2^31. */
static void write_mean_into(double mean, char *text, size_t size) {
    for (int decimals = 1; decimals <= 30; decimals++) {
        snprintf(text, size, "%.*f", decimals, mean);
        if (strtod(text, NULL) == mean) break;
    }
    char *point = text + strspn(text, "0123456789"); /* whatever the locale writes there */
    *point = '.';
}

static hrm_status write_dataset_json(const hrm_puzzle_set *set, const char *path) {
    char text[1024], mean[64], ignore[16] = "null", grid[80] = "";
    uint32_t side = hrm_puzzle_set_square_side(set->seq_len);
    if (set->ignore_label_id != HRM_PUZZLE_SET_NO_IGNORE) snprintf(ignore, sizeof ignore, "%u", set->ignore_label_id);
    if (set->grid_width && (set->grid_width != side || set->grid_height != side))
        snprintf(grid, sizeof grid, ", \"grid_width\": %u, \"grid_height\": %u", set->grid_width, set->grid_height);
    write_mean_into(set->puzzle_count ? (double)set->example_count / set->puzzle_count : 0.0, mean, sizeof mean);
    int length = snprintf(text, sizeof text,
                          "{\"pad_id\": %u, \"ignore_label_id\": %s, \"blank_identifier_id\": %u, \"vocab_size\": %u, "
                          "\"seq_len\": %u, \"num_puzzle_identifiers\": %u, \"total_groups\": %u, "
                          "\"mean_puzzle_examples\": %s, \"sets\": [\"all\"]%s}",
                          set->pad_id, ignore, set->blank_identifier_id, set->vocab_size, set->seq_len,
                          set->identifier_count, set->group_count, mean, grid);
    return hrm_file_write_all(path, text, (size_t)length);
}

/* The code point at *text, which moves behind it; a byte that is no UTF-8 stands for the same code point. */
static uint32_t take_code_point(const unsigned char **text) {
    const unsigned char *at = *text;
    int more = at[0] >= 0xf0 && at[0] < 0xf8 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
    uint32_t point = at[0] >= 0xf8 ? at[0] : more ? at[0] & (0x3fu >> more) : at[0];
    for (int i = 1; i <= more && at[0] < 0xf8; i++) {
        if ((at[i] & 0xc0) != 0x80) { /* also the terminator */
            *text = at + 1;
            return at[0];
        }
        point = point << 6 | (at[i] & 0x3fu);
    }
    *text = at + (at[0] < 0xf8 ? more + 1 : 1);
    return point;
}

/* A string as json.dump writes it: everything but printable ASCII as \uXXXX, pairs of them beyond 16 bits. */
static hrm_status write_json_string(hrm_file_writer *file, const char *string) {
    hrm_status status;
    HRM_TRY(hrm_file_writer_write(file, "\"", 1));
    for (const unsigned char *at = (const unsigned char *)string; *at;) {
        static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        char text[16];
        uint32_t point = take_code_point(&at);
        const char *known = point && point < 0x80 ? strchr(plain, (int)point) : NULL;
        if (known)
            snprintf(text, sizeof text, "\\%c", letters[known - plain]);
        else if (point >= ' ' && point < 0x7f)
            snprintf(text, sizeof text, "%c", (int)point);
        else if (point > 0xffff)
            snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10 & 0x3ff),
                     0xdc00 + (point & 0x3ff));
        else
            snprintf(text, sizeof text, "\\u%04x", point);
        HRM_TRY(hrm_file_writer_write(file, text, strlen(text)));
    }
    HRM_TRY(hrm_file_writer_write(file, "\"", 1));
fail:
    return status;
}

static hrm_status write_identifiers_json(const hrm_puzzle_set *set, const char *path) {
    hrm_status status;
    hrm_file_writer *file = NULL;
    HRM_TRY(hrm_file_writer_open(path, &file));
    HRM_TRY(hrm_file_writer_write(file, "[", 1));
    for (uint32_t i = 0; i < set->identifier_count; i++) {
        if (i) HRM_TRY(hrm_file_writer_write(file, ", ", 2));
        HRM_TRY(write_json_string(file, set->identifier_names[i]));
    }
    HRM_TRY(hrm_file_writer_write(file, "]", 1));
    return hrm_file_writer_commit(&file);
fail:
    hrm_file_writer_abort(file);
    return status;
}

/* ---- the arrays ---- */

static hrm_status open_array(hrm_puzzle_set_writer *writer, int which, hrm_npy_dtype dtype, uint64_t rows,
                             uint64_t columns) {
    char path[HRM_PATH_MAX];
    const uint64_t shape[2] = {rows, columns};
    hrm_status status = hrm_path_join(writer->split_folder, array_names[which], path, sizeof path);
    if (status != HRM_OK) return status;
    return hrm_npy_writer_open(path, dtype, columns ? 2 : 1, shape, &writer->arrays[which]);
}

static hrm_status append_index(hrm_puzzle_set_writer *writer, int which, int32_t value) {
    return hrm_npy_writer_append(writer->arrays[which], &value, 1);
}

hrm_status hrm_puzzle_set_writer_open(const char *folder, const char *split, const hrm_puzzle_set *shape,
                                      hrm_puzzle_set_writer **out) {
    hrm_status status;
    *out = NULL;
    if (shape->example_count > MAX_ROWS || shape->puzzle_count > MAX_ROWS || shape->group_count > MAX_ROWS)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "%s/%s: %u examples, %u puzzles and %u groups were asked for; a data set holds at most %u of "
                        "each, because its indices are 32-bit numbers",
                        folder, split, shape->example_count, shape->puzzle_count, shape->group_count, MAX_ROWS);
    hrm_puzzle_set_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to write %s/%s", folder, split);
    writer->shape = *shape;
    HRM_TRY(hrm_path_join("", folder, writer->folder, sizeof writer->folder));
    HRM_TRY(hrm_path_join(folder, split, writer->split_folder, sizeof writer->split_folder));
    HRM_TRY(hrm_path_make_folders(writer->split_folder));
    HRM_TRY(open_array(writer, INPUTS, HRM_NPY_U8, shape->example_count, shape->seq_len));
    HRM_TRY(open_array(writer, LABELS, HRM_NPY_U8, shape->example_count, shape->seq_len));
    HRM_TRY(open_array(writer, IDENTIFIERS, HRM_NPY_I32, shape->puzzle_count, 0));
    HRM_TRY(open_array(writer, PUZZLES, HRM_NPY_I32, (uint64_t)shape->puzzle_count + 1, 0));
    HRM_TRY(open_array(writer, GROUPS, HRM_NPY_I32, (uint64_t)shape->group_count + 1, 0));
    HRM_TRY(append_index(writer, PUZZLES, 0));
    HRM_TRY(append_index(writer, GROUPS, 0));
    *out = writer;
    return HRM_OK;
fail:
    hrm_puzzle_set_writer_abort(writer);
    return status;
}

hrm_status hrm_puzzle_set_writer_append(hrm_puzzle_set_writer *writer, uint32_t count, const uint8_t *inputs,
                                        const uint8_t *labels) {
    uint64_t cells = (uint64_t)count * writer->shape.seq_len;
    hrm_status status = hrm_npy_writer_append(writer->arrays[INPUTS], inputs, cells);
    if (status == HRM_OK) status = hrm_npy_writer_append(writer->arrays[LABELS], labels, cells);
    if (status == HRM_OK) writer->examples += (int32_t)count;
    return status;
}

hrm_status hrm_puzzle_set_writer_end_puzzle(hrm_puzzle_set_writer *writer, uint32_t identifier) {
    hrm_status status = append_index(writer, IDENTIFIERS, (int32_t)identifier);
    if (status == HRM_OK) status = append_index(writer, PUZZLES, writer->examples);
    if (status == HRM_OK) writer->puzzles++;
    return status;
}

hrm_status hrm_puzzle_set_writer_append_puzzles(hrm_puzzle_set_writer *writer, uint32_t count, uint32_t identifier,
                                                const uint8_t *inputs, const uint8_t *labels) {
    hrm_status status;
    int32_t first = writer->examples;
    HRM_TRY(hrm_puzzle_set_writer_append(writer, count, inputs, labels));
    for (uint32_t i = 1; i <= count; i++) {
        writer->examples = first + (int32_t)i;
        HRM_TRY(hrm_puzzle_set_writer_end_puzzle(writer, identifier));
    }
fail:
    return status;
}

hrm_status hrm_puzzle_set_writer_end_group(hrm_puzzle_set_writer *writer) {
    return append_index(writer, GROUPS, writer->puzzles);
}

/* A description left from before must not go with new arrays, should we be stopped between two files. */
static hrm_status remove_old(const char *path) {
    if (unlink(path) == 0 || errno == ENOENT) return HRM_OK;
    return hrm_fail_errno(HRM_ERR_IO, errno, "cannot replace %s", path);
}

hrm_status hrm_puzzle_set_writer_commit(hrm_puzzle_set_writer **handle) {
    hrm_puzzle_set_writer *writer = *handle;
    hrm_status status;
    char path[HRM_PATH_MAX];
    *handle = NULL;
    for (int i = 0; i < ARRAY_COUNT; i++)
        if (hrm_npy_writer_missing(writer->arrays[i])) {
            status = hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s/%s: %llu elements are missing", writer->split_folder,
                              array_names[i], (unsigned long long)hrm_npy_writer_missing(writer->arrays[i]));
            goto fail;
        }
    HRM_TRY(hrm_path_join(writer->split_folder, "dataset.json", path, sizeof path));
    HRM_TRY(remove_old(path));
    for (int i = 0; i < ARRAY_COUNT; i++) HRM_TRY(hrm_npy_writer_commit(&writer->arrays[i]));
    if (writer->shape.identifier_names) {
        HRM_TRY(hrm_path_join(writer->folder, "identifiers.json", path, sizeof path));
        HRM_TRY(write_identifiers_json(&writer->shape, path));
    }
    HRM_TRY(hrm_path_join(writer->split_folder, "dataset.json", path, sizeof path));
    HRM_TRY(write_dataset_json(&writer->shape, path));
fail:
    hrm_puzzle_set_writer_abort(writer);
    return status;
}

void hrm_puzzle_set_writer_abort(hrm_puzzle_set_writer *writer) {
    if (!writer) return;
    for (int i = 0; i < ARRAY_COUNT; i++) hrm_npy_writer_abort(writer->arrays[i]);
    free(writer);
}

hrm_status hrm_puzzle_set_save(const hrm_puzzle_set *set, const char *folder, const char *split) {
    hrm_status status;
    hrm_puzzle_set_writer *writer = NULL;
    HRM_TRY(hrm_puzzle_set_writer_open(folder, split, set, &writer));
    HRM_TRY(hrm_puzzle_set_writer_append(writer, set->example_count, set->inputs, set->labels));
    for (uint32_t g = 0; g < set->group_count; g++) {
        for (uint32_t p = set->group_indices[g]; p < set->group_indices[g + 1]; p++) {
            writer->examples = (int32_t)set->puzzle_indices[p + 1];
            HRM_TRY(hrm_puzzle_set_writer_end_puzzle(writer, set->puzzle_identifiers[p]));
        }
        HRM_TRY(hrm_puzzle_set_writer_end_group(writer));
    }
    return hrm_puzzle_set_writer_commit(&writer);
fail:
    hrm_puzzle_set_writer_abort(writer);
    return status;
}
