/* Puzzle sets on disk: the reference's own folders are read and written back bit for bit, and each way in which a
 * folder can lie is refused with the file's name. */
#include "check.h"

#include "data/maze.h"
#include "data/puzzle_set_writer.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"all__inputs.npy",         "all__labels.npy",        "all__puzzle_identifiers.npy",
                                    "all__puzzle_indices.npy", "all__group_indices.npy", "dataset.json"};

static bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

static void check_same_set(const hrm_puzzle_set *a, const hrm_puzzle_set *b) {
    CHECK_EQ(a->example_count, b->example_count);
    CHECK_EQ(a->puzzle_count, b->puzzle_count);
    CHECK_EQ(a->group_count, b->group_count);
    CHECK_EQ(a->seq_len, b->seq_len);
    CHECK_EQ(a->vocab_size, b->vocab_size);
    CHECK_EQ(a->identifier_count, b->identifier_count);
    CHECK_EQ(a->pad_id, b->pad_id);
    CHECK_EQ(a->ignore_label_id, b->ignore_label_id);
    CHECK_EQ(a->blank_identifier_id, b->blank_identifier_id);
    CHECK_EQ(a->grid_width, b->grid_width);
    CHECK_EQ(a->grid_height, b->grid_height);
    size_t cells = (size_t)a->example_count * a->seq_len;
    check_same_bits("inputs", a->inputs, b->inputs, cells);
    check_same_bits("labels", a->labels, b->labels, cells);
    check_same_bits("identifiers", a->puzzle_identifiers, b->puzzle_identifiers, a->puzzle_count * sizeof(uint32_t));
    check_same_bits("puzzles", a->puzzle_indices, b->puzzle_indices, (a->puzzle_count + 1) * sizeof(uint32_t));
    check_same_bits("groups", a->group_indices, b->group_indices, (a->group_count + 1) * sizeof(uint32_t));
    CHECK_EQ(a->identifier_names != NULL, b->identifier_names != NULL);
    for (uint32_t i = 0; a->identifier_names && i < a->identifier_count; i++)
        CHECK_STR(a->identifier_names[i], b->identifier_names[i]);
}

/* The same bytes in both folders; true when that was compared, false for tokens kept as int64. */
static bool check_same_file(const char *got_folder, const char *want_folder, const char *name) {
    char path[1400];
    size_t want_size, got_size;
    snprintf(path, sizeof path, "%s/%s", want_folder, name);
    void *want = check_read_file(path, &want_size);
    snprintf(path, sizeof path, "%s/%s", got_folder, name);
    void *got = check_read_file(path, &got_size);
    hrm_npy array;
    bool compare = hrm_npy_parse(want, want_size, &array) != HRM_OK || array.dtype != HRM_NPY_I64;
    if (compare) {
        CHECK_EQ(got_size, want_size);
        check_same_bits(path, got, want, want_size);
    }
    free(want);
    free(got);
    return compare;
}

/* Every split of every folder below data/: opens, saves, opens again the same, and every file comes back byte for byte
 * (but for tokens kept as int64, which become uint8). */
static void test_golden_round_trip(void **state) {
    (void)state;
    char **names, golden[1024], copy[1024];
    snprintf(golden, sizeof golden, "%s", check_tree_golden_dir("data"));
    size_t folders = check_list_folders(golden, NULL, &names), opened = 0, compared = 0;
    for (size_t f = 0; f < folders; f++)
        for (int split = 0; split < 2; split++) {
            const char *split_name = split ? "test" : "train";
            char folder[1200], split_folder[1300];
            snprintf(folder, sizeof folder, "%s/%s", golden, names[f]);
            snprintf(split_folder, sizeof split_folder, "%s/%s", folder, split_name);
            if (!file_exists(check_path(split_folder, "dataset.json"))) continue;
            snprintf(copy, sizeof copy, "%s", check_temp_path(names[f]));
            hrm_puzzle_set set, again;
            CHECK_OK(hrm_puzzle_set_open(&set, folder, split_name));
            CHECK_OK(hrm_puzzle_set_save(&set, copy, split_name));
            CHECK_OK(hrm_puzzle_set_open(&again, copy, split_name));
            check_same_set(&again, &set);
            char copy_split[1100];
            snprintf(copy_split, sizeof copy_split, "%s/%s", copy, split_name);
            for (size_t a = 0; a < sizeof files / sizeof files[0]; a++)
                compared += check_same_file(copy_split, split_folder, files[a]);
            compared += check_same_file(copy, folder, "identifiers.json");
            hrm_puzzle_set_deinit(&set);
            hrm_puzzle_set_deinit(&again);
            opened++;
        }
    check_free_names(names, folders);
    CHECK_MSG(opened == 8, "%zu of 8 data sets were found below %s", opened, golden);
    CHECK_EQ(compared, 8 * 7 - 2); /* the training Sudokus are int64 */
}

