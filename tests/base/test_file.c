#include "check.h"

#include "base/file_map.h"
#include "base/file_write.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root may do everything: permission tests mean nothing then. */
static bool permissions_count(void) {
    return geteuid() != 0;
}

static size_t count_entries(const char *folder) {
    DIR *dir = opendir(folder);
    size_t count = 0;
    CHECK(dir != NULL);
    while (readdir(dir)) count++;
    closedir(dir);
    return count - 2; /* . and .. */
}

static const char *fresh_folder(const char *name) {
    const char *path = check_temp_path(name);
    CHECK_EQ(mkdir(path, 0777), 0);
    return path;
}

static void check_content(const char *path, const void *want, size_t size) {
    size_t got_size;
    void *got = check_read_file(path, &got_size);
    CHECK_EQ(got_size, size);
    check_same_bits(path, got, want, size);
    free(got);
}

static void map_shows_the_bytes(void **state) {
    (void)state;
    const char *path = check_temp_path("map.bin");
    hrm_file_map map;
    check_write_file(path, "0123456789", 10);
    CHECK_OK(hrm_file_map_open(path, &map));
    CHECK_EQ(map.size, 10);
    check_same_bits("map", map.data, "0123456789", 10);
    hrm_file_map_close(&map);
    CHECK(map.data == NULL && map.size == 0);
    hrm_file_map_close(&map);
    hrm_file_map_close(NULL);
}

static void private_map_keeps_to_itself(void **state) {
    (void)state;
    const char *path = check_temp_path("private.bin");
    hrm_file_map map, other;
    check_write_file(path, "0123456789", 10);
    CHECK_EQ(chmod(path, 0400), 0); /* needs no permission to write */
    CHECK_OK(hrm_file_map_open_private(path, &map));
    CHECK(map.writable == map.data && map.size == 10);
    memcpy(map.writable, "ab", 2);
    check_same_bits("map", map.data, "ab23456789", 10);
    check_content(path, "0123456789", 10);
    CHECK_OK(hrm_file_map_open(path, &other));
    CHECK(other.writable == NULL);
    check_same_bits("other", other.data, "0123456789", 10);
    hrm_file_map_close(&other);
    CHECK_EQ(unlink(path), 0);
    check_same_bits("map", map.data, "ab23456789", 10);
    hrm_file_map_close(&map);
    CHECK(map.data == NULL && map.writable == NULL && map.size == 0);
    CHECK_STATUS(hrm_file_map_open_private(check_temp_path("absent"), &map), HRM_ERR_IO);
}

