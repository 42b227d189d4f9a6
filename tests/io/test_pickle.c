#include "check.h"

#include "io/pickle.h"

#include <stdlib.h>
#include <string.h>

/* A pickle of protocol 4 from a literal, and its size. */
#define BODY(text) "\x80\x04" text, sizeof "\x80\x04" text - 1

static hrm_pickle *parse(const char *bytes, size_t size) {
    hrm_pickle *pickle;
    CHECK_OK(hrm_pickle_parse(bytes, size, &pickle));
    return pickle;
}

static void refuses(const char *bytes, size_t size, hrm_status code, const char *text) {
    hrm_pickle *pickle = (hrm_pickle *)&pickle;
    hrm_status got = hrm_pickle_parse(bytes, size, &pickle);
    CHECK_MSG(got == code, "expected \"%s\": got %s (%s)", text, hrm_status_name(got), hrm_last_error());
    CHECK(pickle == NULL);
    CHECK_ERROR_HAS(text);
}

static void reads_int(const char *bytes, size_t size, int64_t want) {
    hrm_pickle *pickle = parse(bytes, size);
    const hrm_pickle_value *value = hrm_pickle_get(pickle);
    CHECK_EQ(value->kind, HRM_PICKLE_INT);
    CHECK_EQ(value->integer, want);
    hrm_pickle_destroy(pickle);
}

static void reads_text(const char *bytes, size_t size, hrm_pickle_kind kind, const char *want) {
    hrm_pickle *pickle = parse(bytes, size);
    const hrm_pickle_value *value = hrm_pickle_get(pickle);
    CHECK_EQ(value->kind, kind);
    CHECK_EQ(value->text.size, strlen(want));
    CHECK_STR(value->text.data, want);
    hrm_pickle_destroy(pickle);
}

static void reads_kind(const char *bytes, size_t size, hrm_pickle_kind kind, size_t count) {
    hrm_pickle *pickle = parse(bytes, size);
    const hrm_pickle_value *value = hrm_pickle_get(pickle);
    CHECK_EQ(value->kind, kind);
    if (kind == HRM_PICKLE_TUPLE || kind == HRM_PICKLE_LIST || kind == HRM_PICKLE_DICT)
        CHECK_EQ(value->list.count, count);
    hrm_pickle_destroy(pickle);
}

