#include "io/yaml.h"

#include "base/file_map.h"

#if HRM_HAVE_TORCH

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum type { TYPE_TEXT, TYPE_NULL, TYPE_BOOL, TYPE_INT, TYPE_FLOAT };

struct level {
    json_t *container; /* borrowed: the level above owns it, the lowest is the reader's root */
    char *key;         /* of a mapping: read, its value comes next; NULL: a key comes next */
    size_t path;       /* length of what leads here in the reader's path; PATH_LOST where it is not recorded */
};

/* Keys below a sequence have no path of keys; longer ones are of no use, and would let a file ask for much memory. */
enum { PATH_ROOM = 256 };
#define PATH_LOST SIZE_MAX

struct reader {
    const char *label;
    yaml_parser_t parser;
    json_t *root; /* NULL: no value yet */
    struct level levels[HRM_YAML_MAX_DEPTH];
    size_t depth;
    json_t *lines;        /* "a.b.c" -> line; NULL: nobody asked */
    char path[PATH_ROOM]; /* of the key read last, in `lines`' form */
    size_t path_length;   /* or PATH_LOST */
    locale_t c_locale;    /* numbers are written with a dot whatever the user's language */
};

static hrm_status fail_at(const struct reader *reader, yaml_mark_t mark, hrm_status code, const char *format, ...)
    HRM_PRINTF(4, 5);

static hrm_status fail_at(const struct reader *reader, yaml_mark_t mark, hrm_status code, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hrm_fail(code, "%s:%zu:%zu: %s", reader->label, mark.line + 1, mark.column + 1, text);
}

static hrm_status fail_memory(const struct reader *reader) {
    return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for this YAML", reader->label);
}

static hrm_status fail_parser(const struct reader *reader) {
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) return fail_memory(reader);
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    if (parser->error == YAML_READER_ERROR) /* knows only the byte */
        return hrm_fail(HRM_ERR_FORMAT, "%s:%zu:%zu: not valid YAML: %s (byte %zu)", reader->label,
                        parser->mark.line + 1, parser->mark.column + 1, problem, parser->problem_offset);
    return fail_at(reader, parser->problem_mark, HRM_ERR_FORMAT, "not valid YAML: %s%s%s",
                   parser->context ? parser->context : "", parser->context ? ", " : "", problem);
}

/* ---- plain scalars: what YAML 1.1 takes them for ---- */

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return true;
    return false;
}

