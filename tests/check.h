/* What every test file includes: cmocka with the headers it needs, checks for hrm_status, comparison of float tensors,
 * golden and temporary folders, skipping.
 *
 * Promises: nothing here depends on NDEBUG; a failing check prints both values, the place and the seed. Paths returned
 * as const char * live in a ring of 16 buffers per thread: copy what must last longer. */
#ifndef HRM_TESTS_CHECK_H
#define HRM_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hrm/status.h>

#if defined(__GNUC__)
#define CHECK_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define CHECK_NORETURN __attribute__((noreturn))
#else
#define CHECK_PRINTF(format_index, first_arg)
#define CHECK_NORETURN
#endif

/* The call returns HRM_OK; otherwise prints the code and hrm_last_error(). */
#define CHECK_OK(expr) check_status_at((expr), HRM_OK, #expr, __FILE__, __LINE__)

/* The call returns exactly this code. */
#define CHECK_STATUS(expr, code) check_status_at((expr), (code), #expr, __FILE__, __LINE__)

/* hrm_last_error() of this thread contains the text. */
#define CHECK_ERROR_HAS(text) check_error_has_at((text), __FILE__, __LINE__)

/* A condition; CHECK_MSG adds a printf-style explanation. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) check_fail_at(__FILE__, __LINE__, "false: %s", #condition);                                  \
    } while (0)
#define CHECK_MSG(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) check_fail_at(__FILE__, __LINE__, __VA_ARGS__);                                              \
    } while (0)

/* Two integers, shown both signed and in hexadecimal on failure. */
#define CHECK_EQ(got, want) check_eq_at((uint64_t)(got), (uint64_t)(want), #got, #want, __FILE__, __LINE__)

/* Two C strings. */
#define CHECK_STR(got, want) check_str_at((got), (want), #got, __FILE__, __LINE__)

/* Every |got[i] - want[i]| <= abs_tol + rel_tol * |want[i]|; `want` is float * or double *. A NaN on either side fails;
 * an infinity matches only itself. Prints the element that exceeds its tolerance most, how many do, and the tolerance.
 */
#define check_close_f32(name, got, want, n, abs_tol, rel_tol)                                                          \
    _Generic((want),                                                                                                   \
        double *: check_close_f64_at,                                                                                  \
        const double *: check_close_f64_at,                                                                            \
        float *: check_close_f32_at,                                                                                   \
        const float *: check_close_f32_at)((name), (got), (want), (n), (abs_tol), (rel_tol), __FILE__, __LINE__)

/* The same bits in both; prints the first element that differs. */
#define check_same_bits(name, got, want, bytes) check_same_bits_at((name), (got), (want), (bytes), __FILE__, __LINE__)

/* Leaves the whole process with code 77 ("skipped" for CTest) after printing the reason; with HRM_REQUIRE_DEVICE=1 it
 * is a failure (code 1). Call it before the group runs: CHECK_SKIP("no Vulkan device: %s", hrm_last_error()). */
#define CHECK_SKIP(...) check_skip(__VA_ARGS__)

/* The golden folder `sub` ("ops", "data/maze"; NULL for the root) below the environment's HRM_GOLDEN_DIR, or else this
 * tree's own. Not checked for existence. */
const char *check_env_golden_dir(const char *sub);

/* The same in this tree, whatever HRM_GOLDEN_DIR says: where it was built, or HRM_TEST_TREE when it was copied. */
const char *check_tree_golden_dir(const char *sub);

/* "folder/name". */
const char *check_path(const char *folder, const char *name);

/* Sorted names of the folders directly below `folder` that hold a file `marker` (NULL: any folder). Free with
 * check_free_names. Returns their number; 0 when `folder` does not exist. */
size_t check_list_folders(const char *folder, const char *marker, char ***names);
void check_free_names(char **names, size_t count);

/* This process's own temporary folder, created on first use and removed with its contents at exit. */
const char *check_temp_dir(void);
const char *check_temp_path(const char *name);

/* Writes or reads a whole file (fails the test on any error). The bytes read end in an extra NUL; free them. */
void check_write_file(const char *path, const void *bytes, size_t size);
void *check_read_file(const char *path, size_t *size);

/* Seed for random test data: HRM_TEST_SEED from the environment, or a fixed one. Printed with every failure once used.
 */
uint64_t check_seed(void);

/* Behind the macros. */
void check_status_at(hrm_status got, hrm_status want, const char *expr, const char *file, int line);
void check_error_has_at(const char *text, const char *file, int line);
void check_eq_at(uint64_t got, uint64_t want, const char *got_text, const char *want_text, const char *file, int line);
void check_str_at(const char *got, const char *want, const char *expr, const char *file, int line);
void check_close_f32_at(const char *name, const float *got, const float *want, size_t n, double abs_tol, double rel_tol,
                        const char *file, int line);
void check_close_f64_at(const char *name, const float *got, const double *want, size_t n, double abs_tol,
                        double rel_tol, const char *file, int line);
void check_same_bits_at(const char *name, const void *got, const void *want, size_t bytes, const char *file, int line);
void check_fail_at(const char *file, int line, const char *format, ...) CHECK_PRINTF(3, 4) CHECK_NORETURN;
void check_skip(const char *format, ...) CHECK_PRINTF(1, 2) CHECK_NORETURN;

#endif
