/* Checksums of whole files, and values written in place that no file ever shows. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_write.h"
#include "io/safetensors_writer.h"
#include "io/tensor_file.h"

#define KEY "hrm.checksum"

static const uint64_t shape[] = {2, 3}, odd_shape[] = {5};
static const float values[6] = {0, 1, 2, 3, 4, 5};

static hrm_status produce(void *user, uint64_t offset, void *dst, size_t bytes) {
    (void)user;
    for (size_t i = 0; i < bytes; i++) ((unsigned char *)dst)[i] = (unsigned char)((offset + i) * 7);
    return HRM_OK;
}

static hrm_safetensors_writer *make_writer(bool with_checksum, uint64_t produced) {
    hrm_safetensors_writer *writer;
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    /* Texts that look like the checksum's place, before and behind it. */
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "a", ",\"" KEY "\":\"0000000000000000\""));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "x,\"" KEY, "0000000000000000"));
    if (with_checksum) CHECK_OK(hrm_safetensors_writer_set_checksum(writer, KEY));
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "z", "{\"" KEY "\":\"0000000000000000\"}"));
    CHECK_OK(hrm_safetensors_writer_add(writer, "w", HRM_ST_F32, 2, shape, values));
    CHECK_OK(hrm_safetensors_writer_add(writer, KEY, HRM_ST_U8, 1, odd_shape, values));
    if (produced) CHECK_OK(hrm_safetensors_writer_add_callback(writer, "big", HRM_ST_U8, 1, &produced, produce, NULL));
    return writer;
}

static void write_file(const char *path, bool with_checksum, uint64_t produced) {
    hrm_safetensors_writer *writer = make_writer(with_checksum, produced);
    CHECK_OK(hrm_safetensors_writer_write(writer, path));
    hrm_safetensors_writer_destroy(writer);
}

