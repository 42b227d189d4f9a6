/* Files that appear whole or not at all.
 *
 * Promises: until commit succeeds, a file already at `path` is untouched; after it, the new bytes survive a power cut
 * (data and folder are synced). A symbolic link is followed, the mode of a replaced file is kept. A process killed
 * half-way leaves only a hidden ".<name>.tmp-..." beside it. */
#ifndef HRM_BASE_FILE_WRITE_H
#define HRM_BASE_FILE_WRITE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hrm_file_writer hrm_file_writer;

/* Creates a temporary file in the folder of `path`.
 * Errors: IO (no such folder, permission, `path` is a folder, device or read-only file), OUT_OF_MEMORY. */
hrm_status hrm_file_writer_open(const char *path, hrm_file_writer **out);

/* Appends (buffered). The first error sticks: later calls and commit return it again. Errors: IO (disk full, ...). */
hrm_status hrm_file_writer_write(hrm_file_writer *writer, const void *data, size_t bytes);
hrm_status hrm_file_writer_write_zeros(hrm_file_writer *writer, uint64_t bytes);

/* Zeros up to the next multiple of `alignment` (>= 1). */
hrm_status hrm_file_writer_align(hrm_file_writer *writer, uint64_t alignment);

/* Replaces bytes appended before (a header whose numbers are known only at the end). offset + bytes may not exceed the
 * bytes appended so far. Errors: INVALID_ARGUMENT (it does), IO; an IO error sticks as above. */
hrm_status hrm_file_writer_rewrite(hrm_file_writer *writer, uint64_t offset, const void *data, size_t bytes);

/* Bytes appended so far. */
uint64_t hrm_file_writer_offset(const hrm_file_writer *writer);

/* Flush, fsync, rename over `path`, fsync of the folder. Consumes the writer, also on failure (the temporary file is
 * then removed), and sets *writer to NULL, so that a shared exit may always call abort. */
hrm_status hrm_file_writer_commit(hrm_file_writer **writer);

/* Removes the temporary file. NULL does nothing. */
void hrm_file_writer_abort(hrm_file_writer *writer);

/* open, write, commit. */
hrm_status hrm_file_write_all(const char *path, const void *data, size_t bytes);

/* A text file that only grows, one line per append: JSON-lines logs. */
typedef struct hrm_line_log hrm_line_log;

/* Opens for appending, creating the file if need be; `restart` empties it first. A last line cut by a crash gets its
 * newline, so that new lines stay whole. Errors: IO, OUT_OF_MEMORY. */
hrm_status hrm_line_log_open(const char *path, bool restart, hrm_line_log **out);

/* Writes line + newline at once; it reaches the kernel before the call returns. On failure nothing of the line stays.
 * Errors: INVALID_ARGUMENT (a newline inside), IO. */
hrm_status hrm_line_log_append(hrm_line_log *log, const char *line);

/* NULL does nothing. */
void hrm_line_log_close(hrm_line_log *log);

#endif