static void numbers_are_read(void **state) {
    (void)state;
    reads_int(BODY("K\xff."), 255);
    reads_int(BODY("M\xff\xfe."), 65279);
    reads_int(BODY("J\xfe\xff\xff\xff."), -2);
    reads_int(BODY("J\xff\xff\xff\x7f."), INT32_MAX);
    reads_int(BODY("\x8a\x00."), 0);
    reads_int(BODY("\x8a\x01\xff."), -1);
    reads_int(BODY("\x8a\x02\xff\x00."), 255);
    reads_int(BODY("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), INT64_MAX);
    reads_int(BODY("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN);
    reads_int(BODY("\x8b\x03\x00\x00\x00\x01\x02\x03."), 0x030201);
    reads_kind(BODY("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00."), HRM_PICKLE_BIG_INT, 0);
    reads_kind(BODY("N."), HRM_PICKLE_NONE, 0);
    hrm_pickle *pickle = parse(BODY("G\x3f\xf8\0\0\0\0\0\0."));
    CHECK_EQ(hrm_pickle_get(pickle)->kind, HRM_PICKLE_FLOAT);
    CHECK(hrm_pickle_get(pickle)->real == 1.5);
    hrm_pickle_destroy(pickle);
    pickle = parse(BODY("\x88\x89\x86."));
    CHECK(hrm_pickle_get(pickle)->list.items[0]->boolean);
    CHECK(!hrm_pickle_get(pickle)->list.items[1]->boolean);
    hrm_pickle_destroy(pickle);
}

static void texts_are_read(void **state) {
    (void)state;
    reads_text(BODY("X\x03\0\0\0abc."), HRM_PICKLE_TEXT, "abc");
    reads_text(BODY("\x8c\x03xyz."), HRM_PICKLE_TEXT, "xyz");
    reads_text(BODY("\x8d\x02\0\0\0\0\0\0\0hi."), HRM_PICKLE_TEXT, "hi");
    reads_text(BODY("U\x02py."), HRM_PICKLE_TEXT, "py");
    reads_text(BODY("T\x02\0\0\0py."), HRM_PICKLE_TEXT, "py");
    reads_text(BODY("X\0\0\0\0."), HRM_PICKLE_TEXT, "");
    reads_text(BODY("C\x02xx."), HRM_PICKLE_BYTES, "xx");
    reads_text(BODY("B\x01\0\0\0x."), HRM_PICKLE_BYTES, "x");
    reads_text(BODY("\x8e\x01\0\0\0\0\0\0\0x."), HRM_PICKLE_BYTES, "x");
    reads_text(BODY("\x96\x01\0\0\0\0\0\0\0x."), HRM_PICKLE_BYTES, "x");
}

static void containers_are_read(void **state) {
    (void)state;
    reads_kind(BODY(")."), HRM_PICKLE_TUPLE, 0);
    reads_kind(BODY("K\x01\x85."), HRM_PICKLE_TUPLE, 1);
    reads_kind(BODY("K\x01K\x02K\x03\x87."), HRM_PICKLE_TUPLE, 3);
    reads_kind(BODY("(K\x01K\x02K\x03K\x04t."), HRM_PICKLE_TUPLE, 4);
    reads_kind(BODY("(t."), HRM_PICKLE_TUPLE, 0);
    reads_kind(BODY("]K\x01"
                    "a."),
               HRM_PICKLE_LIST, 1);
    reads_kind(BODY("](K\x01K\x02"
                    "e(K\x03"
                    "e."),
               HRM_PICKLE_LIST, 3);
    reads_kind(BODY("(K\x01K\x02l."), HRM_PICKLE_LIST, 2);
    reads_kind(BODY("}K\x01K\x02s."), HRM_PICKLE_DICT, 2);
    reads_kind(BODY("}(K\x01K\x02K\x03K\x04u(u."), HRM_PICKLE_DICT, 4);
    reads_kind(BODY("(K\x01K\x02"
                    "d."),
               HRM_PICKLE_DICT, 2);
    reads_kind(BODY("ccollections\nOrderedDict\n)R}U\x01xK\x01sb."), HRM_PICKLE_DICT, 0);
    reads_kind(BODY("\x8c\x0b"
                    "collections\x8c\x0bOrderedDict\x93)R."),
               HRM_PICKLE_DICT, 0);
    reads_kind(BODY("ctorch\nSize\nK\x02K\x03\x86\x85R."), HRM_PICKLE_TUPLE, 2);
    reads_kind(BODY("ctorch\nfloat32\n."), HRM_PICKLE_GLOBAL, 0);
    /* The memo in all its forms; one value may stand in several places. */
    reads_kind(BODY("K\x05q\x00h\x00h\x00\x87."), HRM_PICKLE_TUPLE, 3);
    reads_kind(BODY("K\x05r\x03\0\0\0j\x03\0\0\0\x86."), HRM_PICKLE_TUPLE, 2);
    reads_kind(BODY("K\x05p3\ng3\n\x86."), HRM_PICKLE_TUPLE, 2);
    reads_kind(BODY("K\x05\x94K\x06\x94h\x01\x87."), HRM_PICKLE_TUPLE, 3);
    reads_kind(BODY("\x95\x02\0\0\0\0\0\0\0N."), HRM_PICKLE_NONE, 0);
    hrm_pickle *pickle = parse(BODY("}(U\x01"
                                    "aK\x01U\x01"
                                    "bK\x02U\x01"
                                    "aK\x03u."));
    CHECK_EQ(hrm_pickle_find(hrm_pickle_get(pickle), "a")->integer, 3); /* as Python: the last one */
    CHECK_EQ(hrm_pickle_find(hrm_pickle_get(pickle), "b")->integer, 2);
    CHECK(hrm_pickle_find(hrm_pickle_get(pickle), "c") == NULL);
    hrm_pickle_destroy(pickle);
}

#define STORAGE(type)                                                                                                  \
    "(U\x07storagectorch\n" type "\nU\x01"                                                                             \
    "7U\x03"                                                                                                           \
    "cpuK\x06tQ"
#define HOOKS "ccollections\nOrderedDict\n)R"
#define REBUILD(name) "ctorch._utils\n_rebuild_" name "\n"
#define SHAPE "K\x02K\x03\x86K\x03K\x01\x86"

static void check_tensor(const char *bytes, size_t size, hrm_safetensors_dtype dtype, bool untyped) {
    hrm_pickle *pickle = parse(bytes, size);
    const hrm_pickle_value *value = hrm_pickle_get(pickle);
    CHECK_EQ(value->kind, HRM_PICKLE_TENSOR);
    const hrm_pickle_tensor *tensor = value->tensor;
    CHECK_EQ(tensor->dtype, dtype);
    CHECK_EQ(tensor->storage->untyped, untyped);
    CHECK_STR(tensor->storage->key, "7");
    CHECK_EQ(tensor->storage->count, 6);
    CHECK_EQ(tensor->offset, 0);
    CHECK_EQ(tensor->shape->list.count, 2);
    CHECK_EQ(tensor->shape->list.items[1]->integer, 3);
    CHECK_EQ(tensor->strides->list.items[0]->integer, 3);
    hrm_pickle_destroy(pickle);
}

static void tensors_are_built(void **state) {
    (void)state;
    check_tensor(BODY(REBUILD("tensor_v2") "(" STORAGE("FloatStorage") "K\0" SHAPE "\x89" HOOKS "tR."), HRM_ST_F32,
                 false);
    check_tensor(BODY(REBUILD("tensor_v2") "(" STORAGE("BFloat16Storage") "K\0" SHAPE "\x88" HOOKS "}tR."), HRM_ST_BF16,
                 false);
    check_tensor(BODY(REBUILD("tensor") "(" STORAGE("LongStorage") "K\0" SHAPE "tR."), HRM_ST_I64, false);
    check_tensor(
        BODY(REBUILD("tensor_v3") "(" STORAGE("UntypedStorage") "K\0" SHAPE "\x89" HOOKS "ctorch\nuint16\ntR."),
        HRM_ST_U16, true);
    check_tensor(BODY(REBUILD("parameter") REBUILD("tensor_v2") "(" STORAGE("HalfStorage") "K\0" SHAPE "\x89" HOOKS
                                                                                           "tR\x88" HOOKS "\x87R."),
                 HRM_ST_F16, false);
}

static void code_is_refused(void **state) {
    (void)state;
    refuses(BODY("cos\nsystem\nU\x04true\x85R."), HRM_ERR_FORMAT,
            "byte 2: global os.system is not allowed: a checkpoint may only build tensors");
    refuses(BODY("N0cposix\nsystem\n."), HRM_ERR_FORMAT, "byte 3: opcode POP is not allowed");
    refuses(BODY("U\x08"
                 "builtinsU\x04"
                 "eval\x93."),
            HRM_ERR_FORMAT, "byte 18: global builtins.eval is not allowed");
    refuses(BODY("c__builtin__\ngetattr\n."), HRM_ERR_FORMAT, "__builtin__.getattr");
    refuses(BODY("ctorch.storage\n_load_from_bytes\n."), HRM_ERR_FORMAT, "torch.storage._load_from_bytes");
    refuses(BODY("ctorch\nload\n."), HRM_ERR_FORMAT, "torch.load is not allowed");
    refuses(BODY("ctorch._utils.x\n_rebuild_tensor_v2\n."), HRM_ERR_FORMAT, "not allowed");
    refuses(BODY("ctorch\n_utils._rebuild_tensor_v2\n."), HRM_ERR_FORMAT, "not allowed");
    refuses(BODY("c\x1b[2J\n\x07\n."), HRM_ERR_FORMAT, "global ?[2J.? is not");
    refuses(BODY("ctorch\nComplexFloatStorage\n."), HRM_ERR_UNSUPPORTED, "storage type torch.ComplexFloatStorage");
    refuses(BODY("(ios\nsystem\n."), HRM_ERR_FORMAT, "opcode INST is not allowed");
    refuses(BODY("ccollections\nOrderedDict\n)\x81."), HRM_ERR_FORMAT, "byte 28: opcode NEWOBJ is not allowed");
    refuses(BODY("\x82\x01."), HRM_ERR_FORMAT, "opcode EXT1");
    refuses(BODY("Pid\n."), HRM_ERR_FORMAT, "opcode PERSID");
    refuses(BODY("\x8f."), HRM_ERR_FORMAT, "opcode EMPTY_SET");
    refuses(BODY("\x97."), HRM_ERR_FORMAT, "opcode NEXT_BUFFER");
    refuses(BODY("\xff."), HRM_ERR_FORMAT, "byte 2: 0xff is no opcode");
    /* What is allowed cannot be called with just anything. */
    refuses(BODY("ccollections\nOrderedDict\n]\x85R."), HRM_ERR_FORMAT, "OrderedDict is called with arguments");
    refuses(BODY("ctorch\nfloat32\n)R."), HRM_ERR_FORMAT, "torch.float32 cannot be called");
    refuses(BODY("ctorch\nFloatStorage\n)R."), HRM_ERR_FORMAT, "torch.FloatStorage cannot be called");
    refuses(BODY("ctorch\nSize\n)R."), HRM_ERR_FORMAT, "torch.Size is not called with");
    refuses(BODY("ctorch\nSize\nU\x01"
                 "a\x85\x85R."),
            HRM_ERR_FORMAT, "torch.Size is not called with");
    refuses(BODY("K\x01)R."), HRM_ERR_FORMAT, "a whole number is called with a tuple");
    refuses(BODY("ctorch\nSize\n]R."), HRM_ERR_FORMAT, "is called with a list");
    refuses(BODY("]}b."), HRM_ERR_FORMAT, "attributes are set on a list");
    refuses(BODY("}]b."), HRM_ERR_FORMAT, "attributes are set on a dict from a list");
    refuses(BODY("U\x02idQ."), HRM_ERR_FORMAT, "a persistent id is not");
    refuses(BODY("(U\x07storageK\x01U\x01"
                 "7U\x03"
                 "cpuK\x06tQ."),
            HRM_ERR_FORMAT, "a persistent id is not");
    refuses(BODY("(U\x07storagectorch\nfloat32\nU\x01"
                 "7U\x03"
                 "cpuK\x06tQ."),
            HRM_ERR_FORMAT, "a persistent id is not");
    refuses(BODY("(U\x07storagectorch\nFloatStorage\nU\0U\x03"
                 "cpuK\x06tQ."),
            HRM_ERR_FORMAT, "key of a storage is empty");
    refuses(BODY("(U\x07storagectorch\nFloatStorage\nU\x02"
                 "7\0U\x03"
                 "cpuK\x06tQ."),
            HRM_ERR_FORMAT, "has a NUL");
    refuses(BODY(REBUILD("tensor_v2") "(" STORAGE("FloatStorage") "K\0" SHAPE "\x89tR."), HRM_ERR_FORMAT,
            "a tensor is not built from");
    refuses(BODY(REBUILD("tensor_v2") "(K\x01K\0" SHAPE "\x89" HOOKS "tR."), HRM_ERR_FORMAT,
            "a tensor is not built from");
    refuses(BODY(REBUILD("tensor_v2") "(" STORAGE("FloatStorage") "K\0K\x01K\x01\x89" HOOKS "tR."), HRM_ERR_FORMAT,
            "a tensor is not built from");
    refuses(BODY(REBUILD("tensor_v2") "(" STORAGE("FloatStorage") "K\0" SHAPE "\x89}K\x01K\x02stR."), HRM_ERR_FORMAT,
            "no hooks");
    refuses(BODY(REBUILD("tensor_v2") "(" STORAGE("UntypedStorage") "K\0" SHAPE "\x89" HOOKS "tR."), HRM_ERR_FORMAT,
            "from an untyped storage");
    refuses(BODY(REBUILD("tensor_v3") "(" STORAGE("FloatStorage") "K\0" SHAPE "\x89" HOOKS "ctorch\nint32\ntR."),
            HRM_ERR_FORMAT, "a tensor of I32 is built from a storage of F32");
    refuses(BODY(REBUILD("parameter") "K\x01\x88}\x87R."), HRM_ERR_FORMAT, "a parameter is not built from");
}

static void damage_is_refused(void **state) {
    (void)state;
    refuses("", 0, HRM_ERR_FORMAT, "byte 0: not a pickle");
    refuses("N.", 2, HRM_ERR_FORMAT, "byte 0: not a pickle");
    refuses("\x80\x01N.", 4, HRM_ERR_UNSUPPORTED, "pickle protocol 1");
    refuses("\x80\x06N.", 4, HRM_ERR_UNSUPPORTED, "pickle protocol 6");
    refuses(BODY(""), HRM_ERR_FORMAT, "byte 2: truncated: the pickle has no end");
    refuses(BODY("."), HRM_ERR_FORMAT, "byte 2: the stack holds no value here");
    refuses(BODY("NN."), HRM_ERR_FORMAT, "byte 4: it ends with 1 values too many");
    refuses(BODY("N.N"), HRM_ERR_FORMAT, "1 bytes follow its end");
    refuses(BODY("(."), HRM_ERR_FORMAT, "the stack holds no value here");
    refuses(BODY("t."), HRM_ERR_FORMAT, "the stack has no mark");
    refuses(BODY("N\x86."), HRM_ERR_FORMAT, "the stack holds no value here");
    refuses(BODY("(N\x86."), HRM_ERR_FORMAT, "the stack holds no value here");
    refuses(BODY("NNa."), HRM_ERR_FORMAT, "a list is needed to add to, a None is there");
    refuses(BODY("]NNs."), HRM_ERR_FORMAT, "a dict is needed to add to, a list is there");
    refuses(BODY("}(Nu."), HRM_ERR_FORMAT, "a key of a dict has no value");
    refuses(BODY("}]Ns."), HRM_ERR_FORMAT, "a list cannot be the key of a dict");
    refuses(BODY("q\x01."), HRM_ERR_FORMAT, "the stack holds no value here");
    refuses(BODY("h\x01."), HRM_ERR_FORMAT, "memo entry 1 was never set");
    refuses(BODY("j\xff\xff\xff\xff."), HRM_ERR_FORMAT, "memo entry 4294967295 was never set");
    refuses(BODY("Nr\xff\xff\xff\xff."), HRM_ERR_FORMAT, "memo entry 4294967295 in a pickle of 9 bytes");
    refuses(BODY("Np-1\n."), HRM_ERR_FORMAT, "a memo index is not a number");
    refuses(BODY("Np\n."), HRM_ERR_FORMAT, "a memo index is not a number");
    refuses(BODY("X\xff\xff\xff\xff."), HRM_ERR_FORMAT, "4294967295 bytes are needed, 1 follow");
    refuses(BODY("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), HRM_ERR_FORMAT, "18446744073709551615 bytes are needed");
    refuses(BODY("\x8b\xff\xff\xff\xff."), HRM_ERR_FORMAT, "4294967295 bytes are needed");
    refuses(BODY("\x95\x09\0\0\0\0\0\0\0N."), HRM_ERR_FORMAT, "a frame of 9 bytes is announced, 2 follow");
    refuses(BODY("cos"), HRM_ERR_FORMAT, "the line has no end");
    refuses(BODY("NN\x93."), HRM_ERR_FORMAT, "the name of a global is not text");
}

static void cycles_are_refused(void **state) {
    (void)state;
    refuses(BODY("]q\0h\0a."), HRM_ERR_FORMAT, "a list changes after it became part of another value");
    refuses(BODY("}q\0K\x01h\0s."), HRM_ERR_FORMAT, "a dict changes after");
    refuses(BODY("]q\0]q\x01h\0"
                 "ah\0h\x01"
                 "a."),
            HRM_ERR_FORMAT, "a list changes after");
    refuses(BODY("]q\0h\0\x85q\x01h\0h\x01"
                 "a."),
            HRM_ERR_FORMAT, "a list changes after");
}

/* `count` copies of `unit` after `start`, then `end`. */
static void repeat(const char *start, size_t start_size, const char *unit, size_t unit_size, size_t count,
                   const char *end, hrm_status code, const char *text) {
    size_t size = start_size + unit_size * count + strlen(end);
    char *bytes = malloc(size);
    CHECK(bytes != NULL);
    memcpy(bytes, start, start_size);
    for (size_t i = 0; i < count; i++) memcpy(bytes + start_size + i * unit_size, unit, unit_size);
    memcpy(bytes + size - strlen(end), end, strlen(end));
    if (code != HRM_OK)
        refuses(bytes, size, code, text);
    else
        hrm_pickle_destroy(parse(bytes, size));
    free(bytes);
}

/* A tensor whose shape and strides are one shared tuple of `rank` numbers, and torch.Size of the same. */
static void check_rank(size_t rank, hrm_status code) {
    repeat(BODY(REBUILD("tensor_v2") "(" STORAGE("FloatStorage") "K\0("), "K\x01", 2, rank,
           "tq\x01h\x01\x89" HOOKS "tR.", code, "strides of at most 64 numbers");
    repeat(BODY("ctorch\nSize\n("), "K\x01", 2, rank, "t\x85R.", code, "with a tuple of at most 64 numbers");
}

static void limits_hold(void **state) {
    (void)state;
    check_rank(64, HRM_OK);
    check_rank(65, HRM_ERR_FORMAT);
    check_rank(1000000, HRM_ERR_FORMAT);
    repeat(BODY("N"), "\x85", 1, 63, ".", HRM_OK, "");
    repeat(BODY("N"), "\x85", 1, 64, ".", HRM_ERR_FORMAT, "byte 66: values are nested more than 64 deep");
    repeat(BODY("N"), "\x85", 1, 1000000, ".", HRM_ERR_FORMAT, "nested more than 64 deep");
    /* Each pair holds the one before twice: 2^24 values after 24 of them. */
    repeat(BODY("Nq\0"), "h\0\x86q\0", 5, 22, ".", HRM_OK, "");
    repeat(BODY("Nq\0"), "h\0\x86q\0", 5, 40, ".", HRM_ERR_FORMAT, "more than 16777216 values");
    repeat(BODY("]("), "}", 1, 5000000, "e.", HRM_ERR_FORMAT, "its values take more than 256 MiB");
    hrm_pickle *pickle;
    CHECK_STATUS(hrm_pickle_parse("\x80\x04N.", HRM_PICKLE_MAX_BYTES + 1, &pickle), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("at most 67108864 are accepted");
}

static void every_truncation_and_flip_survives(void **state) {
    (void)state;
    static const char bytes[] = "\x80\x02" HOOKS "q\0(U\x01"
                                "aq\x01" REBUILD("tensor_v2") "q\x02(" STORAGE(
                                    "FloatStorage") "K\0" SHAPE "\x89" HOOKS "tq\x03RU\x01"
                                                    "b](K\x01\x8a\x01\x07G\0\0\0\0\0\0\0\0eu}U\x09_metadata}sb.";
    size_t size = sizeof bytes - 1;
    hrm_pickle_destroy(parse(bytes, size));
    for (size_t cut = 0; cut < size; cut++) {
        char *copy = malloc(cut ? cut : 1);
        CHECK(copy != NULL);
        memcpy(copy, bytes, cut);
        refuses(copy, cut, HRM_ERR_FORMAT, "byte");
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        hrm_pickle *pickle;
        char *copy = malloc(size);
        CHECK(copy != NULL);
        memcpy(copy, bytes, size);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        hrm_status status = hrm_pickle_parse(copy, size, &pickle);
        if (status != HRM_OK) CHECK_ERROR_HAS("byte ");
        hrm_pickle_destroy(pickle);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(containers_are_read),
        cmocka_unit_test(tensors_are_built),
        cmocka_unit_test(code_is_refused),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(every_truncation_and_flip_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