static void sound_files_pass(void **state) {
    (void)state;
    const char *path = check_temp_path("sound.safetensors");
    hrm_tensor_file *file;
    bool has = false;
    hrm_safetensors_writer *writer = make_writer(true, 2 * HRM_SAFETENSORS_CHUNK_BYTES + 77);
    size_t size[2];
    void *bytes[2];
    for (int round = 0; round < 2; round++) {
        CHECK_OK(hrm_safetensors_writer_write(writer, path));
        bytes[round] = check_read_file(path, &size[round]);
    }
    CHECK_EQ(size[0], size[1]);
    check_same_bits("twice", bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
    hrm_safetensors_writer_destroy(writer);
    CHECK_OK(hrm_tensor_file_open(path, &file));
    CHECK_OK(hrm_tensor_file_verify(file, KEY, &has));
    CHECK(has);
    CHECK(strcmp(hrm_tensor_file_metadata(file, KEY), "0000000000000000") != 0);
    CHECK_STR(hrm_tensor_file_metadata(file, "x,\"" KEY), "0000000000000000");
    CHECK_OK(hrm_tensor_file_verify(file, KEY, NULL));
    CHECK_OK(hrm_tensor_file_verify(file, "another key", &has));
    CHECK(!has);
    hrm_tensor_file_close(file);

    write_file(path, false, 0);
    CHECK_OK(hrm_tensor_file_open(path, &file));
    has = true;
    CHECK_OK(hrm_tensor_file_verify(file, KEY, &has));
    CHECK(!has);
    hrm_tensor_file_close(file);
}

/* Every bit of header and values: the file does not open, or is called damaged, or (a bit of the key) has no checksum.
 */
static void every_flipped_bit_shows(void **state) {
    (void)state;
    const char *path = check_temp_path("flip.safetensors");
    write_file(path, true, 0);
    size_t size, key_flips = 0;
    unsigned char *bytes = check_read_file(path, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        hrm_safetensors *file;
        bool has = false;
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (hrm_safetensors_parse(bytes, size, &file) == HRM_OK) {
            hrm_status status = hrm_safetensors_verify(file, KEY, &has);
            if (has)
                CHECK_STATUS(status, HRM_ERR_FORMAT);
            else
                key_flips++;
        }
        hrm_safetensors_close(file);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    CHECK_MSG(key_flips <= 8 * strlen(KEY), "%zu flipped bits went unnoticed", key_flips);
    for (size_t cut = 0; cut < size; cut++) {
        hrm_safetensors *file;
        CHECK_STATUS(hrm_safetensors_parse(bytes, cut, &file), HRM_ERR_FORMAT);
    }
    bytes[size - 1] ^= 1;
    check_write_file(path, bytes, size);
    free(bytes);
    hrm_tensor_file *file;
    CHECK_OK(hrm_tensor_file_open(path, &file));
    CHECK_STATUS(hrm_tensor_file_verify(file, KEY, NULL), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("flip.safetensors is damaged: its checksum is ");
    CHECK_ERROR_HAS(", its data give ");
    hrm_tensor_file_close(file);
}

static void odd_checksums_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *says;
    } rows[] = {
        {"{\"__metadata__\":{\"" KEY "\":\"\"}}", "not 16 digits"},
        {"{\"__metadata__\":{\"" KEY "\":\"0123456789ABCDEF\"}}", "not 16 digits"},
        {"{\"__metadata__\":{\"" KEY "\":\"0123456789abcdef0\"}}", "not 16 digits"},
        {"{\"__metadata__\":{\"" KEY "\": \"0123456789abcdef\"}}", "another program"},
        {"{\"__metadata__\":{\"" KEY "\":\"0123456789abcde\\u0066\"}}", "another program"},
        {"{\"__metadata__\":{\"" KEY "\":\"0123456789abcdef\"}}", "its data give"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char bytes[128];
        uint64_t length = strlen(rows[i].header);
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, rows[i].header, (size_t)length);
        hrm_safetensors *file;
        bool has = false;
        CHECK_OK(hrm_safetensors_parse(bytes, 8 + (size_t)length, &file));
        CHECK_STATUS(hrm_safetensors_verify(file, KEY, &has), HRM_ERR_FORMAT);
        CHECK_ERROR_HAS(rows[i].says);
        CHECK(has);
        hrm_safetensors_close(file);
    }
}

static void the_key_is_checked(void **state) {
    (void)state;
    hrm_safetensors_writer *writer;
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    static const char *const bad[] = {"", "a\"b", "a\\b", "a\nb", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(hrm_safetensors_writer_set_checksum(writer, bad[i]), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_safetensors_writer_set_metadata(writer, "taken", "x"));
    CHECK_STATUS(hrm_safetensors_writer_set_checksum(writer, "taken"), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_safetensors_writer_set_checksum(writer, KEY));
    CHECK_STATUS(hrm_safetensors_writer_set_checksum(writer, "second"), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_safetensors_writer_set_metadata(writer, KEY, "x"), HRM_ERR_INVALID_ARGUMENT);
    hrm_safetensors_writer_destroy(writer);
}

static void private_values_never_reach_the_file(void **state) {
    (void)state;
    const char *path = check_temp_path("private.safetensors");
    write_file(path, true, 0);
    size_t size, after;
    void *before = check_read_file(path, &size);
    hrm_tensor_file *file, *other;
    CHECK_OK(hrm_tensor_file_open_private(path, &file));
    CHECK_OK(hrm_tensor_file_verify(file, KEY, NULL));
    const size_t w = hrm_tensor_file_find(file, "w");
    float *own = hrm_tensor_file_get_writable_f32(file, w);
    CHECK(own != NULL && (const void *)own == hrm_tensor_file_get_mapped(file, w));
    check_same_bits("values", own, values, sizeof values);
    CHECK(hrm_tensor_file_get_writable_f32(file, hrm_tensor_file_find(file, KEY)) == NULL); /* U8 */
    own[4] = 44;
    CHECK_STATUS(hrm_tensor_file_verify(file, KEY, NULL), HRM_ERR_FORMAT); /* as documented */
    CHECK_OK(hrm_tensor_file_open(path, &other));
    CHECK(hrm_tensor_file_get_writable_f32(other, w) == NULL);
    check_same_bits("file", hrm_tensor_file_get_mapped(other, w), values, sizeof values);
    hrm_tensor_file_close(other);

    CHECK_OK(hrm_file_write_all(path, "gone", 4)); /* replaced by rename: the mapping keeps the old file */
    CHECK_EQ(own[3], 3);
    CHECK_EQ(own[4], 44);
    CHECK_OK(hrm_file_write_all(path, before, size));
    hrm_tensor_file_close(file);
    void *now = check_read_file(path, &after);
    CHECK_EQ(after, size);
    check_same_bits("file", now, before, size);
    free(now);
    free(before);
}

/* Files of others: f32 values may start anywhere. */
static void odd_places_are_not_writable(void **state) {
    (void)state;
    const char *path = check_temp_path("odd.safetensors");
    for (uint64_t shift = 0; shift < 8; shift++) {
        char bytes[256], header[200];
        int n = snprintf(header, sizeof header, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}%*s",
                         (int)shift, "");
        uint64_t length = (uint64_t)n;
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, header, (size_t)n);
        memcpy(bytes + 8 + n, values, 8);
        check_write_file(path, bytes, (size_t)n + 16);
        hrm_tensor_file *file;
        CHECK_OK(hrm_tensor_file_open_private(path, &file));
        CHECK_EQ(hrm_tensor_file_get_writable_f32(file, 0) != NULL, n % 4 == 0);
        hrm_tensor_file_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_files_pass),
        cmocka_unit_test(every_flipped_bit_shows),
        cmocka_unit_test(odd_checksums_are_refused),
        cmocka_unit_test(the_key_is_checked),
        cmocka_unit_test(private_values_never_reach_the_file),
        cmocka_unit_test(odd_places_are_not_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
