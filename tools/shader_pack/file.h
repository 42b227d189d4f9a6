/* Memory, text and whole files for the build-time programs of this folder. Running out of memory ends them. */
#ifndef HRM_SHADER_PACK_FILE_H
#define HRM_SHADER_PACK_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed; free with free(). */
void *pack_alloc(size_t bytes);
/* Like sprintf, into new memory. */
char *pack_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whole file plus a NUL, or NULL with errno set. `size` may be NULL. */
char *pack_read_file(const char *path, size_t *size);
/* Writes beside the target and renames, so that a killed build leaves no half file behind. False with errno set. */
bool pack_write_file(const char *path, const void *bytes, size_t size);

#endif
