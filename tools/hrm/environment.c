#include "environment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char width_text[96];

static bool has_avx512(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

static const char *default_width_text(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? "256 bits (the driver's default; this processor has no AVX-512)"
                                          : "128 bits (the driver's default; this processor has no AVX2)";
#else
    return "128 bits (the driver's default)";
#endif
}

/* Creates the folder and its parents; false when that fails: the cache is then left to the driver. */
static bool make_folders(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        int failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *p = '/';
        if (failed) return false;
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* Up to Mesa 25.0 the shader cache ignores the vector width: code compiled for 256 bits would be reused at 512 and give
 * wrong results, or run at a tenth of the speed. */
static void separate_shader_cache(const char *width) {
    char path[4096];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (getenv("MESA_SHADER_CACHE_DIR")) return;
    int n;
    if (cache && cache[0] == '/')
        n = snprintf(path, sizeof path, "%s/hrm/mesa-%s", cache, width);
    else if (home && home[0] == '/')
        n = snprintf(path, sizeof path, "%s/.cache/hrm/mesa-%s", home, width);
    else
        return;
    if (n < 0 || n >= (int)sizeof path || !make_folders(path)) {
        /* no folder of our own, so none at all: a shared one may hold code of another width */
        setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
        return;
    }
    setenv("MESA_SHADER_CACHE_DIR", path, 0);
}

void cli_environment_prepare(void) {
    static const char *const name = "LP_NATIVE_VECTOR_WIDTH";
    const char *set = getenv(name);
    bool known = set && set[0] && strlen(set) <= 4 && set[strspn(set, "0123456789")] == '\0';
    if (set && set[0]) {
        snprintf(width_text, sizeof width_text, "%.16s bits (from %s)", set, name);
        separate_shader_cache(known ? set : "other");
    } else if (has_avx512()) {
        /* the driver stops at 256 by itself; measured on lavapipe of Mesa 22 with matrix products: 135 GF/s at 512 bits
         * against 88 at 256 (Zen 5, 2 cores) */
        setenv(name, "512", 1);
        snprintf(width_text, sizeof width_text, "512 bits (chosen for AVX-512)");
        separate_shader_cache("512");
    } else {
        snprintf(width_text, sizeof width_text, "%s", default_width_text());
        separate_shader_cache("default");
    }
    /* said once per process by drivers that are fine for us; "hrm devices" tells what the device is */
    setenv("MESA_VK_IGNORE_CONFORMANCE_WARNING", "true", 0);
}

const char *cli_environment_get_vector_width(void) {
    return width_text;
}
