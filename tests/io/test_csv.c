/* CSV: what RFC 4180 and editors write is read, and everything broken is refused with file and line. */
#include "check.h"

#include "io/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses `text` and writes what was read as "a|b\nc|d\n" into out; a status other than OK ends it. */
static hrm_status read_all(const char *text, size_t size, char *out, size_t room) {
    hrm_csv *csv;
    size_t used = 0;
    out[0] = '\0';
    char *bytes = malloc(size ? size : 1); /* exactly that long, for the sanitizer */
    CHECK(bytes != NULL);
    memcpy(bytes, text, size);
    hrm_status status = hrm_csv_parse("t.csv", bytes, size, &csv);
    while (status == HRM_OK) {
        const hrm_csv_field *fields;
        status = hrm_csv_next(csv, &fields);
        if (status != HRM_OK || !fields) break;
        for (uint32_t i = 0; i < hrm_csv_column_count(csv); i++)
            used +=
                (size_t)snprintf(out + used, room - used, "%s%.*s", i ? "|" : "", (int)fields[i].size, fields[i].data);
        used += (size_t)snprintf(out + used, room - used, "\n");
        CHECK(used < room);
    }
    if (status != HRM_OK && csv) { /* the error stays */
        const hrm_csv_field *fields;
        CHECK_STATUS(hrm_csv_next(csv, &fields), status);
        CHECK(fields == NULL);
    }
    hrm_csv_close(csv);
    free(bytes);
    return status;
}

static void good_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"a,b\n1,2\n3,4\n", "1|2\n3|4\n"},
        {"a,b\n1,2\n3,4", "1|2\n3|4\n"},
        {"a,b\r\n1,2\r\n3,4\r\n", "1|2\n3|4\n"},
        {"a,b\r\n1,2\r\n3,4\r", "1|2\n3|4\n"},
        {"\xef\xbb\xbf"
         "a,b\n1,2\n",
         "1|2\n"},
        {"a,b\n\n1,2\n\r\n\n3,4\n\n", "1|2\n3|4\n"},
        {"\n\na,b\n1,2\n", "1|2\n"},
        {"a,b\n,\n", "|\n"},
        {"a,b\n\"1\",\"2\"\n", "1|2\n"},
        {"a,b\n\"1,x\",2\n", "1,x|2\n"},
        {"a,b\n\"1\nx\r\ny\",2\r\n", "1\nx\r\ny|2\n"},
        {"a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", "say \"hi\"|\"\n"},
        {"a,b\n\"\",\"\"\n", "|\n"},
        {"a,b\n1\"x,2\"\n", "1\"x|2\"\n"},
        {"a,b\n1,\"2\"\r\n3,\"4\"\r", "1|2\n3|4\n"},
        {"a,b\n1, \"x\" \n", "1| \"x\" \n"},
        {"a\nx\n\n\"\"\n", "x\n\n"},
        {"\"a\",\"b\"\"c\"\n1,2", "1|2\n"},
        {"a,b\n", ""},
        {"a,b", ""},
    };
    char got[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_OK(read_all(rows[i].text, strlen(rows[i].text), got, sizeof got));
        CHECK_STR(got, rows[i].want);
    }
}

static void bad_texts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size; /* 0: a string */
        const char *message, *before;
    } rows[] = {
        {"", 0, "t.csv:1: the file is empty", ""},
        {"\xef\xbb\xbf", 0, "t.csv:1: the file is empty", ""},
        {"\n\r\n\n", 0, "the file is empty", ""},
        {"a,b,c\n1,2,3\n4,5\n", 0, "t.csv:3: the row has 2 of the header's 3 fields; column \"c\" is the first missing",
         "1|2|3\n"},
        {"a,b\n1,2\n\n3,4,five\n", 0,
         "t.csv:4: the row has more than the header's 2 fields; field 3 begins with 'five'", "1|2\n"},
        {"a,b\n1,\"2\n3,4\n", 0, "t.csv:2: column 2: a quoted field begins here and is never closed", ""},
        {"a,b\n\"x\ny\",1\n1,\"2\n3,4\n", 0, "t.csv:4: column 2: a quoted", "x\ny|1\n"},
        {"a,b\n1,\"2\"3\n", 0, "t.csv:2: column 2: after the closing quote comes '3'", ""},
        {"a,b\n1,\"2\"\r3\n", 0, "after the closing quote comes '?'", ""},
        {"a,b\n1,2\n3,\0\n", 13, "t.csv:3: a NUL byte", "1|2\n"},
        {"a,b\n1,2\n3,\"\n\0\"\n", 15, "t.csv:4: column 2: a NUL byte in a quoted field", "1|2\n"},
        {"a,b\n\"1\",\0\n", 11, "t.csv:2: a NUL byte", ""},
        {"a,\0\n", 4, "t.csv:1: a NUL byte", ""},
        {"a,\"b\n", 0, "t.csv:1: column 2: a quoted field", ""},
    };
    char got[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_STATUS(read_all(rows[i].text, rows[i].size ? rows[i].size : strlen(rows[i].text), got, sizeof got),
                     HRM_ERR_FORMAT);
        CHECK_ERROR_HAS(rows[i].message);
        CHECK_STR(got, rows[i].before);
    }
    char wide[2 * HRM_CSV_MAX_COLUMNS + 2];
    memset(wide, ',', sizeof wide);
    CHECK_OK(read_all(wide, HRM_CSV_MAX_COLUMNS - 1, got, sizeof got));
    CHECK_STATUS(read_all(wide, HRM_CSV_MAX_COLUMNS, got, sizeof got), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("more than 1024 columns");
}

