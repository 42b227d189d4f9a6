#include "io/torch_pickle.h"

#include "base/checked.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000 /* entries that Python's pickler puts into one SETITEMS */

/* What occurs more than once is written once and fetched from the memo afterwards. */
enum shared {
    ORDERED_DICT,
    REBUILD,
    STORAGE_TEXT,
    CPU_TEXT,
    STORAGE_TYPE,
    SHARED_COUNT = STORAGE_TYPE + HRM_ST_DTYPE_COUNT
};

struct output {
    unsigned char *bytes;
    size_t size, room;
    bool failed; /* out of memory: what follows is dropped */
    uint32_t memo;
    uint32_t places[SHARED_COUNT]; /* index in the memo + 1; 0: not written yet */
};

const char *hrm_torch_storage_name(hrm_safetensors_dtype dtype) {
    switch (dtype) {
    case HRM_ST_F32:
        return "FloatStorage";
    case HRM_ST_F64:
        return "DoubleStorage";
    case HRM_ST_F16:
        return "HalfStorage";
    case HRM_ST_BF16:
        return "BFloat16Storage";
    case HRM_ST_I64:
        return "LongStorage";
    case HRM_ST_I32:
        return "IntStorage";
    case HRM_ST_I16:
        return "ShortStorage";
    case HRM_ST_I8:
        return "CharStorage";
    case HRM_ST_U8:
        return "ByteStorage";
    case HRM_ST_BOOL:
        return "BoolStorage";
    default:
        return NULL;
    }
}

