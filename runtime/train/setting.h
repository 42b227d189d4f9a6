/* One setting of a configuration file: its key, its value and where it stands, read with a check of kind and range.
 *
 * Promises: every failure is one line, "FILE:LINE: KEY is VALUE; it must be ..."; nothing is written on failure.
 * Numbers may be written as YAML's readers disagree about them: 1e5 is text to one and a number to another, and is one
 * here. */
#ifndef HRM_TRAIN_SETTING_H
#define HRM_TRAIN_SETTING_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the keys of a tree stand. */
typedef struct hrm_setting_source {
    const char *path;     /* of the file, for keys without a place */
    const json_t *places; /* dotted key -> "file:line"; or NULL */
} hrm_setting_source;

typedef struct hrm_setting {
    const char *place; /* borrowed from the source */
    char key[96];      /* dotted; cut when longer */
    const json_t *value;
} hrm_setting;

/* The setting `prefix` + `key` with this value; the value is borrowed. */
hrm_setting hrm_setting_make(const hrm_setting_source *source, const char *prefix, const char *key,
                             const json_t *value);

/* A name for a value of an enumeration; a list ends in NULL. */
typedef struct hrm_word {
    const char *word;
    uint32_t value;
} hrm_word;

/* The word for the value, or NULL. */
const char *hrm_word_find(const hrm_word *words, uint32_t value);
/* "a, b or c"; with numbers "0 (a), 1 (b) or 2 (c)". Returns out. */
char *hrm_word_list(const hrm_word *words, bool numbers, char *out, size_t size);

/* "PLACE: KEY is VALUE; <text>". Returns `code`. */
hrm_status hrm_setting_fail(const hrm_setting *setting, hrm_status code, const char *format, ...) HRM_PRINTF(3, 4);

/* Errors: FORMAT. */
hrm_status hrm_setting_get_u64(const hrm_setting *setting, uint64_t least, uint64_t most, uint64_t *out);
hrm_status hrm_setting_get_u32(const hrm_setting *setting, uint32_t least, uint32_t most, uint32_t *out);
hrm_status hrm_setting_get_float(const hrm_setting *setting, double least, double most, float *out);
/* true or false, or 1 or 0. */
hrm_status hrm_setting_get_bool(const hrm_setting *setting, bool *out);
/* One of the words, or its number. */
hrm_status hrm_setting_get_word(const hrm_setting *setting, const hrm_word *words, uint32_t *out);

#endif
