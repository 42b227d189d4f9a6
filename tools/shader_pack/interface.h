/* What a SPIR-V module declares, compared with a row of kernels.def. Header-only because shader_pack is one program of
 * one source file in the build.
 *
 * Checked: every descriptor is in set 0 at a binding that the access letters name, with the kind the letter says
 * (r/w/m storage buffer, t uniform texel buffer, i storage texel buffer, a nothing); a push-constant block, where the
 * shader reads any, is exactly as large as the row's struct. */
#ifndef HRM_SHADER_PACK_INTERFACE_H
#define HRM_SHADER_PACK_INTERFACE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Opcodes, decorations and storage classes used here. Source: the SPIR-V specification, unified1, sections 3.20, 3.7,
 * 3.32. */
enum {
    SPV_OP_TYPE_INT = 21,
    SPV_OP_TYPE_FLOAT = 22,
    SPV_OP_TYPE_VECTOR = 23,
    SPV_OP_TYPE_IMAGE = 25,
    SPV_OP_TYPE_ARRAY = 28,
    SPV_OP_TYPE_STRUCT = 30,
    SPV_OP_TYPE_POINTER = 32,
    SPV_OP_CONSTANT = 43,
    SPV_OP_VARIABLE = 59,
    SPV_OP_DECORATE = 71,
    SPV_OP_MEMBER_DECORATE = 72,
    SPV_DECORATION_BINDING = 33,
    SPV_DECORATION_SET = 34,
    SPV_DECORATION_OFFSET = 35,
    SPV_DECORATION_ARRAY_STRIDE = 6,
    SPV_CLASS_UNIFORM_CONSTANT = 0,
    SPV_CLASS_UNIFORM = 2,
    SPV_CLASS_PUSH_CONSTANT = 9,
    SPV_CLASS_STORAGE_BUFFER = 12,
    SPV_DIM_BUFFER = 5,
};

typedef struct interface_id {
    const uint32_t *definition; /* the instruction that made the id */
    uint32_t binding, set, stride;
    bool has_binding;
} interface_id;

/* Bytes of a type as laid out in a push-constant block; 0 when unknown. */
static inline uint32_t interface_type_bytes(const uint32_t *words, size_t count, const interface_id *ids,
                                            uint32_t bound, uint32_t type, int depth) {
    if (type >= bound || !ids[type].definition || depth > 8) return 0;
    const uint32_t *op = ids[type].definition;
    switch (op[0] & 0xffffu) {
    case SPV_OP_TYPE_INT:
    case SPV_OP_TYPE_FLOAT:
        return op[2] / 8;
    case SPV_OP_TYPE_POINTER:
        return 8; /* a buffer reference */
    case SPV_OP_TYPE_VECTOR:
        return op[3] * interface_type_bytes(words, count, ids, bound, op[2], depth + 1);
    case SPV_OP_TYPE_ARRAY: {
        if (op[3] >= bound || !ids[op[3]].definition) return 0;
        uint32_t length = ids[op[3]].definition[3];
        uint32_t stride = ids[type].stride;
        return length * (stride ? stride : interface_type_bytes(words, count, ids, bound, op[2], depth + 1));
    }
    case SPV_OP_TYPE_STRUCT: {
        uint32_t end = 0;
        for (size_t at = 5; at + 1 < count; at += words[at] >> 16) {
            const uint32_t *deco = words + at;
            if ((deco[0] >> 16) == 0) return 0;
            if ((deco[0] & 0xffffu) != SPV_OP_MEMBER_DECORATE || deco[1] != type) continue;
            if (deco[3] != SPV_DECORATION_OFFSET || deco[2] + 2 >= (op[0] >> 16)) continue;
            uint32_t bytes = interface_type_bytes(words, count, ids, bound, op[2 + deco[2]], depth + 1);
            if (deco[4] + bytes > end) end = deco[4] + bytes;
        }
        return end;
    }
    default:
        return 0;
    }
}

static inline bool interface_complain(char *reason, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool interface_complain(char *reason, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reason, size, format, args);
    va_end(args);
    return false;
}

