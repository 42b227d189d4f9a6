/* For shaders/prebuilt/make.sh, which compiles this file with the two others that it needs:
 *   list_prebuilt SHADERS           one line for each HRM_KERNEL_PREBUILT: row, hash of its source, target, source,
 * defines list_prebuilt SHADERS flags     the compiler's flags list_prebuilt SHADERS hash FILE the hash of a file's
 * bytes */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "file.h"
#include "gpu/caps.h"
#include "source_hash.h"

static const struct {
    const char *name, *source, *defines, *target;
} rows[] = {
#define HRM_KERNEL(id, source, access, push, caps, defines)
#define HRM_KERNEL_PREBUILT(id, source, access, push, caps, defines) {#id, source, defines, PACK_PREBUILT_TARGET(caps)},
#include "kernels.def"
#undef HRM_KERNEL
    {NULL, NULL, NULL, NULL},
};

static int print_rows(const char *shaders) {
    for (int i = 0; rows[i].name; i++) {
        uint64_t hash;
        if (!pack_hash_source(shaders, rows[i].source, rows[i].defines, rows[i].target, &hash)) {
            fprintf(stderr, "%s/%s:1: error: kernel %s: %s\n", shaders, rows[i].source, rows[i].name, strerror(errno));
            return 1;
        }
        printf("%s %016" PRIx64 " %s %s %s\n", rows[i].name, hash, rows[i].target, rows[i].source, rows[i].defines);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2) return print_rows(argv[1]);
    if (argc == 3 && strcmp(argv[2], "flags") == 0) {
        printf("%s\n", PACK_PREBUILT_FLAGS);
        return 0;
    }
    if (argc == 4 && strcmp(argv[2], "hash") == 0) {
        size_t size;
        char *bytes = pack_read_file(argv[3], &size);
        if (!bytes) {
            fprintf(stderr, "%s: %s\n", argv[3], strerror(errno));
            return 1;
        }
        printf("%016" PRIx64 "\n", hrm_fnv1a64(bytes, size));
        free(bytes);
        return 0;
    }
    fprintf(stderr, "usage: list_prebuilt SHADERS [flags | hash FILE]\n");
    return 2;
}
