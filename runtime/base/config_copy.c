#include "base/config_copy.h"

#include <stdint.h>
#include <string.h>

hrm_status hrm_config_copy(const void *config, void *out, size_t out_size, const char *what) {
    memset(out, 0, out_size);
    uint32_t size = (uint32_t)out_size;
    if (config) memcpy(&size, config, sizeof size);
    if (size == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: struct_size is 0; start from HRM_INIT(%s)", what, what);
    if (config && size > out_size) {
        const unsigned char *bytes = config;
        for (size_t i = out_size; i < size; i++)
            if (bytes[i])
                return hrm_fail(HRM_ERR_VERSION,
                                "%s: byte %zu is set but this library knows %zu bytes; update the library", what, i,
                                out_size);
    }
    if (config) memcpy(out, config, size < out_size ? size : out_size);
    size = (uint32_t)out_size;
    memcpy(out, &size, sizeof size);
    return HRM_OK;
}