/* words: a module that the compiler just made (so it is well-formed). False, with a reason, when it does not fit. */
static inline bool interface_check(const uint32_t *words, size_t count, const char *access, uint32_t push_bytes,
                                   char *reason, size_t reason_size) {
    if (count < 5) return interface_complain(reason, reason_size, "empty SPIR-V module");
    uint32_t bound = words[3], letters = (uint32_t)strlen(access);
    interface_id *ids = calloc(bound ? bound : 1, sizeof *ids);
    if (!ids) return interface_complain(reason, reason_size, "out of memory");
    for (size_t at = 5; at < count && (words[at] >> 16) != 0; at += words[at] >> 16) {
        const uint32_t *op = words + at;
        switch (op[0] & 0xffffu) {
        case SPV_OP_DECORATE:
            if (op[1] >= bound) break;
            if (op[2] == SPV_DECORATION_BINDING) {
                ids[op[1]].binding = op[3];
                ids[op[1]].has_binding = true;
            } else if (op[2] == SPV_DECORATION_SET) {
                ids[op[1]].set = op[3];
            } else if (op[2] == SPV_DECORATION_ARRAY_STRIDE) {
                ids[op[1]].stride = op[3];
            }
            break;
        case SPV_OP_TYPE_INT:
        case SPV_OP_TYPE_FLOAT:
        case SPV_OP_TYPE_VECTOR:
        case SPV_OP_TYPE_IMAGE:
        case SPV_OP_TYPE_ARRAY:
        case SPV_OP_TYPE_STRUCT:
        case SPV_OP_TYPE_POINTER:
            if (op[1] < bound) ids[op[1]].definition = op;
            break;
        case SPV_OP_CONSTANT:
        case SPV_OP_VARIABLE:
            if (op[2] < bound) ids[op[2]].definition = op;
            break;
        default:
            break;
        }
    }
    bool ok = true;
    for (uint32_t id = 0; ok && id < bound; id++) {
        const uint32_t *op = ids[id].definition;
        if (!op || (op[0] & 0xffffu) != SPV_OP_VARIABLE) continue;
        uint32_t storage = op[3];
        const uint32_t *pointer = op[1] < bound ? ids[op[1]].definition : NULL;
        uint32_t pointee = pointer ? pointer[3] : 0;
        if (storage == SPV_CLASS_PUSH_CONSTANT) {
            uint32_t bytes = interface_type_bytes(words, count, ids, bound, pointee, 0);
            if (bytes != push_bytes) {
                ok = interface_complain(reason, reason_size,
                                        "its push-constant block has %u bytes, the row's push struct %u", bytes,
                                        push_bytes);
            }
        } else if (ids[id].has_binding) {
            uint32_t binding = ids[id].binding;
            char letter = binding < letters ? access[binding] : '\0';
            const uint32_t *type = pointee < bound ? ids[pointee].definition : NULL;
            bool image = type && (type[0] & 0xffffu) == SPV_OP_TYPE_IMAGE && type[3] == SPV_DIM_BUFFER;
            bool storage_buffer = storage == SPV_CLASS_STORAGE_BUFFER;
            bool fits = storage_buffer ? letter == 'r' || letter == 'w' || letter == 'm'
                        : image        ? letter == (type[7] == 2 ? 'i' : 't')
                                       : false;
            if (ids[id].set != 0) {
                ok = interface_complain(reason, reason_size, "binding %u is in set %u, expected set 0", binding,
                                        ids[id].set);
            } else if (!letter) {
                ok = interface_complain(reason, reason_size, "binding %u is past the row's access \"%s\"", binding,
                                        access);
            } else if (!fits) {
                ok = interface_complain(reason, reason_size,
                                        "binding %u is a %s, but the row's access \"%s\" says '%c'", binding,
                                        storage_buffer ? "storage buffer"
                                        : image ? (type[7] == 2 ? "storage texel buffer" : "uniform texel buffer")
                                                : "descriptor of another kind",
                                        access, letter);
            }
        }
    }
    free(ids);
    return ok;
}

#endif