/* A tiny set on disk to spoil: two mazes of 2x2. */
static void make_small_set(char *folder, size_t size) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "small%d", number++);
    snprintf(folder, size, "%s", check_temp_path(name));
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_init(&set, 2, 4, HRM_MAZE_VOCAB_SIZE, 2, 2));
    static const uint8_t inputs[8] = {3, 2, 2, 4, 3, 1, 2, 4}, labels[8] = {3, 5, 2, 4, 3, 1, 5, 4};
    memcpy(set.inputs, inputs, 8);
    memcpy(set.labels, labels, 8);
    CHECK_OK(hrm_puzzle_set_save(&set, folder, "train"));
    hrm_puzzle_set_deinit(&set);
}

static void write_in(const char *folder, const char *name, const char *text) {
    check_write_file(check_path(folder, name), text, strlen(text));
}

static void write_array(const char *folder, const char *name, hrm_npy_dtype dtype, uint32_t rank, uint64_t rows,
                        uint64_t columns, const void *data) {
    uint64_t shape[2] = {rows, columns};
    CHECK_OK(hrm_npy_write(check_path(check_path(folder, "train"), name), dtype, rank, shape, data));
}

static void check_refused(const char *folder, hrm_status code, const char *file, const char *message) {
    hrm_puzzle_set set;
    CHECK_STATUS(hrm_puzzle_set_open(&set, folder, "train"), code);
    CHECK_ERROR_HAS(file);
    CHECK_ERROR_HAS(message);
    CHECK(set.inputs == NULL && set.example_count == 0);
}

#define JSON_HEAD "{\"pad_id\": 0, \"ignore_label_id\": 0, \"blank_identifier_id\": 0, "
#define JSON_TAIL ", \"num_puzzle_identifiers\": 1, \"total_groups\": 2, \"mean_puzzle_examples\": 1.0, "

static void test_bad_json(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        hrm_status code;
    } cases[] = {
        {"", "", HRM_ERR_FORMAT},
        {"[]", "no JSON object", HRM_ERR_FORMAT},
        {"{}", "\"vocab_size\" is missing", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6.5, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\"]}",
         "\"vocab_size\" is something else; it must be a whole number", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": -6, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\"]}", "\"vocab_size\" is -6",
         HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 300, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\"]}", "at most 256 tokens",
         HRM_ERR_UNSUPPORTED},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 0" JSON_TAIL "\"sets\": [\"all\"]}", "\"seq_len\" is 0",
         HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 9000000000" JSON_TAIL "\"sets\": [\"all\"]}", "9000000000",
         HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4" JSON_TAIL "\"sets\": []}", "\"sets\" must be", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"../all\"]}", "\"sets\" must be",
         HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\", \"more\"]}", "names 2 sets",
         HRM_ERR_UNSUPPORTED},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4" JSON_TAIL "\"grid_width\": 3, \"grid_height\": 2, "
                   "\"sets\": [\"all\"]}",
         "a grid of 3x2 cells does not have seq_len 4 cells", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 6" JSON_TAIL "\"grid_height\": 2, \"sets\": [\"all\"]}",
         "a grid of 0x2 cells does not have seq_len 6 cells", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 6" JSON_TAIL "\"grid_width\": 3, \"sets\": [\"all\"]}",
         "a grid of 3x0 cells does not have seq_len 6 cells", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 5" JSON_TAIL "\"sets\": [\"all\"]}",
         "all__inputs.npy: the shape is [2, 4]; rows of seq_len = 5 tokens", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 5, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\"]}",
         "all__labels.npy: row 0, position 1 (byte 129) holds 5; tokens are 0 to 4", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4, \"num_puzzle_identifiers\": 1, \"total_groups\": 3, "
                   "\"sets\": [\"all\"]}",
         "all__group_indices.npy: 2 groups, but dataset.json says total_groups is 3", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4, \"num_puzzle_identifiers\": 2, \"total_groups\": 2, "
                   "\"sets\": [\"all\"]}",
         "identifiers.json: 1 names were found; a list of num_puzzle_identifiers = 2", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"other\"]}", "other__inputs.npy",
         HRM_ERR_IO},
    };
    char folder[1024];
    make_small_set(folder, sizeof folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_in(check_path(folder, "train"), "dataset.json", cases[i].text);
        check_refused(folder, cases[i].code, folder, cases[i].message);
    }
    hrm_puzzle_set set;
    CHECK_STATUS(hrm_puzzle_set_open(&set, folder, "nowhere"), HRM_ERR_IO);
    CHECK_ERROR_HAS("nowhere/dataset.json");
}

