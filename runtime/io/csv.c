#include "io/csv.h"

#include "base/file_map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where the reader stands: between two rows. */
typedef struct csv_place {
    const char *at;
    uint64_t line; /* of the line that begins at `at` */
} csv_place;

struct hrm_csv {
    char *name;
    const char *start, *end;
    csv_place next, first_row;
    uint64_t header_line, row_line;
    uint32_t columns;      /* 0 until the header is read */
    hrm_csv_field *header; /* [columns] */
    hrm_csv_field *fields; /* [columns] */
    char *unquoted;        /* fields of the present row that held doubled quotes */
    size_t unquoted_used, unquoted_room;
    char *header_text; /* the same of the header, which lives as long as the reader */
    hrm_file_map map;
};

/* "name:line: " in front of a message. */
static hrm_status fail_at(const hrm_csv *csv, uint64_t line, const char *format, ...) HRM_PRINTF(3, 4);
static hrm_status fail_at(const hrm_csv *csv, uint64_t line, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hrm_fail(HRM_ERR_FORMAT, "%s:%llu: %s", csv->name, (unsigned long long)line, text);
}

hrm_csv_text hrm_csv_field_shown(hrm_csv_field field) {
    hrm_csv_text out = {{0}};
    for (size_t i = 0; i < field.size && i + 1 < sizeof out.text; i++) {
        unsigned char byte = (unsigned char)field.data[i];
        out.text[i] = byte >= ' ' && byte < 0x7f ? (char)byte : '?';
    }
    return out;
}

/* Room for `bytes` more of the present row. Fields of this row that live in the old block move along. */
static hrm_status reserve_unquoted(hrm_csv *csv, size_t bytes, uint32_t columns) {
    if (bytes <= csv->unquoted_room - csv->unquoted_used) return HRM_OK;
    size_t room = (csv->unquoted_used + bytes) * 2;
    char *old = csv->unquoted, *text = malloc(room);
    if (!text) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for a row of %zu bytes", csv->name, room);
    if (csv->unquoted_used) memcpy(text, old, csv->unquoted_used);
    hrm_csv_field *fields = csv->columns ? csv->fields : csv->header;
    for (uint32_t i = 0; i < columns; i++) {
        uintptr_t offset = (uintptr_t)fields[i].data - (uintptr_t)old;
        if (old && offset < csv->unquoted_used) fields[i].data = text + offset;
    }
    free(old);
    csv->unquoted = text;
    csv->unquoted_room = room;
    return HRM_OK;
}

/* Takes the text of a quoted field whose opening quote was read, up to and with the closing one. */
static hrm_status take_quoted(hrm_csv *csv, csv_place *place, uint64_t *line, uint32_t column, hrm_csv_field *field) {
    const char *start = place->at, *at = start;
    uint64_t opened = *line;
    size_t doubled = 0;
    for (;;) {
        const char *quote = memchr(at, '"', (size_t)(csv->end - at));
        const char *stop = quote ? quote : csv->end;
        const char *nul = memchr(at, '\0', (size_t)(stop - at));
        if (nul) stop = nul;
        for (const char *feed = at; (feed = memchr(feed, '\n', (size_t)(stop - feed))) != NULL; feed++) ++*line;
        if (nul)
            return fail_at(csv, *line, "column %u: a NUL byte in a quoted field; this is no text file", column + 1);
        if (!quote)
            return fail_at(csv, opened, "column %u: a quoted field begins here and is never closed", column + 1);
        at = quote + 1;
        if (at == csv->end || *at != '"') break;
        doubled++;
        at++;
    }
    *field = (hrm_csv_field){start, (size_t)(at - 1 - start)};
    place->at = at;
    if (doubled == 0) return HRM_OK;
    hrm_status status = reserve_unquoted(csv, field->size, column);
    if (status != HRM_OK) return status;
    char *text = csv->unquoted + csv->unquoted_used, *to = text;
    for (const char *from = start; from < at - 1; from++) {
        *to++ = *from;
        if (*from == '"') from++;
    }
    *field = (hrm_csv_field){text, (size_t)(to - text)};
    csv->unquoted_used += field->size;
    return HRM_OK;
}