static const char *const null_words[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_words[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
static const char *const false_words[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
static const char *const infinity_words[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
static const char *const minus_infinity_words[] = {"-.inf", "-.Inf", "-.INF", NULL};
static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};

static const char *skip_sign(const char *text) {
    return *text == '-' || *text == '+' ? text + 1 : text;
}

/* Past characters that are digits of this base, or '_'. */
static const char *skip_digits(const char *text, int base) {
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t length = base == 16 ? 22 : (size_t)base;
    while (*text && (*text == '_' || memchr(digits, *text, length))) text++;
    return text;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ":" and a number below 60, at least once; then the end, or for a float a dot. */
static const char *skip_base60(const char *text) {
    const char *start = text;
    while (*text == ':' && is_digit(text[1])) text += is_digit(text[2]) && text[1] <= '5' ? 3 : 2;
    return text == start ? NULL : text;
}

/* The base, or 0 when it is no integer. 60: with colons. */
static int integer_base(const char *text) {
    text = skip_sign(text);
    if (*text == '0' && (text[1] == 'b' || text[1] == 'x')) {
        int base = text[1] == 'b' ? 2 : 16;
        return text[2] && *skip_digits(text + 2, base) == '\0' ? base : 0;
    }
    if (!is_digit(*text)) return 0;
    if (*text == '0' && text[1] == '\0') return 10;
    if (*text == '0') return *skip_digits(text + 1, 8) == '\0' ? 8 : 0;
    const char *end = skip_digits(text, 10);
    if (*end == '\0') return 10;
    end = skip_base60(end);
    return end && *end == '\0' ? 60 : 0;
}

/* With a dot, or with an exponent that has a sign; infinities and NaN are not asked for here. */
static bool is_float(const char *text) {
    bool sign = *text == '-' || *text == '+';
    const char *start = skip_sign(text), *at = start;
    if (is_digit(*at)) {
        at = skip_digits(at, 10);
        const char *sixtieths = skip_base60(at);
        if (sixtieths) return *sixtieths == '.' && *skip_digits(sixtieths + 1, 10) == '\0';
        if (*at == '.') at = skip_digits(at + 1, 10);
        if (*at == '\0') return memchr(start, '.', (size_t)(at - start)) != NULL;
    } else if (*at == '.' && is_digit(at[1]) && !sign) { /* PyYAML wants no sign here */
        at = skip_digits(at + 1, 10);
        if (*at == '\0') return true;
    } else {
        return false;
    }
    if ((*at != 'e' && *at != 'E') || (at[1] != '-' && at[1] != '+') || !is_digit(at[2])) return false;
    at += 2;
    while (is_digit(*at)) at++;
    return *at == '\0';
}

static enum type plain_type(const char *text) {
    if (is_one_of(text, null_words)) return TYPE_NULL;
    if (is_one_of(text, true_words) || is_one_of(text, false_words)) return TYPE_BOOL;
    if (integer_base(text)) return TYPE_INT;
    if (is_float(text) || is_one_of(text, infinity_words) || is_one_of(text, minus_infinity_words) ||
        is_one_of(text, nan_words))
        return TYPE_FLOAT;
    return TYPE_TEXT;
}

/* False when it does not fit. The text is an integer of this base. */
static bool read_integer(const char *text, int base, json_int_t *out) {
    bool negative = *text == '-';
    int64_t value = 0, part = 0;
    text = skip_sign(text);
    if (base == 2 || base == 16) text += 2;
    for (;; text++) {
        if (*text == '_') continue;
        if (base == 60 && (*text == ':' || *text == '\0')) {
            if (__builtin_mul_overflow(value, 60, &value) || __builtin_sub_overflow(value, part, &value)) return false;
            part = 0;
        }
        if (*text == '\0') break;
        if (*text == ':') continue;
        int digit = is_digit(*text) ? *text - '0' : (*text | 0x20) - 'a' + 10;
        int64_t *sum = base == 60 ? &part : &value; /* value is kept negative: that side reaches further */
        if (__builtin_mul_overflow(*sum, base == 60 ? 10 : base, sum) ||
            __builtin_add_overflow(*sum, base == 60 ? digit : -digit, sum))
            return false;
    }
    if (!negative && value == INT64_MIN) return false;
    *out = negative ? value : -value;
    return true;
}

static double read_base60(const struct reader *reader, const char *digits) {
    double value = 0.0;
    for (;;) {
        char *end;
        value = 60.0 * value + strtod_l(digits, &end, reader->c_locale);
        if (*end != ':') return value;
        digits = end + 1;
    }
}

static json_t *read_float(const struct reader *reader, const char *text) {
    if (is_one_of(text, infinity_words)) return json_string(".inf");
    if (is_one_of(text, minus_infinity_words)) return json_string("-.inf");
    if (is_one_of(text, nan_words)) return json_string(".nan");
    char *digits = strdup(skip_sign(text)), *to = digits;
    if (!digits) return NULL;
    for (const char *from = digits; *from; from++)
        if (*from != '_') *to++ = *from;
    *to = '\0';
    double value = read_base60(reader, digits);
    free(digits);
    if (value > 1.7976931348623157e308) return json_string(*text == '-' ? "-.inf" : ".inf"); /* as Python's float() */
    return json_real(*text == '-' ? -value : value);
}

/* ---- events ---- */

/* Sets *tagged to what a core tag asks for; other tags are refused. */
static hrm_status check_tag(const struct reader *reader, const yaml_event_t *event, const yaml_char_t *tag,
                            const char *const *allowed, size_t *found) {
    for (size_t i = 0; allowed[i]; i++) {
        *found = i;
        if (strcmp((const char *)tag, allowed[i]) == 0) return HRM_OK;
    }
    return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "the tag \"%.200s\" is not supported here",
                   (const char *)tag);
}

static hrm_status check_anchor(const struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor) {
    if (!anchor) return HRM_OK;
    return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "the anchor &%.200s is not supported",
                   (const char *)anchor);
}

static hrm_status scalar_type(const struct reader *reader, const yaml_event_t *event, enum type *out) {
    static const char *const tags[] = {YAML_STR_TAG,   YAML_NULL_TAG, YAML_BOOL_TAG, YAML_INT_TAG,
                                       YAML_FLOAT_TAG, "!",           NULL};
    const yaml_char_t *tag = event->data.scalar.tag;
    const char *text = (const char *)event->data.scalar.value;
    *out = TYPE_TEXT;
    if (!tag) {
        if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) *out = plain_type(text);
        return HRM_OK;
    }
    size_t asked;
    hrm_status status = check_tag(reader, event, tag, tags, &asked);
    if (status != HRM_OK || asked == 0 || asked == 5) return status;
    *out = (enum type)asked;
    enum type natural = plain_type(text);
    if (natural == *out) return HRM_OK;
    if (*out == TYPE_FLOAT && natural == TYPE_INT && integer_base(text) == 10) return HRM_OK;
    return fail_at(reader, event->start_mark, HRM_ERR_FORMAT, "\"%.100s\" does not fit its tag", text);
}

static hrm_status make_scalar(const struct reader *reader, const yaml_event_t *event, json_t **out) {
    const char *text = (const char *)event->data.scalar.value;
    enum type type;
    json_int_t integer = 0;
    *out = NULL;
    hrm_status status = scalar_type(reader, event, &type);
    if (status != HRM_OK) return status;
    switch (type) {
    case TYPE_NULL:
        *out = json_null();
        break;
    case TYPE_BOOL:
        *out = json_boolean(is_one_of(text, true_words));
        break;
    case TYPE_INT:
        if (!read_integer(text, integer_base(text), &integer))
            return fail_at(reader, event->start_mark, HRM_ERR_FORMAT, "the integer %.100s does not fit into 64 bits",
                           text);
        *out = json_integer(integer);
        break;
    case TYPE_FLOAT:
        *out = read_float(reader, text);
        break;
    default:
        *out = json_string(text); /* libyaml has checked that it is UTF-8 */
        break;
    }
    return *out ? HRM_OK : fail_memory(reader);
}

/* Puts a value where it belongs; takes it over, also on failure. */
static hrm_status place(struct reader *reader, json_t *value) {
    struct level *level = reader->depth ? &reader->levels[reader->depth - 1] : NULL;
    int failed;
    if (!level) {
        reader->root = value;
        return HRM_OK;
    }
    if (json_is_array(level->container)) {
        failed = json_array_append_new(level->container, value);
    } else {
        failed = json_object_set_new_nocheck(level->container, level->key, value);
        free(level->key);
        level->key = NULL;
    }
    return failed ? fail_memory(reader) : HRM_OK;
}

static bool wants_key(const struct reader *reader) {
    if (reader->depth == 0) return false;
    const struct level *level = &reader->levels[reader->depth - 1];
    return json_is_object(level->container) && !level->key;
}

/* Records where a key stands. */
static hrm_status note_line(struct reader *reader, const yaml_event_t *event, const char *key) {
    const size_t start = reader->levels[reader->depth - 1].path;
    reader->path_length = PATH_LOST;
    if (!reader->lines || start == PATH_LOST) return HRM_OK;
    int length = snprintf(reader->path + start, PATH_ROOM - start, "%s%s", start ? "." : "", key);
    if (length < 0 || (size_t)length >= PATH_ROOM - start) return HRM_OK;
    reader->path_length = start + (size_t)length;
    json_t *line = json_integer((json_int_t)event->start_mark.line + 1);
    return json_object_set_new_nocheck(reader->lines, reader->path, line) == 0 ? HRM_OK : fail_memory(reader);
}

static hrm_status take_key(struct reader *reader, const yaml_event_t *event) {
    struct level *level = &reader->levels[reader->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    enum type type;
    hrm_status status = scalar_type(reader, event, &type); /* the tag is checked, the key stays text */
    if (status != HRM_OK) return status;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0)
        return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "merge keys (<<) are not supported");
    if (json_object_get(level->container, text))
        return fail_at(reader, event->start_mark, HRM_ERR_FORMAT, "the key \"%.200s\" occurs twice", text);
    level->key = strdup(text);
    return level->key ? note_line(reader, event, text) : fail_memory(reader);
}

