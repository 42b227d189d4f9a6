#include "fuzz.h"

#include "io/yaml.h"

#include <stdlib.h>
#include <string.h>

/* What was accepted is a value that JSON can write. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *value;
    if (hrm_yaml_parse((const char *)data, size, "input", &value) != HRM_OK) return 0;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (!text) abort();
    free(text);
    json_decref(value);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char config[] = "arch:\n  H_cycles: 2\n  loss:\n    loss_type: stablemax_cross_entropy\nbeta1: 0.9\n"
                                 "checkpoint_path: checkpoints/Sudoku\n  golden run\neval_save_outputs: []\n"
                                 "lr: 7.0e-05\nseed: 0\non: yes\n";
    static const char *const rows[] = {
        config,
        "[1:30, 0x1f, 010, 0b11, -.inf, .nan, 1e-5, 'a''b', \"\\u00e9\", !!str 1, {a: ~, b: {c: [1, 2]}}, 1_0.5]",
        "? a\n: |\n  text\n  more\n? b\n: - 1\n  - - 2\n    - 3\n---\n",
    };
    if (index >= sizeof rows / sizeof *rows || strlen(rows[index]) > room) return 0;
    memcpy(buffer, rows[index], strlen(rows[index]));
    return strlen(rows[index]);
}