/* The header decides how many fields there are; rows must have as many. */
static hrm_status store_field(hrm_csv *csv, uint64_t line, uint32_t column, hrm_csv_field field) {
    if (csv->columns == 0) {
        if (column >= HRM_CSV_MAX_COLUMNS)
            return fail_at(csv, line, "more than %u columns; this does not look like a table", HRM_CSV_MAX_COLUMNS);
        if ((column & (column + 1)) == 0) { /* 0, 1, 3, 7: doubles */
            hrm_csv_field *grown = realloc(csv->header, 2 * ((size_t)column + 1) * sizeof *grown);
            if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for the header", csv->name);
            csv->header = grown;
        }
        csv->header[column] = field;
        return HRM_OK;
    }
    if (column >= csv->columns)
        return fail_at(csv, line, "the row has more than the header's %u fields; field %u begins with '%s'",
                       csv->columns, column + 1, hrm_csv_field_shown(field).text);
    csv->fields[column] = field;
    return HRM_OK;
}

static hrm_status check_text(const hrm_csv *csv, uint64_t line, const char *start, const char *end) {
    if (memchr(start, '\0', (size_t)(end - start))) return fail_at(csv, line, "a NUL byte; this is no text file");
    return HRM_OK;
}

/* A row without quotes, the common case: [at, end) is its line without LF or CR LF. */
static hrm_status take_plain_row(hrm_csv *csv, uint64_t line, const char *at, const char *end, uint32_t *count) {
    for (uint32_t column = 0;; column++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        hrm_csv_field field = {at, (size_t)((comma ? comma : end) - at)};
        hrm_status status = store_field(csv, line, column, field);
        if (status != HRM_OK) return status;
        *count = column + 1;
        if (!comma) return HRM_OK;
        at = comma + 1;
    }
}

/* Takes one row from place->at, which is not the end; leaves place behind its line. */
static hrm_status take_row(hrm_csv *csv, csv_place *place, uint32_t *count) {
    hrm_status status;
    const char *start = place->at, *feed = memchr(start, '\n', (size_t)(csv->end - start));
    const char *line_end = feed ? feed : csv->end;
    uint64_t line = place->line, row_line = line;
    if (!memchr(start, '"', (size_t)(line_end - start))) {
        HRM_TRY(check_text(csv, line, start, line_end));
        if (line_end > start && line_end[-1] == '\r') line_end--;
        HRM_TRY(take_plain_row(csv, line, start, line_end, count));
        *place = (csv_place){feed ? feed + 1 : csv->end, line + 1};
        return HRM_OK;
    }
    csv->unquoted_used = 0;
    for (uint32_t column = 0;; column++) {
        hrm_csv_field field;
        if (place->at < csv->end && *place->at == '"') {
            place->at++;
            HRM_TRY(take_quoted(csv, place, &line, column, &field));
        } else {
            const char *at = place->at;
            while (at < csv->end && *at != ',' && *at != '\n') at++;
            HRM_TRY(check_text(csv, line, place->at, at));
            field = (hrm_csv_field){place->at, (size_t)(at - place->at)};
            bool line_ends = at == csv->end || *at == '\n';
            if (line_ends && field.size > 0 && field.data[field.size - 1] == '\r') field.size--;
            place->at = at;
        }
        HRM_TRY(store_field(csv, row_line, column, field));
        *count = column + 1;
        if (csv->end - place->at >= 2 && place->at[0] == '\r' && place->at[1] == '\n') place->at++;
        if (place->at + 1 == csv->end && *place->at == '\r') place->at++; /* as in a row without quotes */
        if (place->at == csv->end || *place->at == '\n') break;
        if (*place->at != ',') {
            status = fail_at(csv, line, "column %u: after the closing quote comes '%s'; a comma or the line's end must",
                             column + 1, hrm_csv_field_shown((hrm_csv_field){place->at, 1}).text);
            goto fail;
        }
        place->at++;
    }
    if (place->at < csv->end) place->at++;
    place->line = line + 1;
    return HRM_OK;
fail:
    return status;
}

static void skip_empty_lines(const hrm_csv *csv, csv_place *place) {
    for (;;) {
        const char *at = place->at;
        if (at < csv->end && *at == '\r') at++;
        if (at < csv->end && *at == '\n')
            *place = (csv_place){at + 1, place->line + 1};
        else if (at == csv->end)
            place->at = at;
        else
            return;
        if (at == csv->end) return;
    }
}

static hrm_status read_header(hrm_csv *csv) {
    hrm_status status;
    uint32_t count = 0;
    if (csv->end - csv->start >= 3 && memcmp(csv->start, "\xef\xbb\xbf", 3) == 0) csv->next.at += 3;
    skip_empty_lines(csv, &csv->next);
    if (csv->next.at == csv->end)
        return fail_at(csv, csv->next.line, "the file is empty; a header row with the columns' names was expected");
    csv->header_line = csv->next.line;
    HRM_TRY(take_row(csv, &csv->next, &count));
    csv->header_text = csv->unquoted;
    csv->unquoted = NULL;
    csv->unquoted_room = 0;
    csv->fields = malloc(count * sizeof *csv->fields);
    if (!csv->fields) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %u columns", csv->name, count);
    csv->columns = count;
    csv->first_row = csv->next;
    return HRM_OK;
fail:
    return status;
}

