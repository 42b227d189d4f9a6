#include "io/npy.h"

#include "base/checked.h"
#include "base/file_write.h"
#include "base/half.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ARRAY_ALIGN 64          /* header and data boundary since NumPy 1.14 */
#define GROWTH_DIGITS 21        /* NumPy leaves room for the first dimension to grow to 2^64 in place */
#define MAX_HEADER_BYTES 65535u /* version 2 exists for huge structured types, which we refuse anyway */

static const struct {
    const char *text;
    size_t bytes;
} dtypes[] = {
#define DTYPE_ROW(name, text, bytes) {text, bytes},
    HRM_NPY_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

const char *hrm_npy_dtype_name(hrm_npy_dtype dtype) {
    return (unsigned)dtype < HRM_NPY_DTYPE_COUNT ? dtypes[dtype].text : "?";
}

size_t hrm_npy_dtype_size(hrm_npy_dtype dtype) {
    return (unsigned)dtype < HRM_NPY_DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

/* The header is a Python dict literal; this reads the few forms that NumPy produces. */
struct scanner {
    const char *at, *end;
};

static void skip_space(struct scanner *scan) {
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool accept(struct scanner *scan, char wanted) {
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != wanted) return false;
    scan->at++;
    return true;
}

static bool accept_word(struct scanner *scan, const char *word) {
    size_t length = strlen(word);
    skip_space(scan);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0) return false;
    scan->at += length;
    return true;
}

/* A quoted string without escapes, into text. */
static bool read_text(struct scanner *scan, char *text, size_t room) {
    skip_space(scan);
    if (scan->at == scan->end || (*scan->at != '\'' && *scan->at != '"')) return false;
    char quote = *scan->at++;
    size_t length = 0;
    while (scan->at < scan->end && *scan->at != quote) {
        if (*scan->at == '\\' || length + 1 >= room) return false;
        text[length++] = *scan->at++;
    }
    text[length] = '\0';
    return accept(scan, quote);
}

static bool read_number(struct scanner *scan, uint64_t *out) {
    skip_space(scan);
    const char *start = scan->at;
    uint64_t value = 0;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++)
        if (!hrm_mul_u64(value, 10, &value) || !hrm_add_u64(value, (uint64_t)(*scan->at - '0'), &value)) return false;
    if (scan->at == start) return false;
    if (scan->at < scan->end && *scan->at == 'L') scan->at++; /* Python 2 wrote longs so */
    *out = value;
    return true;
}

static hrm_status parse_dtype(struct scanner *scan, hrm_npy *out) {
    char text[32];
    if (!read_text(scan, text, sizeof text))
        return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: structured types are not supported, a plain number type is needed");
    size_t length = strlen(text);
    if (length == 3 && text[0] == '>' && text[2] != '1')
        return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: big-endian data (%s); save it little-endian", text);
    for (int i = 0; i < HRM_NPY_DTYPE_COUNT; i++) {
        /* Byte order means nothing for single bytes: '|', '<' and '>' are the same. */
        bool same = dtypes[i].bytes == 1 ? length == 3 && strcmp(text + 1, dtypes[i].text + 1) == 0
                                         : strcmp(text, dtypes[i].text) == 0;
        if (!same) continue;
        out->dtype = (hrm_npy_dtype)i;
        return HRM_OK;
    }
    return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: type \"%s\" is not supported (objects and strings never are)", text);
}

static hrm_status parse_shape(struct scanner *scan, hrm_npy *out) {
    if (!accept(scan, '(')) return hrm_fail(HRM_ERR_FORMAT, "npy: 'shape' is not a tuple");
    out->rank = 0;
    bool comma = false;
    while (!accept(scan, ')')) {
        uint64_t dimension;
        if ((out->rank > 0 && !comma) || !read_number(scan, &dimension))
            return hrm_fail(HRM_ERR_FORMAT, "npy: 'shape' is not a tuple of whole numbers below 2^64");
        if (out->rank == HRM_NPY_MAX_RANK)
            return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: more than %d dimensions", HRM_NPY_MAX_RANK);
        out->shape[out->rank++] = dimension;
        comma = accept(scan, ',');
    }
    if (out->rank == 1 && !comma) return hrm_fail(HRM_ERR_FORMAT, "npy: 'shape' is a number, not a tuple");
    return HRM_OK;
}

