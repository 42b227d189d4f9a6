#include "check.h"
#include "helper_zip.h"

#include "base/half.h"
#include "io/torch_file.h"
#include "io/weights_kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files made by hand ---- */

struct text {
    char bytes[16384];
    size_t size;
};

static void put(struct text *text, const char *bytes, size_t size) {
    CHECK(size <= sizeof text->bytes - text->size);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void put_text(struct text *text, const char *bytes) {
    put(text, bytes, strlen(bytes));
}

static void put_name(struct text *text, const char *name) {
    uint32_t length = (uint32_t)strlen(name);
    put(text, "X", 1);
    put(text, (const char *)&length, 4);
    put(text, name, length);
}

static void put_int(struct text *text, int64_t value) {
    put(text, "\x8a\x08", 2);
    put(text, (const char *)&value, 8);
}

struct tensor {
    const char *name, *storage, *key;
    int64_t elements, offset;
    unsigned rank;
    int64_t shape[9], strides[9];
};

/* A name and a tensor, as between MARK and SETITEMS. */
static void put_tensor(struct text *text, const struct tensor *tensor) {
    put_name(text, tensor->name);
    put_text(text, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_name(text, "storage");
    put_text(text, "ctorch\n");
    put_text(text, tensor->storage);
    put_text(text, "\n");
    put_name(text, tensor->key);
    put_name(text, "cpu");
    put_int(text, tensor->elements);
    put_text(text, "tQ");
    put_int(text, tensor->offset);
    for (int strides = 0; strides < 2; strides++) {
        put_text(text, "(");
        for (unsigned i = 0; i < tensor->rank; i++) put_int(text, strides ? tensor->strides[i] : tensor->shape[i]);
        put_text(text, "t");
    }
    put_text(text, "\x89"
                   "ccollections\nOrderedDict\n)RtR");
}

static void put_tensors(struct text *text, const struct tensor *tensors, size_t count) {
    put(text, "\x80\x02}(", 4);
    for (size_t i = 0; i < count; i++) put_tensor(text, &tensors[i]);
    put_text(text, "u.");
}

#if HRM_HAVE_TORCH

static void refuses_bytes(const void *bytes, size_t size, hrm_status code, const char *message) {
    hrm_torch_file *file = (hrm_torch_file *)&file;
    hrm_status got = hrm_torch_file_parse(bytes, size, &file);
    CHECK_MSG(got == code, "expected \"%s\": got %s (%s)", message, hrm_status_name(got), hrm_last_error());
    CHECK(file == NULL);
    CHECK_ERROR_HAS(message);
}

static void refuses(const zip_record *records, size_t count, hrm_status code, const char *message) {
    size_t size;
    void *zip = zip_make(records, count, &size);
    refuses_bytes(zip, size, code, message);
    free(zip);
}

/* One tensor in the folder "x", whose record data/0 has 24 bytes. */
static void refuses_tensor(struct tensor tensor, hrm_status code, const char *message) {
    static const char zeros[24];
    struct text text = {.size = 0};
    put_tensors(&text, &tensor, 1);
    const zip_record records[] = {{.name = "x/data.pkl", .data = text.bytes, .size = text.size},
                                  {.name = "x/data/0", .data = zeros, .size = sizeof zeros}};
    refuses(records, 2, code, message);
}

static const float twelve[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void check_floats(hrm_torch_file *file, const char *name, const float *want, size_t count) {
    float got[32];
    size_t index;
    CHECK_MSG(hrm_torch_file_find(file, name, &index), "no tensor %s", name);
    const hrm_safetensors_tensor *tensor = hrm_torch_file_get(file, index);
    CHECK_STR(tensor->name, name);
    CHECK_EQ(tensor->dtype, HRM_ST_F32);
    CHECK_EQ(tensor->count, count);
    CHECK_EQ(tensor->bytes, 4 * count);
    CHECK_OK(hrm_torch_file_read(file, index, got, 4 * count));
    check_same_bits(name, got, want, 4 * count);
    hrm_torch_stream *stream; /* the same in pieces of one element */
    CHECK_OK(hrm_torch_stream_open(file, index, &stream));
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(hrm_torch_stream_read(stream, got, 4));
        check_same_bits(name, got, &want[i], 4);
    }
    CHECK_STATUS(hrm_torch_stream_read(stream, got, 4), HRM_ERR_INVALID_ARGUMENT);
    hrm_torch_stream_close(stream);
}

static void any_strides_are_read(bool deflated) {
    static const struct tensor tensors[] = {
        {"whole", "FloatStorage", "0", 12, 0, 2, {3, 4}, {4, 1}},
        {"turned", "FloatStorage", "0", 12, 0, 2, {4, 3}, {1, 4}},
        {"row", "FloatStorage", "0", 12, 4, 1, {4}, {1}},
        {"column", "FloatStorage", "0", 12, 1, 1, {3}, {4}},
        {"inner", "FloatStorage", "0", 12, 5, 2, {2, 2}, {4, 2}},
        {"expanded", "FloatStorage", "0", 12, 9, 2, {2, 3}, {0, 1}},
        {"one", "FloatStorage", "0", 12, 11, 3, {1, 1, 1}, {99, 1, 7}},
        {"scalar", "FloatStorage", "0", 12, 7, 0, {0}, {0}},
        {"empty", "FloatStorage", "1", 0, 0, 2, {0, 4}, {4, 1}},
        {"empty too", "FloatStorage", "0", 12, 12, 2, {2, 0}, {1, 1}},
    };
    struct text text = {.size = 0};
    put_tensors(&text, tensors, sizeof tensors / sizeof *tensors);
    const zip_record records[] = {
        {.name = "some name/data.pkl", .data = text.bytes, .size = text.size, .deflated = deflated},
        {.name = "some name/byteorder", .data = "little", .size = 6},
        {.name = "some name/data/1", .data = "", .size = 0},
        {.name = "some name/data/0", .data = twelve, .size = sizeof twelve, .deflated = deflated},
        {.name = "__MACOSX/some name/data.pkl", .data = "x", .size = 1},
    };
    size_t size;
    void *zip = zip_make(records, sizeof records / sizeof *records, &size);
    hrm_torch_file *file;
    CHECK_OK(hrm_torch_file_parse(zip, size, &file));
    CHECK_EQ(hrm_torch_file_count(file), sizeof tensors / sizeof *tensors);
    check_floats(file, "row", twelve + 4, 4); /* first: skips by reading; later ones may seek */
    check_floats(file, "whole", twelve, 12);
    check_floats(file, "row", twelve + 4, 4);
    check_floats(file, "turned", (const float[]){0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, 12);
    check_floats(file, "column", (const float[]){1, 5, 9}, 3);
    check_floats(file, "inner", (const float[]){5, 7, 9, 11}, 4);
    check_floats(file, "expanded", (const float[]){9, 10, 11, 9, 10, 11}, 6);
    check_floats(file, "one", twelve + 11, 1);
    check_floats(file, "scalar", twelve + 7, 1);
    check_floats(file, "empty", twelve, 0);
    check_floats(file, "empty too", twelve, 0);
    size_t index;
    float value;
    CHECK(!hrm_torch_file_find(file, "none", &index));
    CHECK(hrm_torch_file_find(file, "whole", &index));
    CHECK_STATUS(hrm_torch_file_read(file, index, &value, 4), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("tensor \"whole\": it has 48 bytes, 4 are asked for");
    hrm_torch_stream *stream;
    CHECK_OK(hrm_torch_stream_open(file, index, &stream));
    CHECK_STATUS(hrm_torch_stream_read(stream, &value, 3), HRM_ERR_INVALID_ARGUMENT);
    hrm_torch_stream_close(stream);
    CHECK_STATUS(hrm_torch_stream_open(file, 10, &stream), HRM_ERR_INVALID_ARGUMENT);
    hrm_torch_file_close(file);
    hrm_torch_file_close(NULL);
    hrm_torch_stream_close(NULL);
    free(zip);
}

static void views_of_one_storage_are_read(void **state) {
    (void)state;
    any_strides_are_read(false);
    any_strides_are_read(true);
}

static void big_endian_files_are_turned(void **state) {
    (void)state;
    static const struct tensor tensors[] = {
        {"f32", "FloatStorage", "0", 2, 0, 1, {2}, {1}}, {"turned", "FloatStorage", "0", 2, 0, 2, {2, 2}, {0, 1}},
        {"i64", "LongStorage", "1", 1, 0, 1, {1}, {1}},  {"bf16", "BFloat16Storage", "2", 2, 0, 1, {2}, {1}},
        {"u8", "ByteStorage", "3", 3, 0, 1, {3}, {1}},
    };
    static const struct {
        const char *name;
        size_t size;
        unsigned char want[16];
    } rows[] = {
        {"f32", 8, {4, 3, 2, 1, 8, 7, 6, 5}},
        {"turned", 16, {4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5}},
        {"i64", 8, {8, 7, 6, 5, 4, 3, 2, 1}},
        {"bf16", 4, {2, 1, 4, 3}},
        {"u8", 3, {1, 2, 3}},
    };
    static const unsigned char counting[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct text text = {.size = 0};
    put_tensors(&text, tensors, sizeof tensors / sizeof *tensors);
    const zip_record records[] = {
        {.name = "x/data.pkl", .data = text.bytes, .size = text.size},
        {.name = "x/byteorder", .data = "big", .size = 3},
        {.name = "x/data/0", .data = counting, .size = 8},
        {.name = "x/data/1", .data = counting, .size = 8},
        {.name = "x/data/2", .data = counting, .size = 4},
        {.name = "x/data/3", .data = counting, .size = 3},
    };
    size_t size, index;
    void *zip = zip_make(records, sizeof records / sizeof *records, &size);
    hrm_torch_file *file;
    CHECK_OK(hrm_torch_file_parse(zip, size, &file));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char got[16];
        CHECK(hrm_torch_file_find(file, rows[i].name, &index));
        CHECK_OK(hrm_torch_file_read(file, index, got, rows[i].size));
        check_same_bits(rows[i].name, got, rows[i].want, rows[i].size);
    }
    hrm_torch_file_close(file);
    free(zip);
}

/* ---- which dict is listed ---- */

static const struct tensor plain = {"w", "FloatStorage", "0", 12, 0, 1, {12}, {1}};

/* A top dict of `before`, then `key`: a dict with one tensor, then `after`. */
static void check_root(const char *before, const char *key, const char *after, const char *first, size_t count) {
    struct text text = {.size = 0};
    struct tensor outside = plain;
    outside.name = "outside";
    put(&text, "\x80\x02}(", 4);
    put_text(&text, before);
    put_tensor(&text, &outside);
    put_name(&text, key);
    put_text(&text, "}(");
    put_tensor(&text, &plain);
    put_text(&text, "u");
    put_text(&text, after);
    put_text(&text, "u.");
    const zip_record records[] = {{.name = "x/data.pkl", .data = text.bytes, .size = text.size},
                                  {.name = "x/data/0", .data = twelve, .size = sizeof twelve}};
    size_t size;
    void *zip = zip_make(records, 2, &size);
    hrm_torch_file *file;
    CHECK_OK(hrm_torch_file_parse(zip, size, &file));
    CHECK_EQ(hrm_torch_file_count(file), count);
    CHECK_STR(hrm_torch_file_get(file, 0)->name, first);
    hrm_torch_file_close(file);
    free(zip);
}

static void the_state_dict_is_found(void **state) {
    (void)state;
    check_root("", "state_dict", "", "w", 1);
    check_root("", "model_state_dict", "", "w", 1);
    check_root("", "model",
               "U\x05"
               "epochK\x03",
               "w", 1);
    check_root("", "module", "", "w", 1);
    check_root("U\x0astate_dict}", "model", "", "w", 1); /* an empty one is passed over */
    check_root("U\x0astate_dict}U\x01"
               "aK\x01s",
               "model", "", "w", 1); /* so is one without tensors */
    check_root("U\x05"
               "epochK\x03",
               "other", "", "outside", 1);
    check_root("", "models", "K\x01K\x02", "outside", 1);
}

/* ---- hostile files ---- */

static void impossible_tensors_are_refused(void **state) {
    (void)state;
#define T(...) (struct tensor){"t", "FloatStorage", "0", 6, __VA_ARGS__}
    refuses_tensor(T(0, 1, {7}, {1}), HRM_ERR_FORMAT,
                   "tensor \"t\": it reaches element 6 of record \"x/data/0\", which has 6");
    refuses_tensor(T(1, 1, {6}, {1}), HRM_ERR_FORMAT, "it reaches element 6");
    refuses_tensor(T(0, 2, {2, 2}, {5, 1}), HRM_ERR_FORMAT, "it reaches element 6");
    refuses_tensor(T(INT64_MAX, 0, {0}, {0}), HRM_ERR_FORMAT, "it reaches element 9223372036854775807");
    refuses_tensor(T(-1, 1, {6}, {1}), HRM_ERR_FORMAT, "tensor \"t\": its offset -1 is negative");
    refuses_tensor(T(0, 1, {-6}, {1}), HRM_ERR_FORMAT, "dimension 0 has length -6 and stride 1");
    refuses_tensor(T(5, 1, {6}, {-1}), HRM_ERR_FORMAT, "dimension 0 has length 6 and stride -1");
    refuses_tensor(T(0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1}), HRM_ERR_UNSUPPORTED, "9 dimensions, at most 8");
    refuses_tensor(T(0, 3, {INT64_MAX, INT64_MAX, 4}, {0, 0, 0}), HRM_ERR_FORMAT, "more than 2^63 bytes");
    refuses_tensor(T(0, 2, {INT64_C(1) << 32, INT64_C(1) << 32}, {0, 0}), HRM_ERR_FORMAT, "more than 2^63 bytes");
    refuses_tensor(T(0, 1, {INT64_C(1) << 61}, {0}), HRM_ERR_FORMAT, "more than 2^63 bytes");
    refuses_tensor(T(0, 2, {3, 3}, {INT64_MAX, INT64_MAX}), HRM_ERR_FORMAT, "its strides reach beyond 2^64");
    refuses_tensor(T(0, 2, {INT64_C(1) << 40, 6}, {0, 1}), HRM_ERR_FORMAT,
                   "it is expanded to 26388279066624 bytes from 24 in record \"x/data/0\"");
    refuses_tensor(T(0, 2, {INT64_C(1) << 40, 6}, {6, 1}), HRM_ERR_FORMAT, "it reaches element 6597069766655");
#undef T
    refuses_tensor((struct tensor){"t", "DoubleStorage", "0", 6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT,
                   "tensor \"t\": record \"x/data/0\" has 24 bytes, its storage needs 48");
    refuses_tensor((struct tensor){"t", "FloatStorage", "0", 5, 0, 1, {5}, {1}}, HRM_ERR_FORMAT,
                   "has 24 bytes, its storage needs 20");
    refuses_tensor((struct tensor){"t", "FloatStorage", "0", -6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT,
                   "its storage has -6 elements");
    refuses_tensor((struct tensor){"t", "LongStorage", "0", INT64_MAX, 0, 1, {6}, {1}}, HRM_ERR_FORMAT,
                   "its storage has 9223372036854775807 elements");
    refuses_tensor((struct tensor){"t", "FloatStorage", "1", 6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT,
                   "tensor \"t\": record \"x/data/1\" is missing");
    refuses_tensor((struct tensor){"", "FloatStorage", "0", 6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT,
                   "the name of tensor 0 is empty");
    refuses_tensor((struct tensor){"\xff", "FloatStorage", "0", 6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT, "not UTF-8");
    refuses_tensor((struct tensor){"t", "QInt8Storage", "0", 24, 0, 1, {6}, {1}}, HRM_ERR_UNSUPPORTED,
                   "record \"x/data.pkl\": byte 57: storage type torch.QInt8Storage is not supported");
    char key[300];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    refuses_tensor((struct tensor){"t", "FloatStorage", key, 6, 0, 1, {6}, {1}}, HRM_ERR_FORMAT, "is missing");
}

static void wrong_dicts_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *pickle;
        size_t size;
        hrm_status code;
        const char *message;
    } rows[] = {
#define ROW(text, code, message) {"\x80\x02" text, sizeof "\x80\x02" text - 1, code, message}
        ROW("].", HRM_ERR_FORMAT, "it holds a list, a dict of tensors is needed"),
        ROW("K\x01.", HRM_ERR_FORMAT, "it holds a whole number"),
        ROW("}U\x02lrG\0\0\0\0\0\0\0\0s.", HRM_ERR_FORMAT,
            "its dict of 1 entries (the first is \"lr\") holds no tensor"),
        ROW("cos\nsystem\n.", HRM_ERR_FORMAT, "record \"x/data.pkl\": byte 2: global os.system is not allowed"),
        ROW("", HRM_ERR_FORMAT, "record \"x/data.pkl\": byte 2: truncated"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const zip_record record = {.name = "x/data.pkl", .data = rows[i].pickle, .size = rows[i].size};
        refuses(&record, 1, rows[i].code, rows[i].message);
    }
    /* Twice the same name; a number for a name. */
    const struct tensor twins[] = {plain, plain};
    struct text text = {.size = 0};
    put_tensors(&text, twins, 2);
    zip_record records[] = {{.name = "x/data.pkl", .data = text.bytes, .size = text.size},
                            {.name = "x/data/0", .data = twelve, .size = sizeof twelve}};
    refuses(records, 2, HRM_ERR_FORMAT, "two tensors are named \"w\"");
    text.size = 0;
    put_tensors(&text, &plain, 1);
    memmove(text.bytes + 6, text.bytes + 10, text.size - 10);
    memcpy(text.bytes + 4, "K\x07", 2);
    records[0].size = text.size - 4;
    refuses(records, 2, HRM_ERR_FORMAT, "tensor 0 has a whole number for a name");
    static const char empty[] = "\x80\x02}.";
    const zip_record no_tensors = {.name = "x/data.pkl", .data = empty, .size = 4};
    size_t size;
    void *zip = zip_make(&no_tensors, 1, &size);
    hrm_torch_file *file;
    CHECK_OK(hrm_torch_file_parse(zip, size, &file));
    CHECK_EQ(hrm_torch_file_count(file), 0);
    size_t index;
    CHECK(!hrm_torch_file_find(file, "w", &index));
    hrm_torch_file_close(file);
    free(zip);
}

static void damaged_archives_are_refused(void **state) {
    (void)state;
    struct text text = {.size = 0};
    put_tensors(&text, &plain, 1);
    const zip_record pickle = {.name = "x/data.pkl", .data = text.bytes, .size = text.size};
    const zip_record data = {.name = "x/data/0", .data = twelve, .size = sizeof twelve};
    const zip_record order = {.name = "x/byteorder", .data = "middle", .size = 6};
    zip_record other = pickle;
    refuses((zip_record[]){pickle, data, data}, 3, HRM_ERR_FORMAT, "two records are named \"x/data/0\"");
    refuses((zip_record[]){pickle, pickle, data}, 3, HRM_ERR_FORMAT, "two records are named \"x/data.pkl\"");
    other.name = "y/data.pkl";
    refuses((zip_record[]){pickle, data, other}, 3, HRM_ERR_FORMAT, "two folders hold a data.pkl, \"x\" and \"y\"");
    other.name = "x/constants.pkl";
    refuses((zip_record[]){pickle, data, other}, 3, HRM_ERR_UNSUPPORTED, "a TorchScript program");
    refuses((zip_record[]){pickle, data, order}, 3, HRM_ERR_FORMAT, "says neither little nor big");
    refuses((zip_record[]){data}, 1, HRM_ERR_FORMAT, "the ZIP archive has no FOLDER/data.pkl");
    other.name = "data.pkl";
    refuses((zip_record[]){other, data}, 2, HRM_ERR_FORMAT, "the ZIP archive has no FOLDER/data.pkl");
    refuses((zip_record[]){pickle}, 1, HRM_ERR_FORMAT, "tensor \"w\": record \"x/data/0\" is missing");
    other = pickle;
    other.crc_flip = 1;
    refuses((zip_record[]){other, data}, 2, HRM_ERR_FORMAT, "record \"x/data.pkl\" is damaged: CRC error");
    other = pickle;
    other.encrypted = true;
    refuses((zip_record[]){other, data}, 2, HRM_ERR_UNSUPPORTED, "record \"x/data.pkl\" is encrypted");
    other = pickle;
    other.method = 12;
    refuses((zip_record[]){other, data}, 2, HRM_ERR_UNSUPPORTED, "packed with method 12");
    other = data;
    other.size_lie = 4;
    refuses((zip_record[]){pickle, other}, 2, HRM_ERR_FORMAT, "record \"x/data/0\" claims 52 bytes, packed to 48");
    other = data;
    other.deflated = true;
    other.size_lie = 1 << 24;
    refuses((zip_record[]){pickle, other}, 2, HRM_ERR_FORMAT, "claims 16777264 bytes, packed to 53");
}

/* What is wrong with a tensor's own record shows when it is read, at the latest with its last byte. */
static void damage_shows_while_reading(void **state) {
    (void)state;
    static const struct tensor tensors[] = {{"w", "FloatStorage", "0", 12, 0, 1, {12}, {1}},
                                            {"first", "FloatStorage", "0", 12, 0, 1, {2}, {1}},
                                            {"turned", "FloatStorage", "0", 12, 0, 2, {4, 3}, {1, 4}}};
    struct text text = {.size = 0};
    put_tensors(&text, tensors, 3);
    for (int how = 0; how < 4; how++) {
        zip_record records[] = {{.name = "x/data.pkl", .data = text.bytes, .size = text.size},
                                {.name = "x/data/0", .data = twelve, .size = sizeof twelve}};
        records[1].deflated = how >= 1;
        if (how < 2) records[1].crc_flip = 0x80;
        if (how == 2) records[1].size = 44, records[1].size_lie = 4; /* packs less than it claims */
        if (how == 3) records[1].size_lie = 0, records[1].crc_flip = 1;
        size_t size;
        void *zip = zip_make(records, 2, &size);
        hrm_torch_file *file;
        CHECK_OK(hrm_torch_file_parse(zip, size, &file));
        for (size_t i = 0; i < 3; i++) {
            float got[12];
            CHECK_STATUS(hrm_torch_file_read(file, i, got, hrm_torch_file_get(file, i)->bytes), HRM_ERR_FORMAT);
            CHECK_ERROR_HAS(i == 0   ? "tensor \"w\": record \"x/data/0\" is "
                            : i == 1 ? "tensor \"first\": record"
                                     : "tensor \"turned\": record");
        }
        hrm_torch_stream *stream;
        float value[12];
        CHECK_OK(hrm_torch_stream_open(file, 0, &stream));
        CHECK_OK(hrm_torch_stream_read(stream, value, 40));
        CHECK_STATUS(hrm_torch_stream_read(stream, value, 8), HRM_ERR_FORMAT);
        CHECK_STATUS(hrm_torch_stream_read(stream, value, 8), HRM_ERR_IO);
        CHECK_ERROR_HAS("reading it failed before");
        hrm_torch_stream_close(stream);
        hrm_torch_file_close(file);
        free(zip);
    }
}

static void touch(const void *bytes, size_t size, bool must_fail) {
    hrm_torch_file *file;
    hrm_status status = hrm_torch_file_parse(bytes, size, &file);
    CHECK(!must_fail || status != HRM_OK);
    for (size_t i = 0; status == HRM_OK && i < hrm_torch_file_count(file); i++) {
        size_t need = hrm_torch_file_get(file, i)->bytes;
        void *values = malloc(need + 1);
        CHECK(values != NULL);
        (void)hrm_torch_file_read(file, i, values, need);
        free(values);
    }
    hrm_torch_file_close(file);
}

static void every_truncation_and_flip_survives(void **state) {
    (void)state;
    static const struct tensor tensors[] = {{"w", "FloatStorage", "0", 12, 0, 1, {12}, {1}},
                                            {"turned", "FloatStorage", "0", 12, 0, 2, {4, 3}, {1, 4}}};
    struct text text = {.size = 0};
    put_tensors(&text, tensors, 2);
    const zip_record records[] = {
        {.name = "x/data.pkl", .data = text.bytes, .size = text.size, .deflated = true},
        {.name = "x/byteorder", .data = "little", .size = 6},
        {.name = "x/data/0", .data = twelve, .size = sizeof twelve},
    };
    size_t size;
    unsigned char *zip = zip_make(records, 3, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *copy = malloc(cut + 1);
        CHECK(copy != NULL);
        memcpy(copy, zip, cut);
        touch(copy, cut, true);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        zip[bit / 8] = (unsigned char)(zip[bit / 8] ^ 1 << bit % 8);
        touch(zip, size, false);
        zip[bit / 8] = (unsigned char)(zip[bit / 8] ^ 1 << bit % 8);
    }
    free(zip);
}

static void opening_names_the_file(void **state) {
    (void)state;
    hrm_torch_file *file;
    CHECK_STATUS(hrm_torch_file_open(check_temp_path("none"), &file), HRM_ERR_IO);
    CHECK_ERROR_HAS("/none: No such file");
    CHECK_STATUS(hrm_torch_file_open(check_temp_dir(), &file), HRM_ERR_IO);
    CHECK_ERROR_HAS("it is a folder");
    check_write_file(check_temp_path("empty"), "", 0);
    CHECK_STATUS(hrm_torch_file_open(check_temp_path("empty"), &file), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("/empty: it is empty");
    check_write_file(check_temp_path("text"), "hello", 5);
    CHECK_STATUS(hrm_torch_file_open(check_temp_path("text"), &file), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("/text: not a PyTorch checkpoint: it is no ZIP archive");
    check_write_file(check_temp_path("cut"), "PK\3\4", 4);
    CHECK_STATUS(hrm_torch_file_open(check_temp_path("cut"), &file), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("/cut: the ZIP archive is damaged or cut short");
    check_write_file(check_temp_path("old"), "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    CHECK_STATUS(hrm_torch_file_open(check_temp_path("old"), &file), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS(
        "/old: written in the format from before PyTorch 1.6: load it with PyTorch and torch.save it again");
    const char *weights = check_path(check_tree_golden_dir("checkpoint_torch"), "weights.safetensors");
    CHECK_STATUS(hrm_torch_file_open(weights, &file), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("weights.safetensors: a safetensors file, not a PyTorch checkpoint");
}

/* ---- what the reference left ---- */

static void the_reference_s_checkpoint_is_read(void **state) {
    (void)state;
    const char *folder = check_tree_golden_dir("checkpoint_torch");
    hrm_safetensors *want;
    hrm_torch_file *file;
    size_t narrow = 0;
    CHECK_OK(hrm_safetensors_open(check_path(folder, "weights.safetensors"), &want));
    CHECK_OK(hrm_torch_file_open(check_path(folder, "step_1250"), &file));
    CHECK_EQ(hrm_torch_file_count(file), 15);
    CHECK_EQ(hrm_safetensors_count(want), 15);
    CHECK_STR(hrm_torch_file_get(file, 0)->name, "_orig_mod.model.inner.H_init");
    for (size_t i = 0; i < 15; i++) {
        hrm_safetensors_tensor tensor = *hrm_torch_file_get(file, i);
        const hrm_safetensors_tensor *other = hrm_safetensors_find(want, tensor.name);
        CHECK_MSG(other != NULL, "%s", tensor.name);
        CHECK_EQ(tensor.rank, other->rank);
        for (uint32_t d = 0; d < tensor.rank; d++) CHECK_EQ(tensor.shape[d], other->shape[d]);
        CHECK(tensor.data == NULL);
        void *values = malloc(tensor.bytes);
        float *wide = malloc(4 * (size_t)tensor.count);
        CHECK(values && wide);
        /* In pieces that divide nothing evenly. */
        hrm_torch_stream *stream;
        CHECK_OK(hrm_torch_stream_open(file, i, &stream));
        for (size_t at = 0; at < tensor.bytes;) {
            size_t piece = tensor.bytes - at < 9996 ? tensor.bytes - at : 9996;
            CHECK_OK(hrm_torch_stream_read(stream, (char *)values + at, piece));
            at += piece;
        }
        hrm_torch_stream_close(stream);
        tensor.data = values;
        CHECK_OK(hrm_safetensors_copy_f32(&tensor, wide, tensor.count));
        check_same_bits(tensor.name, wide, other->data, other->bytes);
        if (tensor.dtype == HRM_ST_BF16) narrow++;
        free(values);
        free(wide);
    }
    CHECK_EQ(narrow, 2); /* H_init and L_init */
    hrm_torch_file_close(file);
    hrm_safetensors_close(want);
}

static void the_reference_s_predictions_are_read(void **state) {
    (void)state;
    const char *folder = check_tree_golden_dir("checkpoint_torch");
    hrm_safetensors *want;
    hrm_torch_file *file;
    CHECK_OK(hrm_safetensors_open(check_path(folder, "eval.safetensors"), &want));
    CHECK_OK(hrm_torch_file_open(check_path(folder, "step_1250_all_preds.0"), &file));
    CHECK_EQ(hrm_torch_file_count(file), 6);
    size_t index, same = 0;
    for (index = 0; index < 6; index++) {
        const hrm_safetensors_tensor *tensor = hrm_torch_file_get(file, index);
        const hrm_safetensors_tensor *other = hrm_safetensors_find(want, tensor->name);
        void *values = malloc(tensor->bytes);
        CHECK(values != NULL);
        CHECK_OK(hrm_torch_file_read(file, index, values, tensor->bytes));
        if (other && other->bytes == tensor->bytes) {
            check_same_bits(tensor->name, values, other->data, tensor->bytes);
            same++;
        }
        free(values);
    }
    CHECK_EQ(same, 6);
    CHECK(hrm_torch_file_find(file, "logits", &index));
    CHECK_EQ(hrm_torch_file_get(file, index)->dtype, HRM_ST_F32);
    CHECK_EQ(hrm_torch_file_get(file, index)->shape[2], 11);
    CHECK(hrm_torch_file_find(file, "inputs", &index));
    CHECK_EQ(hrm_torch_file_get(file, index)->dtype, HRM_ST_I32);
    hrm_torch_file_close(file);
    hrm_safetensors_close(want);
}

#else

static void it_says_how_to_get_it(void **state) {
    (void)state;
    hrm_torch_file *file;
    struct text text = {.size = 0};
    size_t size;
    put_tensors(&text, &(const struct tensor){"w", "FloatStorage", "0", 1, 0, 0, {0}, {0}}, 1);
    void *zip = zip_make(&(const zip_record){.name = "x/data.pkl", .data = text.bytes, .size = text.size}, 1, &size);
    CHECK_STATUS(hrm_torch_file_parse(zip, size, &file), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("built without libzip, configure with -DHRM_TORCH=ON");
    const char *path = check_path(check_tree_golden_dir("checkpoint_torch"), "step_1250");
    CHECK_STATUS(hrm_torch_file_open(path, &file), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("step_1250: PyTorch checkpoints cannot be read");
    free(zip);
}

#endif

static void kinds_are_told_apart(void **state) {
    (void)state;
    hrm_weights_kind kind;
    const char *folder = check_tree_golden_dir("checkpoint_torch");
    CHECK_OK(hrm_weights_kind_load(check_path(folder, "step_1250"), &kind));
    CHECK_EQ(kind, HRM_WEIGHTS_TORCH);
    CHECK_OK(hrm_weights_kind_load(check_path(folder, "weights.safetensors"), &kind));
    CHECK_EQ(kind, HRM_WEIGHTS_SAFETENSORS);
    CHECK_OK(hrm_weights_kind_load(check_path(folder, "all_config.yaml"), &kind));
    CHECK_EQ(kind, HRM_WEIGHTS_UNKNOWN);
    CHECK_STATUS(hrm_weights_kind_load(check_path(folder, "none"), &kind), HRM_ERR_IO);
    static const char old[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    static const char framed[] = "\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    CHECK_EQ(hrm_weights_kind_of(old, sizeof old), HRM_WEIGHTS_TORCH_LEGACY);
    CHECK_EQ(hrm_weights_kind_of(framed, sizeof framed), HRM_WEIGHTS_TORCH_LEGACY);
    CHECK_EQ(hrm_weights_kind_of("\x80\x02}.", 4), HRM_WEIGHTS_UNKNOWN);
    CHECK_EQ(hrm_weights_kind_of("PK\3\4", 4), HRM_WEIGHTS_TORCH);
    CHECK_EQ(hrm_weights_kind_of("PK\3", 3), HRM_WEIGHTS_UNKNOWN);
    CHECK_EQ(hrm_weights_kind_of("\2\0\0\0\0\0\0\0{}", 10), HRM_WEIGHTS_SAFETENSORS);
    CHECK_EQ(hrm_weights_kind_of("\2\0\0\0\0\0\0\1{}", 10), HRM_WEIGHTS_UNKNOWN);
    CHECK_EQ(hrm_weights_kind_of("", 0), HRM_WEIGHTS_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
#if HRM_HAVE_TORCH
        cmocka_unit_test(the_reference_s_checkpoint_is_read),
        cmocka_unit_test(the_reference_s_predictions_are_read),
        cmocka_unit_test(views_of_one_storage_are_read),
        cmocka_unit_test(big_endian_files_are_turned),
        cmocka_unit_test(the_state_dict_is_found),
        cmocka_unit_test(impossible_tensors_are_refused),
        cmocka_unit_test(wrong_dicts_are_refused),
        cmocka_unit_test(damaged_archives_are_refused),
        cmocka_unit_test(damage_shows_while_reading),
        cmocka_unit_test(every_truncation_and_flip_survives),
        cmocka_unit_test(opening_names_the_file),
#else
        cmocka_unit_test(it_says_how_to_get_it),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
