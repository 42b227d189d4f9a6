#include "check.h"

#include "io/json.h"

#include <stdlib.h>
#include <string.h>

static void load_names_the_place(void **state) {
    (void)state;
    json_t *value;
    const char *path = check_temp_path("config.json");
    check_write_file(path, "{\n  \"a\": 1,\n  \"b\": oops\n}\n", 27);
    CHECK_STATUS(hrm_json_load(path, &value), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("config.json:3:");
    CHECK_ERROR_HAS("not valid JSON");
    CHECK(value == NULL);
    CHECK_STATUS(hrm_json_load(check_temp_path("absent.json"), &value), HRM_ERR_IO);
    CHECK_ERROR_HAS("absent.json");
    CHECK_STATUS(hrm_json_parse("{\"a\":1,\"a\":2}", 13, "text", &value), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("text:1:");
    CHECK_STATUS(hrm_json_parse("{\"a\":", 5, "text", &value), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_json_parse("", 0, "text", &value), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_json_parse("{} {}", 5, "text", &value), HRM_ERR_FORMAT);
}

static void save_and_load_again(void **state) {
    (void)state;
    const char *path = check_temp_path("saved.json");
    json_t *value = json_pack("{s:i, s:f, s:[s,b,n]}", "z", 7, "rate", 0.1, "list", "text", 1), *back;
    CHECK(value != NULL);
    CHECK_OK(hrm_json_save(path, value));
    char *text = check_read_file(path, NULL);
    CHECK_STR(text, "{\n  \"z\": 7,\n  \"rate\": 0.10000000000000001,\n  \"list\": [\n    \"text\",\n    true,\n    "
                    "null\n  ]\n}\n");
    free(text);
    CHECK_OK(hrm_json_load(path, &back));
    CHECK(json_equal(value, back));
    json_decref(back);
    CHECK_STATUS(hrm_json_save(check_temp_path("no/such/file.json"), value), HRM_ERR_IO);
    json_decref(value);
    value = json_integer(5);
    CHECK_STATUS(hrm_json_save(path, value), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("not an object or array");
    json_decref(value);
    CHECK_OK(hrm_json_load(path, &back)); /* what was there stays */
    json_decref(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_names_the_place),
        cmocka_unit_test(save_and_load_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
