#include "source_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "file.h"

enum { MAX_FILES = 64 };

typedef struct source_set {
    const char *shaders;
    char *paths[MAX_FILES]; /* each file counts once */
    int count;
    uint64_t hash;
} source_set;

/* Takes comments away and makes one blank of many, in place. Line ends stay: the preprocessor knows them. */
static void strip(char *text) {
    char *to = text;
    for (const char *at = text; *at;) {
        if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");
            at = end ? end + 2 : at + strlen(at);
            if (to > text && to[-1] != ' ' && to[-1] != '\n') *to++ = ' ';
        } else if (*at == ' ' || *at == '\t' || *at == '\r') {
            if (to > text && to[-1] != ' ' && to[-1] != '\n') *to++ = ' ';
            at++;
        } else if (*at == '\n') {
            if (to > text && to[-1] == ' ') to--;
            if (to > text && to[-1] != '\n') *to++ = '\n';
            at++;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
}

static bool add_file(source_set *set, const char *path);

/* at stands behind the word include of a stripped text. */
static bool add_include(source_set *set, const char *from, const char *at) {
    at += strspn(at, " ");
    const char close = *at == '"' ? '"' : '>';
    if (*at != '"' && *at != '<') return true;
    size_t length = strcspn(at + 1, "\"<>\n");
    if (at[1 + length] != close) return true;
    if (close == '"') {
        const char *slash = strrchr(from, '/');
        char *path = pack_format("%.*s%.*s", slash ? (int)(slash - from + 1) : 0, from, (int)length, at + 1);
        bool ok = add_file(set, path);
        free(path);
        if (ok || errno != ENOENT) return ok;
    }
    char *path = pack_format("%s/%.*s", set->shaders, (int)length, at + 1);
    bool ok = add_file(set, path);
    free(path);
    return ok || errno == ENOENT;
}

static bool add_file(source_set *set, const char *path) {
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->paths[i], path) == 0) return true;
    char *text = pack_read_file(path, NULL);
    if (!text) return false;
    if (set->count == MAX_FILES) {
        free(text);
        errno = E2BIG;
        return false;
    }
    set->paths[set->count++] = pack_format("%s", path);
    strip(text);
    set->hash = hrm_fnv1a64_update(set->hash, text, strlen(text) + 1);
    bool ok = true;
    for (const char *line = text; ok && *line;) {
        if (*line == '#') {
            const char *word = line + 1 + strspn(line + 1, " ");
            if (strncmp(word, "include", 7) == 0) ok = add_include(set, path, word + 7);
        }
        line += strcspn(line, "\n");
        if (*line) line++;
    }
    free(text);
    return ok;
}

bool pack_hash_source(const char *shaders, const char *source, const char *defines, const char *target,
                      uint64_t *hash) {
    source_set set = {.shaders = shaders, .hash = HRM_FNV1A64_INIT};
    set.hash = hrm_fnv1a64_update(set.hash, PACK_PREBUILT_FLAGS, sizeof PACK_PREBUILT_FLAGS);
    set.hash = hrm_fnv1a64_update(set.hash, target, strlen(target) + 1);
    set.hash = hrm_fnv1a64_update(set.hash, defines, strlen(defines) + 1);
    char *path = pack_format("%s/%s", shaders, source);
    bool ok = add_file(&set, path);
    int error = errno;
    free(path);
    for (int i = 0; i < set.count; i++) free(set.paths[i]);
    *hash = set.hash;
    errno = error;
    return ok;
}
