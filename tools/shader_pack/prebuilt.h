/* SPIR-V that is checked in because common compilers cannot make it: one <row>.spv for each HRM_KERNEL_PREBUILT of
 * kernels.def, and a manifest with a line for each: row, hash of its source (source_hash.h), hash of the .spv file,
 * compiler. make.sh beside them writes both. */
#ifndef HRM_SHADER_PACK_PREBUILT_H
#define HRM_SHADER_PACK_PREBUILT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_MANIFEST "manifest.txt"

typedef struct pack_manifest_line {
    char row[64];
    uint64_t source_hash, spirv_hash;
    bool used; /* for the caller */
} pack_manifest_line;

typedef struct pack_manifest {
    pack_manifest_line *lines;
    size_t count;
} pack_manifest;

/* An absent manifest is an empty one. False, with `complaint` to be freed, when a line cannot be read. */
bool pack_manifest_read(const char *folder, pack_manifest *out, char **complaint);
void pack_manifest_deinit(pack_manifest *manifest);
/* NULL when the row has no line. */
pack_manifest_line *pack_manifest_find(pack_manifest *manifest, const char *row);

/* The part of a module that says what it needs (capabilities, extensions, memory model), as a module of its own that
 * claims no entry point: a spirv-val that accepts it knows them. Free *out with free(). False when there is none. */
bool pack_make_preamble(const uint32_t *words, size_t count, uint32_t **out, size_t *out_count);

#endif
