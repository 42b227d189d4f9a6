#include "check.h"

#include "base/half.h"
#include "io/safetensors.h"
#include "io/safetensors_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file in memory: the header's length, the header, data_size bytes 0, 1, 2, ... Free it. */
static void *make_file(const char *header, size_t data_size, size_t *size) {
    uint64_t length = strlen(header);
    unsigned char *file = malloc(8 + (size_t)length + data_size + 1);
    CHECK(file != NULL);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)length);
    for (size_t i = 0; i < data_size; i++) file[8 + length + i] = (unsigned char)i;
    *size = 8 + (size_t)length + data_size;
    return file;
}

static void refuses(const char *header, size_t data_size, hrm_status code, const char *text) {
    size_t size;
    void *file = make_file(header, data_size, &size);
    hrm_safetensors *st;
    hrm_status got = hrm_safetensors_parse(file, size, &st);
    hrm_safetensors_close(st);
    free(file);
    CHECK_MSG(got == code, "%s: got %s (%s), expected %s", header, hrm_status_name(got), hrm_last_error(),
              hrm_status_name(code));
    CHECK(st == NULL);
    CHECK_ERROR_HAS(text);
}

static void accepts(const char *header, size_t data_size, size_t tensors) {
    size_t size;
    void *file = make_file(header, data_size, &size);
    hrm_safetensors *st;
    CHECK_OK(hrm_safetensors_parse(file, size, &st));
    CHECK_EQ(hrm_safetensors_count(st), tensors);
    hrm_safetensors_close(st);
    free(file);
}

#define T(dtype, shape, begin, end)                                                                                    \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void sound_files_open(void **state) {
    (void)state;
    accepts("{}", 0, 0);
    accepts("{}      ", 0, 0);
    accepts("{\"__metadata__\":{}}", 0, 0);
    accepts("{\"s\":" T("F32", "[]", 0, 4) "}", 4, 1);
    accepts("{\"s\":" T("U8", "[0,3]", 0, 0) "}", 0, 1);
    accepts("{\"b\":" T("F32", "[1]", 4, 8) ",\"a\":" T("U8", "[4]", 0, 4) "}", 8, 2);
    /* Empty tensors may sit at any boundary. */
    accepts("{\"e\":" T("F32", "[0]", 4, 4) ",\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[1]", 4, 5) "}", 5, 3);
    accepts("{\"x\":" T("F64", "[1,1,1,1,1,1,1,1]", 0, 8) "}", 8, 1);
}