static void test_bad_arrays(void **state) {
    (void)state;
    char folder[1024];
    make_small_set(folder, sizeof folder);
    static const uint8_t tokens[12] = {3, 2, 2, 4, 3, 1, 2, 4, 3, 2, 2, 4};
    static const int64_t negative[8] = {3, 2, 2, 4, 3, -1, 2, 4};
    static const uint8_t high[8] = {3, 2, 2, 4, 3, 1, 6, 4};
    write_array(folder, "all__inputs.npy", HRM_NPY_U8, 2, 3, 4, tokens);
    check_refused(folder, HRM_ERR_FORMAT, "all__labels.npy", "the shape is [2, 4]");
    write_array(folder, "all__inputs.npy", HRM_NPY_U8, 1, 8, 0, tokens);
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "the array has 1 dimension and 8 rows");
    write_array(folder, "all__inputs.npy", HRM_NPY_I64, 2, 2, 4, negative);
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy",
                  "row 1, position 1 (byte 168) holds -1; tokens are 0 to 5");
    write_array(folder, "all__inputs.npy", HRM_NPY_U8, 2, 2, 4, high);
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "row 1, position 2 (byte 134) holds 6; tokens are 0 to 5");
    static const float floats[8] = {0};
    write_array(folder, "all__inputs.npy", HRM_NPY_F32, 2, 2, 4, floats);
    check_refused(folder, HRM_ERR_UNSUPPORTED, "all__inputs.npy", "");
    write_in(check_path(folder, "train"), "all__inputs.npy", "\x93NUMPY");
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "");
    CHECK_EQ(unlink(check_path(check_path(folder, "train"), "all__inputs.npy")), 0);
    check_refused(folder, HRM_ERR_IO, "all__inputs.npy", "");
    write_array(folder, "all__inputs.npy", HRM_NPY_U8, 2, 2, 4, tokens);

    static const int32_t from_one[3] = {1, 1, 2}, falling[4] = {0, 2, 1, 2}, past[3] = {0, 1, 3}, early[2] = {0, 1},
                         below[3] = {0, -1, 2}, whole[2] = {0, 2};
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, from_one);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy",
                  "element 0 (byte 128) is 1; the indices must rise from 0 to the number of examples, 2");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 4, 0, falling);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "element 2 (byte 136) is 1; the indices must");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, past);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "element 2 (byte 136) is 3; it must be 0 to 2");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 2, 0, early);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy",
                  "the 2 elements end too early; the indices must rise from 0");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, below);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "element 1 (byte 132) is -1");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 0, 0, below);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "rise from 0");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 2, 0, whole);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_identifiers.npy", "2 identifiers for 1 puzzles");
    static const int32_t bounds[3] = {0, 1, 2}, strange[2] = {0, 1};
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, bounds);
    write_array(folder, "all__puzzle_identifiers.npy", HRM_NPY_I32, 1, 2, 0, strange);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_identifiers.npy",
                  "element 1 (byte 132) is 1; it must be 0 to 0");
    static const int32_t blank[2] = {0, 0};
    write_array(folder, "all__puzzle_identifiers.npy", HRM_NPY_I32, 1, 2, 0, blank);
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
    hrm_puzzle_set_deinit(&set);
    write_in(folder, "identifiers.json", "[7]");
    check_refused(folder, HRM_ERR_FORMAT, "identifiers.json", "entry 0 is no string");
    CHECK_EQ(unlink(check_path(folder, "identifiers.json")), 0);
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
    CHECK(set.identifier_names == NULL);
    hrm_puzzle_set_deinit(&set);
}

/* A .npy file with this header's dict and `size` bytes of zeros. */
static void write_npy(const char *folder, const char *name, const char *dict, size_t size) {
    unsigned char *file = calloc(128 + size, 1);
    CHECK(file != NULL);
    memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(file + 10, ' ', 117);
    memcpy(file + 10, dict, strlen(dict));
    file[127] = '\n';
    check_write_file(check_path(check_path(folder, "train"), name), file, 128 + size);
    free(file);
}

