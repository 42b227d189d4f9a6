#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef HRM_GOLDEN_DEFAULT
#define HRM_GOLDEN_DEFAULT "tests/golden"
#endif

#define PATH_RING 16

static _Thread_local char path_ring[PATH_RING][PATH_MAX];
static _Thread_local unsigned path_next;
static char temp_dir[PATH_MAX];
static pid_t temp_owner;
static bool seed_used;

static char *next_path(void) {
    return path_ring[path_next++ % PATH_RING];
}

void check_fail_at(const char *file, int line, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (seed_used)
        print_error("%s  [HRM_TEST_SEED=%" PRIu64 "]\n", text, check_seed());
    else
        print_error("%s\n", text);
    _fail(file, line);
    abort(); /* _fail leaves by longjmp; outside a running test there is nowhere to go */
}

void check_status_at(hrm_status got, hrm_status want, const char *expr, const char *file, int line) {
    if (got == want) return;
    check_fail_at(file, line, "%s returned %s, expected %s; last error: %s", expr, hrm_status_name(got),
                  hrm_status_name(want), hrm_last_error());
}

void check_error_has_at(const char *text, const char *file, int line) {
    if (strstr(hrm_last_error(), text)) return;
    check_fail_at(file, line, "last error lacks \"%s\": \"%s\"", text, hrm_last_error());
}

void check_eq_at(uint64_t got, uint64_t want, const char *got_text, const char *want_text, const char *file, int line) {
    if (got == want) return;
    check_fail_at(file, line, "%s is %" PRId64 " (0x%" PRIx64 "), expected %s = %" PRId64 " (0x%" PRIx64 ")", got_text,
                  (int64_t)got, got, want_text, (int64_t)want, want);
}

void check_str_at(const char *got, const char *want, const char *expr, const char *file, int line) {
    if (got && want && strcmp(got, want) == 0) return;
    check_fail_at(file, line, "%s is \"%s\", expected \"%s\"", expr, got ? got : "(null)", want ? want : "(null)");
}

/* Error in units of its tolerance; infinite where no tolerance could excuse it. */
static double excess(double got, double want, double tolerance) {
    if (isnan(got) || isnan(want)) return INFINITY;
    if (got == want) return 0.0;
    if (isinf(got) || isinf(want)) return INFINITY;
    double error = fabs(got - want);
    if (error <= tolerance) return tolerance > 0.0 ? error / tolerance : 0.0;
    return tolerance > 0.0 ? error / tolerance : INFINITY;
}

static void check_close(const char *name, const float *got, const float *want32, const double *want64, size_t n,
                        double abs_tol, double rel_tol, const char *file, int line) {
    if (!got || (!want32 && !want64)) check_fail_at(file, line, "%s: compared with a null pointer", name);
    size_t worst = 0, bad = 0;
    double worst_excess = -1.0;
    for (size_t i = 0; i < n; i++) {
        double want = want64 ? want64[i] : (double)want32[i];
        double over = excess((double)got[i], want, abs_tol + rel_tol * fabs(want));
        if (over > 1.0) bad++;
        if (over > worst_excess) {
            worst_excess = over;
            worst = i;
        }
    }
    if (bad == 0) return;
    double want = want64 ? want64[worst] : (double)want32[worst];
    check_fail_at(file, line,
                  "%s: %zu of %zu elements out of tolerance; worst at [%zu]: got %.9g, expected %.17g, error %.3g, "
                  "allowed %.3g (abs %.3g + rel %.3g)",
                  name, bad, n, worst, (double)got[worst], want, fabs((double)got[worst] - want),
                  abs_tol + rel_tol * fabs(want), abs_tol, rel_tol);
}

void check_close_f32_at(const char *name, const float *got, const float *want, size_t n, double abs_tol, double rel_tol,
                        const char *file, int line) {
    check_close(name, got, want, NULL, n, abs_tol, rel_tol, file, line);
}

void check_close_f64_at(const char *name, const float *got, const double *want, size_t n, double abs_tol,
                        double rel_tol, const char *file, int line) {
    check_close(name, got, NULL, want, n, abs_tol, rel_tol, file, line);
}

