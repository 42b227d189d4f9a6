#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { HELP_WIDTH = 100, HELP_COLUMN = 30, MAX_OPTIONS = 128 };

/* ---- finding ---- */

static bool is_end(const cli_option *o) {
    return o->help == NULL;
}

/* The options of both tables, headings left out. */
typedef struct option_set {
    size_t count;
    const cli_option *items[MAX_OPTIONS];
} option_set;

static void gather(option_set *set, const cli_option *table) {
    for (const cli_option *o = table; o && !is_end(o) && set->count < MAX_OPTIONS; o++)
        if (o->kind != CLI_GROUP) set->items[set->count++] = o;
}

static const cli_option *find_long(const option_set *set, const char *name, size_t length, size_t *at, bool *negated) {
    for (size_t i = 0; i < set->count; i++) {
        const cli_option *o = set->items[i];
        *at = i;
        *negated = false;
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return o;
        *negated = true;
        if (o->negatable && length > 3 && strncmp(name, "no-", 3) == 0 && strlen(o->name) == length - 3 &&
            strncmp(o->name, name + 3, length - 3) == 0)
            return o;
    }
    return NULL;
}

static const cli_option *find_letter(const option_set *set, char letter, size_t *at) {
    for (size_t i = 0; i < set->count; i++) {
        *at = i;
        if (letter && set->items[i]->letter == letter) return set->items[i];
    }
    return NULL;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 40 };
    size_t n = strlen(a), m = strlen(b), row[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return LONGEST;
    size_t *before = row[0], *above = row[1], *here = row[2];
    for (size_t j = 0; j <= m; j++) above[j] = j;
    for (size_t i = 1; i <= n; i++) {
        here[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (here[j - 1] + 1 < best) best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            here[j] = best;
        }
        size_t *oldest = before;
        before = above;
        above = here;
        here = oldest;
    }
    return above[m];
}

const char *cli_nearest(const char *word, const char *const *candidates) {
    size_t least = strlen(word) / 3 + 1;
    const char *best = NULL;
    for (; *candidates; candidates++) {
        size_t d = edit_distance(word, *candidates), shared = strlen(word);
        /* a beginning ("--weight" for "--weight-decay") is as good as one slip */
        if (shared >= 3 && strncmp(word, *candidates, shared) == 0 && d > 1) d = 1;
        if (d <= least && (!best || d < least)) {
            best = *candidates;
            least = d;
        }
    }
    return best;
}

static cli_parsed fail_unknown(const cli_spec *spec, const option_set *set, const char *arg, size_t length) {
    const char *names[MAX_OPTIONS + 2];
    size_t n = 0;
    for (; n < set->count; n++) names[n] = set->items[n]->name;
    names[n++] = "help";
    names[n] = NULL;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 63 ? length : 63), arg + 2);
    const char *near = strncmp(arg, "--", 2) == 0 ? cli_nearest(word, names) : NULL;
    if (near)
        cli_error("unknown option '%.*s'; did you mean '--%s'?", (int)length + 2, arg, near);
    else
        cli_error("unknown option '%s'; 'hrm %s%s--help' lists what there is", arg, spec->command,
                  spec->command[0] ? " " : "");
    return CLI_PARSED_ERROR;
}

/* ---- values ---- */

static const char *kind_metavar(const cli_option *o) {
    static const char *const names[] = {"", "", "N", "N", "X", "TEXT", "NAME", "TIME", "N,N,...", "SIZE"};
    return o->metavar ? o->metavar : names[o->kind];
}

static cli_parsed fail_range(const cli_option *o, const char *text) {
    if (o->max > 0)
        cli_error("--%s: '%s' is out of range; it must be %.15g to %.15g", o->name, text, o->min, o->max);
    else
        cli_error("--%s: '%s' is out of range; it must be at least %.15g", o->name, text, o->min);
    return CLI_PARSED_ERROR;
}

static bool in_range(const cli_option *o, double v) {
    return v >= o->min && (!(o->max > 0) || v <= o->max);
}

static bool is_number(const char *text, bool fraction) {
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || text[0] == ' ') return false;
    return fraction || text[strspn(text, "+-0123456789")] == '\0';
}

