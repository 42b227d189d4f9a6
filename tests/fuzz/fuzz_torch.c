#include "fuzz.h"

#include "check.h"
#include "io/torch_file.h"
#include "io/torch_writer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_torch_file *file;
    if (hrm_torch_file_parse(data, size, &file) != HRM_OK) return 0;
    for (size_t i = 0; i < hrm_torch_file_count(file); i++) {
        const hrm_safetensors_tensor *tensor = hrm_torch_file_get(file, i);
        size_t index, element = hrm_safetensors_dtype_size(tensor->dtype);
        unsigned char piece[4096];
        hrm_torch_stream *stream;
        if (!hrm_torch_file_find(file, tensor->name, &index) || index != i) abort();
        if (hrm_torch_stream_open(file, i, &stream) != HRM_OK) continue;
        /* An expanded tensor may be huge: its first MiB shows as much. */
        size_t left = tensor->bytes < ((size_t)1 << 20) ? tensor->bytes : (size_t)1 << 20;
        for (size_t bytes; left > 0; left -= bytes) {
            bytes = left < sizeof piece ? left : sizeof piece / element * element;
            if (hrm_torch_stream_read(stream, piece, bytes) != HRM_OK) break;
        }
        hrm_torch_stream_close(stream);
    }
    hrm_torch_file_close(file);
    return 0;
}

/* A written archive; without libzip its first bytes, which must be refused. Where damage to a record shows is mostly
 * its CRC: the pickle inside has a fuzzer of its own. */
size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const uint64_t shape[] = {3, 5};
    static const float values[15] = {1.0f, 2.0f};
    hrm_torch_writer *writer;
    size_t size;
    if (index > 0 || room < 4) return 0;
    if (hrm_torch_writer_create(&writer) != HRM_OK) {
        memcpy(buffer, "PK\3\4", 4);
        return 4;
    }
    const char *path = check_temp_path("seed");
    if (hrm_torch_writer_add(writer, "w", HRM_ST_F32, 2, shape, values) != HRM_OK ||
        hrm_torch_writer_add(writer, "b", HRM_ST_BF16, 1, shape, values) != HRM_OK ||
        hrm_torch_writer_write(writer, path) != HRM_OK)
        abort();
    hrm_torch_writer_destroy(writer);
    uint8_t *bytes = check_read_file(path, &size);
    if (size > room) abort();
    memcpy(buffer, bytes, size);
    free(bytes);
    return size;
}