static hrm_status on_scalar(struct reader *reader, const yaml_event_t *event) {
    hrm_status status = check_anchor(reader, event, event->data.scalar.anchor);
    if (status != HRM_OK) return status;
    if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "a NUL character in a string");
    if (wants_key(reader)) return take_key(reader, event);
    json_t *value;
    status = make_scalar(reader, event, &value);
    return status == HRM_OK ? place(reader, value) : status;
}

static hrm_status on_container(struct reader *reader, const yaml_event_t *event) {
    static const char *const map_tags[] = {YAML_MAP_TAG, "!", NULL}, *const seq_tags[] = {YAML_SEQ_TAG, "!", NULL};
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    size_t found;
    hrm_status status =
        check_anchor(reader, event, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);
    if (status == HRM_OK && tag) status = check_tag(reader, event, tag, map ? map_tags : seq_tags, &found);
    if (status != HRM_OK) return status;
    if (wants_key(reader))
        return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "a %s cannot be a key here",
                       map ? "mapping" : "sequence");
    if (reader->depth == HRM_YAML_MAX_DEPTH)
        return fail_at(reader, event->start_mark, HRM_ERR_FORMAT, "nested more than %d deep", HRM_YAML_MAX_DEPTH);
    json_t *container = map ? json_object() : json_array();
    if (!container) return fail_memory(reader);
    const bool below_key = reader->depth > 0 && json_is_object(reader->levels[reader->depth - 1].container);
    const size_t path = reader->depth == 0 ? 0 : below_key ? reader->path_length : PATH_LOST;
    status = place(reader, container);
    if (status == HRM_OK) reader->levels[reader->depth++] = (struct level){.container = container, .path = path};
    return status;
}