static cli_parsed parse_number(const cli_option *o, const char *text) {
    bool whole = o->kind != CLI_F32;
    if (!is_number(text, !whole)) {
        cli_error("--%s: '%s' is not a %snumber", o->name, text, whole ? "whole " : "");
        return CLI_PARSED_ERROR;
    }
    if (o->kind == CLI_F32) {
        double v = strtod(text, NULL);
        if (!in_range(o, v)) return fail_range(o, text);
        *(float *)o->value = (float)v;
        return CLI_PARSED;
    }
    errno = 0;
    unsigned long long v = strtoull(text, NULL, 10);
    bool fits = text[0] != '-' && errno == 0 && (o->kind == CLI_U64 || v <= UINT32_MAX);
    if (!fits || !in_range(o, (double)v)) return fail_range(o, text);
    if (o->kind == CLI_U64)
        *(uint64_t *)o->value = v;
    else
        *(uint32_t *)o->value = (uint32_t)v;
    return CLI_PARSED;
}

static cli_parsed parse_choice(const cli_option *o, const char *text) {
    char all[256];
    size_t n = 0;
    all[0] = '\0';
    for (const cli_choice *c = o->choices; c->name; c++) {
        if (strcmp(c->name, text) == 0) {
            *(uint32_t *)o->value = c->value;
            return CLI_PARSED;
        }
        if (n < sizeof all) n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", c->name);
    }
    cli_error("--%s: '%s' is not one of %s", o->name, text, all);
    return CLI_PARSED_ERROR;
}

static cli_parsed parse_duration(const cli_option *o, const char *text) {
    double seconds = 0;
    const char *p = text;
    bool fine = *p != '\0';
    while (fine && *p) {
        char *end;
        double v = strtod(p, &end);
        fine = (*p == '.' || (*p >= '0' && *p <= '9')) && end > p && isfinite(v);
        double unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;
        if (*end == 'h' || *end == 'm' || *end == 's')
            end++;
        else if (*end)
            fine = false;
        seconds += v * unit;
        p = end;
    }
    if (!fine || !(seconds > 0)) {
        cli_error("--%s: '%s' is not a time; write 90s, 6m or 1h30m", o->name, text);
        return CLI_PARSED_ERROR;
    }
    *(double *)o->value = seconds;
    return CLI_PARSED;
}

/* Bytes behind a number: k, M, G, T are powers of 1000, with an i of 1024; a B may follow. 0 when it is none of these.
 */
static double size_unit(const char *text) {
    static const char letters[] = "kMGT";
    if (strcmp(text, "") == 0 || strcmp(text, "B") == 0) return 1;
    const char *letter = *text == 'K' ? letters : strchr(letters, *text);
    if (!letter) return 0;
    const bool binary = text[1] == 'i';
    if (strcmp(text + (binary ? 2 : 1), "") != 0 && strcmp(text + (binary ? 2 : 1), "B") != 0) return 0;
    return pow(binary ? 1024 : 1000, (double)(letter - letters + 1));
}

static cli_parsed parse_size(const cli_option *o, const char *text) {
    char *end;
    const double number = strtod(text, &end), unit = size_unit(end);
    const bool starts_well = *text >= '0' && *text <= '9' && strncmp(text, "0x", 2) != 0 && strncmp(text, "0X", 2) != 0;
    if (!starts_well || !isfinite(number) || unit == 0) {
        cli_error("--%s: '%s' is not a size; write 8G, 7500M or 4GiB", o->name, text);
        return CLI_PARSED_ERROR;
    }
    if (number * unit >= 0x1p63) {
        cli_error("--%s: '%s' is out of range; it must be less than 8 EiB", o->name, text);
        return CLI_PARSED_ERROR;
    }
    if (!in_range(o, number * unit)) return fail_range(o, text);
    *(uint64_t *)o->value = (uint64_t)(number * unit);
    return CLI_PARSED;
}

static cli_parsed parse_list(const cli_option *o, const char *text) {
    cli_list list = {0};
    const char *p = text;
    for (;;) {
        char *end;
        errno = 0;
        unsigned long v = strtoul(p, &end, 10);
        if (*p < '0' || *p > '9' || (*end && *end != ',')) {
            cli_error("--%s: '%s' is not a list of whole numbers such as 1,2,4,8", o->name, text);
            return CLI_PARSED_ERROR;
        }
        if (errno || v > UINT32_MAX || !in_range(o, (double)v)) return fail_range(o, text);
        if (list.count == CLI_LIST_MAX) {
            cli_error("--%s: the list holds more than %d numbers", o->name, (int)CLI_LIST_MAX);
            return CLI_PARSED_ERROR;
        }
        list.items[list.count++] = (uint32_t)v;
        if (!*end) break;
        p = end + 1;
    }
    *(cli_list *)o->value = list;
    return CLI_PARSED;
}

