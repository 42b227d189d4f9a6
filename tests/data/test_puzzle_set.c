/* Puzzle sets on disk: the reference's own folders are read and written back bit for bit, and each way in which a
 * folder can lie is refused with the file's name. */
#include "check.h"

#include "data/maze.h"
#include "data/puzzle_set.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const arrays[] = {"all__inputs.npy", "all__labels.npy", "all__puzzle_identifiers.npy",
                                     "all__puzzle_indices.npy", "all__group_indices.npy"};

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

/* Every split of every folder below data/: opens, saves, opens again the same; arrays kept as uint8 and int32 come back
 * byte for byte. */
static void test_golden_round_trip(void **state) {
    (void)state;
    char **names, golden[1024], copy[1024];
    snprintf(golden, sizeof golden, "%s", check_tree_golden_dir("data"));
    size_t folders = check_list_folders(golden, NULL, &names), opened = 0;
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
            for (size_t a = 0; a < sizeof arrays / sizeof arrays[0]; a++) {
                char path[1400], copy_split[1100];
                snprintf(path, sizeof path, "%s/%s", split_folder, arrays[a]);
                snprintf(copy_split, sizeof copy_split, "%s/%s", copy, split_name);
                size_t want_size, got_size;
                void *want = check_read_file(path, &want_size);
                void *got = check_read_file(check_path(copy_split, arrays[a]), &got_size);
                hrm_npy array;
                CHECK_OK(hrm_npy_parse(want, want_size, &array));
                if (array.dtype != HRM_NPY_I64) {
                    CHECK_EQ(got_size, want_size);
                    check_same_bits(path, got, want, want_size);
                }
                free(want);
                free(got);
            }
            hrm_puzzle_set_deinit(&set);
            hrm_puzzle_set_deinit(&again);
            opened++;
        }
    check_free_names(names, folders);
    CHECK_MSG(opened > 0, "no data set found below %s", golden);
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
        {JSON_HEAD "\"vocab_size\": 6, \"seq_len\": 5" JSON_TAIL "\"sets\": [\"all\"]}",
         "all__inputs.npy: the shape is [2, 4]; rows of seq_len = 5 tokens", HRM_ERR_FORMAT},
        {JSON_HEAD "\"vocab_size\": 5, \"seq_len\": 4" JSON_TAIL "\"sets\": [\"all\"]}",
         "all__labels.npy: row 0, position 1 holds 5; tokens are 0 to 4", HRM_ERR_FORMAT},
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
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "row 1, position 1 holds -1; tokens are 0 to 5");
    write_array(folder, "all__inputs.npy", HRM_NPY_U8, 2, 2, 4, high);
    check_refused(folder, HRM_ERR_FORMAT, "all__inputs.npy", "row 1, position 2 holds 6");
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
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "rise from 0 to the number of examples, 2");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 4, 0, falling);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "rise from 0");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, past);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "element 2 is 3; it must be 0 to 2");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 2, 0, early);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "rise from 0");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, below);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "element 1 is -1");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 0, 0, below);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_indices.npy", "rise from 0");
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 2, 0, whole);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_identifiers.npy", "2 identifiers for 1 puzzles");
    static const int32_t bounds[3] = {0, 1, 2}, strange[2] = {0, 1};
    write_array(folder, "all__puzzle_indices.npy", HRM_NPY_I32, 1, 3, 0, bounds);
    write_array(folder, "all__puzzle_identifiers.npy", HRM_NPY_I32, 1, 2, 0, strange);
    check_refused(folder, HRM_ERR_FORMAT, "all__puzzle_identifiers.npy", "element 1 is 1; it must be 0 to 0");
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
        cmocka_unit_test(test_golden_round_trip), cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_bad_arrays),        cmocka_unit_test(test_read),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
