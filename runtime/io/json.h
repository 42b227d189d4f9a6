/* JSON files through jansson, with errors that name file, line and column.
 *
 * Promises: duplicate keys are refused; what is written is the same bytes for the same value (keys in insertion order,
 * two spaces of indent, 17 significant digits) and replaces the file atomically. */
#ifndef HRM_IO_JSON_H
#define HRM_IO_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stddef.h>

/* Parses size bytes; `label` names their origin in messages. Free the result with json_decref.
 * Errors: FORMAT (not JSON, a duplicate key, a trailing comma, ...), OUT_OF_MEMORY. */
hrm_status hrm_json_parse(const char *text, size_t size, const char *label, json_t **out);

/* Errors: as hrm_json_parse and hrm_file_map_open. */
hrm_status hrm_json_load(const char *path, json_t **out);

/* Errors: INVALID_ARGUMENT (a value jansson cannot write), IO. */
hrm_status hrm_json_save(const char *path, const json_t *value);

#endif