static void test_lying_headers(void **state) {
    (void)state;
    static const struct {
        const char *name, *dict, *message;
        size_t size;
        hrm_status code;
    } cases[] = {
        {"all__inputs.npy", "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 4), }", "Fortran order", 8,
         HRM_ERR_UNSUPPORTED},
        {"all__inputs.npy", "{'descr': '>i8', 'fortran_order': False, 'shape': (2, 4), }", "big-endian", 64,
         HRM_ERR_UNSUPPORTED},
        {"all__labels.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
         "the array is <f4, an integer type is needed", 32, HRM_ERR_UNSUPPORTED},
        {"all__labels.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4), }",
         "truncated: the shape needs 8 bytes of data, the file has 7", 7, HRM_ERR_FORMAT},
        {"all__inputs.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 4), }",
         "the shape needs 4398046511104 bytes of data, the file has 8", 8, HRM_ERR_FORMAT},
        {"all__inputs.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 0), }",
         "1099511627776 rows; 2 dimensions and fewer than 2^31 rows", 0, HRM_ERR_FORMAT},
        {"all__inputs.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
         "more than 2^64 bytes", 8, HRM_ERR_FORMAT},
        {"all__puzzle_indices.npy", "{'descr': '<i4', 'fortran_order': False, 'shape': (1099511627776,), }",
         "the shape needs", 12, HRM_ERR_FORMAT},
        {"all__puzzle_identifiers.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
         "an integer type is needed", 16, HRM_ERR_UNSUPPORTED},
        {"all__puzzle_identifiers.npy", "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }", "big-endian", 8,
         HRM_ERR_UNSUPPORTED},
        {"all__group_indices.npy", "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }",
         "the 3 elements end too early", 12, HRM_ERR_FORMAT},
        {"all__group_indices.npy", "{'descr': '<i4', 'fortran_order': False, 'shape': (0,), }",
         "the 0 elements end too early", 0, HRM_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[1024];
        make_small_set(folder, sizeof folder);
        write_npy(folder, cases[i].name, cases[i].dict, cases[i].size);
        check_refused(folder, cases[i].code, cases[i].name, cases[i].message);
    }
    /* Past the last row a u64 can hold what no token is. */
    char folder[1024];
    make_small_set(folder, sizeof folder);
    static const uint64_t huge[8] = {3, 2, 2, 4, 3, UINT64_MAX, 2, 4};
    write_array(folder, "all__inputs.npy", HRM_NPY_U64, 2, 2, 4, huge);
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "element 5 (byte 168) is 18446744073709551615");
}

