/* Python's pickle, as far as a PyTorch checkpoint needs it: numbers, text, tuples, lists, dicts and tensors.
 *
 * Promises: nothing is ever executed. Opcodes and globals come from an allow-list that can only build tensors:
 * collections.OrderedDict, torch.Size, torch.<X>Storage, torch.storage.UntypedStorage, torch.<dtype>, and of
 * torch._utils _rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3 and _rebuild_parameter; anything else is refused
 * by name and byte offset. Values form a tree without cycles, at most HRM_PICKLE_MAX_DEPTH deep, and a walk over it
 * meets at most HRM_PICKLE_MAX_NODES values however often parts are shared, so recursion over it is safe. Protocols 2
 * to 5. Leaves to callers: whether a tensor's numbers make sense (they are kept as written), repeated keys of a dict.
 * Source: Python's Lib/pickletools.py (the opcodes); torch/_utils.py and torch/serialization.py (the calls). */
#ifndef HRM_IO_PICKLE_H
#define HRM_IO_PICKLE_H

#include "base/status.h"
#include "io/safetensors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HRM_PICKLE_MAX_DEPTH 64
#define HRM_PICKLE_MAX_RANK 64 /* dimensions of a tensor */
#define HRM_PICKLE_MAX_NODES ((uint32_t)1 << 24)
#define HRM_PICKLE_MAX_BYTES ((size_t)64 << 20)   /* of one pickle; a checkpoint of 10,000 tensors takes 2 MB */
#define HRM_PICKLE_MAX_MEMORY ((size_t)256 << 20) /* of all values, stack and memo of one pickle */

typedef enum hrm_pickle_kind {
    HRM_PICKLE_NONE,
    HRM_PICKLE_BOOL,
    HRM_PICKLE_INT,
    HRM_PICKLE_BIG_INT, /* does not fit into 64 bits; its value is not kept */
    HRM_PICKLE_FLOAT,
    HRM_PICKLE_TEXT,
    HRM_PICKLE_BYTES,
    HRM_PICKLE_TUPLE, /* torch.Size too */
    HRM_PICKLE_LIST,
    HRM_PICKLE_DICT, /* OrderedDict too */
    HRM_PICKLE_STORAGE,
    HRM_PICKLE_TENSOR, /* nn.Parameter too */
    HRM_PICKLE_GLOBAL, /* a dtype, or one of the functions and classes themselves, left uncalled */
    HRM_PICKLE_KIND_COUNT
} hrm_pickle_kind;

typedef struct hrm_pickle_value hrm_pickle_value;

/* What a persistent id ('storage', type, key, location, count) names. */
typedef struct hrm_pickle_storage {
    const char *key;             /* of the record that holds its bytes; not empty, no NUL inside */
    hrm_safetensors_dtype dtype; /* U8 when untyped */
    bool untyped;                /* torch.storage.UntypedStorage: count is bytes */
    int64_t count;               /* elements, as written */
} hrm_pickle_storage;

/* Numbers as written: offset and strides count elements of dtype. */
typedef struct hrm_pickle_tensor {
    const hrm_pickle_storage *storage;
    hrm_safetensors_dtype dtype; /* the storage's, or the call's own (_rebuild_tensor_v3) */
    int64_t offset;
    const hrm_pickle_value *shape, *strides; /* TUPLEs of INTs */
} hrm_pickle_tensor;

struct hrm_pickle_value {
    hrm_pickle_kind kind;
    uint16_t height; /* 1: has no children */
    bool held;       /* is part of another value, so it may not change any more */
    uint32_t nodes;  /* a walk over it meets so many values */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const char *data; /* NUL-terminated; may hold more NULs */
            size_t size;
        } text; /* TEXT (not checked to be UTF-8), BYTES */
        struct {
            const hrm_pickle_value **items;
            size_t count, room;
        } list; /* TUPLE, LIST; DICT: key, value, key, value, ... in the order written */
        const hrm_pickle_storage *storage;
        const hrm_pickle_tensor *tensor;
        const struct hrm_pickle_global *global;
    };
};

typedef struct hrm_pickle hrm_pickle;

/* Reads one pickle that ends with the last byte; the bytes may go afterwards.
 * Errors: FORMAT (truncated, a damaged stack, a cycle, something that is not allowed, more than the limits),
 * UNSUPPORTED (protocol, a type of storage), OUT_OF_MEMORY. Messages start with "byte N: ". */
hrm_status hrm_pickle_parse(const void *bytes, size_t size, hrm_pickle **out);

/* NULL does nothing. */
void hrm_pickle_destroy(hrm_pickle *pickle);

/* The one value it holds; lives until destroy. */
const hrm_pickle_value *hrm_pickle_get(const hrm_pickle *pickle);

/* "dict"; for messages. */
const char *hrm_pickle_kind_name(hrm_pickle_kind kind);

/* The last value of a DICT under this text key, or NULL. */
const hrm_pickle_value *hrm_pickle_find(const hrm_pickle_value *dict, const char *key);

#endif
