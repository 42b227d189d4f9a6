#include "check.h"

#include "io/torch_writer.h"

#if HRM_HAVE_TORCH

#include "base/path.h"
#include "io/torch_file.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- the bytes of an archive, read without libzip ---- */

static uint32_t get(const unsigned char *bytes, size_t width) {
    uint32_t value = 0;
    memcpy(&value, bytes, width);
    return value;
}

/* Data of the record with this name, found from local header to local header; checks its alignment. */
static const unsigned char *find_record(const unsigned char *file, size_t size, const char *name, size_t *length) {
    for (size_t at = 0; at + 30 < size && memcmp(file + at, "PK\3\4", 4) == 0;) {
        size_t packed = get(file + at + 18, 4), name_size = get(file + at + 26, 2);
        size_t data = at + 30 + name_size + get(file + at + 28, 2);
        CHECK_EQ(data % 64, 0);
        CHECK_EQ(get(file + at + 8, 2), 0);         /* stored */
        CHECK_EQ(get(file + at + 10, 4), 0x210000); /* 1980-01-01 00:00 */
        CHECK_EQ(get(file + at + 22, 4), packed);
        if (name_size == strlen(name) && memcmp(file + at + 30, name, name_size) == 0) {
            *length = packed;
            return file + data;
        }
        at = data + packed;
    }
    check_fail_at(__FILE__, __LINE__, "no record %s", name);
}

static void has_record(const unsigned char *file, size_t size, const char *name, const void *want, size_t want_size) {
    size_t length;
    const unsigned char *data = find_record(file, size, name, &length);
    CHECK_EQ(length, want_size);
    check_same_bits(name, data, want, want_size);
}

/* Folder entries, hidden ones too, without "." and "..". */
static size_t count_entries(const char *folder) {
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return count;
}

/* ---- round trips ---- */

struct source {
    hrm_torch_file *file;
    size_t index;
    hrm_torch_stream *stream;
    uint64_t next;
};

/* From the old file to the new one, without a copy of the whole. */
static hrm_status copy(void *user, uint64_t offset, void *dst, size_t bytes) {
    struct source *source = user;
    CHECK(bytes <= HRM_SAFETENSORS_CHUNK_BYTES);
    if (offset == 0) {
        hrm_torch_stream_close(source->stream);
        source->next = 0;
        hrm_status status = hrm_torch_stream_open(source->file, source->index, &source->stream);
        if (status != HRM_OK) return status;
    }
    CHECK_EQ(offset, source->next);
    source->next += bytes;
    return hrm_torch_stream_read(source->stream, dst, bytes);
}

static void copies_of_the_reference_s_checkpoint_are_equal(void **state) {
    (void)state;
    const char *path = check_temp_path("copy");
    hrm_torch_file *old, *new;
    hrm_torch_writer *writer;
    struct source sources[15] = {{0}};
    CHECK_OK(hrm_torch_file_open(check_path(check_tree_golden_dir("checkpoint_torch"), "step_1250"), &old));
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_EQ(hrm_torch_file_count(old), 15);
    for (size_t i = 0; i < 15; i++) {
        const hrm_safetensors_tensor *tensor = hrm_torch_file_get(old, i);
        sources[i] = (struct source){.file = old, .index = i};
        CHECK_OK(hrm_torch_writer_add_callback(writer, tensor->name, tensor->dtype, tensor->rank, tensor->shape, copy,
                                               &sources[i]));
    }
    CHECK_OK(hrm_torch_writer_write(writer, path));
    CHECK_OK(hrm_torch_file_open(path, &new));
    CHECK_EQ(hrm_torch_file_count(new), 15);
    for (size_t i = 0; i < 15; i++) {
        const hrm_safetensors_tensor *a = hrm_torch_file_get(old, i), *b = hrm_torch_file_get(new, i);
        CHECK_STR(b->name, a->name);
        CHECK_EQ(b->dtype, a->dtype);
        CHECK_EQ(b->rank, a->rank);
        check_same_bits(a->name, b->shape, a->shape, sizeof a->shape);
        char *x = malloc(a->bytes), *y = malloc(b->bytes);
        CHECK(x && y);
        CHECK_OK(hrm_torch_file_read(old, i, x, a->bytes));
        CHECK_OK(hrm_torch_file_read(new, i, y, b->bytes));
        check_same_bits(a->name, y, x, a->bytes);
        free(x);
        free(y);
        hrm_torch_stream_close(sources[i].stream);
        sources[i].stream = NULL;
    }
    hrm_torch_file_close(new);
    /* Again: the same bytes. */
    size_t size, again_size;
    void *first = check_read_file(path, &size);
    CHECK_OK(hrm_torch_writer_write(writer, path));
    void *again = check_read_file(path, &again_size);
    CHECK_EQ(size, again_size);
    check_same_bits("again", again, first, size);
    free(first);
    free(again);
    for (size_t i = 0; i < 15; i++) hrm_torch_stream_close(sources[i].stream);
    hrm_torch_writer_destroy(writer);
    hrm_torch_file_close(old);
}