/* The word that the help shows for 0 ("auto") stands for it; where it shows a number, that is one like any other. */
static bool set_zero(const cli_option *o, const char *text) {
    if (!o->zero || strcmp(text, o->zero) != 0 || is_number(text, true)) return false;
    if (o->kind == CLI_U32)
        *(uint32_t *)o->value = 0;
    else if (o->kind == CLI_U64 || o->kind == CLI_SIZE)
        *(uint64_t *)o->value = 0;
    else if (o->kind == CLI_F32)
        *(float *)o->value = 0;
    else
        return false;
    return true;
}

static cli_parsed set_value(const cli_option *o, const char *text) {
    if (set_zero(o, text)) return CLI_PARSED;
    switch (o->kind) {
    case CLI_U32:
    case CLI_U64:
    case CLI_F32:
        return parse_number(o, text);
    case CLI_CHOICE:
        return parse_choice(o, text);
    case CLI_DURATION:
        return parse_duration(o, text);
    case CLI_LIST:
        return parse_list(o, text);
    case CLI_SIZE:
        return parse_size(o, text);
    case CLI_TEXT:
        if (text[0] == '\0') {
            cli_error("--%s: the value is empty", o->name);
            return CLI_PARSED_ERROR;
        }
        *(const char **)o->value = text;
        return CLI_PARSED;
    case CLI_GROUP:
    case CLI_FLAG:
        break;
    }
    return CLI_PARSED;
}

/* ---- parsing ---- */

/* One option at argv[*i]; *i moves past its value. */
static cli_parsed parse_option(const cli_spec *spec, const option_set *set, int argc, char **argv, int *i, bool *seen) {
    const char *arg = argv[*i], *value = NULL;
    const cli_option *o;
    bool negated = false;
    size_t at = 0;
    if (arg[1] == '-') {
        value = strchr(arg, '=');
        size_t length = value ? (size_t)(value - arg) - 2 : strlen(arg) - 2;
        if (value) value++;
        o = find_long(set, arg + 2, length, &at, &negated);
        if (!o) return fail_unknown(spec, set, arg, length);
    } else {
        o = find_letter(set, arg[1], &at);
        if (!o) return fail_unknown(spec, set, arg, strlen(arg) > 2 ? strlen(arg) - 2 : 0);
        if (arg[2]) value = arg + 2; /* -oOUT */
    }
    seen[at] = true;
    if (o->given) *o->given = true;
    if (o->kind == CLI_FLAG) {
        if (value) {
            cli_error("--%s takes no value, but '%s' was given", o->name, value);
            return CLI_PARSED_ERROR;
        }
        *(bool *)o->value = !negated;
        return CLI_PARSED;
    }
    if (!value) {
        if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0) {
            cli_error("--%s needs a value (%s)", o->name, kind_metavar(o));
            return CLI_PARSED_ERROR;
        }
        value = argv[++*i];
    }
    return set_value(o, value);
}

static cli_parsed check_complete(const cli_spec *spec, const option_set *set, const bool *seen, int operands,
                                 char **argv) {
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i]->required && !seen[i]) {
            const cli_option *o = set->items[i];
            cli_error("--%s %s is missing; 'hrm %s --help' has examples", o->name, kind_metavar(o), spec->command);
            return CLI_PARSED_ERROR;
        }
    if ((size_t)operands < spec->operands_min) {
        cli_error("%s is missing; 'hrm %s --help' has examples", spec->operands_usage, spec->command);
        return CLI_PARSED_ERROR;
    }
    if ((size_t)operands > spec->operands_max) {
        cli_error("'%s' was not expected here%s%s", argv[spec->operands_max], spec->operands_usage ? " after " : "",
                  spec->operands_usage ? spec->operands_usage : "");
        return CLI_PARSED_ERROR;
    }
    return CLI_PARSED;
}

cli_parsed cli_parse(const cli_spec *spec, int argc, char **argv, int *operand_count) {
    bool seen[MAX_OPTIONS] = {false}, only_operands = false;
    int operands = 0;
    option_set set = {0};
    gather(&set, spec->options);
    gather(&set, spec->globals);
    *operand_count = 0;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_operands && strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            argv[operands++] = argv[i];
            if (!spec->stop_at_operand) continue;
            while (++i < argc) argv[operands++] = argv[i];
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            cli_print_help(spec);
            return CLI_PARSED_HELP;
        } else if (parse_option(spec, &set, argc, argv, &i, seen) != CLI_PARSED) {
            return CLI_PARSED_ERROR;
        }
    }
    *operand_count = operands;
    return spec->stop_at_operand ? CLI_PARSED : check_complete(spec, &set, seen, operands, argv);
}

const char *cli_peek(int argc, char **argv, const char *name) {
    size_t length = strlen(name);
    const char *found = NULL;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0) continue;
        const char *after = argv[i] + 2 + length;
        if (*after == '=') found = after + 1;
        if (*after == '\0' && i + 1 < argc) found = argv[i + 1];
    }
    return found;
}

