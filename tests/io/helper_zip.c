#include "helper_zip.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

struct output {
    unsigned char *bytes;
    size_t size, room;
};

static void put(struct output *output, const void *bytes, size_t size) {
    if (size > output->room - output->size) {
        output->room = 2 * output->room + size;
        output->bytes = realloc(output->bytes, output->room);
        CHECK(output->bytes != NULL);
    }
    if (size) memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

static void put16(struct output *output, unsigned value) {
    uint16_t bits = (uint16_t)value;
    put(output, &bits, 2);
}

static void put32(struct output *output, size_t value) {
    uint32_t bits = (uint32_t)value;
    put(output, &bits, 4);
}

static uint32_t crc32_of(const unsigned char *bytes, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

/* What a local header and an entry of the central directory have in common. */
static void put_common(struct output *output, const zip_record *record) {
    size_t packed = record->size + (record->deflated ? 5 : 0);
    put16(output, 20);
    put16(output, record->encrypted ? 1 : 0);
    put16(output, record->method ? record->method : record->deflated ? 8 : 0);
    put16(output, 0);
    put16(output, 0x21); /* 1980-01-01 */
    put32(output, crc32_of(record->data, record->size) ^ record->crc_flip);
    put32(output, packed);
    put32(output, (size_t)((int64_t)record->size + record->size_lie));
    put16(output, (unsigned)strlen(record->name));
    put16(output, 0);
}

void *zip_make(const zip_record *records, size_t count, size_t *size) {
    struct output output = {0}, directory = {0};
    for (size_t i = 0; i < count; i++) {
        put32(&directory, 0x02014b50);
        put16(&directory, 20);
        put_common(&directory, &records[i]);
        put(&directory, "\0\0\0\0\0\0\0\0\0\0", 10);
        put32(&directory, output.size);
        put(&directory, records[i].name, strlen(records[i].name));

        put32(&output, 0x04034b50);
        put_common(&output, &records[i]);
        put(&output, records[i].name, strlen(records[i].name));
        if (records[i].deflated) {
            put(&output, "\1", 1); /* the last block, not compressed */
            put16(&output, (unsigned)records[i].size);
            put16(&output, ~(unsigned)records[i].size);
        }
        put(&output, records[i].data, records[i].size);
    }
    size_t start = output.size;
    put(&output, directory.bytes, directory.size);
    put32(&output, 0x06054b50);
    put32(&output, 0);
    put16(&output, (unsigned)count);
    put16(&output, (unsigned)count);
    put32(&output, directory.size);
    put32(&output, start);
    put16(&output, 0);
    free(directory.bytes);
    *size = output.size;
    return output.bytes;
}
