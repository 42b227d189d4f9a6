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
    check_write_file(path, "[1]", 3);
    CHECK_OK(hrm_json_load(path, &value));
    CHECK(json_integer_value(json_array_get(value, 0)) == 1);
    json_decref(value);
    CHECK_STATUS(hrm_json_load(check_temp_path("absent.json"), &value), HRM_ERR_IO);
    CHECK_ERROR_HAS("absent.json");
    CHECK_STATUS(hrm_json_parse("{\"a\":1,\"a\":2}", 13, "text", &value), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("text:1:");
    CHECK_STATUS(hrm_json_parse("{\"a\":", 5, "text", &value), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_json_parse("", 0, "text", &value), HRM_ERR_FORMAT);
    CHECK_STATUS(hrm_json_parse("{} {}", 5, "text", &value), HRM_ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_names_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