static hrm_status parse_header(struct scanner scan, hrm_npy *out) {
    hrm_status status;
    bool have_descr = false, have_order = false, have_shape = false;
    char key[32];
    if (!accept(&scan, '{')) return hrm_fail(HRM_ERR_FORMAT, "npy: the header is not a dict");
    while (!accept(&scan, '}')) {
        bool *seen = NULL;
        if (!read_text(&scan, key, sizeof key) || !accept(&scan, ':'))
            return hrm_fail(HRM_ERR_FORMAT, "npy: the header is not a dict of 'descr', 'fortran_order', 'shape'");
        if (strcmp(key, "descr") == 0) {
            HRM_TRY(parse_dtype(&scan, out));
            seen = &have_descr;
        } else if (strcmp(key, "fortran_order") == 0) {
            if (accept_word(&scan, "True"))
                return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: Fortran order; save numpy.ascontiguousarray(x) instead");
            if (!accept_word(&scan, "False"))
                return hrm_fail(HRM_ERR_FORMAT, "npy: 'fortran_order' is neither True nor False");
            seen = &have_order;
        } else if (strcmp(key, "shape") == 0) {
            HRM_TRY(parse_shape(&scan, out));
            seen = &have_shape;
        } else {
            return hrm_fail(HRM_ERR_FORMAT, "npy: unknown header key '%s'", key);
        }
        if (*seen) return hrm_fail(HRM_ERR_FORMAT, "npy: header key '%s' occurs twice", key);
        *seen = true;
        if (!accept(&scan, ',')) {
            if (accept(&scan, '}')) break;
            return hrm_fail(HRM_ERR_FORMAT, "npy: malformed header after '%s'", key);
        }
    }
    skip_space(&scan);
    if (scan.at != scan.end) return hrm_fail(HRM_ERR_FORMAT, "npy: something follows the header's dict");
    if (!have_descr || !have_order || !have_shape)
        return hrm_fail(HRM_ERR_FORMAT, "npy: the header lacks one of 'descr', 'fortran_order', 'shape'");
    return HRM_OK;
fail:
    return status;
}

/* Fills count and bytes from shape and dtype. */
static bool measure(hrm_npy *array) {
    uint64_t bytes;
    array->count = 1;
    for (uint32_t i = 0; i < array->rank; i++)
        if (!hrm_mul_u64(array->count, array->shape[i], &array->count)) return false;
    return hrm_mul_u64(array->count, hrm_npy_dtype_size(array->dtype), &bytes) && hrm_u64_to_size(bytes, &array->bytes);
}

hrm_status hrm_npy_parse(const void *bytes, size_t size, hrm_npy *out) {
    const unsigned char *file = bytes;
    hrm_npy array = {0};
    *out = (hrm_npy){0};
    if (size < MAGIC_BYTES + 2 || memcmp(file, MAGIC, MAGIC_BYTES) != 0)
        return hrm_fail(HRM_ERR_FORMAT, "npy: not a .npy file (its magic string is missing)");
    unsigned version = file[MAGIC_BYTES];
    if (version != 1 && version != 2)
        return hrm_fail(HRM_ERR_VERSION, "npy: format version %u.%u, 1 and 2 are supported", version,
                        (unsigned)file[MAGIC_BYTES + 1]);
    size_t length_bytes = version == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + length_bytes;
    if (size < start) return hrm_fail(HRM_ERR_FORMAT, "npy: truncated after %zu bytes, inside the header", size);
    uint32_t header_bytes = 0;
    memcpy(&header_bytes, file + MAGIC_BYTES + 2, length_bytes);
    if (header_bytes > MAX_HEADER_BYTES)
        return hrm_fail(HRM_ERR_FORMAT, "npy: header of %u bytes, at most %u are accepted", header_bytes,
                        MAX_HEADER_BYTES);
    if (header_bytes > size - start)
        return hrm_fail(HRM_ERR_FORMAT, "npy: truncated: a header of %u bytes is announced, %zu follow", header_bytes,
                        size - start);
    const char *header = (const char *)file + start;
    hrm_status status = parse_header((struct scanner){header, header + header_bytes}, &array);
    if (status != HRM_OK) return status;
    if (!measure(&array)) return hrm_fail(HRM_ERR_FORMAT, "npy: the shape describes more than 2^64 bytes");
    size_t available = size - start - header_bytes;
    if (array.bytes > available)
        return hrm_fail(HRM_ERR_FORMAT, "npy: truncated: the shape needs %zu bytes of data, the file has %zu",
                        array.bytes, available);
    if (array.bytes < available)
        return hrm_fail(HRM_ERR_FORMAT, "npy: %zu bytes follow the %zu that the shape needs", available - array.bytes,
                        array.bytes);
    array.data_offset = start + header_bytes;
    array.data = file + array.data_offset;
    *out = array;
    return HRM_OK;
}

