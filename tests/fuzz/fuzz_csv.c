#include "fuzz.h"

#include "io/csv.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned sink; /* keeps the reads */

static void touch(hrm_csv_field field) {
    for (size_t i = 0; i < field.size; i++) sink += (unsigned char)field.data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_csv *csv;
    if (hrm_csv_parse("fuzz", data, size, &csv) != HRM_OK) return 0;
    uint32_t column;
    size_t rows[2] = {0, 0};
    if (hrm_csv_find_column(csv, "q, question", &column) == HRM_OK && column >= hrm_csv_column_count(csv)) abort();
    for (int round = 0; round < 2; round++) {
        const hrm_csv_field *fields;
        while (hrm_csv_next(csv, &fields) == HRM_OK && fields) {
            for (uint32_t i = 0; i < hrm_csv_column_count(csv); i++) touch(fields[i]);
            rows[round]++;
        }
        if (rows[round] > size) abort();
        hrm_csv_rewind(csv);
    }
    if (rows[0] != rows[1]) abort();
    hrm_csv_close(csv);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char *const texts[] = {
        "source,q,a,rating\nmade,..1,231,4\nmade,1..,132,0\n",
        "\xef\xbb\xbfq,a\r\n\"x,\"\"y\"\"\",2\r\n\"two\nlines\",\"\"\"\"\r\n",
        "q\n\n1\n\"\"\n\r\n2",
        "a,q\n\"\"\"\"\"\",\"\"\"\"\n",
    };
    if (index >= sizeof texts / sizeof *texts || strlen(texts[index]) > room) return 0;
    memcpy(buffer, texts[index], strlen(texts[index]));
    return strlen(texts[index]);
}
