#include "check.h"

#include "io/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HRM_HAVE_TORCH

static json_t *parse(const char *text) {
    json_t *value;
    CHECK_OK(hrm_yaml_parse(text, strlen(text), "test.yaml", &value));
    return value;
}

/* The value as JSON text. */
static void reads(const char *text, const char *want) {
    json_t *value = parse(text);
    char *got = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    CHECK(got != NULL);
    CHECK_MSG(strcmp(got, want) == 0, "%s: got %s, expected %s", text, got, want);
    free(got);
    json_decref(value);
}

static void reads_real(const char *text, double want) {
    json_t *value = parse(text);
    CHECK_MSG(json_is_real(value) && json_real_value(value) == want, "%s: got type %d, %.17g", text,
              (int)json_typeof(value), json_real_value(value));
    json_decref(value);
}

static void refuses_bytes(const char *text, size_t size, hrm_status code, const char *message) {
    json_t *value = (json_t *)&value;
    hrm_status got = hrm_yaml_parse(text, size, "test.yaml", &value);
    CHECK_MSG(got == code, "%s: got %s (%s)", text, hrm_status_name(got), hrm_last_error());
    CHECK(value == NULL);
    CHECK_ERROR_HAS(message);
}

static void refuses(const char *text, hrm_status code, const char *message) {
    refuses_bytes(text, strlen(text), code, message);
}

static void the_reference_s_config_is_read(void **state) {
    (void)state;
    json_t *config, *arch;
    CHECK_OK(hrm_yaml_load(check_path(check_tree_golden_dir("checkpoint_torch"), "all_config.yaml"), &config));
    CHECK_EQ(json_object_size(config), 19);
    arch = json_object_get(config, "arch");
    CHECK_EQ(json_object_size(arch), 13);
    CHECK_EQ(json_integer_value(json_object_get(arch, "hidden_size")), 64);
    CHECK(json_real_value(json_object_get(arch, "halt_exploration_prob")) == 0.1);
    CHECK_STR(json_string_value(json_object_get(arch, "name")), "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1");
    CHECK_STR(json_string_value(json_object_get(json_object_get(arch, "loss"), "loss_type")),
              "stablemax_cross_entropy");
    CHECK(json_real_value(json_object_get(config, "lr")) == 7e-05);
    CHECK(json_is_true(json_object_get(config, "checkpoint_every_eval")));
    CHECK_EQ(json_array_size(json_object_get(config, "eval_save_outputs")), 0);
    CHECK_STR(json_string_value(json_object_get(config, "checkpoint_path")),
              "checkpoints/Sudoku ACT-torch/HierarchicalReasoningModel_ACTV1 golden run"); /* wrapped in the file */
    CHECK(json_is_integer(json_object_get(config, "seed")));
    json_decref(config);
}

/* Expected values: PyYAML 6's safe_load of the same text, but where the comment says otherwise. */
static void plain_scalars_have_their_types(void **state) {
    (void)state;
    reads("", "null");
    reads("# nothing\n", "null");
    reads("a:", "{\"a\":null}");
    reads("[~, null, Null, NULL, nUll]", "[null,null,null,null,\"nUll\"]");
    reads("[yes, Yes, on, True, TRUE, tRue, y]", "[true,true,true,true,true,\"tRue\",\"y\"]");
    reads("[no, NO, off, Off, false, n]", "[false,false,false,false,false,\"n\"]");
    reads("[0, 1, -1, +7, 1_000, 010, 0x1F, 0b101, -0x10]", "[0,1,-1,7,1000,8,31,5,-16]");
    reads("[08, 0o17, 1a, '1', \"2\", -, 0x, 0b2]", "[\"08\",\"0o17\",\"1a\",\"1\",\"2\",\"-\",\"0x\",\"0b2\"]");
    reads("[1:30, -1:30, 190:20:30, 1:60, 1:5]", "[90,-90,685230,\"1:60\",65]");
    reads("[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]");
    reads_real("7.0e-05", 7e-05);
    reads_real("1.0e-05", 1e-05);
    reads_real("1.", 1.0);
    reads_real("-1.5", -1.5);
}

