#include "prebuilt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

bool pack_manifest_read(const char *folder, pack_manifest *out, char **complaint) {
    *out = (pack_manifest){0};
    *complaint = NULL;
    char *path = pack_format("%s/%s", folder, PACK_MANIFEST);
    char *text = pack_read_file(path, NULL);
    size_t lines = 0, number = 0;
    for (const char *at = text; at && *at; at++) lines += *at == '\n';
    out->lines = pack_alloc((lines + 1) * sizeof *out->lines);
    for (char *line = text; line && *line && !*complaint;) {
        size_t length = strcspn(line, "\n");
        const bool last = line[length] == '\0';
        line[length] = '\0';
        number++;
        if (*line && *line != '#') {
            pack_manifest_line *entry = &out->lines[out->count];
            if (sscanf(line, "%63s %16" SCNx64 " %16" SCNx64, entry->row, &entry->source_hash, &entry->spirv_hash) == 3)
                out->count++;
            else
                *complaint = pack_format("%s:%zu: error: expected a row's name, two hashes of 16 digits and a compiler",
                                         path, number);
        }
        line += length + (last ? 0 : 1);
    }
    free(text);
    free(path);
    if (*complaint) pack_manifest_deinit(out);
    return !*complaint;
}

void pack_manifest_deinit(pack_manifest *manifest) {
    free(manifest->lines);
    *manifest = (pack_manifest){0};
}

pack_manifest_line *pack_manifest_find(pack_manifest *manifest, const char *row) {
    for (size_t i = 0; i < manifest->count; i++)
        if (strcmp(manifest->lines[i].row, row) == 0) return &manifest->lines[i];
    return NULL;
}

bool pack_make_preamble(const uint32_t *words, size_t count, uint32_t **out, size_t *out_count) {
    enum { HEADER = 5, OP_MEMORY_MODEL = 14, OP_CAPABILITY = 17, CAPABILITY_LINKAGE = 5 };
    if (count <= HEADER) return false;
    size_t end = HEADER;
    while (end < count && (words[end] & 0xffffu) != OP_MEMORY_MODEL) {
        if ((words[end] >> 16) == 0) return false;
        end += words[end] >> 16;
    }
    if (end + 3 > count) return false;
    end += 3;
    uint32_t *module = pack_alloc((end + 2) * sizeof *module);
    memcpy(module, words, HEADER * sizeof *module);
    module[HEADER] = 2u << 16 | OP_CAPABILITY;
    module[HEADER + 1] = CAPABILITY_LINKAGE; /* a module without entry points */
    memcpy(module + HEADER + 2, words + HEADER, (end - HEADER) * sizeof *module);
    *out = module;
    *out_count = end + 2;
    return true;
}
