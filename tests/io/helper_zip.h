/* ZIP archives made by hand, so that they can lie in ways libzip would not write. */
#ifndef HRM_TESTS_HELPER_ZIP_H
#define HRM_TESTS_HELPER_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct zip_record {
    const char *name;
    const void *data;
    size_t size;
    bool deflated;     /* as one block that deflate does not compress: valid, and needs no zlib; below 64 KiB */
    uint16_t method;   /* claimed, when not 0 */
    uint32_t crc_flip; /* xor'ed into the CRC */
    int32_t size_lie;  /* added to the claimed unpacked size */
    bool encrypted;    /* claimed */
} zip_record;

/* Free the result. */
void *zip_make(const zip_record *records, size_t count, size_t *size);

#endif
