#include "fuzz.h"

#include "io/npy.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned sink; /* keeps the reads */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_npy array;
    if (hrm_npy_parse(data, size, &array) != HRM_OK) return 0;
    const unsigned char *bytes = array.data;
    for (size_t i = 0; i < array.bytes; i++) sink += bytes[i];
    size_t count = (size_t)array.count;
    if (array.bytes > size || count > size) abort();
    int64_t *copy = malloc((count + 1) * sizeof *copy);
    if (!copy) return 0;
    (void)hrm_npy_copy_i64(&array, 0, count, copy);
    (void)hrm_npy_copy_f32(&array, count / 2, count - count / 2, (float *)(void *)copy);
    free(copy);
    return 0;
}

/* A file as NumPy writes it, of the given version. */
static size_t make(uint8_t *buffer, unsigned version, const char *dict, size_t data_bytes) {
    size_t start = version == 1 ? 10 : 12;
    uint32_t length = (uint32_t)(128 - start);
    memcpy(buffer, "\x93NUMPY", 6);
    buffer[6] = (uint8_t)version;
    buffer[7] = 0;
    memcpy(buffer + 8, &length, version == 1 ? 2 : 4);
    memset(buffer + start, ' ', length);
    memcpy(buffer + start, dict, strlen(dict));
    buffer[127] = '\n';
    memset(buffer + 128, 1, data_bytes);
    return 128 + data_bytes;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    if (room < 256) return 0;
    switch (index) {
    case 0:
        return make(buffer, 1, "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", 12);
    case 1:
        return make(buffer, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 9), }", 18);
    case 2:
        return make(buffer, 2, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 8);
    case 3:
        return make(buffer, 1, "{'shape': (0, 5), 'fortran_order': False, 'descr': '<f2'}", 0);
    default:
        return 0;
    }
}