static void every_type_and_shape_comes_back(void **state) {
    (void)state;
    static const struct {
        hrm_safetensors_dtype dtype;
        uint32_t rank;
        uint64_t shape[8];
    } rows[] = {
        {HRM_ST_BOOL, 1, {5}},      {HRM_ST_U8, 2, {3, 5}},   {HRM_ST_I8, 0, {0}},
        {HRM_ST_I16, 3, {2, 3, 4}}, {HRM_ST_F16, 1, {1}},     {HRM_ST_BF16, 4, {2, 1, 3, 2}},
        {HRM_ST_I32, 2, {0, 7}},    {HRM_ST_F32, 1, {70000}}, {HRM_ST_I64, 8, {1, 2, 1, 2, 1, 2, 1, 2}},
        {HRM_ST_F64, 2, {300, 2}},  {HRM_ST_F32, 0, {0}},     {HRM_ST_I64, 3, {2, 0, 2}},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    static unsigned char data[280100];
    char name[32];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 31 >> 2);
    hrm_torch_writer *writer;
    hrm_torch_file *file;
    CHECK_OK(hrm_torch_writer_create(&writer));
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "t\xc3\xa9.%zu", i);
        CHECK_OK(hrm_torch_writer_add(writer, name, rows[i].dtype, rows[i].rank, rows[i].shape, data + i));
    }
    CHECK_OK(hrm_torch_writer_write(writer, check_temp_path("types")));
    hrm_torch_writer_destroy(writer);
    CHECK_OK(hrm_torch_file_open(check_temp_path("types"), &file));
    CHECK_EQ(hrm_torch_file_count(file), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const hrm_safetensors_tensor *tensor = hrm_torch_file_get(file, i);
        snprintf(name, sizeof name, "t\xc3\xa9.%zu", i);
        CHECK_STR(tensor->name, name);
        CHECK_EQ(tensor->dtype, rows[i].dtype);
        CHECK_EQ(tensor->rank, rows[i].rank);
        for (uint32_t d = 0; d < tensor->rank; d++) CHECK_EQ(tensor->shape[d], rows[i].shape[d]);
        unsigned char *got = malloc(tensor->bytes + 1);
        CHECK(got != NULL);
        CHECK_OK(hrm_torch_file_read(file, i, got, tensor->bytes));
        check_same_bits(name, got, data + i, tensor->bytes);
        free(got);
    }
    hrm_torch_file_close(file);
}

/* The pickle that PyTorch 2.15's torch.save makes of OrderedDict(w=torch.zeros(2, 3), b=torch.zeros(300).bfloat16()).
 */
