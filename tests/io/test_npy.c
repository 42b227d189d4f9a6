#include "check.h"

#include "base/half.h"
#include "base/hash.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of any version around a header given as text, with data bytes 0, 1, 2, ... Free it. */
static void *make_file(unsigned version, const char *header, size_t data_size, size_t *size) {
    uint32_t length = (uint32_t)strlen(header);
    size_t start = version == 1 ? 10 : 12;
    unsigned char *file = malloc(start + length + data_size + 1);
    CHECK(file != NULL);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    memcpy(file + 8, &length, start - 8);
    memcpy(file + start, header, length);
    for (size_t i = 0; i < data_size; i++) file[start + length + i] = (unsigned char)i;
    *size = start + length + data_size;
    return file;
}

static void parses(unsigned version, const char *header, size_t data_size, hrm_npy *out) {
    size_t size;
    void *file = make_file(version, header, data_size, &size);
    hrm_status status = hrm_npy_parse(file, size, out);
    free(file); /* out->data dangles; only the numbers are looked at */
    CHECK_OK(status);
}

static void refuses(const char *header, size_t data_size, hrm_status code, const char *text) {
    size_t size;
    void *file = make_file(1, header, data_size, &size);
    hrm_npy array;
    hrm_status got = hrm_npy_parse(file, size, &array);
    free(file);
    CHECK_MSG(got == code, "%s: got %s (%s), expected %s", header, hrm_status_name(got), hrm_last_error(),
              hrm_status_name(code));
    CHECK(array.data == NULL);
    CHECK_ERROR_HAS(text);
}

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void usual_headers_parse(void **state) {
    (void)state;
    hrm_npy array;
    parses(1, DICT("'<i4'", "False", "(2, 3)") "   \n", 24, &array);
    CHECK_EQ(array.dtype, HRM_NPY_I32);
    CHECK_EQ(array.rank, 2);
    CHECK_EQ(array.shape[0], 2);
    CHECK_EQ(array.shape[1], 3);
    CHECK_EQ(array.count, 6);
    CHECK_EQ(array.bytes, 24);
    parses(2, DICT("'|u1'", "False", "(5,)") "\n", 5, &array);
    CHECK_EQ(array.dtype, HRM_NPY_U8);
    parses(1, DICT("'<f8'", "False", "()"), 8, &array);
    CHECK_EQ(array.rank, 0);
    CHECK_EQ(array.count, 1);
    parses(1, "{\"shape\":(0,9),\"fortran_order\":False,\"descr\":\"<i8\"}", 0, &array); /* any order, any quotes */
    CHECK_EQ(array.count, 0);
    parses(1, DICT("'<u1'", "False", "(3L,)"), 3, &array); /* as Python 2 wrote it */
    CHECK_EQ(array.dtype, HRM_NPY_U8);
    parses(1, DICT("'>i1'", "False", "(3,)"), 3, &array); /* one byte has no order */
    CHECK_EQ(array.dtype, HRM_NPY_I8);
}

