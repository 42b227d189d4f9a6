/* The ZIP archive of a PyTorch checkpoint: records by name in its one folder. What they mean is torch_file.c's concern.
 *
 * Promises: the folder is the one with a data.pkl, and only one has it; no name occurs twice; sizes are plausible for
 * the length of the file (nothing unpacks to more than deflate can). Reading is in order; CRCs are checked by `finish`.
 * The only reader of libzip; without it both ways of opening fail with UNSUPPORTED. */
#ifndef HRM_IO_TORCH_ARCHIVE_H
#define HRM_IO_TORCH_ARCHIVE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hrm_torch_archive hrm_torch_archive;
typedef struct hrm_torch_record hrm_torch_record;

/* Errors: IO, FORMAT (no ZIP, damaged, two records of one name, no data.pkl), UNSUPPORTED (the format from before 1.6,
 * TorchScript), OUT_OF_MEMORY. */
hrm_status hrm_torch_archive_open(const char *path, hrm_torch_archive **out);

/* The same over bytes that outlive the object. */
hrm_status hrm_torch_archive_parse(const void *bytes, size_t size, hrm_torch_archive **out);

/* NULL does nothing. Close its records before. */
void hrm_torch_archive_close(hrm_torch_archive *archive);

/* "archive", without a slash. */
const char *hrm_torch_archive_folder(const hrm_torch_archive *archive);

/* Record "<folder>/<name>": its number and its size unpacked. False when there is none. */
bool hrm_torch_archive_find(const hrm_torch_archive *archive, const char *name, size_t *number, uint64_t *size);

/* A whole record of at most `limit` bytes; free it. Errors: as below; FORMAT (longer). */
hrm_status hrm_torch_archive_load(hrm_torch_archive *archive, size_t number, size_t limit, void **bytes, size_t *size);

/* Starts reading a record at byte `offset`. Errors: IO, FORMAT (damaged), UNSUPPORTED (encrypted, neither stored nor
 * deflated), OUT_OF_MEMORY. */
hrm_status hrm_torch_record_open(hrm_torch_archive *archive, size_t number, uint64_t offset, hrm_torch_record **out);

/* Exactly the next `bytes` bytes. Errors: IO, FORMAT (the record ends before, does not unpack). */
hrm_status hrm_torch_record_read(hrm_torch_record *record, void *dst, size_t bytes);

/* Reads on to the end and checks length and CRC, unless that was done before for this record. Errors: IO, FORMAT. */
hrm_status hrm_torch_record_finish(hrm_torch_record *record);

/* NULL does nothing. */
void hrm_torch_record_close(hrm_torch_record *record);

#endif
