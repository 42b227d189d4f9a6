#include "train/setting.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hrm_setting hrm_setting_make(const hrm_setting_source *source, const char *prefix, const char *key,
                             const json_t *value) {
    hrm_setting setting = {.place = source->path, .value = value};
    snprintf(setting.key, sizeof setting.key, "%s%s", prefix, key);
    const char *place = json_string_value(json_object_get(source->places, setting.key));
    if (place) setting.place = place;
    return setting;
}

/* ---- words ---- */

const char *hrm_word_find(const hrm_word *words, uint32_t value) {
    for (; words->word; words++)
        if (words->value == value) return words->word;
    return NULL;
}

char *hrm_word_list(const hrm_word *words, bool numbers, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (const hrm_word *w = words; w->word && n < size; w++) {
        const char *between = w == words ? "" : w[1].word ? ", " : " or ";
        int length = numbers ? snprintf(out + n, size - n, "%s%u (%s)", between, w->value, w->word)
                             : snprintf(out + n, size - n, "%s%s", between, w->word);
        n += length > 0 ? (size_t)length : 0;
    }
    return out;
}

/* ---- failures ---- */

hrm_status hrm_setting_fail(const hrm_setting *setting, hrm_status code, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *found =
        json_dumps(setting->value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    const char *value = found ? found : "unreadable";
    code = hrm_fail(code, "%s: %s is %.60s%s; %s", setting->place, setting->key, value, strlen(value) > 60 ? "..." : "",
                    text);
    free(found);
    return code;
}

/* ---- values ---- */

/* What YAML 1.1 takes for text although it is a number to most readers: "1e5" (no dot, no sign in the exponent).
 * jansson reads numbers in every locale. */
static bool read_exponent(const json_t *value, double *out) {
    const char *text = json_string_value(value);
    if (!text || text[strspn(text, "+-.0123456789eE")] != '\0') return false;
    json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    const bool fine = json_is_number(number);
    if (fine) *out = json_number_value(number);
    json_decref(number);
    return fine;
}

static bool read_number(const json_t *value, double *out) {
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return true;
    }
    return read_exponent(value, out);
}

hrm_status hrm_setting_get_u64(const hrm_setting *setting, uint64_t least, uint64_t most, uint64_t *out) {
    double number;
    uint64_t whole = 0;
    bool fine = json_is_integer(setting->value);
    /* JSON's integers are signed: a seed past 2^63 is written as the negative number of the same bits, which is what a
     * typed -1 means, too */
    if (fine) whole = (uint64_t)json_integer_value(setting->value);
    if (!fine && read_number(setting->value, &number) && number >= 0 && number < 0x1p53 && number == floor(number)) {
        whole = (uint64_t)number;
        fine = true;
    }
    if (!fine || whole < least || whole > most) {
        if (most == UINT64_MAX) return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be a whole number");
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be a whole number from %" PRIu64 " to %" PRIu64,
                                least, most);
    }
    *out = whole;
    return HRM_OK;
}

hrm_status hrm_setting_get_u32(const hrm_setting *setting, uint32_t least, uint32_t most, uint32_t *out) {
    uint64_t whole = 0;
    hrm_status status = hrm_setting_get_u64(setting, least, most, &whole);
    if (status == HRM_OK) *out = (uint32_t)whole;
    return status;
}

hrm_status hrm_setting_get_float(const hrm_setting *setting, double least, double most, float *out) {
    double number;
    if (!read_number(setting->value, &number) || !(number >= least && number <= most))
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be a number from %.9g to %.9g", least, most);
    *out = (float)number;
    return HRM_OK;
}

hrm_status hrm_setting_get_bool(const hrm_setting *setting, bool *out) {
    const json_t *value = setting->value;
    const bool number = json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= 1;
    if (!json_is_boolean(value) && !number)
        return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be true or false");
    *out = number ? json_integer_value(value) == 1 : json_is_true(value);
    return HRM_OK;
}

hrm_status hrm_setting_get_word(const hrm_setting *setting, const hrm_word *words, uint32_t *out) {
    const char *text = json_string_value(setting->value);
    const bool number = json_is_integer(setting->value);
    char list[256];
    for (const hrm_word *w = words; w->word; w++) {
        if (!(text && strcmp(text, w->word) == 0) && !(number && json_integer_value(setting->value) == w->value))
            continue;
        *out = w->value;
        return HRM_OK;
    }
    return hrm_setting_fail(setting, HRM_ERR_FORMAT, "it must be %s", hrm_word_list(words, false, list, sizeof list));
}
