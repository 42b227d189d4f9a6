/* Comma-separated values with a header row, read row by row.
 *
 * Promises: every row handed out has as many fields as the header; a field without quotes is a view of the data,
 * nothing is copied; each error names file:line. Rules: RFC 4180, and what editors make of it: a UTF-8 byte order mark
 * is skipped, lines end in LF, CR LF or the end of the data, empty lines are passed over, a quote inside an unquoted
 * field stands for itself. Leaves to callers: what the fields mean. */
#ifndef HRM_IO_CSV_H
#define HRM_IO_CSV_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HRM_CSV_MAX_COLUMNS 1024u

typedef struct hrm_csv_field {
    const char *data; /* not terminated */
    size_t size;
} hrm_csv_field;

/* The first bytes of a field for a message, with '?' for what would spoil a line of text. */
typedef struct hrm_csv_text {
    char text[41];
} hrm_csv_text;

hrm_csv_text hrm_csv_field_shown(hrm_csv_field field);

typedef struct hrm_csv hrm_csv;

/* Maps a file and reads its header. Errors: those of hrm_file_map_open, those of hrm_csv_parse. */
hrm_status hrm_csv_open(const char *path, hrm_csv **out);

/* The same over bytes that outlive the reader; `name` (a file name) opens every message, and is copied.
 * Errors: FORMAT (no header, more than HRM_CSV_MAX_COLUMNS columns, as hrm_csv_next), OUT_OF_MEMORY. */
hrm_status hrm_csv_parse(const char *name, const void *bytes, size_t size, hrm_csv **out);

/* NULL does nothing. */
void hrm_csv_close(hrm_csv *csv);

const char *hrm_csv_name(const hrm_csv *csv);
uint32_t hrm_csv_column_count(const hrm_csv *csv);

/* Whether the field is one of the names ("q, question"): letter case, and spaces around the field, do not count. */
bool hrm_csv_field_is_named(hrm_csv_field field, const char *names);

/* The one column that has one of the names, as above.
 * Errors: FORMAT (none, and the message lists the columns there are; or more than one). */
hrm_status hrm_csv_find_column(const hrm_csv *csv, const char *names, uint32_t *column);

/* The next row: *fields points at column_count fields, or is NULL behind the last row. Fields without doubled quotes
 * live as long as the data, others until the next call.
 * Errors: FORMAT (too few or too many fields, a quote that is not closed or is followed by more than a comma, a NUL
 * byte); the reader then stays behind the last good row and repeats the error. OUT_OF_MEMORY. */
hrm_status hrm_csv_next(hrm_csv *csv, const hrm_csv_field **fields);

/* The line on which the row last returned begins, from 1. */
uint64_t hrm_csv_line(const hrm_csv *csv);

/* Goes back to the first row behind the header. */
void hrm_csv_rewind(hrm_csv *csv);

#endif
