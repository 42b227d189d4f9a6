#include "io/weights_kind.h"

#include "base/file_map.h"
#include "io/safetensors.h"

#include <stdint.h>
#include <string.h>

/* LONG1 of ten bytes: the number that opens PyTorch's old format, whatever pickle protocol wrote it. */
static const unsigned char legacy_magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

hrm_weights_kind hrm_weights_kind_of(const void *bytes, size_t size) {
    const unsigned char *first = bytes;
    uint64_t header = 0;
    if (size >= 4 && memcmp(first, "PK\3\4", 4) == 0) return HRM_WEIGHTS_TORCH;
    if (size > 2 && first[0] == 0x80 && memmem(first, size < 32 ? size : 32, legacy_magic, sizeof legacy_magic))
        return HRM_WEIGHTS_TORCH_LEGACY;
    if (size > 8 && first[8] == '{') {
        memcpy(&header, first, 8);
        if (header >= 2 && header <= HRM_SAFETENSORS_MAX_HEADER_BYTES) return HRM_WEIGHTS_SAFETENSORS;
    }
    return HRM_WEIGHTS_UNKNOWN;
}

hrm_status hrm_weights_kind_load(const char *path, hrm_weights_kind *out) {
    hrm_file_map map;
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    *out = hrm_weights_kind_of(map.data, map.size);
    hrm_file_map_close(&map);
    return HRM_OK;
}