void check_same_bits_at(const char *name, const void *got, const void *want, size_t bytes, const char *file, int line) {
    const unsigned char *a = got, *b = want;
    for (size_t i = 0; i < bytes; i++) {
        if (a[i] == b[i]) continue;
        check_fail_at(file, line, "%s: byte %zu of %zu (word %zu) is 0x%02x, expected 0x%02x", name, i, bytes, i / 4,
                      (unsigned)a[i], (unsigned)b[i]);
    }
}

void check_skip(const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *require = getenv("HRM_REQUIRE_DEVICE");
    bool required = require && strcmp(require, "1") == 0;
    fprintf(stderr, "%s: %s\n", required ? "FAILED (HRM_REQUIRE_DEVICE=1)" : "SKIPPED", text);
    exit(required ? 1 : 77);
}

const char *check_path(const char *folder, const char *name) {
    char *path = next_path();
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_MAX) check_fail_at(__FILE__, __LINE__, "path too long: %s/%s", folder, name);
    return path;
}

const char *check_tree_golden_dir(const char *sub) {
    const char *tree = getenv("HRM_TEST_TREE");
    const char *root = tree && *tree ? check_path(tree, "tests/golden") : HRM_GOLDEN_DEFAULT;
    return sub && *sub ? check_path(root, sub) : root;
}

const char *check_env_golden_dir(const char *sub) {
    const char *root = getenv("HRM_GOLDEN_DIR");
    if (!root || !*root) return check_tree_golden_dir(sub);
    return sub && *sub ? check_path(root, sub) : root;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t check_list_folders(const char *folder, const char *marker, char ***names) {
    *names = NULL;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        char path[PATH_MAX];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) continue;
        if (marker) {
            length = snprintf(path, sizeof path, "%s/%s/%s", folder, entry->d_name, marker);
            if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK) != 0) continue;
        }
        char **grown = realloc(*names, (count + 1) * sizeof *grown);
        if (!grown) abort();
        *names = grown;
        grown[count] = strdup(entry->d_name);
        if (!grown[count++]) abort();
    }
    closedir(dir);
    if (count > 1) qsort(*names, count, sizeof **names, compare_names);
    return count;
}

void check_free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_temp_dir(void) {
    if (temp_dir[0] && getpid() == temp_owner) nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *check_temp_dir(void) {
    if (temp_dir[0] && getpid() == temp_owner) return temp_dir;
    const char *root = getenv("TMPDIR");
    snprintf(temp_dir, sizeof temp_dir, "%s/hrm-test-XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(temp_dir)) {
        int error = errno;
        temp_dir[0] = '\0';
        check_fail_at(__FILE__, __LINE__, "mkdtemp: %s", strerror(error));
    }
    temp_owner = getpid();
    atexit(remove_temp_dir);
    return temp_dir;
}

const char *check_temp_path(const char *name) {
    return check_path(check_temp_dir(), name);
}

void check_write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file) check_fail_at(__FILE__, __LINE__, "cannot create %s: %s", path, strerror(errno));
    size_t written = size ? fwrite(bytes, 1, size, file) : 0;
    if (fclose(file) != 0 || written != size) check_fail_at(__FILE__, __LINE__, "cannot write %s", path);
}

void *check_read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) check_fail_at(__FILE__, __LINE__, "cannot open %s: %s", path, strerror(errno));
    char *bytes = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (used + 1 >= room) {
            room = room ? 2 * room : 4096;
            char *grown = realloc(bytes, room);
            if (!grown) abort();
            bytes = grown;
        }
        size_t got = fread(bytes + used, 1, room - used - 1, file);
        if (got == 0) break;
        used += got;
    }
    if (ferror(file)) check_fail_at(__FILE__, __LINE__, "cannot read %s", path);
    fclose(file);
    bytes[used] = '\0';
    if (size) *size = used;
    return bytes;
}

uint64_t check_seed(void) {
    seed_used = true;
    const char *text = getenv("HRM_TEST_SEED");
    return text && *text ? strtoull(text, NULL, 0) : UINT64_C(20260823);
}