static void lying_headers_are_refused(void **state) {
    (void)state;
    refuses("{}", 3, HRM_ERR_FORMAT, "3 bytes at the end belong to no tensor");
    refuses("[]", 0, HRM_ERR_FORMAT, "does not start with '{'");
    refuses(" {}", 0, HRM_ERR_FORMAT, "does not start with '{'");
    refuses("{", 0, HRM_ERR_FORMAT, "is no JSON object");
    refuses("{]", 0, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{} x", 0, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{\"a\":1}", 0, HRM_ERR_FORMAT, "its entry is not an object");
    refuses("{\"a\":{}}", 0, HRM_ERR_FORMAT, "\"dtype\" is missing");
    refuses("{\"a\":{\"dtype\":\"F32\"}}", 0, HRM_ERR_FORMAT, "\"shape\" is missing");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, HRM_ERR_FORMAT, "\"data_offsets\"");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, HRM_ERR_FORMAT,
            "unknown fields");
    refuses("{\"a\":" T("F8_E4M3", "[4]", 0, 4) "}", 4, HRM_ERR_UNSUPPORTED, "unknown dtype \"F8_E4M3\"");
    refuses("{\"a\":" T("f32", "[1]", 0, 4) "}", 4, HRM_ERR_UNSUPPORTED, "unknown dtype \"f32\"");
    refuses("{\"a\":" T("U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, HRM_ERR_UNSUPPORTED, "9 dimensions");
    refuses("{\"a\":" T("U8", "[-1]", 0, 1) "}", 1, HRM_ERR_FORMAT, "dimension 0 is not a whole number");
    refuses("{\"a\":" T("U8", "[1.5]", 0, 1) "}", 1, HRM_ERR_FORMAT, "dimension 0 is not a whole number");
    refuses("{\"a\":" T("U8", "[1e3]", 0, 1000) "}", 1000, HRM_ERR_FORMAT, "dimension 0 is not a whole number");
    refuses("{\"a\":" T("U8", "[\"1\"]", 0, 1) "}", 1, HRM_ERR_FORMAT, "dimension 0 is not a whole number");
    refuses("{\"a\":" T("U8", "[NaN]", 0, 1) "}", 1, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{\"a\":" T("U8", "[1e999]", 0, 1) "}", 1, HRM_ERR_FORMAT, "not valid JSON");
    /* 2^63 and beyond; products that overflow to something small; counts that overflow only in bytes. */
    refuses("{\"a\":" T("U8", "[9223372036854775808]", 0, 1) "}", 1, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{\"a\":" T("U8", "[9223372036854775807]", 0, 1) "}", 1, HRM_ERR_FORMAT, "shape and dtype need");
    refuses("{\"a\":" T("U8", "[4294967296,4294967296]", 0, 0) "}", 0, HRM_ERR_FORMAT, "more than 2^64 bytes");
    refuses("{\"a\":" T("U8", "[4294967296,4294967297]", 0, 1) "}", 1, HRM_ERR_FORMAT, "more than 2^64 bytes");
    refuses("{\"a\":" T("F32", "[4611686018427387904]", 0, 0) "}", 0, HRM_ERR_FORMAT, "more than 2^64 bytes");
    /* Ranges. */
    refuses("{\"a\":" T("F32", "[2]", 0, 4) "}", 4, HRM_ERR_FORMAT,
            "shape and dtype need 8 bytes, data_offsets give 4");
    refuses("{\"a\":" T("F32", "[1]", 0, 4) "}", 3, HRM_ERR_FORMAT, "lie outside the 3 bytes");
    refuses("{\"a\":" T("F32", "[1]", 4, 0) "}", 4, HRM_ERR_FORMAT, "lie outside");
    refuses("{\"a\":" T("F32", "[1]", 0, 9223372036854775807) "}", 4, HRM_ERR_FORMAT, "lie outside");
    refuses("{\"a\":" T("F32", "[1]", -4, 0) "}", 4, HRM_ERR_FORMAT, "not a pair of whole numbers");
    refuses("{\"a\":" T("F32", "[1]", 4, 8) "}", 8, HRM_ERR_FORMAT, "4 bytes before tensor \"a\"");
    refuses("{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[4]", 2, 6) "}", 6, HRM_ERR_FORMAT,
            "\"a\" and \"b\" overlap");
    refuses("{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[4]", 0, 4) "}", 4, HRM_ERR_FORMAT, "overlap");
    refuses("{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[1]", 1, 2) "}", 4, HRM_ERR_FORMAT, "overlap");
    refuses("{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[1]", 5, 6) "}", 6, HRM_ERR_FORMAT, "1 bytes before");
    /* Names. */
    refuses("{\"a\":" T("U8", "[1]", 0, 1) ",\"a\":" T("U8", "[1]", 1, 2) "}", 2, HRM_ERR_FORMAT, "duplicate");
    refuses("{\"a\\u0000b\":" T("U8", "[1]", 0, 1) "}", 1, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{\"\xff\":" T("U8", "[1]", 0, 1) "}", 1, HRM_ERR_FORMAT, "not valid JSON");
    refuses("{\"__metadata__\":[]}", 0, HRM_ERR_FORMAT, "not an object");
    refuses("{\"__metadata__\":{\"k\":1}}", 0, HRM_ERR_FORMAT, "the value of \"k\" is not a string");
}

static void header_length_is_checked(void **state) {
    (void)state;
    hrm_safetensors *st;
    unsigned char file[16] = {0};
    static const uint64_t lengths[] = {9, 1000, 100000000, 100000001, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file, &lengths[i], 8);
        CHECK_STATUS(hrm_safetensors_parse(file, sizeof file, &st), HRM_ERR_FORMAT);
        CHECK_ERROR_HAS(lengths[i] > 100000000 ? "at most 100000000 are accepted" : "truncated");
    }
    for (uint64_t length = 0; length < 2; length++) {
        memcpy(file, &length, 8);
        CHECK_STATUS(hrm_safetensors_parse(file, sizeof file, &st), HRM_ERR_FORMAT);
    }
}

/* Nested lists as deep as the header allows: jansson has its own limit, the stack must survive. */
static void deep_nesting_is_refused(void **state) {
    (void)state;
    size_t depth = 1000000, size;
    char *header = malloc(depth + 16);
    CHECK(header != NULL);
    strcpy(header, "{\"a\":");
    memset(header + 5, '[', depth);
    header[5 + depth] = '\0';
    void *file = make_file(header, 0, &size);
    hrm_safetensors *st;
    CHECK_STATUS(hrm_safetensors_parse(file, size, &st), HRM_ERR_FORMAT);
    free(header);
    free(file);
}

struct produced {
    uint32_t calls;
    uint64_t expected;
    hrm_status fail_at_second;
};

