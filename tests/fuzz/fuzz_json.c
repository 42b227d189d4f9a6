#include "fuzz.h"

#include "io/json.h"

#include <stdlib.h>
#include <string.h>

/* What was accepted must survive being written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *value, *again;
    if (hrm_json_parse((const char *)data, size, "input", &value) != HRM_OK) return 0;
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text || hrm_json_parse(text, strlen(text), "again", &again) != HRM_OK || !json_equal(value, again)) abort();
    free(text);
    json_decref(again);
    json_decref(value);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char *const rows[] = {
        "{\"seq_len\": 36, \"vocab_size\": 6, \"rates\": [0.1, 1e-4, -5], \"name\": \"maze \\u00e9\", \"none\": null}",
        "[[[[]]], {\"a\": {\"b\": [true, false]}}, \"\"]",
    };
    if (index >= sizeof rows / sizeof *rows || strlen(rows[index]) > room) return 0;
    memcpy(buffer, rows[index], strlen(rows[index]));
    return strlen(rows[index]);
}