static void emit(struct output *output, const void *bytes, size_t size) {
    if (output->failed) return;
    if (size > output->room - output->size) {
        size_t room = 2 * output->room + size + 4096;
        unsigned char *grown = realloc(output->bytes, room);
        if (!grown) {
            output->failed = true;
            return;
        }
        output->bytes = grown;
        output->room = room;
    }
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

static void emit_opcode(struct output *output, char opcode) {
    emit(output, &opcode, 1);
}

/* An opcode and a little-endian number of `width` bytes. */
static void emit_number(struct output *output, char opcode, uint64_t number, size_t width) {
    emit_opcode(output, opcode);
    emit(output, &number, width); /* the host is little-endian: CMake refuses others */
}

static void emit_put(struct output *output) {
    bool small = output->memo < 256;
    emit_number(output, small ? 'q' : 'r', output->memo, small ? 1 : 4); /* BINPUT, LONG_BINPUT */
    output->memo++;
}

/* True when it was written before: a reference is enough then. Otherwise the caller writes it and then puts it. */
static bool emit_get(struct output *output, unsigned shared) {
    uint32_t place = output->places[shared];
    if (place == 0) {
        output->places[shared] = output->memo + 1;
        return false;
    }
    bool small = place - 1 < 256;
    emit_number(output, small ? 'h' : 'j', place - 1, small ? 1 : 4); /* BINGET, LONG_BINGET */
    return true;
}

static void emit_global(struct output *output, unsigned shared, const char *module, const char *name) {
    if (emit_get(output, shared)) return;
    emit_opcode(output, 'c');
    emit(output, module, strlen(module));
    emit_opcode(output, '\n');
    emit(output, name, strlen(name));
    emit_opcode(output, '\n');
    emit_put(output);
}

static void emit_text(struct output *output, const char *text) {
    emit_number(output, 'X', strlen(text), 4); /* BINUNICODE */
    emit(output, text, strlen(text));
    emit_put(output);
}

static void emit_shared_text(struct output *output, unsigned shared, const char *text) {
    if (!emit_get(output, shared)) emit_text(output, text);
}

static void emit_int(struct output *output, uint64_t value) {
    if (value < 256) {
        emit_number(output, 'K', value, 1); /* BININT1 */
    } else if (value < 65536) {
        emit_number(output, 'M', value, 2); /* BININT2 */
    } else if (value <= INT32_MAX) {
        emit_number(output, 'J', value, 4); /* BININT */
    } else {                                /* LONG1: as few bytes as leave the top bit clear */
        unsigned char length = 4;
        while (length < 8 && value >> (8 * length - 1)) length++;
        emit_number(output, '\x8a', length, 1);
        emit(output, &value, length);
    }
}

/* Up to three values have opcodes of their own; the empty tuple is not memoized. */
static void emit_tuple(struct output *output, const uint64_t *values, uint32_t count) {
    static const char few[] = {')', '\x85', '\x86', '\x87'};
    if (count > 3) emit_opcode(output, '(');
    for (uint32_t i = 0; i < count; i++) emit_int(output, values[i]);
    emit_opcode(output, count > 3 ? 't' : few[count]);
    if (count > 0) emit_put(output);
}

static void emit_ordered_dict(struct output *output) {
    emit_global(output, ORDERED_DICT, "collections", "OrderedDict");
    emit(output, ")R", 2); /* EMPTY_TUPLE, REDUCE */
    emit_put(output);
}

static hrm_status emit_tensor(struct output *output, const hrm_safetensors_tensor *tensor, size_t number) {
    uint64_t strides[HRM_SAFETENSORS_MAX_RANK], stride = 1;
    for (uint32_t i = tensor->rank; i > 0; i--) { /* as PyTorch: a dimension of 0 counts as 1 */
        uint64_t length = tensor->shape[i - 1] ? tensor->shape[i - 1] : 1;
        strides[i - 1] = stride;
        if (i > 1 && (!hrm_mul_u64(stride, length, &stride) || stride > INT64_MAX))
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "tensor \"%s\" has strides beyond 2^63", tensor->name);
    }
    char key[24];
    snprintf(key, sizeof key, "%zu", number);
    emit_text(output, tensor->name);
    emit_global(output, REBUILD, "torch._utils", "_rebuild_tensor_v2");
    emit(output, "((", 2);
    emit_shared_text(output, STORAGE_TEXT, "storage");
    emit_global(output, STORAGE_TYPE + (unsigned)tensor->dtype, "torch", hrm_torch_storage_name(tensor->dtype));
    emit_text(output, key);
    emit_shared_text(output, CPU_TEXT, "cpu");
    emit_int(output, tensor->count);
    emit_opcode(output, 't');
    emit_put(output);
    emit_opcode(output, 'Q'); /* BINPERSID */
    emit_int(output, 0);
    emit_tuple(output, tensor->shape, tensor->rank);
    emit_tuple(output, strides, tensor->rank);
    emit_opcode(output, '\x89'); /* requires_grad: NEWFALSE */
    emit_ordered_dict(output);   /* no backward hooks */
    emit_opcode(output, 't');
    emit_put(output);
    emit_opcode(output, 'R');
    emit_put(output);
    return HRM_OK;
}

hrm_status hrm_torch_pickle_init(const hrm_safetensors_tensor *tensors, size_t count, hrm_torch_pickle *out) {
    hrm_status status;
    struct output output = {0};
    *out = (hrm_torch_pickle){0};
    emit(&output, "\x80\x02", 2); /* PROTO 2 */
    emit_ordered_dict(&output);
    for (size_t first = 0; first < count; first += BATCH) {
        size_t batch = count - first < BATCH ? count - first : BATCH;
        if (batch > 1) emit_opcode(&output, '(');
        for (size_t i = first; i < first + batch; i++) HRM_TRY(emit_tensor(&output, &tensors[i], i));
        emit_opcode(&output, batch > 1 ? 'u' : 's'); /* SETITEMS, SETITEM */
    }
    emit_opcode(&output, '.');
    if (output.failed) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for the pickle of %zu tensors", count);
        goto fail;
    }
    *out = (hrm_torch_pickle){.bytes = output.bytes, .size = output.size};
    return HRM_OK;
fail:
    free(output.bytes);
    return status;
}

void hrm_torch_pickle_deinit(hrm_torch_pickle *pickle) {
    free(pickle->bytes);
    *pickle = (hrm_torch_pickle){0};
}