/* The streaming writer: groups and puzzles of several examples, names that Python escapes, counts that are kept. */
static void test_writer(void **state) {
    (void)state;
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", check_temp_path("streamed"));
    char *names[3] = {(char[]){"<blank>"}, (char[]){"tab\t\"q\" \\ \x7f"}, (char[]){"\xc3\xa9 \xf0\x9d\x84\x9e"}};
    hrm_puzzle_set shape = {.example_count = 5,
                            .puzzle_count = 3,
                            .group_count = 2,
                            .seq_len = 6,
                            .vocab_size = 9,
                            .identifier_count = 3,
                            .pad_id = 1,
                            .ignore_label_id = HRM_PUZZLE_SET_NO_IGNORE,
                            .blank_identifier_id = 2,
                            .grid_width = 3,
                            .grid_height = 2,
                            .identifier_names = names};
    uint8_t inputs[30], labels[30];
    for (int i = 0; i < 30; i++) {
        inputs[i] = (uint8_t)(i % 9);
        labels[i] = (uint8_t)(i * 5 % 9);
    }
    hrm_puzzle_set_writer *writer;
    hrm_puzzle_set set;
    for (int round = 0; round < 3; round++) {
        CHECK_OK(hrm_puzzle_set_writer_open(folder, "train", &shape, &writer));
        CHECK_OK(hrm_puzzle_set_writer_append(writer, 1, inputs, labels));
        CHECK_OK(hrm_puzzle_set_writer_append(writer, 2, inputs + 6, labels + 6));
        CHECK_OK(hrm_puzzle_set_writer_end_puzzle(writer, 2));
        CHECK_OK(hrm_puzzle_set_writer_end_puzzle(writer, 0)); /* without examples */
        CHECK_OK(hrm_puzzle_set_writer_end_group(writer));
        CHECK_OK(hrm_puzzle_set_writer_append(writer, 2, inputs + 18, labels + 18));
        CHECK_STATUS(hrm_puzzle_set_writer_append(writer, 1, inputs, labels), HRM_ERR_INVALID_ARGUMENT);
        CHECK_OK(hrm_puzzle_set_writer_end_puzzle(writer, 1));
        if (round == 0) { /* a group is missing: nothing appears */
            CHECK_STATUS(hrm_puzzle_set_writer_commit(&writer), HRM_ERR_INVALID_ARGUMENT);
            CHECK_ERROR_HAS("all__group_indices.npy: 1 elements are missing");
            CHECK(writer == NULL);
        } else {
            CHECK_OK(hrm_puzzle_set_writer_end_group(writer));
            if (round == 1) {
                CHECK_OK(hrm_puzzle_set_writer_commit(&writer));
                continue;
            }
            hrm_puzzle_set_writer_abort(writer); /* what was there stays */
            CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
            continue;
        }
        for (size_t f = 0; f < sizeof files / sizeof files[0]; f++)
            CHECK(!file_exists(check_path(check_path(folder, "train"), files[f])));
    }
    CHECK_EQ(set.example_count, 5);
    check_same_bits("inputs", set.inputs, inputs, 30);
    check_same_bits("labels", set.labels, labels, 30);
    static const uint32_t puzzles[4] = {0, 3, 3, 5}, groups[3] = {0, 2, 3}, identifiers[3] = {2, 0, 1};
    check_same_bits("puzzles", set.puzzle_indices, puzzles, sizeof puzzles);
    check_same_bits("groups", set.group_indices, groups, sizeof groups);
    check_same_bits("identifiers", set.puzzle_identifiers, identifiers, sizeof identifiers);
    for (int i = 0; i < 3; i++) CHECK_STR(set.identifier_names[i], names[i]);
    hrm_puzzle_set_deinit(&set);
    size_t size;
    char *text = check_read_file(check_path(folder, "identifiers.json"), &size);
    CHECK_STR(text, "[\"<blank>\", \"tab\\t\\\"q\\\" \\\\ \\u007f\", \"\\u00e9 \\ud834\\udd1e\"]");
    free(text);
    text = check_read_file(check_path(check_path(folder, "train"), "dataset.json"), &size);
    CHECK_STR(text, "{\"pad_id\": 1, \"ignore_label_id\": null, \"blank_identifier_id\": 2, \"vocab_size\": 9, "
                    "\"seq_len\": 6, \"num_puzzle_identifiers\": 3, \"total_groups\": 2, "
                    "\"mean_puzzle_examples\": 1.6666666666666667, \"sets\": [\"all\"], \"grid_width\": 3, "
                    "\"grid_height\": 2}");
    free(text);

    /* The old description goes before the first array is replaced: make replacing the first one fail. */
    CHECK_EQ(unlink(check_path(check_path(folder, "train"), "all__inputs.npy")), 0);
    CHECK_OK(hrm_puzzle_set_init(&set, 1, 4, 6, 2, 2));
    CHECK_OK(hrm_puzzle_set_writer_open(folder, "train", &set, &writer));
    CHECK_OK(hrm_puzzle_set_writer_append(writer, 1, set.inputs, set.labels));
    CHECK_OK(hrm_puzzle_set_writer_end_puzzle(writer, 0));
    CHECK_OK(hrm_puzzle_set_writer_end_group(writer));
    CHECK_EQ(mkdir(check_path(check_path(folder, "train"), "all__inputs.npy"), 0777), 0);
    CHECK_STATUS(hrm_puzzle_set_writer_commit(&writer), HRM_ERR_IO);
    CHECK(!file_exists(check_path(check_path(folder, "train"), "dataset.json")));
    hrm_puzzle_set_deinit(&set);

    shape.example_count = INT32_MAX;
    CHECK_STATUS(hrm_puzzle_set_writer_open(folder, "train", &shape, &writer), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("at most 2147483646");
    CHECK(writer == NULL);
    hrm_puzzle_set_writer_abort(NULL);
}

static void test_read(void **state) {
    (void)state;
    char folder[1024];
    make_small_set(folder, sizeof folder);
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "train"));
    CHECK_EQ(set.grid_width, 2);
    set.labels[4] = 0; /* equals ignore_label_id */
    uint32_t tokens[8], labels[8], ids[2] = {7, 7};
    CHECK_OK(hrm_puzzle_set_read(&set, 0, 2, tokens, labels, ids));
    static const uint32_t want_tokens[8] = {3, 2, 2, 4, 3, 1, 2, 4};
    static const uint32_t want_labels[8] = {3, 5, 2, 4, HRM_NO_LABEL, 1, 5, 4};
    check_same_bits("tokens", tokens, want_tokens, sizeof tokens);
    check_same_bits("labels", labels, want_labels, sizeof labels);
    CHECK_EQ(ids[0], 0);
    CHECK_OK(hrm_puzzle_set_read(&set, 1, 1, tokens, NULL, NULL));
    check_same_bits("second", tokens, want_tokens + 4, 4 * sizeof *tokens);
    CHECK_OK(hrm_puzzle_set_read(&set, 2, 0, tokens, labels, ids));
    CHECK_STATUS(hrm_puzzle_set_read(&set, 1, 2, tokens, labels, ids), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_puzzle_set_read(&set, 3, 0, tokens, labels, ids), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_puzzle_set_read(&set, UINT32_MAX, UINT32_MAX, tokens, labels, ids), HRM_ERR_INVALID_ARGUMENT);
    hrm_puzzle_set_deinit(&set);

    /* Puzzles of 2, 0 and 3 examples. */
    uint32_t bounds[4] = {0, 2, 2, 5};
    set = (hrm_puzzle_set){.example_count = 5, .puzzle_count = 3, .puzzle_indices = bounds};
    static const uint32_t owner[5] = {0, 0, 2, 2, 2};
    for (uint32_t i = 0; i < 5; i++) CHECK_EQ(hrm_puzzle_set_find_puzzle(&set, i), owner[i]);

    /* Not square: the sides are kept in dataset.json. */
    CHECK_OK(hrm_puzzle_set_init(&set, 1, 6, 6, 3, 2));
    CHECK_OK(hrm_puzzle_set_save(&set, folder, "wide"));
    hrm_puzzle_set_deinit(&set);
    CHECK_OK(hrm_puzzle_set_open(&set, folder, "wide"));
    CHECK_EQ(set.grid_width, 3);
    CHECK_EQ(set.grid_height, 2);
    hrm_puzzle_set_deinit(&set);
    CHECK_STATUS(hrm_puzzle_set_init(&set, 1, 6, 6, 3, 3), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_puzzle_set_init(&set, 0, 6, 6, 0, 0), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_puzzle_set_init(&set, 1, 6, 257, 0, 0), HRM_ERR_INVALID_ARGUMENT);
}