hrm_status hrm_npy_open(const char *path, hrm_npy *out) {
    hrm_file_map map;
    *out = (hrm_npy){0};
    hrm_status status = hrm_file_map_open(path, &map);
    if (status != HRM_OK) return status;
    status = hrm_npy_parse(map.data, map.size, out);
    if (status != HRM_OK) {
        hrm_file_map_close(&map);
        return hrm_fail_prefix(status, "cannot read %s", path);
    }
    out->map = map;
    return HRM_OK;
}

void hrm_npy_close(hrm_npy *array) {
    if (!array) return;
    hrm_file_map_close(&array->map);
    *array = (hrm_npy){0};
}

uint64_t hrm_npy_element_offset(const hrm_npy *array, uint64_t index) {
    return array->data_offset + index * hrm_npy_dtype_size(array->dtype);
}

static hrm_status check_range(const hrm_npy *array, uint64_t first, uint64_t count) {
    if (first <= array->count && count <= array->count - first) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                    "npy: elements %" PRIu64 "..+%" PRIu64 " are wanted of an array of %" PRIu64, first, count,
                    array->count);
}

/* Element first + i of an array whose data may be misaligned. */
#define LOAD(type, variable)                                                                                           \
    type variable;                                                                                                     \
    memcpy(&variable, (const unsigned char *)array->data + (size_t)(first + i) * sizeof(type), sizeof(type))

hrm_status hrm_npy_copy_i64(const hrm_npy *array, uint64_t first, uint64_t count, int64_t *dst) {
    hrm_status status = check_range(array, first, count);
    if (status != HRM_OK) return status;
#define COPY_CASE(dtype_name, type)                                                                                    \
    case HRM_NPY_##dtype_name: {                                                                                       \
        LOAD(type, value);                                                                                             \
        dst[i] = (int64_t)value;                                                                                       \
        break;                                                                                                         \
    }
    for (uint64_t i = 0; i < count; i++) {
        switch (array->dtype) {
            COPY_CASE(BOOL, uint8_t)
            COPY_CASE(U8, uint8_t)
            COPY_CASE(I8, int8_t)
            COPY_CASE(U16, uint16_t)
            COPY_CASE(I16, int16_t)
            COPY_CASE(U32, uint32_t)
            COPY_CASE(I32, int32_t)
            COPY_CASE(I64, int64_t)
        case HRM_NPY_U64: {
            LOAD(uint64_t, value);
            if (value > (uint64_t)INT64_MAX)
                return hrm_fail(HRM_ERR_FORMAT,
                                "npy: element %" PRIu64 " (byte %" PRIu64 ") is %" PRIu64 ", beyond INT64_MAX",
                                first + i, hrm_npy_element_offset(array, first + i), value);
            dst[i] = (int64_t)value;
            break;
        }
        default:
            return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: the array is %s, an integer type is needed",
                            hrm_npy_dtype_name(array->dtype));
        }
    }
#undef COPY_CASE
    return HRM_OK;
}

hrm_status hrm_npy_copy_f32(const hrm_npy *array, uint64_t first, uint64_t count, float *dst) {
    hrm_status status = check_range(array, first, count);
    if (status != HRM_OK) return status;
    for (uint64_t i = 0; i < count; i++) {
        switch (array->dtype) {
        case HRM_NPY_F16: {
            LOAD(uint16_t, value);
            dst[i] = hrm_f16_to_f32(value);
            break;
        }
        case HRM_NPY_F32: {
            LOAD(float, value);
            dst[i] = value;
            break;
        }
        case HRM_NPY_F64: {
            LOAD(double, value);
            dst[i] = (float)value;
            break;
        }
        default:
            return hrm_fail(HRM_ERR_UNSUPPORTED, "npy: the array is %s, a float type is needed",
                            hrm_npy_dtype_name(array->dtype));
        }
    }
    return HRM_OK;
}

/* Appends to a text that is known to have room. */
static size_t append(char *text, size_t room, size_t length, const char *format, ...) HRM_PRINTF(4, 5);
static size_t append(char *text, size_t room, size_t length, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text + length, room - length, format, args);
    va_end(args);
    return written > 0 ? length + (size_t)written : length;
}

/* Magic, version 1.0, length and dict, padded as NumPy pads them. 8 dimensions of 20 digits need well below 512 bytes.
 * Returns the total length, a multiple of 64. */