static void bytes_are_those_of_pytorch(void **state) {
    (void)state;
    static const char pickle[] =
        "\x80\x02"
        "ccollections\nOrderedDict\nq\0)Rq\1(X\1\0\0\0wq\2ctorch._utils\n_rebuild_tensor_v2\nq\3((X\7\0\0\0storageq\4"
        "ctorch\nFloatStorage\nq\5X\1\0\0\0000q\6X\3\0\0\0cpuq\7K\6tq\10QK\0K\2K\3\x86q\11K\3K\1\x86q\12\x89h\0)"
        "Rq\13tq\14"
        "Rq\15X\1\0\0\0bq\16h\3((h\4ctorch\nBFloat16Storage\nq\17X\1\0\0\0001q\20h\7M,\1tq\21QK\0M,"
        "\1\x85q\22K\1\x85q\23"
        "\x89h\0)Rq\24tq\25Rq\26u.";
    static const char one[] =
        "\x80\x02"
        "ccollections\nOrderedDict\nq\0)Rq\1X\1\0\0\0sq\2ctorch._utils\n_rebuild_tensor_v2\nq\3((X\7\0\0\0storageq\4"
        "ctorch\nFloatStorage\nq\5X\1\0\0\0000q\6X\3\0\0\0cpuq\7K\1tq\10QK\0))\x89h\0)Rq\11tq\12Rq\13s.";
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const uint16_t narrow[300] = {0x3f80};
    hrm_torch_writer *writer;
    size_t size;
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_OK(hrm_torch_writer_add(writer, "w", HRM_ST_F32, 2, (const uint64_t[]){2, 3}, values));
    CHECK_OK(hrm_torch_writer_add(writer, "b", HRM_ST_BF16, 1, (const uint64_t[]){300}, narrow));
    CHECK_OK(hrm_torch_writer_write(writer, check_temp_path("bytes")));
    hrm_torch_writer_destroy(writer);
    unsigned char *file = check_read_file(check_temp_path("bytes"), &size);
    has_record(file, size, "archive/data.pkl", pickle, sizeof pickle - 1);
    has_record(file, size, "archive/.format_version", "1", 1);
    has_record(file, size, "archive/.storage_alignment", "64", 2);
    has_record(file, size, "archive/byteorder", "little", 6);
    has_record(file, size, "archive/data/0", values, sizeof values);
    has_record(file, size, "archive/data/1", narrow, sizeof narrow);
    has_record(file, size, "archive/version", "3\n", 2);
    free(file);
    /* One entry has no MARK. */
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_OK(hrm_torch_writer_add(writer, "s", HRM_ST_F32, 0, NULL, values));
    CHECK_OK(hrm_torch_writer_write(writer, check_temp_path("bytes")));
    hrm_torch_writer_destroy(writer);
    file = check_read_file(check_temp_path("bytes"), &size);
    has_record(file, size, "archive/data.pkl", one, sizeof one - 1);
    free(file);
}

/* Beyond what one byte of memo index and one batch of SETITEMS hold; and none at all. */
static void any_number_of_tensors_is_written(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 1000, 1001, 2002};
    static const uint64_t shape[] = {1};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        hrm_torch_writer *writer;
        hrm_torch_file *file;
        char name[32];
        static int32_t values[2002];
        CHECK_OK(hrm_torch_writer_create(&writer));
        for (size_t i = 0; i < counts[c]; i++) {
            values[i] = (int32_t)i;
            snprintf(name, sizeof name, "tensor %zu", i);
            CHECK_OK(hrm_torch_writer_add(writer, name, HRM_ST_I32, 1, shape, &values[i]));
        }
        CHECK_OK(hrm_torch_writer_write(writer, check_temp_path("many")));
        hrm_torch_writer_destroy(writer);
        CHECK_OK(hrm_torch_file_open(check_temp_path("many"), &file));
        CHECK_EQ(hrm_torch_file_count(file), counts[c]);
        for (size_t i = 0; i < counts[c]; i++) {
            int32_t value;
            snprintf(name, sizeof name, "tensor %zu", i);
            CHECK_STR(hrm_torch_file_get(file, i)->name, name);
            CHECK_OK(hrm_torch_file_read(file, i, &value, 4));
            CHECK_EQ(value, i);
        }
        hrm_torch_file_close(file);
    }
}

/* ---- failures ---- */

