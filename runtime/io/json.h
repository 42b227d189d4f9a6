/* Reading JSON files through jansson.
 *
 * Promises: errors name file, line and column; duplicate keys are refused. */
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

#endif