static hrm_status produce(void *user, uint64_t offset, void *dst, size_t bytes) {
    struct produced *produced = user;
    CHECK_EQ(offset, produced->expected);
    CHECK(bytes <= HRM_SAFETENSORS_CHUNK_BYTES && bytes % 4 == 0);
    if (produced->calls++ == 1 && produced->fail_at_second != HRM_OK)
        return hrm_fail(produced->fail_at_second, "device lost");
    for (size_t i = 0; i < bytes / 4; i++) {
        uint32_t value = (uint32_t)(offset / 4 + i) * 2654435761u;
        memcpy((unsigned char *)dst + 4 * i, &value, 4);
    }
    produced->expected = offset + bytes;
    return HRM_OK;
}

static const uint64_t shape_2x3[] = {2, 3}, shape_3[] = {3};

/* The bytes that Python's safetensors 0.6 writes for the same tensors and metadata. */
static void bytes_are_those_of_the_reference(void **state) {
    (void)state;
    static const char want[] =
        "\x90\0\0\0\0\0\0\0"
        "{\"__metadata__\":{\"a\":\"b\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"ids\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}}      "
        "\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@\x01\x02\x03";
    const float w[6] = {0, 1, 2, 3, 4, 5};
    const uint8_t ids[3] = {1, 2, 3};
    const char *path = check_temp_path("reference.safetensors");
    hrm_safetensors_writer *writer;
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    CHECK_OK(hrm_safetensors_writer_add(writer, "ids", HRM_ST_U8, 1, shape_3, ids)); /* smaller elements go last */
    CHECK_OK(hrm_safetensors_writer_add(writer, "w", HRM_ST_F32, 2, shape_2x3, w));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "a", "old"));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "a", "b"));
    for (int round = 0; round < 2; round++) { /* writing twice gives the same */
        CHECK_OK(hrm_safetensors_writer_write(writer, path));
        size_t size;
        void *got = check_read_file(path, &size);
        CHECK_EQ(size, sizeof want - 1);
        check_same_bits("file", got, want, size);
        free(got);
    }
    hrm_safetensors_writer_destroy(writer);
}

static void round_trip_of_every_type(void **state) {
    (void)state;
    const char *path = check_temp_path("round.safetensors");
    static unsigned char data[64];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 37 + 1);
    hrm_safetensors_writer *writer;
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    struct produced produced = {0};
    const uint64_t big[] = {3, 1, 700001}, none[] = {0, 5};
    for (int i = 0; i < HRM_ST_DTYPE_COUNT; i++)
        CHECK_OK(hrm_safetensors_writer_add(writer, hrm_safetensors_dtype_name((hrm_safetensors_dtype)i),
                                            (hrm_safetensors_dtype)i, 2, shape_2x3, data));
    CHECK_OK(hrm_safetensors_writer_add(writer, "scalar", HRM_ST_F64, 0, NULL, data));
    CHECK_OK(hrm_safetensors_writer_add(writer, "none", HRM_ST_I64, 2, none, NULL));
    CHECK_OK(hrm_safetensors_writer_add(writer, "\xc3\xa9 \"quoted\"\n", HRM_ST_U8, 1, shape_3, data));
    CHECK_OK(hrm_safetensors_writer_add_callback(writer, "big", HRM_ST_U32, 3, big, produce, &produced));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "step", "12"));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "note", "line\n\"two\""));
    CHECK_OK(hrm_safetensors_writer_write(writer, path));
    hrm_safetensors_writer_destroy(writer);
    CHECK_EQ(produced.calls, 3); /* 8,400,012 bytes in 4 MiB pieces */

    hrm_safetensors *st;
    CHECK_OK(hrm_safetensors_open(path, &st));
    CHECK_EQ(hrm_safetensors_count(st), HRM_ST_DTYPE_COUNT + 4);
    for (int i = 0; i < HRM_ST_DTYPE_COUNT; i++) {
        const hrm_safetensors_tensor *tensor =
            hrm_safetensors_find(st, hrm_safetensors_dtype_name((hrm_safetensors_dtype)i));
        CHECK(tensor != NULL);
        CHECK_EQ(tensor->dtype, i);
        CHECK_EQ(tensor->rank, 2);
        CHECK_EQ(tensor->shape[0], 2);
        CHECK_EQ(tensor->shape[1], 3);
        CHECK_EQ(tensor->count, 6);
        CHECK_EQ(tensor->bytes, 6 * hrm_safetensors_dtype_size((hrm_safetensors_dtype)i));
        check_same_bits(tensor->name, tensor->data, data, tensor->bytes);
        CHECK_EQ((uintptr_t)tensor->data % hrm_safetensors_dtype_size(tensor->dtype), 0);
    }
    CHECK(hrm_safetensors_find(st, "\xc3\xa9 \"quoted\"\n") != NULL);
    CHECK(hrm_safetensors_find(st, "absent") == NULL);
    CHECK(hrm_safetensors_find(st, "__metadata__") == NULL);
    CHECK_EQ(hrm_safetensors_find(st, "scalar")->count, 1);
    CHECK_EQ(hrm_safetensors_find(st, "scalar")->rank, 0);
    CHECK_EQ(hrm_safetensors_find(st, "none")->count, 0);
    const hrm_safetensors_tensor *tensor = hrm_safetensors_find(st, "big");
    for (uint32_t i = 0; i < tensor->count; i++) {
        uint32_t value;
        memcpy(&value, (const unsigned char *)tensor->data + 4 * (size_t)i, 4);
        CHECK_EQ(value, i * 2654435761u);
    }
    CHECK_EQ(hrm_safetensors_metadata_count(st), 2);
    const char *key, *value;
    hrm_safetensors_metadata_at(st, 0, &key, &value);
    CHECK_STR(key, "step");
    CHECK_STR(value, "12");
    CHECK_STR(hrm_safetensors_metadata(st, "note"), "line\n\"two\"");
    CHECK(hrm_safetensors_metadata(st, "absent") == NULL);
    hrm_safetensors_close(st);
    hrm_safetensors_close(NULL);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    size_t size;
    char *file = make_file(
        "{\"__metadata__\":{\"k\":\"v\"},\"a\":" T("F32", "[2]", 0, 8) ",\"b\":" T("U8", "[3]", 8, 11) "}", 11, &size);
    hrm_safetensors *st;
    for (size_t cut = 0; cut < size; cut++) {
        char *part = malloc(cut ? cut : 1); /* exactly that long, so that the sanitizer sees any overrun */
        CHECK(part != NULL);
        memcpy(part, file, cut);
        CHECK_STATUS(hrm_safetensors_parse(part, cut, &st), HRM_ERR_FORMAT);
        CHECK(st == NULL);
        free(part);
    }
    CHECK_OK(hrm_safetensors_parse(file, size, &st));
    hrm_safetensors_close(st);
    free(file);
}