static size_t make_header(const hrm_npy *array, char head[512]) {
    size_t length = MAGIC_BYTES + 4;
    length = append(head, 512, length, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                    hrm_npy_dtype_name(array->dtype));
    for (uint32_t i = 0; i < array->rank; i++)
        length = append(head, 512, length, "%s%" PRIu64, i ? ", " : "", array->shape[i]);
    length = append(head, 512, length, "%s), }", array->rank == 1 ? "," : "");
    if (array->rank > 0) {
        int digits = snprintf(NULL, 0, "%" PRIu64, array->shape[0]);
        length = append(head, 512, length, "%*s", GROWTH_DIGITS - digits, "");
    }
    /* NumPy pads by a whole 64 when the end already lies on the boundary. */
    size_t padding = ARRAY_ALIGN - (length + 1) % ARRAY_ALIGN;
    length = append(head, 512, length, "%*s\n", (int)padding, "");
    uint16_t dict_bytes = (uint16_t)(length - MAGIC_BYTES - 4);
    memcpy(head, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    memcpy(head + MAGIC_BYTES + 2, &dict_bytes, 2);
    return length;
}

struct hrm_npy_writer {
    hrm_file_writer *file;
    size_t element_bytes;
    uint64_t missing; /* elements */
    char *path;
};

hrm_status hrm_npy_writer_open(const char *path, hrm_npy_dtype dtype, uint32_t rank, const uint64_t *shape,
                               hrm_npy_writer **out) {
    hrm_status status;
    char head[512];
    hrm_npy array = {.dtype = dtype, .rank = rank};
    *out = NULL;
    if ((unsigned)dtype >= HRM_NPY_DTYPE_COUNT)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "npy_write %s: no valid dtype", path);
    if (rank > HRM_NPY_MAX_RANK)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "npy_write %s: %u dimensions, at most %d are allowed", path, rank,
                        HRM_NPY_MAX_RANK);
    for (uint32_t i = 0; i < rank; i++) array.shape[i] = shape[i];
    if (!measure(&array)) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "npy_write %s: more than 2^64 bytes", path);
    size_t length = make_header(&array, head);
    hrm_npy_writer *writer = calloc(1, sizeof *writer);
    if (writer) writer->path = strdup(path);
    if (!writer || !writer->path) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "cannot write %s: no host memory", path);
        goto fail;
    }
    writer->element_bytes = hrm_npy_dtype_size(dtype);
    writer->missing = array.count;
    HRM_TRY(hrm_file_writer_open(path, &writer->file));
    HRM_TRY(hrm_file_writer_write(writer->file, head, length));
    *out = writer;
    return HRM_OK;
fail:
    hrm_npy_writer_abort(writer);
    return status;
}

hrm_status hrm_npy_writer_append(hrm_npy_writer *writer, const void *elements, uint64_t count) {
    if (count > writer->missing)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "npy_write %s: %" PRIu64 " elements more than the shape has were appended", writer->path,
                        count - writer->missing);
    /* measure() saw that the whole fits size_t. */
    hrm_status status = hrm_file_writer_write(writer->file, elements, (size_t)count * writer->element_bytes);
    if (status == HRM_OK) writer->missing -= count;
    return status;
}

uint64_t hrm_npy_writer_missing(const hrm_npy_writer *writer) {
    return writer->missing;
}

hrm_status hrm_npy_writer_commit(hrm_npy_writer **handle) {
    hrm_npy_writer *writer = *handle;
    hrm_status status;
    *handle = NULL;
    if (writer->missing)
        status = hrm_fail(HRM_ERR_INVALID_ARGUMENT, "npy_write %s: %" PRIu64 " elements of the shape are missing",
                          writer->path, writer->missing);
    else
        status = hrm_file_writer_commit(&writer->file);
    hrm_npy_writer_abort(writer);
    return status;
}

void hrm_npy_writer_abort(hrm_npy_writer *writer) {
    if (!writer) return;
    hrm_file_writer_abort(writer->file);
    free(writer->path);
    free(writer);
}

hrm_status hrm_npy_write(const char *path, hrm_npy_dtype dtype, uint32_t rank, const uint64_t *shape,
                         const void *data) {
    hrm_status status;
    hrm_npy_writer *writer = NULL;
    HRM_TRY(hrm_npy_writer_open(path, dtype, rank, shape, &writer));
    HRM_TRY(hrm_npy_writer_append(writer, data, writer->missing));
    return hrm_npy_writer_commit(&writer);
fail:
    hrm_npy_writer_abort(writer);
    return status;
}