static void wrong_tensors_are_refused(void **state) {
    (void)state;
    static const uint64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[] = {UINT64_C(1) << 62, 2};
    static const uint64_t overflow[] = {UINT64_MAX, 2}, strides[] = {0, UINT64_C(1) << 40, UINT64_C(1) << 40};
    hrm_torch_writer *writer;
    float value = 0;
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_OK(hrm_torch_writer_add(writer, "a", HRM_ST_F32, 1, shape, &value));
    CHECK_STATUS(hrm_torch_writer_add(writer, "a", HRM_ST_F32, 1, shape, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("tensor \"a\" is added twice");
    CHECK_STATUS(hrm_torch_writer_add(writer, "", HRM_ST_F32, 1, shape, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("name is empty");
    CHECK_STATUS(hrm_torch_writer_add(writer, "\xff", HRM_ST_F32, 1, shape, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("is not UTF-8");
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", HRM_ST_U16, 1, shape, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("tensor \"b\" is U16, which PyTorch has no storage for");
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", (hrm_safetensors_dtype)99, 1, shape, &value),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", HRM_ST_F32, 9, shape, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("9 dimensions");
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", HRM_ST_F32, 1, huge, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("exceeds 2^63 bytes");
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", HRM_ST_U8, 2, huge, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_torch_writer_add(writer, "b", HRM_ST_U8, 2, overflow, &value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_torch_writer_add(writer, "strides", HRM_ST_U8, 3, strides, NULL));
    CHECK_STATUS(hrm_torch_writer_write(writer, check_temp_path("never")), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("tensor \"strides\" has strides beyond 2^63");
    hrm_torch_writer_destroy(writer);
    hrm_torch_writer_destroy(NULL);
}

static hrm_status fail_late(void *user, uint64_t offset, void *dst, size_t bytes) {
    (void)user;
    memset(dst, 1, bytes);
    return offset == 0 ? HRM_OK : HRM_ERR_DEVICE;
}

static void check_kept(const char *folder, const char *path) {
    size_t size;
    char *content = check_read_file(path, &size);
    CHECK_EQ(size, 3);
    CHECK_STR(content, "old");
    free(content);
    CHECK_EQ(count_entries(folder), 1); /* no temporary file stays */
}

static void failures_leave_the_old_file(void **state) {
    (void)state;
    static const uint64_t shape[] = {3000000};
    hrm_torch_writer *writer;
    char folder[512];
    const char *path = check_path(check_temp_dir(), "kept/file");
    snprintf(folder, sizeof folder, "%s", check_path(check_temp_dir(), "kept"));
    CHECK_OK(hrm_path_make_folders(folder));
    check_write_file(path, "old", 3);
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_OK(hrm_torch_writer_add_callback(writer, "w", HRM_ST_F32, 1, shape, fail_late, NULL));
    CHECK_STATUS(hrm_torch_writer_write(writer, path), HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("kept/file: tensor \"w\"");
    check_kept(folder, path);
    hrm_torch_writer_destroy(writer);

    /* A limit on file size stands in for a full disk; once in the data, once in the directory at the end. */
    static float values[3000000];
    struct rlimit old, tight;
    CHECK_OK(hrm_torch_writer_create(&writer));
    CHECK_OK(hrm_torch_writer_add(writer, "w", HRM_ST_F32, 1, shape, values));
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    static const rlim_t limits[] = {1000000, sizeof values + 400};
    for (int i = 0; i < 2; i++) {
        tight = old;
        tight.rlim_cur = limits[i];
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
        hrm_status status = hrm_torch_writer_write(writer, path);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK_EQ(status, HRM_ERR_IO);
        CHECK_ERROR_HAS("kept/file: File too large");
        check_kept(folder, path);
    }
    CHECK_OK(hrm_torch_writer_write(writer, path));
    CHECK_EQ(count_entries(folder), 1);
    CHECK_STATUS(hrm_torch_writer_write(writer, check_path(folder, "none/file")), HRM_ERR_IO);
    CHECK_ERROR_HAS("none/file");
    hrm_torch_writer_destroy(writer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_the_reference_s_checkpoint_are_equal),
        cmocka_unit_test(every_type_and_shape_comes_back),
        cmocka_unit_test(bytes_are_those_of_pytorch),
        cmocka_unit_test(any_number_of_tensors_is_written),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(failures_leave_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void it_says_how_to_get_it(void **state) {
    (void)state;
    hrm_torch_writer *writer;
    CHECK_STATUS(hrm_torch_writer_create(&writer), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("built without libzip, configure with -DHRM_TORCH=ON");
    CHECK(writer == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_how_to_get_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
