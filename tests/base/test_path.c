#include "check.h"

#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void joins(void **state) {
    (void)state;
    char out[HRM_PATH_MAX];
    static const struct {
        const char *folder, *name, *want;
    } rows[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"},
        {"a", "/b", "/b"}, {"/", "b", "/b"},   {"a/b", "c/d", "a/b/c/d"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_OK(hrm_path_join(rows[i].folder, rows[i].name, out, sizeof out));
        CHECK_STR(out, rows[i].want);
    }
    char tight[4];
    CHECK_OK(hrm_path_join("a", "b", tight, sizeof tight));
    CHECK_STATUS(hrm_path_join("a", "bc", tight, sizeof tight), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("path too long");
    CHECK_STR(tight, "");
}

static void parents(void **state) {
    (void)state;
    char out[HRM_PATH_MAX];
    static const struct {
        const char *path, *want;
    } rows[] = {
        {"a/b", "a"}, {"a", "."}, {"/a", "/"}, {"a/b/", "a"}, {"/", "/"}, {"a//b", "a"}, {"//a", "/"}, {"", "."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_OK(hrm_path_parent(rows[i].path, out, sizeof out));
        CHECK_STR(out, rows[i].want);
    }
}

static void makes_folders(void **state) {
    (void)state;
    CHECK_OK(hrm_path_make_folders(check_temp_path("x/y//z/")));
    CHECK(is_folder(check_temp_path("x/y/z")));
    CHECK_OK(hrm_path_make_folders(check_temp_path("x/y")));
    check_write_file(check_temp_path("x/file"), "1", 1);
    CHECK_STATUS(hrm_path_make_folders(check_temp_path("x/file/deeper")), HRM_ERR_IO);
    CHECK_ERROR_HAS("is a file");
    CHECK_STATUS(hrm_path_make_folders(check_temp_path("x/file")), HRM_ERR_IO);
    CHECK_STATUS(hrm_path_make_folders("/proc/none/of/this"), HRM_ERR_IO);
    CHECK_ERROR_HAS("/proc/none");
    CHECK_STATUS(hrm_path_make_folders(""), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_path_make_folders("/"));
}

static void cache_folder_follows_the_environment(void **state) {
    (void)state;
    char out[HRM_PATH_MAX], want[HRM_PATH_MAX];
    setenv("XDG_CACHE_HOME", check_temp_path("cache"), 1);
    CHECK_OK(hrm_path_cache_folder(out, sizeof out));
    strcpy(want, check_temp_path("cache/hrm"));
    CHECK_STR(out, want);
    CHECK(is_folder(out));
    setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
    setenv("HOME", check_temp_path("home"), 1);
    CHECK_OK(hrm_path_cache_folder(out, sizeof out));
    strcpy(want, check_temp_path("home/.cache/hrm"));
    CHECK_STR(out, want);
    CHECK(is_folder(out));
    setenv("XDG_CACHE_HOME", "/proc/none", 1);
    CHECK_STATUS(hrm_path_cache_folder(out, sizeof out), HRM_ERR_IO);
    CHECK_ERROR_HAS("cache folder");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(parents),
        cmocka_unit_test(makes_folders),
        cmocka_unit_test(cache_folder_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