static void floats_are_read(void **state) {
    (void)state;
    reads_real(".5", 0.5);
    reads_real("1_0.2_5", 10.25);
    reads_real("01.5", 1.5);
    reads_real("1.0e+10", 1e10);
    reads_real("6.0E-3", 6e-3);
    reads_real("1:30.5", 90.5);
    reads_real("7e-05", 7e-05); /* PyYAML: a string */
    reads_real("1e+3", 1000.0); /* PyYAML: a string */
    reads("[1e5, 1.5e5, 1.0e, e5, ., 1.2.3, +.5]", "[\"1e5\",\"1.5e5\",\"1.0e\",\"e5\",\".\",\"1.2.3\",\"+.5\"]");
    /* JSON cannot hold these. */
    reads("[.inf, -.Inf, +.INF, .nan, .NaN, 1.0e+999, -1.0e+999]",
          "[\".inf\",\"-.inf\",\".inf\",\".nan\",\".nan\",\".inf\",\"-.inf\"]");
}

static void strings_are_strings(void **state) {
    (void)state;
    reads("['1', \"true\", 'it''s', \"a\\tb\\u00e9\", '']", "[\"1\",\"true\",\"it's\",\"a\\tb\xc3\xa9\",\"\"]");
    reads("a: one\n  two\n\n  three", "{\"a\":\"one two\\nthree\"}");
    reads("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}");
    reads("a: 2024-01-02", "{\"a\":\"2024-01-02\"}"); /* PyYAML: a date */
    reads("{1: a, yes: b, ~: c}", "{\"1\":\"a\",\"yes\":\"b\",\"~\":\"c\"}");
    reads("[!!str 1, ! 2, !!int 3, !!float 4, !!float 4.5, !!bool yes, !!null ~]", "[\"1\",\"2\",3,4.0,4.5,true,null]");
    reads("!!map {a: !!seq [1]}", "{\"a\":[1]}");
    reads("---\na: 1\n...\n", "{\"a\":1}");
    reads("\xef\xbb\xbf"
          "a: \xc3\xa9",
          "{\"a\":\"\xc3\xa9\"}"); /* a byte order mark */
}

static void what_we_do_not_take_is_refused(void **state) {
    (void)state;
    refuses("a: 1\na: 2\n", HRM_ERR_FORMAT, "test.yaml:2:1: the key \"a\" occurs twice");
    refuses("a: 1\nb: {c: 1, c: 2}\n", HRM_ERR_FORMAT, "test.yaml:2:11: the key \"c\" occurs twice");
    refuses("a: &x 1\n", HRM_ERR_UNSUPPORTED, "test.yaml:1:4: the anchor &x is not supported");
    refuses("a: &x [1]\n", HRM_ERR_UNSUPPORTED, "the anchor &x");
    refuses("a: &x {b: 1}\n", HRM_ERR_UNSUPPORTED, "the anchor &x");
    refuses("a: *x\n", HRM_ERR_UNSUPPORTED, "test.yaml:1:4: the alias *x is not supported");
    refuses("<<: {a: 1}\n", HRM_ERR_UNSUPPORTED, "merge keys");
    refuses("a: !!python/object:os.system {}\n", HRM_ERR_UNSUPPORTED,
            "the tag \"tag:yaml.org,2002:python/object:os.system\"");
    refuses("!mine 1", HRM_ERR_UNSUPPORTED, "the tag \"!mine\"");
    refuses("!!seq {}", HRM_ERR_UNSUPPORTED, "the tag \"tag:yaml.org,2002:seq\"");
    refuses("!!binary aGk=", HRM_ERR_UNSUPPORTED, "2002:binary");
    refuses("!!int x", HRM_ERR_FORMAT, "\"x\" does not fit its tag");
    refuses("!!bool 1", HRM_ERR_FORMAT, "does not fit its tag");
    refuses("--- 1\n--- 2\n", HRM_ERR_UNSUPPORTED, "test.yaml:2:1: a second document");
    refuses("? [1]\n: 2\n", HRM_ERR_UNSUPPORTED, "a sequence cannot be a key");
    refuses("? {a: 1}\n: 2\n", HRM_ERR_UNSUPPORTED, "a mapping cannot be a key");
    refuses("9223372036854775808", HRM_ERR_FORMAT, "the integer 9223372036854775808 does not fit");
    refuses("-9223372036854775809", HRM_ERR_FORMAT, "does not fit into 64 bits");
    refuses("0xffffffffffffffff", HRM_ERR_FORMAT, "does not fit into 64 bits");
    refuses("999999999999999999:0", HRM_ERR_FORMAT, "does not fit into 64 bits");
    refuses("a: \"x\\0y\"", HRM_ERR_UNSUPPORTED, "test.yaml:1:4: a NUL character");
    refuses("a: [1, 2", HRM_ERR_FORMAT, "test.yaml:2:1: not valid YAML: while parsing a flow sequence");
    refuses("a: b: c", HRM_ERR_FORMAT, "test.yaml:1:5: not valid YAML");
    refuses("a:\n\t- 1", HRM_ERR_FORMAT, "not valid YAML");
    refuses("%YAML 3.0\n--- 1", HRM_ERR_FORMAT, "not valid YAML");
    refuses("a: \xff", HRM_ERR_FORMAT, "not valid YAML");
    refuses("a: \x01", HRM_ERR_FORMAT, "not valid YAML");
    refuses_bytes("a: \0", 4, HRM_ERR_FORMAT, "not valid YAML");
}

