#include "fuzz.h"

#include "io/pickle.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned sink; /* keeps the reads */

/* The promise under test: recursion is no deeper than the limit and ends. */
static uint32_t walk(const hrm_pickle_value *value, unsigned depth) {
    uint32_t nodes = 1;
    if (depth > HRM_PICKLE_MAX_DEPTH || value->kind >= HRM_PICKLE_KIND_COUNT) abort();
    switch (value->kind) {
    case HRM_PICKLE_TEXT:
    case HRM_PICKLE_BYTES:
        for (size_t i = 0; i <= value->text.size; i++) sink += (unsigned char)value->text.data[i];
        if (value->text.data[value->text.size] != '\0') abort();
        break;
    case HRM_PICKLE_TUPLE:
    case HRM_PICKLE_LIST:
    case HRM_PICKLE_DICT:
        if (value->kind == HRM_PICKLE_DICT && value->list.count % 2) abort();
        for (size_t i = 0; i < value->list.count; i++) nodes += walk(value->list.items[i], depth + 1);
        break;
    case HRM_PICKLE_STORAGE:
        sink += (unsigned)strlen(value->storage->key) + (unsigned)value->storage->count;
        break;
    case HRM_PICKLE_TENSOR:
        sink += (unsigned)strlen(value->tensor->storage->key) + (unsigned)value->tensor->offset;
        nodes += walk(value->tensor->shape, depth + 1) + walk(value->tensor->strides, depth + 1);
        break;
    default:
        sink += (unsigned)value->integer;
        break;
    }
    if (nodes > value->nodes) abort();
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_pickle *pickle;
    if (hrm_pickle_parse(data, size, &pickle) != HRM_OK) return 0;
    const hrm_pickle_value *value = hrm_pickle_get(pickle);
    walk(value, 1);
    if (value->kind == HRM_PICKLE_DICT) (void)hrm_pickle_find(value, "model");
    hrm_pickle_destroy(pickle);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\6tq\7Q"
#define NO_HOOKS "ccollections\nOrderedDict\n)R"
#define TENSOR "ctorch._utils\n_rebuild_tensor_v2\nq\3(" STORAGE "K\0K\2K\3\x86K\3K\1\x86\x89" NO_HOOKS "tR"
#define EIGHT(item) item item item item item item item item
#define ROW(text)                                                                                                      \
    { text, sizeof(text) - 1 }
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        ROW("\x80\2"
            "ccollections\nOrderedDict\nq\0)Rq\1(X\1\0\0\0a" TENSOR "X\5\0\0\0model}X\1\0\0\0b" TENSOR
            "su}X\11\0\0\0_metadataNsb."),
        ROW("\x80\4\x95\40\0\0\0\0\0\0\0}\x94(\x8c\1a\x94]\x94(K\1M\1\2J\1\2\3\4\x8a\2\1\2G?"
            "\xf0\0\0\0\0\0\0\x88\x89Nej\1\0"
            "\0\0h\2\x85u."),
        ROW("\x80\2(K\1K\2K\3tp0\ng0\n\x86q\1h\1\x86q\2h\2\x86]q\3h\2a\x86."),
        ROW("\x80\2"
            "ctorch._utils\n_rebuild_parameter\n" TENSOR "\x88}\x87R."),
        /* Tensors that share one tuple of the most dimensions there may be. */
        ROW("\x80\2((" EIGHT(EIGHT("K\1")) "tq\1" EIGHT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
                                                        "K\0h\1h\1\x89" NO_HOOKS "tR") "t."),
    };
    if (index >= sizeof rows / sizeof *rows || rows[index].size > room) return 0;
    memcpy(buffer, rows[index].bytes, rows[index].size);
    return rows[index].size;
}
