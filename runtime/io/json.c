#include "io/json.h"

#include "base/file_map.h"

hrm_status hrm_json_parse(const char *text, size_t size, const char *label, json_t **out) {
    json_error_t error;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*out) return HRM_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for this JSON", label);
    return hrm_fail(HRM_ERR_FORMAT, "%s:%d:%d: not valid JSON: %s", label, error.line, error.column, error.text);
}

hrm_status hrm_json_load(const char *path, json_t **out) {
    hrm_file_map map;
    *out = NULL;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_json_parse(map.data, map.size, path, out);
    hrm_file_map_close(&map);
    return status;
}