static void depth_is_limited(void **state) {
    (void)state;
    char text[2 * 100000 + 1];
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth == 64)
            json_decref(parse(text));
        else
            refuses(text, HRM_ERR_FORMAT, "test.yaml:1:65: nested more than 64 deep");
    }
    memset(text, '[', 100000);
    text[100000] = '\0';
    refuses(text, HRM_ERR_FORMAT, "nested more than 64 deep");
}

static void every_truncation_and_flip_survives(void **state) {
    (void)state;
    size_t size;
    char *bytes = check_read_file(check_path(check_tree_golden_dir("checkpoint_torch"), "all_config.yaml"), &size);
    for (size_t cut = 0; cut <= 8 * size + size; cut++) {
        size_t length = cut <= size ? cut : size;
        char *copy = malloc(length + 1); /* the parser sees `length` of them */
        json_t *value, *lines;
        CHECK(copy != NULL);
        memcpy(copy, bytes, length);
        if (cut > size) copy[(cut - size - 1) / 8] ^= (char)(1 << (cut - size - 1) % 8);
        hrm_status status = hrm_yaml_parse_lines(copy, length, "test.yaml", &value, &lines);
        json_decref(lines);
        if (status == HRM_OK)
            json_decref(value);
        else
            CHECK_ERROR_HAS("test.yaml:");
        free(copy);
    }
    free(bytes);
}

static void lines_of_keys_are_told(void **state) {
    (void)state;
    static const char text[] =
        "# a comment\na: 1\nb:\n  c: {d: 2,\n    e: 3}\n  f:\n    - g: 4\n  h: 5\ni: []\nj: {}\nk: 6\n";
    json_t *value, *lines;
    CHECK_OK(hrm_yaml_parse_lines(text, sizeof text - 1, "test.yaml", &value, &lines));
    char *found = json_dumps(lines, JSON_COMPACT);
    CHECK_STR(found,
              "{\"a\":2,\"b\":3,\"b.c\":4,\"b.c.d\":4,\"b.c.e\":5,\"b.f\":6,\"b.h\":8,\"i\":9,\"j\":10,\"k\":11}");
    free(found);
    json_decref(value);
    json_decref(lines);

    char longest[1000]; /* the path of the inner key does not fit, the rest is told */
    int n = snprintf(longest, sizeof longest, "%0250d:\n  inner: 1\nafter: 2\n", 7);
    CHECK_OK(hrm_yaml_parse_lines(longest, (size_t)n, "test.yaml", &value, &lines));
    CHECK_EQ(json_object_size(lines), 2);
    CHECK_EQ(json_integer_value(json_object_get(lines, "after")), 3);
    json_decref(value);
    json_decref(lines);
    CHECK_STATUS(hrm_yaml_parse_lines("a: [", 4, "test.yaml", &value, &lines), HRM_ERR_FORMAT);
    CHECK(value == NULL && lines == NULL);
}

static void load_names_the_file(void **state) {
    (void)state;
    json_t *value;
    CHECK_STATUS(hrm_yaml_load(check_temp_path("none.yaml"), &value), HRM_ERR_IO);
    CHECK_ERROR_HAS("none.yaml");
    check_write_file(check_temp_path("bad.yaml"), "a: [", 4);
    CHECK_STATUS(hrm_yaml_load(check_temp_path("bad.yaml"), &value), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("bad.yaml:2:1: not valid YAML");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_s_config_is_read),
        cmocka_unit_test(plain_scalars_have_their_types),
        cmocka_unit_test(floats_are_read),
        cmocka_unit_test(strings_are_strings),
        cmocka_unit_test(what_we_do_not_take_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(every_truncation_and_flip_survives),
        cmocka_unit_test(lines_of_keys_are_told),
        cmocka_unit_test(load_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void it_says_how_to_get_it(void **state) {
    (void)state;
    json_t *value;
    CHECK_STATUS(hrm_yaml_parse("a: 1", 4, "test.yaml", &value), HRM_ERR_UNSUPPORTED);
    CHECK_ERROR_HAS("test.yaml: YAML cannot be read: built without libyaml, configure with -DHRM_TORCH=ON");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_how_to_get_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