static void map_refuses_clearly(void **state) {
    (void)state;
    hrm_file_map map;
    CHECK_STATUS(hrm_file_map_open(check_temp_path("absent"), &map), HRM_ERR_IO);
    CHECK_ERROR_HAS("absent: No such file or directory");
    CHECK_STATUS(hrm_file_map_open(check_temp_dir(), &map), HRM_ERR_IO);
    CHECK_ERROR_HAS("it is a folder");
    check_write_file(check_temp_path("empty"), "", 0);
    CHECK_STATUS(hrm_file_map_open(check_temp_path("empty"), &map), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("it is empty");
    CHECK_EQ(mkfifo(check_temp_path("pipe"), 0600), 0);
    CHECK_STATUS(hrm_file_map_open(check_temp_path("pipe"), &map), HRM_ERR_IO);
    CHECK_ERROR_HAS("pipe or device");
    CHECK_STATUS(hrm_file_map_open("/dev/null", &map), HRM_ERR_IO);
    if (permissions_count()) {
        check_write_file(check_temp_path("secret"), "x", 1);
        CHECK_EQ(chmod(check_temp_path("secret"), 0), 0);
        CHECK_STATUS(hrm_file_map_open(check_temp_path("secret"), &map), HRM_ERR_IO);
        CHECK_ERROR_HAS("Permission denied");
    }
    CHECK(map.data == NULL && map.size == 0);
}

static void writer_replaces_at_commit_only(void **state) {
    (void)state;
    const char *folder = fresh_folder("replace"), *path = check_path(folder, "file.bin");
    hrm_file_writer *writer;
    check_write_file(path, "old", 3);
    CHECK_EQ(chmod(path, 0640), 0);

    CHECK_OK(hrm_file_writer_open(path, &writer));
    CHECK_OK(hrm_file_writer_write(writer, "hello", 5));
    CHECK_EQ(hrm_file_writer_offset(writer), 5);
    CHECK_OK(hrm_file_writer_align(writer, 8));
    CHECK_OK(hrm_file_writer_align(writer, 8));
    CHECK_EQ(hrm_file_writer_offset(writer), 8);
    CHECK_OK(hrm_file_writer_write_zeros(writer, 2));
    CHECK_OK(hrm_file_writer_write(writer, NULL, 0));
    CHECK_STATUS(hrm_file_writer_align(writer, 0), HRM_ERR_INVALID_ARGUMENT);
    check_content(path, "old", 3);
    CHECK_EQ(count_entries(folder), 2);
    CHECK_OK(hrm_file_writer_commit(&writer));
    CHECK(writer == NULL);
    check_content(path, "hello\0\0\0\0\0", 10);
    CHECK_EQ(count_entries(folder), 1);
    struct stat info;
    CHECK_EQ(stat(path, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0640);

    CHECK_OK(hrm_file_writer_open(path, &writer));
    CHECK_OK(hrm_file_writer_write(writer, "lost", 4));
    hrm_file_writer_abort(writer);
    hrm_file_writer_abort(NULL);
    check_content(path, "hello\0\0\0\0\0", 10);
    CHECK_EQ(count_entries(folder), 1);
}

static void writer_keeps_large_and_small_pieces_in_order(void **state) {
    (void)state;
    const char *path = check_temp_path("pieces.bin");
    const size_t total = 3000000;
    unsigned char *want = malloc(total);
    hrm_file_writer *writer;
    CHECK(want != NULL);
    for (size_t i = 0; i < total; i++) want[i] = (unsigned char)(i * 31 + (i >> 8));
    CHECK_OK(hrm_file_writer_open(path, &writer));
    for (size_t at = 0, piece = 1; at < total; at += piece, piece = piece * 3 % 700001) {
        if (piece > total - at) piece = total - at;
        CHECK_OK(hrm_file_writer_write(writer, want + at, piece));
    }
    CHECK_EQ(hrm_file_writer_offset(writer), total);
    CHECK_OK(hrm_file_writer_commit(&writer));
    check_content(path, want, total);
    free(want);
}

static void writer_follows_links(void **state) {
    (void)state;
    const char *folder = fresh_folder("links"), *real = check_path(folder, "real"), *link = check_path(folder, "link");
    check_write_file(real, "old", 3);
    CHECK_EQ(symlink("real", link), 0);
    CHECK_OK(hrm_file_write_all(link, "new", 3));
    check_content(real, "new", 3);
    struct stat info;
    CHECK_EQ(lstat(link, &info), 0);
    CHECK(S_ISLNK(info.st_mode));
}

static void writer_refuses_clearly(void **state) {
    (void)state;
    hrm_file_writer *writer = NULL;
    CHECK_STATUS(hrm_file_writer_open("", &writer), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_file_writer_open(check_temp_path("no/such/file"), &writer), HRM_ERR_IO);
    CHECK_ERROR_HAS("no file can be created in folder");
    CHECK_STATUS(hrm_file_writer_open(check_temp_dir(), &writer), HRM_ERR_IO);
    CHECK_ERROR_HAS("it is a folder");
    CHECK_STATUS(hrm_file_writer_open(check_temp_path("new-folder/"), &writer), HRM_ERR_IO);
    CHECK_ERROR_HAS("it names a folder");
    CHECK_STATUS(hrm_file_writer_open("/dev/null", &writer), HRM_ERR_IO);
    CHECK_ERROR_HAS("not a regular file");
    CHECK_STATUS(hrm_file_writer_open("/proc/version-of-mine", &writer), HRM_ERR_IO); /* not even root */
    CHECK_ERROR_HAS("/proc");
    char long_name[5000];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    CHECK_STATUS(hrm_file_writer_open(long_name, &writer), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("path too long");
    CHECK(writer == NULL);
    if (permissions_count()) {
        const char *folder = fresh_folder("closed"), *path = check_path(folder, "kept");
        check_write_file(path, "kept", 4);
        CHECK_EQ(chmod(path, 0444), 0);
        CHECK_STATUS(hrm_file_writer_open(path, &writer), HRM_ERR_IO);
        CHECK_EQ(chmod(path, 0644), 0);
        CHECK_EQ(chmod(folder, 0555), 0);
        CHECK_STATUS(hrm_file_writer_open(path, &writer), HRM_ERR_IO);
        CHECK_ERROR_HAS("Permission denied");
        CHECK_EQ(chmod(folder, 0755), 0);
        check_content(path, "kept", 4);
    }
}

/* Before and after the buffer went to the file, and across. */
static void rewriting_replaces_what_was_appended(void **state) {
    (void)state;
    const char *path = check_path(fresh_folder("rewrite"), "file");
    enum { SIZE = 700000 };
    unsigned char *want = malloc(SIZE);
    CHECK(want != NULL);
    for (size_t i = 0; i < SIZE; i++) want[i] = (unsigned char)(i * 7 >> 3);
    hrm_file_writer *writer;
    CHECK_OK(hrm_file_writer_open(path, &writer));
    for (size_t at = 0; at < SIZE; at += 1000) CHECK_OK(hrm_file_writer_write(writer, want + at, 1000));
    static const size_t places[] = {0, 262000, 524000, 699000, 699990};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t bytes = SIZE - places[i] < 600 ? SIZE - places[i] : 600;
        memset(want + places[i], (int)i + 1, bytes);
        CHECK_OK(hrm_file_writer_rewrite(writer, places[i], want + places[i], bytes));
    }
    CHECK_OK(hrm_file_writer_rewrite(writer, SIZE, want, 0));
    CHECK_STATUS(hrm_file_writer_rewrite(writer, SIZE - 1, want, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("2 at 699999 are outside");
    CHECK_STATUS(hrm_file_writer_rewrite(writer, SIZE + 1, want, 0), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_file_writer_rewrite(writer, UINT64_MAX, want, 2), HRM_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hrm_file_writer_offset(writer), SIZE);
    CHECK_OK(hrm_file_writer_commit(&writer));
    check_content(path, (const char *)want, SIZE);
    free(want);
}

/* A limit on file size stands in for a full disk: write() fails half-way in the same manner. */
static void full_disk_leaves_the_old_file(void **state) {
    (void)state;
    const char *folder = fresh_folder("full"), *path = check_path(folder, "file");
    static unsigned char block[100000];
    struct rlimit old, tight;
    check_write_file(path, "old", 3);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 1000000;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);

    hrm_file_writer *writer;
    hrm_status status = hrm_file_writer_open(path, &writer);
    int written = 0;
    while (status == HRM_OK && written < 100) {
        status = hrm_file_writer_write(writer, block, sizeof block);
        if (status == HRM_OK) written++;
    }
    hrm_status again = status == HRM_OK ? HRM_OK : hrm_file_writer_write(writer, block, 1);
    hrm_status committed = writer ? hrm_file_writer_commit(&writer) : HRM_OK;

    /* And the error that shows only when the buffer is flushed at commit. */
    tight.rlim_cur = 10;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    hrm_status late = hrm_file_write_all(path, block, 100);
    setrlimit(RLIMIT_FSIZE, &old);

    CHECK_EQ(status, HRM_ERR_IO);
    CHECK_EQ(again, HRM_ERR_IO);
    CHECK_EQ(committed, HRM_ERR_IO);
    CHECK_EQ(late, HRM_ERR_IO);
    CHECK_ERROR_HAS("full/file: File too large");
    check_content(path, "old", 3);
    CHECK_EQ(count_entries(folder), 1);
}

static void log_appends_whole_lines(void **state) {
    (void)state;
    const char *path = check_temp_path("run.jsonl");
    hrm_line_log *log;
    CHECK_OK(hrm_line_log_open(path, false, &log));
    CHECK_OK(hrm_line_log_append(log, "{\"step\":1}"));
    CHECK_STATUS(hrm_line_log_append(log, "two\nlines"), HRM_ERR_INVALID_ARGUMENT);
    hrm_line_log_close(log);
    CHECK_OK(hrm_line_log_open(path, false, &log));
    CHECK_OK(hrm_line_log_append(log, "{\"step\":2}"));
    hrm_line_log_close(log);
    check_content(path, "{\"step\":1}\n{\"step\":2}\n", 22);

    check_write_file(path, "{\"step\":1}\n{\"st", 15); /* a crash cut the second line */
    CHECK_OK(hrm_line_log_open(path, false, &log));
    CHECK_OK(hrm_line_log_append(log, "{}"));
    hrm_line_log_close(log);
    check_content(path, "{\"step\":1}\n{\"st\n{}\n", 19);

    CHECK_OK(hrm_line_log_open(path, true, &log));
    CHECK_OK(hrm_line_log_append(log, "fresh"));
    hrm_line_log_close(log);
    check_content(path, "fresh\n", 6);
    hrm_line_log_close(NULL);

    CHECK_STATUS(hrm_line_log_open(check_temp_path("no/such/log"), false, &log), HRM_ERR_IO);
    CHECK_ERROR_HAS("cannot open log");
    CHECK_STATUS(hrm_line_log_open(check_temp_dir(), false, &log), HRM_ERR_IO);
    CHECK(log == NULL);
}

static void log_line_that_does_not_fit_leaves_nothing(void **state) {
    (void)state;
    const char *path = check_temp_path("tight.jsonl");
    hrm_line_log *log;
    struct rlimit old, tight;
    CHECK_OK(hrm_line_log_open(path, false, &log));
    CHECK_OK(hrm_line_log_append(log, "first"));
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 10;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    hrm_status status = hrm_line_log_append(log, "a line that is too long");
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(status, HRM_ERR_IO);
    check_content(path, "first\n", 6);
    CHECK_OK(hrm_line_log_append(log, "again"));
    hrm_line_log_close(log);
    check_content(path, "first\nagain\n", 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_shows_the_bytes),
        cmocka_unit_test(private_map_keeps_to_itself),
        cmocka_unit_test(map_refuses_clearly),
        cmocka_unit_test(writer_replaces_at_commit_only),
        cmocka_unit_test(writer_keeps_large_and_small_pieces_in_order),
        cmocka_unit_test(writer_follows_links),
        cmocka_unit_test(writer_refuses_clearly),
        cmocka_unit_test(rewriting_replaces_what_was_appended),
        cmocka_unit_test(full_disk_leaves_the_old_file),
        cmocka_unit_test(log_appends_whole_lines),
        cmocka_unit_test(log_line_that_does_not_fit_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