static hrm_status on_event(struct reader *reader, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (!reader->root) return HRM_OK;
        return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "a second document; one is expected");
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return on_container(reader, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reader->depth--;
        return HRM_OK;
    case YAML_ALIAS_EVENT:
        return fail_at(reader, event->start_mark, HRM_ERR_UNSUPPORTED, "the alias *%.200s is not supported",
                       (const char *)event->data.alias.anchor);
    default: /* the stream's own start and end, a document's end */
        return HRM_OK;
    }
}

static hrm_status read_events(struct reader *reader) {
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) return fail_parser(reader);
        hrm_status status = on_event(reader, &event);
        bool last = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (status != HRM_OK || last) return status;
    }
}

hrm_status hrm_yaml_parse_lines(const char *text, size_t size, const char *label, json_t **out, json_t **lines) {
    struct reader reader = {.label = label};
    *out = NULL;
    if (lines) *lines = NULL;
    if (!yaml_parser_initialize(&reader.parser)) return fail_memory(&reader);
    hrm_status status = HRM_OK;
    reader.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (lines) reader.lines = json_object();
    if (!reader.c_locale || (lines && !reader.lines)) status = fail_memory(&reader);
    if (status == HRM_OK) {
        yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
        yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
        status = read_events(&reader);
    }
    if (reader.c_locale) freelocale(reader.c_locale);
    yaml_parser_delete(&reader.parser);
    for (size_t i = 0; i < reader.depth; i++) free(reader.levels[i].key);
    if (status == HRM_OK) {
        *out = reader.root ? reader.root : json_null();
        if (lines) *lines = reader.lines;
        return HRM_OK;
    }
    json_decref(reader.lines);
    json_decref(reader.root);
    return status;
}

#else

hrm_status hrm_yaml_parse_lines(const char *text, size_t size, const char *label, json_t **out, json_t **lines) {
    (void)text, (void)size;
    *out = NULL;
    if (lines) *lines = NULL;
    return hrm_fail(HRM_ERR_UNSUPPORTED,
                    "%s: YAML cannot be read: built without libyaml, configure with -DHRM_TORCH=ON", label);
}

#endif

hrm_status hrm_yaml_parse(const char *text, size_t size, const char *label, json_t **out) {
    return hrm_yaml_parse_lines(text, size, label, out, NULL);
}

hrm_status hrm_yaml_load(const char *path, json_t **out) {
    hrm_file_map map;
    *out = NULL;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_yaml_parse(map.data, map.size, path, out);
    hrm_file_map_close(&map);
    return status;
}