hrm_status hrm_csv_parse(const char *name, const void *bytes, size_t size, hrm_csv **out) {
    hrm_status status;
    *out = NULL;
    hrm_csv *csv = calloc(1, sizeof *csv);
    if (csv) csv->name = strdup(name);
    if (!csv || !csv->name) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory to read it", name);
        goto fail;
    }
    csv->start = size ? bytes : "";
    csv->end = csv->start + size;
    csv->next = (csv_place){csv->start, 1};
    HRM_TRY(read_header(csv));
    *out = csv;
    return HRM_OK;
fail:
    hrm_csv_close(csv);
    return status;
}

hrm_status hrm_csv_open(const char *path, hrm_csv **out) {
    hrm_file_map map;
    *out = NULL;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_csv_parse(path, map.data, map.size, out);
    if (status != HRM_OK)
        hrm_file_map_close(&map);
    else
        (*out)->map = map;
    return status;
}

void hrm_csv_close(hrm_csv *csv) {
    if (!csv) return;
    hrm_file_map_close(&csv->map);
    free(csv->name);
    free(csv->header);
    free(csv->fields);
    free(csv->unquoted);
    free(csv->header_text);
    free(csv);
}

const char *hrm_csv_name(const hrm_csv *csv) {
    return csv->name;
}

uint32_t hrm_csv_column_count(const hrm_csv *csv) {
    return csv->columns;
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t';
}

bool hrm_csv_field_is_named(hrm_csv_field field, const char *names) {
    while (field.size > 0 && is_space(field.data[0])) field.data++, field.size--;
    while (field.size > 0 && is_space(field.data[field.size - 1])) field.size--;
    for (size_t length; *names; names += length) {
        names += strspn(names, ", ");
        length = strcspn(names, ",");
        if (length == field.size && strncasecmp(names, field.data, length) == 0) return true;
    }
    return false;
}

static hrm_status fail_no_column(const hrm_csv *csv, const char *names) {
    size_t used = 0;
    char there[256] = "";
    for (uint32_t i = 0; i < csv->columns && used < sizeof there; i++)
        used += (size_t)snprintf(there + used, sizeof there - used, "%s\"%s\"", i ? ", " : "",
                                 hrm_csv_field_shown(csv->header[i]).text);
    const char *others = strchr(names, ',');
    return fail_at(csv, csv->header_line, "there is no column \"%.*s\"%s%s%s; the header names %s",
                   (int)strcspn(names, ","), names, others ? " (or " : "", others ? others + 2 : "", others ? ")" : "",
                   there);
}

hrm_status hrm_csv_find_column(const hrm_csv *csv, const char *names, uint32_t *column) {
    uint32_t found = csv->columns;
    for (uint32_t i = 0; i < csv->columns; i++) {
        if (!hrm_csv_field_is_named(csv->header[i], names)) continue;
        if (found < csv->columns)
            return fail_at(csv, csv->header_line, "columns \"%s\" and \"%s\" mean the same; one is needed",
                           hrm_csv_field_shown(csv->header[found]).text, hrm_csv_field_shown(csv->header[i]).text);
        found = i;
    }
    if (found == csv->columns) return fail_no_column(csv, names);
    *column = found;
    return HRM_OK;
}

hrm_status hrm_csv_next(hrm_csv *csv, const hrm_csv_field **fields) {
    *fields = NULL;
    csv_place place = csv->next;
    skip_empty_lines(csv, &place);
    if (place.at == csv->end) {
        csv->next = place;
        return HRM_OK;
    }
    uint64_t line = place.line;
    uint32_t count = 0;
    hrm_status status = take_row(csv, &place, &count);
    if (status != HRM_OK) return status;
    if (count < csv->columns)
        return fail_at(csv, line, "the row has %u of the header's %u fields; column \"%s\" is the first missing", count,
                       csv->columns, hrm_csv_field_shown(csv->header[count]).text);
    csv->next = place;
    csv->row_line = line;
    *fields = csv->fields;
    return HRM_OK;
}

uint64_t hrm_csv_line(const hrm_csv *csv) {
    return csv->row_line;
}

void hrm_csv_rewind(hrm_csv *csv) {
    csv->next = csv->first_row;
}