/* Checkpoints of earlier versions carry it: the value stays, and every array is part of it. */
static void test_hash(void **state) {
    (void)state;
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_open(&set, check_tree_golden_dir("data/maze"), "train"));
    const uint64_t want = hrm_puzzle_set_hash(&set);
    CHECK_EQ(want, UINT64_C(0x0d9dec28cec8caa1));
    set.inputs[3] ^= 1;
    CHECK(hrm_puzzle_set_hash(&set) != want);
    set.inputs[3] ^= 1;
    set.labels[(size_t)set.example_count * set.seq_len - 1] ^= 1;
    CHECK(hrm_puzzle_set_hash(&set) != want);
    set.labels[(size_t)set.example_count * set.seq_len - 1] ^= 1;
    uint32_t *arrays[] = {set.puzzle_indices, set.puzzle_identifiers, set.group_indices};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        arrays[i][0] ^= 1;
        CHECK(hrm_puzzle_set_hash(&set) != want);
        arrays[i][0] ^= 1;
    }
    CHECK_EQ(hrm_puzzle_set_hash(&set), want);
    hrm_puzzle_set_deinit(&set);
}

static void test_unwritable(void **state) {
    (void)state;
    hrm_puzzle_set set;
    CHECK_OK(hrm_puzzle_set_init(&set, 1, 4, 6, 2, 2));
    const char *file = check_temp_path("a_file");
    check_write_file(file, "x", 1);
    CHECK_STATUS(hrm_puzzle_set_save(&set, file, "train"), HRM_ERR_IO);
    CHECK_ERROR_HAS("a_file");
    hrm_puzzle_set_deinit(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_round_trip), cmocka_unit_test(test_bad_json), cmocka_unit_test(test_bad_arrays),
        cmocka_unit_test(test_lying_headers),     cmocka_unit_test(test_writer),   cmocka_unit_test(test_read),
        cmocka_unit_test(test_unwritable),        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
