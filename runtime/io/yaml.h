/* YAML files through libyaml, as JSON values: the settings that the reference leaves beside its checkpoints.
 *
 * Promises: plain scalars get the types that PyYAML's safe_load (YAML 1.1) gives them: null, bool (yes, no, on, off
 * too), int (binary, octal, hexadecimal, base 60 too), float; exponents without a dot are floats too when they have a
 * sign (7e-05), as in YAML 1.2. Quoted and block scalars are strings; so are dates. JSON has no infinity and no NaN:
 * they become the strings ".inf", "-.inf" and ".nan". Keys become strings as written, in the order of the file.
 * Refused, with line and column: duplicate keys, keys that are not scalars, merge keys (<<), anchors and aliases, tags
 * other than the plain core ones (!!str, !!int, !!float, !!bool, !!null, !!seq, !!map), a second document, integers
 * beyond 64 bits, NUL characters, more than HRM_YAML_MAX_DEPTH levels. Built without libyaml (-DHRM_TORCH=OFF) all
 * calls fail with UNSUPPORTED. Source: YAML 1.1 and its type repository; PyYAML's yaml/resolver.py (the forms). */
#ifndef HRM_IO_YAML_H
#define HRM_IO_YAML_H

#include "base/status.h"

#include <jansson.h>
#include <stddef.h>

#define HRM_YAML_MAX_DEPTH 64

/* Parses size bytes of UTF-8; `label` names their origin in messages ("label:line:column: ..."). No document at all is
 * null. Free the result with json_decref. Errors: FORMAT, UNSUPPORTED (as above), OUT_OF_MEMORY. */
hrm_status hrm_yaml_parse(const char *text, size_t size, const char *label, json_t **out);

/* The same, and where the keys stand, for messages about their values: an object with "a.b.c" for the key c of the
 * mapping b of the mapping a, and its line from 1. Keys inside sequences, and paths of 256 bytes or more, are left out.
 * Free both with json_decref. */
hrm_status hrm_yaml_parse_lines(const char *text, size_t size, const char *label, json_t **out, json_t **lines);

/* Errors: as hrm_yaml_parse and hrm_file_map_open. */
hrm_status hrm_yaml_load(const char *path, json_t **out);

#endif
