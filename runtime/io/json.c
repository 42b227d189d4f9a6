#include "io/json.h"

#include "base/file_map.h"
#include "base/file_write.h"

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

static int write_chunk(const char *text, size_t size, void *user) {
    return hrm_file_writer_write(user, text, size) == HRM_OK ? 0 : -1;
}

hrm_status hrm_json_save(const char *path, const json_t *value) {
    hrm_status status;
    hrm_file_writer *writer = NULL;
    HRM_TRY(hrm_file_writer_open(path, &writer));
    if (json_dump_callback(value, write_chunk, writer, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0) {
        /* Either the writer failed, then it repeats its message here, or the value itself is at fault. */
        HRM_TRY(hrm_file_writer_write(writer, "\n", 1));
        status =
            hrm_fail(HRM_ERR_INVALID_ARGUMENT, "cannot write %s: the value is not an object or array of JSON", path);
        goto fail;
    }
    HRM_TRY(hrm_file_writer_write(writer, "\n", 1));
    return hrm_file_writer_commit(&writer);
fail:
    hrm_file_writer_abort(writer);
    return status;
}
