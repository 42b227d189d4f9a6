#include "fuzz.h"

#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned sink; /* keeps the reads */

static void read_tensor(const hrm_safetensors_tensor *tensor) {
    const unsigned char *bytes = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++) sink += bytes[i];
    for (uint32_t i = 0; i < tensor->rank; i++) sink += (unsigned)tensor->shape[i];
    size_t count = (size_t)tensor->count;
    double *f64 = malloc((count + 1) * sizeof *f64); /* no element takes less than a byte of input */
    if (!f64) return;
    (void)hrm_safetensors_copy_f64(tensor, f64, count);
    (void)hrm_safetensors_copy_f32(tensor, (float *)(void *)f64, count);
    (void)hrm_safetensors_copy_i64(tensor, (int64_t *)(void *)f64, count);
    free(f64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_safetensors *file;
    if (hrm_safetensors_parse(data, size, &file) != HRM_OK) return 0;
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *tensor = hrm_safetensors_get(file, i);
        if (hrm_safetensors_find(file, tensor->name) != tensor) abort();
        read_tensor(tensor);
    }
    for (size_t i = 0; i < hrm_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        hrm_safetensors_metadata_at(file, i, &key, &value);
        if (hrm_safetensors_metadata(file, key) != value) abort();
        sink += (unsigned)strlen(value);
    }
    bool has_checksum;
    sink += hrm_safetensors_verify(file, "k", &has_checksum) == HRM_OK;
    hrm_safetensors_close(file);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const struct {
        const char *header;
        size_t data_bytes;
    } rows[] = {
        {"{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
         "\"ids\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}}      ",
         27},
        {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F16\",\"shape\":[],"
         "\"data_offsets\":[8,10]},\"c\":{\"dtype\":\"BF16\",\"shape\":[0,4],\"data_offsets\":[10,10]}}",
         10},
        {"{}", 0},
        {"{\"__metadata__\":{\"k\":\"0123456789abcdef\"},\"w\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
         "}",
         2},
    };
    if (index >= sizeof rows / sizeof *rows) return 0;
    uint64_t length = strlen(rows[index].header);
    size_t total = 8 + (size_t)length + rows[index].data_bytes;
    if (total > room) return 0;
    memcpy(buffer, &length, 8);
    memcpy(buffer + 8, rows[index].header, (size_t)length);
    memset(buffer + 8 + length, 0x3f, rows[index].data_bytes);
    return total;
}