static void bad_headers_are_refused(void **state) {
    (void)state;
    refuses(DICT("'>i4'", "False", "(1,)"), 4, HRM_ERR_UNSUPPORTED, "big-endian data (>i4)");
    refuses(DICT("'<i4'", "True", "(1,)"), 4, HRM_ERR_UNSUPPORTED, "Fortran order");
    refuses(DICT("'<i4'", "Maybe", "(1,)"), 4, HRM_ERR_FORMAT, "neither True nor False");
    refuses(DICT("'|O'", "False", "(1,)"), 8, HRM_ERR_UNSUPPORTED, "type \"|O\" is not supported");
    refuses(DICT("'<U5'", "False", "(1,)"), 20, HRM_ERR_UNSUPPORTED, "not supported");
    refuses(DICT("[('a', '<i4')]", "False", "(1,)"), 4, HRM_ERR_UNSUPPORTED, "structured types");
    refuses(DICT("'<i4'", "False", "(1)"), 4, HRM_ERR_FORMAT, "a number, not a tuple");
    refuses(DICT("'<i4'", "False", "[1]"), 4, HRM_ERR_FORMAT, "not a tuple");
    refuses(DICT("'<i4'", "False", "(-1,)"), 4, HRM_ERR_FORMAT, "whole numbers");
    refuses(DICT("'<i4'", "False", "(1 2)"), 8, HRM_ERR_FORMAT, "whole numbers");
    refuses(DICT("'<i4'", "False", "(1,"), 4, HRM_ERR_FORMAT, "");
    refuses(DICT("'<i4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, HRM_ERR_UNSUPPORTED, "more than 8 dimensions");
    refuses(DICT("'|u1'", "False", "(18446744073709551616,)"), 4, HRM_ERR_FORMAT, "below 2^64");
    refuses(DICT("'|u1'", "False", "(4294967296, 4294967296)"), 0, HRM_ERR_FORMAT, "more than 2^64 bytes");
    refuses(DICT("'<i4'", "False", "(4611686018427387904,)"), 0, HRM_ERR_FORMAT, "more than 2^64 bytes");
    refuses(DICT("'<i4'", "False", "(9223372036854775808,)"), 0, HRM_ERR_FORMAT, "more than 2^64 bytes");
    refuses(DICT("'|u1'", "False", "(9223372036854775808,)"), 1, HRM_ERR_FORMAT, "truncated");
    refuses(DICT("'<i4'", "False", "(3,)"), 11, HRM_ERR_FORMAT, "the shape needs 12 bytes of data, the file has 11");
    refuses(DICT("'<i4'", "False", "(3,)"), 13, HRM_ERR_FORMAT, "1 bytes follow the 12");
    refuses("{'descr': '<i4', 'shape': (1,), }", 4, HRM_ERR_FORMAT, "lacks one of");
    refuses("{'descr': '<i4', 'descr': '<i4', }", 4, HRM_ERR_FORMAT, "occurs twice");
    refuses("{'descr': '<i4', 'color': 1, }", 4, HRM_ERR_FORMAT, "unknown header key 'color'");
    refuses("{'descr': '<i4' 'shape': (1,)}", 4, HRM_ERR_FORMAT, "malformed header");
    refuses(DICT("'<i4'", "False", "(1,)") "x", 4, HRM_ERR_FORMAT, "something follows");
    refuses("not a dict", 4, HRM_ERR_FORMAT, "not a dict");
    refuses("", 0, HRM_ERR_FORMAT, "not a dict");
    refuses("{'des\\x63r': '<i4'}", 0, HRM_ERR_FORMAT, "not a dict of");
}

static void versions_and_lengths_are_checked(void **state) {
    (void)state;
    hrm_npy array;
    size_t size;
    unsigned char *file = make_file(3, DICT("'<i4'", "False", "(1,)"), 4, &size);
    CHECK_STATUS(hrm_npy_parse(file, size, &array), HRM_ERR_VERSION);
    CHECK_ERROR_HAS("format version 3.0, 1 and 2 are supported");
    file[6] = 2;
    memset(file + 8, 0xff, 4);
    CHECK_STATUS(hrm_npy_parse(file, size, &array), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("header of 4294967295 bytes");
    file[6] = 1;
    CHECK_STATUS(hrm_npy_parse(file, size, &array), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("a header of 65535 bytes is announced");
    file[0] = 'x';
    CHECK_STATUS(hrm_npy_parse(file, size, &array), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("not a .npy file");
    free(file);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        size_t size;
        unsigned char *file = make_file(version, DICT("'<i4'", "False", "(2,)") "    \n", 8, &size);
        hrm_npy array;
        for (size_t cut = 0; cut < size; cut++) {
            unsigned char *part = malloc(cut ? cut : 1); /* exactly that long, for the sanitizer */
            CHECK(part != NULL);
            memcpy(part, file, cut);
            CHECK_STATUS(hrm_npy_parse(part, cut, &array), HRM_ERR_FORMAT);
            free(part);
        }
        CHECK_OK(hrm_npy_parse(file, size, &array));
        free(file);
    }
}

/* Length and FNV-1a 64 of the headers NumPy 2.4.6 writes (numpy.lib.format.write_array_header_1_0) for these arrays.
 * The last one ends on the 64-byte boundary before padding, where NumPy adds 64 more. */
static void headers_are_numpys(void **state) {
    (void)state;
    static const struct {
        hrm_npy_dtype dtype;
        uint32_t rank;
        uint64_t shape[8];
        size_t header_bytes;
        uint64_t hash;
    } rows[] = {
        {HRM_NPY_I32, 0, {0}, 128, UINT64_C(0x6d7c2662518f544)},
        {HRM_NPY_I32, 1, {3}, 128, UINT64_C(0xeff353420e815529)},
        {HRM_NPY_U8, 2, {2, 900}, 128, UINT64_C(0x8d94544e38673fc4)},
        {HRM_NPY_F32, 8, {0, 12345, 12345, 12345, 12345, 12345, 12345, 12345}, 192, UINT64_C(0xc6e9a767e7b2e7e4)},
        {HRM_NPY_BOOL, 2, {0, 7}, 128, UINT64_C(0x37a7eab4d50d81fb)},
        {HRM_NPY_U64, 2, {0, UINT64_MAX}, 128, UINT64_C(0xec423574a7be9ef5)},
        {HRM_NPY_F16, 8, {1, 1, 1, 1, 1, 1, 1, 1}, 128, UINT64_C(0x9e0f7735b513a201)},
        {HRM_NPY_F64, 8, {0, 1234, 1234, 1234, 1234, 1234, 1234, 123}, 192, UINT64_C(0x91a596d766b54adb)},
    };
    static const unsigned char data[1800] = {9, 8, 7};
    const char *path = check_temp_path("written.npy");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_OK(hrm_npy_write(path, rows[i].dtype, rows[i].rank, rows[i].shape, data));
        size_t size;
        unsigned char *file = check_read_file(path, &size);
        CHECK(size >= rows[i].header_bytes);
        CHECK_MSG(hrm_fnv1a64(file, rows[i].header_bytes) == rows[i].hash, "row %zu: %.*s", i, (int)size - 10,
                  (const char *)file + 10);
        hrm_npy array;
        CHECK_OK(hrm_npy_open(path, &array));
        CHECK_EQ(array.dtype, rows[i].dtype);
        CHECK_EQ(array.rank, rows[i].rank);
        for (uint32_t d = 0; d < array.rank; d++) CHECK_EQ(array.shape[d], rows[i].shape[d]);
        CHECK_EQ(array.bytes, size - rows[i].header_bytes);
        check_same_bits("data", array.data, data, array.bytes);
        hrm_npy_close(&array);
        CHECK(array.data == NULL);
        hrm_npy_close(&array);
        free(file);
    }
    hrm_npy_close(NULL);
}

static void copies_convert(void **state) {
    (void)state;
    unsigned char buffer[64];
    int64_t i64[4];
    float f32[4];
    memset(buffer, 0xff, sizeof buffer);
    static const struct {
        hrm_npy_dtype dtype;
        int64_t want;
    } rows[] = {
        {HRM_NPY_BOOL, 255}, {HRM_NPY_U8, 255}, {HRM_NPY_I8, -1},  {HRM_NPY_U16, 65535},
        {HRM_NPY_I16, -1},   {HRM_NPY_I32, -1}, {HRM_NPY_I64, -1}, {HRM_NPY_U32, (int64_t)UINT32_MAX},
    };
    hrm_npy array = {.rank = 1, .shape = {4}, .count = 4, .data = buffer + 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        array.dtype = rows[i].dtype;
        CHECK_OK(hrm_npy_copy_i64(&array, 1, 3, i64));
        CHECK_EQ(i64[2], rows[i].want);
        CHECK_STATUS(hrm_npy_copy_f32(&array, 0, 4, f32), HRM_ERR_UNSUPPORTED);
    }
    array.dtype = HRM_NPY_U64;
    array.data_offset = 128;
    CHECK_STATUS(hrm_npy_copy_i64(&array, 1, 1, i64), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("element 1 (byte 136) is 18446744073709551615");
    CHECK_STATUS(hrm_npy_copy_i64(&array, 0, 5, i64), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_npy_copy_i64(&array, 5, 0, i64), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_npy_copy_i64(&array, UINT64_MAX, 2, i64), HRM_ERR_INVALID_ARGUMENT);

    const float values[4] = {1.5f, -2.25f, 0.0f, 1024.0f};
    const double wide[4] = {1.5, -2.25, 0.0, 1024.0};
    uint16_t halves[4];
    for (int i = 0; i < 4; i++) halves[i] = hrm_f16_from_f32(values[i]);
    array.dtype = HRM_NPY_F32;
    memcpy(buffer + 1, values, sizeof values);
    CHECK_OK(hrm_npy_copy_f32(&array, 0, 4, f32));
    check_same_bits("f32", f32, values, sizeof values);
    CHECK_STATUS(hrm_npy_copy_i64(&array, 0, 4, i64), HRM_ERR_UNSUPPORTED);
    array.dtype = HRM_NPY_F64;
    memcpy(buffer + 1, wide, sizeof wide);
    CHECK_OK(hrm_npy_copy_f32(&array, 0, 4, f32));
    check_same_bits("f64", f32, values, sizeof values);
    array.dtype = HRM_NPY_F16;
    memcpy(buffer + 1, halves, sizeof halves);
    CHECK_OK(hrm_npy_copy_f32(&array, 1, 3, f32));
    check_same_bits("f16", f32, values + 1, 3 * sizeof *values);
}

static void files_fail_clearly(void **state) {
    (void)state;
    hrm_npy array;
    const uint64_t huge[] = {UINT64_C(1) << 63, 4}, one[] = {1};
    CHECK_STATUS(hrm_npy_open(check_temp_path("absent.npy"), &array), HRM_ERR_IO);
    check_write_file(check_temp_path("short.npy"), "\x93NUM", 4);
    CHECK_STATUS(hrm_npy_open(check_temp_path("short.npy"), &array), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("short.npy: npy: not a .npy file");
    CHECK(array.data == NULL);
    const char *path = check_temp_path("out.npy");
    CHECK_STATUS(hrm_npy_write(path, HRM_NPY_U8, 2, huge, ""), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_npy_write(path, HRM_NPY_DTYPE_COUNT, 1, one, ""), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_npy_write(path, HRM_NPY_U8, 9, huge, ""), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_npy_write(check_temp_path("no/such/folder.npy"), HRM_NPY_U8, 1, one, ""), HRM_ERR_IO);
}

/* Piece by piece the bytes are those of one write; a wrong number of elements leaves no file. */
static void streamed_files(void **state) {
    (void)state;
    static const int32_t data[6] = {1, -2, 3, -4, 5, -6};
    const uint64_t shape[2] = {3, 2};
    const char *whole = check_temp_path("whole.npy"), *pieces = check_temp_path("pieces.npy");
    hrm_npy_writer *writer;
    CHECK_OK(hrm_npy_write(whole, HRM_NPY_I32, 2, shape, data));
    CHECK_OK(hrm_npy_writer_open(pieces, HRM_NPY_I32, 2, shape, &writer));
    CHECK_EQ(hrm_npy_writer_missing(writer), 6);
    CHECK_OK(hrm_npy_writer_append(writer, data, 1));
    CHECK_OK(hrm_npy_writer_append(writer, data + 1, 0));
    CHECK_OK(hrm_npy_writer_append(writer, data + 1, 4));
    CHECK_EQ(hrm_npy_writer_missing(writer), 1);
    CHECK_STATUS(hrm_npy_writer_append(writer, data, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("pieces.npy: 1 elements more");
    CHECK_OK(hrm_npy_writer_append(writer, data + 5, 1));
    CHECK_OK(hrm_npy_writer_commit(&writer));
    CHECK(writer == NULL);
    size_t want_size, got_size;
    void *want = check_read_file(whole, &want_size), *got = check_read_file(pieces, &got_size);
    CHECK_EQ(got_size, want_size);
    check_same_bits("file", got, want, want_size);
    free(want);
    free(got);

    const char *absent = check_temp_path("never.npy");
    hrm_npy array;
    CHECK_OK(hrm_npy_writer_open(absent, HRM_NPY_I32, 2, shape, &writer));
    CHECK_OK(hrm_npy_writer_append(writer, data, 5));
    CHECK_STATUS(hrm_npy_writer_commit(&writer), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("never.npy: 1 elements of the shape are missing");
    CHECK(writer == NULL);
    CHECK_STATUS(hrm_npy_open(absent, &array), HRM_ERR_IO);
    CHECK_OK(hrm_npy_writer_open(absent, HRM_NPY_I32, 2, shape, &writer));
    hrm_npy_writer_abort(writer);
    hrm_npy_writer_abort(NULL);
    CHECK_STATUS(hrm_npy_open(absent, &array), HRM_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_headers_parse),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(versions_and_lengths_are_checked),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(headers_are_numpys),
        cmocka_unit_test(copies_convert),
        cmocka_unit_test(files_fail_clearly),
        cmocka_unit_test(streamed_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
