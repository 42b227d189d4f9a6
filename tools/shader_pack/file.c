#include "file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Noreturn void end_without_memory(void) {
    fprintf(stderr, "shader_pack: out of memory\n");
    exit(1);
}

void *pack_alloc(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) end_without_memory();
    return memory;
}

char *pack_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = pack_alloc((size_t)(length < 0 ? 0 : length) + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

char *pack_read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t capacity = 1 << 14, used = 0;
    char *bytes = pack_alloc(capacity);
    for (;;) {
        used += fread(bytes + used, 1, capacity - 1 - used, file);
        if (used < capacity - 1) break;
        bytes = realloc(bytes, capacity *= 2);
        if (!bytes) end_without_memory();
    }
    bool bad = ferror(file) != 0;
    fclose(file);
    if (bad) {
        free(bytes);
        errno = EIO;
        return NULL;
    }
    bytes[used] = '\0';
    if (size) *size = used;
    return bytes;
}

bool pack_write_file(const char *path, const void *bytes, size_t size) {
    char *temporary = pack_format("%s.%ld.tmp", path, (long)getpid());
    FILE *file = fopen(temporary, "wb");
    bool ok = file && fwrite(bytes, 1, size, file) == size;
    if (file) ok = fclose(file) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    int error = errno;
    if (!ok) unlink(temporary);
    free(temporary);
    errno = error;
    return ok;
}