/* ---- help ---- */

void cli_print_wrapped(const char *text, int column, int indent) {
    while (*text) {
        size_t word = strcspn(text, " \n");
        printf("%.*s", (int)word, text);
        column += (int)word;
        text += word;
        if (*text == '\0') break;
        bool feed = *text++ == '\n';
        size_t next = strcspn(text, " \n");
        if (feed || column + 1 + (int)next > HELP_WIDTH) {
            printf("\n%*s", *text && *text != '\n' ? indent : 0, "");
            column = indent;
        } else {
            putchar(' ');
            column++;
        }
    }
    putchar('\n');
}

/* With the largest unit that says it exactly. */
static void size_text(uint64_t bytes, char *out, size_t size) {
    static const struct {
        uint64_t bytes;
        const char *name;
    } units[] = {{1ull << 30, "GiB"}, {1000000000, "GB"}, {1 << 20, "MiB"}, {1000000, "MB"}};
    snprintf(out, size, "%llu", (unsigned long long)bytes);
    for (size_t i = 0; bytes && i < sizeof units / sizeof *units; i++) {
        if (bytes % units[i].bytes != 0) continue;
        snprintf(out, size, "%llu %s", (unsigned long long)(bytes / units[i].bytes), units[i].name);
        return;
    }
}

/* The value a variable holds, for the help page; "" where there is nothing to show. */
static void default_text(const cli_option *o, char *out, size_t size) {
    out[0] = '\0';
    switch (o->kind) {
    case CLI_U32:
        snprintf(out, size, "%u", *(const uint32_t *)o->value);
        break;
    case CLI_U64:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)o->value);
        break;
    case CLI_F32:
        snprintf(out, size, "%g", (double)*(const float *)o->value);
        break;
    case CLI_SIZE:
        size_text(*(const uint64_t *)o->value, out, size);
        break;
    case CLI_CHOICE:
        for (const cli_choice *c = o->choices; c->name; c++)
            if (c->value == *(const uint32_t *)o->value) snprintf(out, size, "%s", c->name);
        break;
    case CLI_FLAG:
        if (o->negatable) snprintf(out, size, "%s", *(const bool *)o->value ? "on" : "off");
        break;
    case CLI_TEXT:
        if (*(const char *const *)o->value) snprintf(out, size, "%s", *(const char *const *)o->value);
        break;
    case CLI_GROUP:
    case CLI_DURATION:
    case CLI_LIST:
        break;
    }
    if (strcmp(out, "0") == 0 && o->zero) snprintf(out, size, "%s", o->zero);
}

static void print_option(const cli_option *o) {
    char left[160], value[64], text[512];
    int n = snprintf(left, sizeof left, "  ");
    if (o->letter) n += snprintf(left + n, sizeof left - (size_t)n, "-%c, ", o->letter);
    n += snprintf(left + n, sizeof left - (size_t)n, "--%s%s", o->negatable ? "[no-]" : "", o->name);
    if (o->kind == CLI_CHOICE)
        for (const cli_choice *c = o->choices; c->name; c++)
            n += snprintf(left + n, sizeof left - (size_t)n, "%c%s", c == o->choices ? ' ' : '|', c->name);
    else if (o->kind != CLI_FLAG)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", kind_metavar(o));
    default_text(o, value, sizeof value);
    int m = snprintf(text, sizeof text, "%s%s", o->help, o->required ? " (required)" : "");
    if (value[0]) snprintf(text + m, sizeof text - (size_t)m, " [%s]", value);
    printf("%s", left);
    if (n + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - n, "");
    cli_print_wrapped(text, HELP_COLUMN, HELP_COLUMN);
}

static void print_table(const cli_option *options) {
    bool first = true;
    for (const cli_option *o = options; o && !is_end(o); o++, first = false) {
        if (o->kind == CLI_GROUP)
            printf("%s%s:\n", first ? "" : "\n", o->help);
        else
            print_option(o);
    }
}

void cli_print_help(const cli_spec *spec) {
    printf("usage: hrm %s%s%s%s\n\n", spec->command, spec->operands_usage ? " " : "",
           spec->operands_usage ? spec->operands_usage : "", " [options]");
    cli_print_wrapped(spec->about, 0, 0);
    if (spec->options && !is_end(spec->options)) {
        putchar('\n');
        if (spec->options->kind != CLI_GROUP) printf("Options:\n");
        print_table(spec->options);
    }
    if (spec->globals) {
        printf("\nFor every command:\n");
        print_table(spec->globals);
    }
    if (spec->examples) printf("\nExamples:\n%s", spec->examples);
}