/* Fields with doubled quotes of one row all stay valid, however the scratch grows. */
static void quoted_fields_live_together(void **state) {
    (void)state;
    enum { FIELDS = 40 };
    static char text[FIELDS * 400];
    size_t used = 0;
    for (int i = 0; i < FIELDS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%sc%d", i ? "," : "", i);
    text[used++] = '\n';
    for (int i = 0; i < FIELDS; i++) { /* x""x""x""..., i + 1 times */
        if (i) text[used++] = ',';
        text[used++] = '"';
        for (int k = 0; k <= i * 3; k++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%c\"\"", 'a' + i % 26);
        text[used++] = '"';
    }
    hrm_csv *csv;
    const hrm_csv_field *fields;
    CHECK_OK(hrm_csv_parse("t.csv", text, used, &csv));
    CHECK_OK(hrm_csv_next(csv, &fields));
    CHECK(fields != NULL);
    for (int i = 0; i < FIELDS; i++) {
        CHECK_EQ(fields[i].size, 2 * (i * 3 + 1));
        for (size_t k = 0; k < fields[i].size; k++) CHECK_EQ(fields[i].data[k], k % 2 ? '"' : 'a' + i % 26);
    }
    hrm_csv_close(csv);
}

static void columns_and_places(void **state) {
    (void)state;
    const char *path = check_temp_path("table.csv");
    static const char text[] = "\nid,\"q\"\"s\", Answer ,b,B\nx,\"1\n2\",3,4,5\n\ny,5,6,7,8\n";
    check_write_file(path, text, sizeof text - 1);
    hrm_csv *csv;
    const hrm_csv_field *fields;
    uint32_t column;
    CHECK_OK(hrm_csv_open(path, &csv));
    CHECK_STR(hrm_csv_name(csv), path);
    CHECK_EQ(hrm_csv_column_count(csv), 5);
    CHECK_OK(hrm_csv_find_column(csv, "q\"s", &column));
    CHECK_EQ(column, 1);
    CHECK_OK(hrm_csv_find_column(csv, "a, answer", &column));
    CHECK_EQ(column, 2);
    CHECK_STATUS(hrm_csv_find_column(csv, "rating", &column), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS(
        "table.csv:2: there is no column \"rating\"; the header names \"id\", \"q\"s\", \" Answer \", \"b\", \"B\"");
    CHECK_STATUS(hrm_csv_find_column(csv, "q, question, answers", &column), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("there is no column \"q\" (or question, answers); the header names \"id\"");
    CHECK_STATUS(hrm_csv_find_column(csv, "c, b", &column), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("table.csv:2: columns \"b\" and \"B\" mean the same; one is needed");
    CHECK_EQ(column, 2); /* as it was */
    for (int round = 0; round < 2; round++) {
        CHECK_OK(hrm_csv_next(csv, &fields));
        CHECK_EQ(hrm_csv_line(csv), 3);
        CHECK_OK(hrm_csv_next(csv, &fields));
        CHECK_EQ(hrm_csv_line(csv), 6);
        CHECK_EQ(fields[0].data[0], 'y');
        CHECK_OK(hrm_csv_next(csv, &fields));
        CHECK(fields == NULL);
        CHECK_OK(hrm_csv_next(csv, &fields));
        CHECK(fields == NULL);
        hrm_csv_rewind(csv);
    }
    hrm_csv_close(csv);
    hrm_csv_close(NULL);
    CHECK_STATUS(hrm_csv_open(check_temp_path("absent.csv"), &csv), HRM_ERR_IO);
    CHECK(csv == NULL);
    check_write_file(path, "", 0);
    CHECK_STATUS(hrm_csv_open(path, &csv), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("table.csv");
}

/* Every cut of a good text: the rows before it come whole, and the one it is in as far as a row can end there. */
static void every_truncation(void **state) {
    (void)state;
    static const char text[] = "\xef\xbb\xbfq,\"a\"\r\n\"1\"\"\",2\r\n\n3,\"4\n5\"";
    static const struct {
        size_t last; /* the largest size of this row, which begins behind the one before */
        hrm_status status;
        const char *want;
    } rows[] = {
        {0, HRM_ERR_FORMAT, ""},         /* empty */
        {2, HRM_OK, ""},                 /* half a byte order mark: a column's name */
        {3, HRM_ERR_FORMAT, ""},         /* a whole one: empty */
        {5, HRM_OK, ""},                 /* q, */
        {7, HRM_ERR_FORMAT, ""},         /* an open quote */
        {10, HRM_OK, ""},                /* the header */
        {15, HRM_ERR_FORMAT, ""},        /* an open quote, or one field of two */
        {16, HRM_OK, "1\"|\n"},          /* an empty field */
        {20, HRM_OK, "1\"|2\n"},         /* the row and an empty line */
        {21, HRM_ERR_FORMAT, "1\"|2\n"}, /* one field of two */
        {22, HRM_OK, "1\"|2\n3|\n"},     /* an empty field */
        {26, HRM_ERR_FORMAT, "1\"|2\n"}, /* an open quote */
        {27, HRM_OK, "1\"|2\n3|4\n5\n"},
    };
    char got[256];
    CHECK_EQ(sizeof text - 1, 27);
    for (size_t size = 0, row = 0; size < sizeof text; size++) {
        if (size > rows[row].last) row++;
        hrm_status status = read_all(text, size, got, sizeof got);
        CHECK_MSG(status == rows[row].status && strcmp(got, rows[row].want) == 0, "cut at %zu: %s, \"%s\"", size,
                  hrm_status_name(status), got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(quoted_fields_live_together),
        cmocka_unit_test(columns_and_places),
        cmocka_unit_test(every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