static void open_names_the_file(void **state) {
    (void)state;
    hrm_safetensors *st;
    const char *path = check_temp_path("bad.safetensors");
    check_write_file(path, "short", 5);
    CHECK_STATUS(hrm_safetensors_open(path, &st), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("bad.safetensors: not a safetensors file: 5 bytes");
    CHECK_STATUS(hrm_safetensors_open(check_temp_path("absent.safetensors"), &st), HRM_ERR_IO);
    CHECK_ERROR_HAS("absent.safetensors");
    CHECK(st == NULL);
}

static hrm_safetensors_tensor tensor_of(hrm_safetensors_dtype dtype, const void *data, uint64_t count) {
    return (hrm_safetensors_tensor){.name = "t",
                                    .dtype = dtype,
                                    .rank = 1,
                                    .shape = {count},
                                    .count = count,
                                    .data = data,
                                    .bytes = (size_t)count * hrm_safetensors_dtype_size(dtype)};
}

static void copies_convert(void **state) {
    (void)state;
    unsigned char buffer[64]; /* data starts at an odd address */
    float f32[3];
    double f64[3];
    int64_t i64[3];
    const float values[3] = {1.5f, -2.25f, 0.0f};
    const double wide[3] = {1.5, -2.25, 0.1};

    memcpy(buffer + 1, values, sizeof values);
    hrm_safetensors_tensor tensor = tensor_of(HRM_ST_F32, buffer + 1, 3);
    CHECK_OK(hrm_safetensors_copy_f32(&tensor, f32, 3));
    check_same_bits("f32", f32, values, sizeof f32);
    CHECK_OK(hrm_safetensors_copy_f64(&tensor, f64, 3));
    CHECK(f64[1] == -2.25);
    CHECK_STATUS(hrm_safetensors_copy_f32(&tensor, f32, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("tensor \"t\" has 3 elements, 2 are wanted");
    CHECK_STATUS(hrm_safetensors_copy_i64(&tensor, i64, 3), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("is F32, an integer type is needed");

    memcpy(buffer + 1, wide, sizeof wide);
    tensor = tensor_of(HRM_ST_F64, buffer + 1, 3);
    CHECK_OK(hrm_safetensors_copy_f32(&tensor, f32, 3));
    CHECK(f32[2] == 0.1f);
    CHECK_OK(hrm_safetensors_copy_f64(&tensor, f64, 3));
    CHECK(f64[2] == 0.1);

    uint16_t halves[3];
    for (int i = 0; i < 3; i++) halves[i] = hrm_f16_from_f32(values[i]);
    memcpy(buffer + 1, halves, sizeof halves);
    tensor = tensor_of(HRM_ST_F16, buffer + 1, 3);
    CHECK_OK(hrm_safetensors_copy_f32(&tensor, f32, 3));
    check_same_bits("f16", f32, values, sizeof f32);
    for (int i = 0; i < 3; i++) halves[i] = hrm_bf16_from_f32(values[i]);
    memcpy(buffer + 1, halves, sizeof halves);
    tensor = tensor_of(HRM_ST_BF16, buffer + 1, 3);
    CHECK_OK(hrm_safetensors_copy_f32(&tensor, f32, 3));
    check_same_bits("bf16", f32, values, sizeof f32);

    memset(buffer, 0xff, sizeof buffer);
    static const struct {
        hrm_safetensors_dtype dtype;
        int64_t want;
    } rows[] = {
        {HRM_ST_U8, 255},
        {HRM_ST_I8, -1},
        {HRM_ST_U16, 65535},
        {HRM_ST_I16, -1},
        {HRM_ST_I32, -1},
        {HRM_ST_I64, -1},
        {HRM_ST_U32, (int64_t)UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tensor = tensor_of(rows[i].dtype, buffer + 1, 3);
        CHECK_OK(hrm_safetensors_copy_i64(&tensor, i64, 3));
        CHECK_EQ(i64[2], rows[i].want);
        CHECK_STATUS(hrm_safetensors_copy_f32(&tensor, f32, 3), HRM_ERR_UNSUPPORTED);
    }
    tensor = tensor_of(HRM_ST_U64, buffer + 1, 3);
    CHECK_STATUS(hrm_safetensors_copy_i64(&tensor, i64, 3), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("beyond INT64_MAX");
    memset(buffer, 1, sizeof buffer);
    tensor = tensor_of(HRM_ST_BOOL, buffer + 1, 3);
    CHECK_OK(hrm_safetensors_copy_i64(&tensor, i64, 3));
    CHECK_EQ(i64[0], 1);
}

static void writer_refuses_clearly(void **state) {
    (void)state;
    hrm_safetensors_writer *writer;
    const uint64_t huge[] = {UINT64_C(1) << 62, 4}, negative[] = {UINT64_MAX}, nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const uint8_t byte[3] = {0};
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    CHECK_OK(hrm_safetensors_writer_add(writer, "a", HRM_ST_U8, 1, shape_3, byte));
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "a", HRM_ST_U8, 1, shape_3, byte), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("\"a\" is added twice");
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "__metadata__", HRM_ST_U8, 1, shape_3, byte),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "b", HRM_ST_DTYPE_COUNT, 1, shape_3, byte),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "b", HRM_ST_U8, 9, nine, byte), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "b", HRM_ST_U8, 2, huge, byte), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "b", HRM_ST_U8, 1, negative, byte), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_add(writer, "\xff", HRM_ST_U8, 1, shape_3, byte), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("is not UTF-8");
    CHECK_STATUS(hrm_safetensors_writer_set_metadata(writer, "k", "\xff"), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_write(writer, check_temp_path("no/such/folder")), HRM_ERR_IO);
    CHECK_STATUS(hrm_safetensors_writer_write(writer, check_temp_dir()), HRM_ERR_IO);

    /* A tensor that cannot be produced leaves the file of before. */
    const char *path = check_temp_path("kept.safetensors");
    CHECK_OK(hrm_safetensors_writer_write(writer, path));
    size_t before, after;
    void *old = check_read_file(path, &before);
    struct produced produced = {.fail_at_second = HRM_ERR_DEVICE};
    const uint64_t big[] = {3000000};
    CHECK_OK(hrm_safetensors_writer_add_callback(writer, "lost", HRM_ST_U32, 1, big, produce, &produced));
    CHECK_STATUS(hrm_safetensors_writer_write(writer, path), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("kept.safetensors: tensor \"lost\": device lost");
    void *now = check_read_file(path, &after);
    CHECK_EQ(before, after);
    check_same_bits("kept", now, old, after);
    free(old);
    free(now);
    hrm_safetensors_writer_destroy(writer);
    hrm_safetensors_writer_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_files_open),
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(header_length_is_checked),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(bytes_are_those_of_the_reference),
        cmocka_unit_test(round_trip_of_every_type),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(open_names_the_file),
        cmocka_unit_test(copies_convert),
        cmocka_unit_test(writer_refuses_clearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
