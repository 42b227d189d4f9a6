#include "io/pickle.h"

#include "base/arena.h"
#include "io/pickle_names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct hrm_pickle {
    hrm_arena arena;
    const hrm_pickle_value *value;
};

struct reader {
    const unsigned char *bytes;
    size_t size, at;
    hrm_arena *arena;
    hrm_pickle_value **stack; /* NULL entries are marks */
    size_t depth, stack_room;
    hrm_pickle_value **memo;
    size_t memo_room, memo_count;
};

const char *hrm_pickle_kind_name(hrm_pickle_kind kind) {
    static const char *const names[HRM_PICKLE_KIND_COUNT] = {"None",   "bool", "whole number", "number beyond 64 bits",
                                                             "number", "text", "bytes",        "tuple",
                                                             "list",   "dict", "storage",      "tensor",
                                                             "global"};
    return (unsigned)kind < HRM_PICKLE_KIND_COUNT ? names[kind] : "?";
}

/* ---- bytes ---- */

static hrm_status take(struct reader *reader, uint64_t count, const unsigned char **out) {
    if (count > reader->size - reader->at)
        return hrm_fail(HRM_ERR_FORMAT, "truncated: %" PRIu64 " bytes are needed, %zu follow", count,
                        reader->size - reader->at);
    *out = reader->bytes + reader->at;
    reader->at += (size_t)count;
    return HRM_OK;
}

/* A little-endian number of `width` bytes. */
static hrm_status take_number(struct reader *reader, unsigned width, uint64_t *out) {
    const unsigned char *bytes = NULL;
    hrm_status status = take(reader, width, &bytes);
    if (status != HRM_OK) return status;
    *out = 0;
    for (unsigned i = 0; i < width; i++) *out |= (uint64_t)bytes[i] << (8 * i);
    return HRM_OK;
}

static hrm_status take_line(struct reader *reader, const char **text, size_t *length) {
    const unsigned char *start = reader->bytes + reader->at;
    const unsigned char *end = memchr(start, '\n', reader->size - reader->at);
    if (!end) return hrm_fail(HRM_ERR_FORMAT, "truncated: the line has no end");
    *text = (const char *)start;
    *length = (size_t)(end - start);
    reader->at += *length + 1;
    return HRM_OK;
}

/* ---- values ---- */

static hrm_status make(struct reader *reader, hrm_pickle_kind kind, hrm_pickle_value **out) {
    void *memory = NULL;
    hrm_status status = hrm_arena_alloc(reader->arena, 1, sizeof **out, 0, &memory);
    if (status != HRM_OK) return status;
    *out = memory;
    (*out)->kind = kind;
    (*out)->height = 1;
    (*out)->nodes = 1;
    return HRM_OK;
}

static hrm_status push(struct reader *reader, hrm_pickle_value *value) {
    if (reader->depth == reader->stack_room) {
        size_t room = reader->stack_room ? 2 * reader->stack_room : 256;
        hrm_pickle_value **grown = realloc(reader->stack, room * sizeof *grown);
        if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for the stack");
        reader->stack = grown;
        reader->stack_room = room;
    }
    reader->stack[reader->depth++] = value;
    return HRM_OK;
}

static hrm_status push_new(struct reader *reader, hrm_pickle_kind kind, hrm_pickle_value **out) {
    hrm_status status = make(reader, kind, out);
    return status == HRM_OK ? push(reader, *out) : status;
}

static hrm_status peek(const struct reader *reader, hrm_pickle_value **out) {
    *out = reader->depth ? reader->stack[reader->depth - 1] : NULL;
    return *out ? HRM_OK : hrm_fail(HRM_ERR_FORMAT, "the stack holds no value here");
}

static hrm_status pop(struct reader *reader, hrm_pickle_value **out) {
    hrm_status status = peek(reader, out);
    if (status == HRM_OK) reader->depth--;
    return status;
}

/* Takes the mark and what lies above it off the stack; the values stay readable until the next push. */
static hrm_status pop_to_mark(struct reader *reader, hrm_pickle_value ***items, size_t *count) {
    size_t bottom = reader->depth;
    while (bottom > 0 && reader->stack[bottom - 1]) bottom--;
    if (bottom == 0) return hrm_fail(HRM_ERR_FORMAT, "the stack has no mark");
    *items = reader->stack + bottom;
    *count = reader->depth - bottom;
    reader->depth = bottom - 1;
    return HRM_OK;
}

/* From here on `child` may not change, so that its height and count stay true and no cycle can close. Pickle fills a
 * container before it hands it on, except in data that refers to itself. */
static hrm_status hold(hrm_pickle_value *parent, hrm_pickle_value *child) {
    child->held = true;
    if (parent->held)
        return hrm_fail(HRM_ERR_FORMAT,
                        "a %s changes after it became part of another value (data that contains itself?)",
                        hrm_pickle_kind_name(parent->kind));
    if (child->height >= HRM_PICKLE_MAX_DEPTH)
        return hrm_fail(HRM_ERR_FORMAT, "values are nested more than %d deep", HRM_PICKLE_MAX_DEPTH);
    if (child->nodes > HRM_PICKLE_MAX_NODES - parent->nodes)
        return hrm_fail(HRM_ERR_FORMAT, "more than %u values", HRM_PICKLE_MAX_NODES);
    if (parent->height <= child->height) parent->height = (uint16_t)(child->height + 1);
    parent->nodes += child->nodes;
    return HRM_OK;
}

/* Appends to a TUPLE, LIST or DICT. */
static hrm_status append(struct reader *reader, hrm_pickle_value *parent, hrm_pickle_value *const *items,
                         size_t count) {
    if (count > parent->list.room - parent->list.count) {
        size_t room = 2 * parent->list.room; /* a tuple or one batch fits exactly; later batches double it */
        if (room < parent->list.count + count) room = parent->list.count + count;
        void *grown = NULL;
        hrm_status status = hrm_arena_alloc(reader->arena, room, sizeof *parent->list.items, 0, &grown);
        if (status != HRM_OK) return status;
        if (parent->list.count) memcpy(grown, parent->list.items, parent->list.count * sizeof *parent->list.items);
        parent->list.items = grown;
        parent->list.room = room;
    }
    for (size_t i = 0; i < count; i++) {
        hrm_status status = hold(parent, items[i]);
        if (status != HRM_OK) return status;
        parent->list.items[parent->list.count++] = items[i];
    }
    return HRM_OK;
}

static hrm_status push_list(struct reader *reader, hrm_pickle_kind kind, hrm_pickle_value *const *items, size_t count) {
    hrm_pickle_value *list = NULL;
    hrm_status status = make(reader, kind, &list);
    if (status == HRM_OK) status = append(reader, list, items, count);
    return status == HRM_OK ? push(reader, list) : status;
}

static hrm_status check_pairs(hrm_pickle_value *const *items, size_t count) {
    if (count % 2) return hrm_fail(HRM_ERR_FORMAT, "a key of a dict has no value");
    for (size_t i = 0; i < count; i += 2)
        if (items[i]->kind == HRM_PICKLE_LIST || items[i]->kind == HRM_PICKLE_DICT)
            return hrm_fail(HRM_ERR_FORMAT, "a %s cannot be the key of a dict", hrm_pickle_kind_name(items[i]->kind));
    return HRM_OK;
}

/* APPEND(S) and SETITEM(S): the container lies below the items, which are off the stack already. */
static hrm_status extend(struct reader *reader, hrm_pickle_kind kind, hrm_pickle_value *const *items, size_t count) {
    hrm_pickle_value *target = NULL;
    hrm_status status = peek(reader, &target);
    if (status != HRM_OK) return status;
    if (target->kind != kind)
        return hrm_fail(HRM_ERR_FORMAT, "a %s is needed to add to, a %s is there", hrm_pickle_kind_name(kind),
                        hrm_pickle_kind_name(target->kind));
    if (kind == HRM_PICKLE_DICT) status = check_pairs(items, count);
    return status == HRM_OK ? append(reader, target, items, count) : status;
}

static hrm_status push_bool(struct reader *reader, bool boolean) {
    hrm_pickle_value *value = NULL;
    hrm_status status = push_new(reader, HRM_PICKLE_BOOL, &value);
    if (status == HRM_OK) value->boolean = boolean;
    return status;
}

static hrm_status push_int(struct reader *reader, int64_t integer) {
    hrm_pickle_value *value = NULL;
    hrm_status status = push_new(reader, HRM_PICKLE_INT, &value);
    if (status == HRM_OK) value->integer = integer;
    return status;
}

/* BININT, BININT1, BININT2. */
static hrm_status read_int(struct reader *reader, unsigned width) {
    uint64_t bits = 0;
    hrm_status status = take_number(reader, width, &bits);
    if (status != HRM_OK) return status;
    return push_int(reader, width == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits);
}

/* LONG1, LONG4: two's complement, as many bytes as announced. */
static hrm_status read_long(struct reader *reader, unsigned width) {
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    hrm_pickle_value *value = NULL;
    hrm_status status = take_number(reader, width, &length);
    if (status == HRM_OK) status = take(reader, length, &bytes);
    if (status != HRM_OK) return status;
    if (length > 8) return push_new(reader, HRM_PICKLE_BIG_INT, &value);
    uint64_t bits = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)length; i > 0; i--) bits = bits << 8 | bytes[i - 1];
    return push_int(reader, (int64_t)bits);
}

static hrm_status read_float(struct reader *reader) { /* the only big-endian number */
    const unsigned char *bytes = NULL;
    hrm_pickle_value *value = NULL;
    uint64_t bits = 0;
    hrm_status status = take(reader, 8, &bytes);
    if (status == HRM_OK) status = push_new(reader, HRM_PICKLE_FLOAT, &value);
    if (status != HRM_OK) return status;
    for (unsigned i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
    memcpy(&value->real, &bits, 8);
    return HRM_OK;
}

/* The text forms: a length of `width` bytes, then the text. */
static hrm_status read_text(struct reader *reader, unsigned width, hrm_pickle_kind kind) {
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    hrm_pickle_value *value = NULL;
    char *copy = NULL;
    hrm_status status;
    HRM_TRY(take_number(reader, width, &length));
    HRM_TRY(take(reader, length, &bytes));
    HRM_TRY(hrm_arena_copy_text(reader->arena, (const char *)bytes, (size_t)length, &copy));
    HRM_TRY(push_new(reader, kind, &value));
    value->text.data = copy;
    value->text.size = (size_t)length;
fail:
    return status;
}

/* ---- the memo ---- */

static hrm_status put(struct reader *reader, uint64_t index) {
    hrm_pickle_value *value = NULL;
    hrm_status status = peek(reader, &value);
    if (status != HRM_OK) return status;
    /* Python numbers them from 0, one for each opcode at most. */
    if (index >= reader->size)
        return hrm_fail(HRM_ERR_FORMAT, "memo entry %" PRIu64 " in a pickle of %zu bytes", index, reader->size);
    if (index >= reader->memo_room) {
        size_t room = reader->memo_room ? reader->memo_room : 256;
        while (room <= index) room *= 2;
        hrm_pickle_value **grown = realloc(reader->memo, room * sizeof *grown);
        if (!grown) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for the memo");
        memset(grown + reader->memo_room, 0, (room - reader->memo_room) * sizeof *grown);
        reader->memo = grown;
        reader->memo_room = room;
    }
    if (!reader->memo[index]) reader->memo_count++;
    reader->memo[index] = value;
    return HRM_OK;
}

static hrm_status get(struct reader *reader, uint64_t index) {
    if (index >= reader->memo_room || !reader->memo[index])
        return hrm_fail(HRM_ERR_FORMAT, "memo entry %" PRIu64 " was never set", index);
    return push(reader, reader->memo[index]);
}

static hrm_status access_memo(struct reader *reader, unsigned width, bool store) {
    uint64_t index = 0;
    hrm_status status = take_number(reader, width, &index);
    if (status != HRM_OK) return status;
    return store ? put(reader, index) : get(reader, index);
}

/* PUT and GET: the index in decimal. */
static hrm_status access_memo_text(struct reader *reader, bool store) {
    const char *text = NULL;
    size_t length = 0;
    uint64_t index = 0;
    hrm_status status = take_line(reader, &text, &length);
    if (status != HRM_OK) return status;
    bool good = length > 0 && length <= 18;
    for (size_t i = 0; good && i < length; i++) {
        good = text[i] >= '0' && text[i] <= '9';
        index = 10 * index + (uint64_t)(text[i] - '0');
    }
    if (!good) return hrm_fail(HRM_ERR_FORMAT, "a memo index is not a number");
    return store ? put(reader, index) : get(reader, index);
}

/* ---- globals and what they build ---- */

static hrm_status push_global(struct reader *reader, const char *module, size_t module_length, const char *name,
                              size_t name_length) {
    hrm_pickle_value *value = NULL;
    const hrm_pickle_global *global = NULL;
    hrm_status status = hrm_pickle_global_find(module, module_length, name, name_length, &global);
    if (status == HRM_OK) status = push_new(reader, HRM_PICKLE_GLOBAL, &value);
    if (status == HRM_OK) value->global = global;
    return status;
}

static hrm_status read_global(struct reader *reader) {
    const char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    hrm_status status = take_line(reader, &module, &module_length);
    if (status == HRM_OK) status = take_line(reader, &name, &name_length);
    return status == HRM_OK ? push_global(reader, module, module_length, name, name_length) : status;
}

static hrm_status read_stack_global(struct reader *reader) {
    hrm_pickle_value *name = NULL, *module = NULL;
    hrm_status status = pop(reader, &name);
    if (status == HRM_OK) status = pop(reader, &module);
    if (status != HRM_OK) return status;
    if (name->kind != HRM_PICKLE_TEXT || module->kind != HRM_PICKLE_TEXT)
        return hrm_fail(HRM_ERR_FORMAT, "the name of a global is not text");
    return push_global(reader, module->text.data, module->text.size, name->text.data, name->text.size);
}

static bool is_global(const hrm_pickle_value *value, hrm_pickle_role role) {
    return value->kind == HRM_PICKLE_GLOBAL && value->global->role == role;
}

/* ('storage', type, key, location, count); the location (which device it was on) does not matter here. */
static hrm_status read_persistent_id(struct reader *reader) {
    hrm_pickle_value *id = NULL, *value = NULL;
    hrm_status status = pop(reader, &id);
    if (status != HRM_OK) return status;
    const hrm_pickle_value **item = id->kind == HRM_PICKLE_TUPLE && id->list.count == 5 ? id->list.items : NULL;
    if (!item || item[0]->kind != HRM_PICKLE_TEXT || strcmp(item[0]->text.data, "storage") != 0 ||
        !(is_global(item[1], HRM_PICKLE_TYPED_STORAGE) || is_global(item[1], HRM_PICKLE_UNTYPED_STORAGE)) ||
        item[2]->kind != HRM_PICKLE_TEXT || item[3]->kind != HRM_PICKLE_TEXT || item[4]->kind != HRM_PICKLE_INT)
        return hrm_fail(HRM_ERR_FORMAT, "a persistent id is not ('storage', type, key, location, count)");
    if (item[2]->text.size == 0 || strlen(item[2]->text.data) != item[2]->text.size)
        return hrm_fail(HRM_ERR_FORMAT, "the key of a storage is empty or has a NUL inside");
    void *memory = NULL;
    status = hrm_arena_alloc(reader->arena, 1, sizeof(hrm_pickle_storage), 0, &memory);
    if (status == HRM_OK) status = push_new(reader, HRM_PICKLE_STORAGE, &value);
    if (status != HRM_OK) return status;
    hrm_pickle_storage *storage = memory;
    *storage = (hrm_pickle_storage){.key = item[2]->text.data,
                                    .dtype = item[1]->global->dtype,
                                    .untyped = is_global(item[1], HRM_PICKLE_UNTYPED_STORAGE),
                                    .count = item[4]->integer};
    value->storage = storage;
    return HRM_OK;
}

/* Looked at again for every tensor that shares it, so a long one would take time without end. */
static bool is_int_tuple(const hrm_pickle_value *value) {
    if (value->kind != HRM_PICKLE_TUPLE || value->list.count > HRM_PICKLE_MAX_RANK) return false;
    for (size_t i = 0; i < value->list.count; i++)
        if (value->list.items[i]->kind != HRM_PICKLE_INT) return false;
    return true;
}

/* Backward hooks and metadata: always empty in what torch.save writes for plain tensors. */
static bool is_empty(const hrm_pickle_value *value) {
    return value->kind == HRM_PICKLE_NONE || (value->kind == HRM_PICKLE_DICT && value->list.count == 0);
}

/* _rebuild_tensor(storage, offset, shape, strides); v2: ..., requires_grad, hooks[, metadata]; v3: ..., requires_grad,
 * hooks, dtype[, metadata]. */
static hrm_status build_tensor(struct reader *reader, hrm_pickle_role role, const hrm_pickle_value *args) {
    size_t count = args->list.count, least = role == HRM_PICKLE_REBUILD_TENSOR      ? 4
                                             : role == HRM_PICKLE_REBUILD_TENSOR_V2 ? 6
                                                                                    : 7;
    const hrm_pickle_value **item = args->list.items;
    bool good = count == least || (role != HRM_PICKLE_REBUILD_TENSOR && count == least + 1);
    good = good && item[0]->kind == HRM_PICKLE_STORAGE && item[1]->kind == HRM_PICKLE_INT && is_int_tuple(item[2]) &&
           is_int_tuple(item[3]);
    if (good && role != HRM_PICKLE_REBUILD_TENSOR) good = item[4]->kind == HRM_PICKLE_BOOL && is_empty(item[5]);
    if (good && role == HRM_PICKLE_REBUILD_TENSOR_V3) good = is_global(item[6], HRM_PICKLE_DTYPE);
    if (good && count > least) good = is_empty(item[least]);
    if (!good)
        return hrm_fail(HRM_ERR_FORMAT,
                        "a tensor is not built from storage, offset, shape and strides of at most %d numbers (and, "
                        "where they belong, requires_grad, no hooks, a dtype, no metadata)",
                        HRM_PICKLE_MAX_RANK);
    const hrm_pickle_storage *storage = item[0]->storage;
    hrm_safetensors_dtype dtype = role == HRM_PICKLE_REBUILD_TENSOR_V3 ? item[6]->global->dtype : storage->dtype;
    if (storage->untyped && role != HRM_PICKLE_REBUILD_TENSOR_V3)
        return hrm_fail(HRM_ERR_FORMAT, "a tensor without a dtype is built from an untyped storage");
    if (!storage->untyped && dtype != storage->dtype)
        return hrm_fail(HRM_ERR_FORMAT, "a tensor of %s is built from a storage of %s",
                        hrm_safetensors_dtype_name(dtype), hrm_safetensors_dtype_name(storage->dtype));
    void *memory = NULL;
    hrm_pickle_value *value = NULL;
    hrm_status status;
    HRM_TRY(hrm_arena_alloc(reader->arena, 1, sizeof(hrm_pickle_tensor), 0, &memory));
    HRM_TRY(push_new(reader, HRM_PICKLE_TENSOR, &value));
    /* Height and count of shape and strides are in those of the arguments, which are at least as large. */
    value->height = args->height;
    value->nodes = args->nodes;
    hrm_pickle_tensor *tensor = memory;
    *tensor = (hrm_pickle_tensor){
        .storage = storage, .dtype = dtype, .offset = item[1]->integer, .shape = item[2], .strides = item[3]};
    value->tensor = tensor;
fail:
    return status;
}

static hrm_status reduce(struct reader *reader) {
    hrm_pickle_value *args = NULL, *callee = NULL;
    hrm_status status = pop(reader, &args);
    if (status == HRM_OK) status = pop(reader, &callee);
    if (status != HRM_OK) return status;
    if (args->kind != HRM_PICKLE_TUPLE || callee->kind != HRM_PICKLE_GLOBAL)
        return hrm_fail(HRM_ERR_FORMAT, "a %s is called with a %s", hrm_pickle_kind_name(callee->kind),
                        hrm_pickle_kind_name(args->kind));
    size_t count = args->list.count;
    hrm_pickle_role role = callee->global->role;
    switch (role) {
    case HRM_PICKLE_ORDERED_DICT:
        if (count > 0) return hrm_fail(HRM_ERR_FORMAT, "OrderedDict is called with arguments");
        return push_list(reader, HRM_PICKLE_DICT, NULL, 0);
    case HRM_PICKLE_SIZE:
        if (count != 1 || !is_int_tuple(args->list.items[0]))
            return hrm_fail(HRM_ERR_FORMAT, "torch.Size is not called with a tuple of at most %d numbers",
                            HRM_PICKLE_MAX_RANK);
        return push_list(reader, HRM_PICKLE_TUPLE, (hrm_pickle_value *const *)args->list.items[0]->list.items,
                         args->list.items[0]->list.count);
    case HRM_PICKLE_REBUILD_TENSOR:
    case HRM_PICKLE_REBUILD_TENSOR_V2:
    case HRM_PICKLE_REBUILD_TENSOR_V3:
        return build_tensor(reader, role, args);
    case HRM_PICKLE_REBUILD_PARAMETER:
        if (count != 3 || args->list.items[0]->kind != HRM_PICKLE_TENSOR ||
            args->list.items[1]->kind != HRM_PICKLE_BOOL || !is_empty(args->list.items[2]))
            return hrm_fail(HRM_ERR_FORMAT, "a parameter is not built from a tensor, requires_grad and no hooks");
        return push(reader, (hrm_pickle_value *)(uintptr_t)args->list.items[0]);
    default:
        return hrm_fail(HRM_ERR_FORMAT, "%s.%s cannot be called", callee->global->module, callee->global->name);
    }
}

/* Attributes of a dict, such as a state dict's _metadata: read past. */
static hrm_status build(struct reader *reader) {
    hrm_pickle_value *state = NULL, *target = NULL;
    hrm_status status = pop(reader, &state);
    if (status == HRM_OK) status = peek(reader, &target);
    if (status != HRM_OK) return status;
    if (target->kind != HRM_PICKLE_DICT || state->kind != HRM_PICKLE_DICT)
        return hrm_fail(HRM_ERR_FORMAT, "attributes are set on a %s from a %s, only a dict on a dict is allowed",
                        hrm_pickle_kind_name(target->kind), hrm_pickle_kind_name(state->kind));
    return HRM_OK;
}

/* ---- the machine ---- */

static hrm_status collect(struct reader *reader, unsigned char opcode) {
    hrm_pickle_value **items = NULL;
    size_t count = 0;
    hrm_status status = pop_to_mark(reader, &items, &count);
    if (status != HRM_OK) return status;
    switch (opcode) {
    case OP_APPENDS:
        return extend(reader, HRM_PICKLE_LIST, items, count);
    case OP_SETITEMS:
        return extend(reader, HRM_PICKLE_DICT, items, count);
    case OP_TUPLE:
        return push_list(reader, HRM_PICKLE_TUPLE, items, count);
    case OP_LIST:
        return push_list(reader, HRM_PICKLE_LIST, items, count);
    default:
        status = check_pairs(items, count);
        return status == HRM_OK ? push_list(reader, HRM_PICKLE_DICT, items, count) : status;
    }
}

/* The same for opcodes that name how many values they take. */
static hrm_status collect_few(struct reader *reader, unsigned char opcode, size_t count) {
    hrm_pickle_value *items[3];
    for (size_t i = count; i > 0; i--) {
        hrm_status status = pop(reader, &items[i - 1]);
        if (status != HRM_OK) return status;
    }
    if (opcode == OP_APPEND) return extend(reader, HRM_PICKLE_LIST, items, count);
    if (opcode == OP_SETITEM) return extend(reader, HRM_PICKLE_DICT, items, count);
    return push_list(reader, HRM_PICKLE_TUPLE, items, count);
}

static hrm_status step(struct reader *reader, unsigned char opcode) {
    hrm_pickle_value *value = NULL;
    uint64_t length = 0;
    hrm_status status;
    switch (opcode) {
    case OP_NONE:
        return push_new(reader, HRM_PICKLE_NONE, &value);
    case OP_NEWTRUE:
        return push_bool(reader, true);
    case OP_NEWFALSE:
        return push_bool(reader, false);
    case OP_BININT:
        return read_int(reader, 4);
    case OP_BININT1:
        return read_int(reader, 1);
    case OP_BININT2:
        return read_int(reader, 2);
    case OP_LONG1:
        return read_long(reader, 1);
    case OP_LONG4:
        return read_long(reader, 4);
    case OP_BINFLOAT:
        return read_float(reader);
    case OP_SHORT_BINSTRING:
    case OP_SHORT_BINUNICODE:
        return read_text(reader, 1, HRM_PICKLE_TEXT);
    case OP_BINSTRING:
    case OP_BINUNICODE:
        return read_text(reader, 4, HRM_PICKLE_TEXT);
    case OP_BINUNICODE8:
        return read_text(reader, 8, HRM_PICKLE_TEXT);
    case OP_SHORT_BINBYTES:
        return read_text(reader, 1, HRM_PICKLE_BYTES);
    case OP_BINBYTES:
        return read_text(reader, 4, HRM_PICKLE_BYTES);
    case OP_BINBYTES8:
    case OP_BYTEARRAY8:
        return read_text(reader, 8, HRM_PICKLE_BYTES);
    case OP_MARK:
        return push(reader, NULL);
    case OP_EMPTY_TUPLE:
        return push_list(reader, HRM_PICKLE_TUPLE, NULL, 0);
    case OP_EMPTY_LIST:
        return push_list(reader, HRM_PICKLE_LIST, NULL, 0);
    case OP_EMPTY_DICT:
        return push_list(reader, HRM_PICKLE_DICT, NULL, 0);
    case OP_TUPLE1:
    case OP_APPEND:
        return collect_few(reader, opcode, 1);
    case OP_TUPLE2:
    case OP_SETITEM:
        return collect_few(reader, opcode, 2);
    case OP_TUPLE3:
        return collect_few(reader, opcode, 3);
    case OP_TUPLE:
    case OP_LIST:
    case OP_DICT:
    case OP_APPENDS:
    case OP_SETITEMS:
        return collect(reader, opcode);
    case OP_PUT:
        return access_memo_text(reader, true);
    case OP_GET:
        return access_memo_text(reader, false);
    case OP_BINPUT:
        return access_memo(reader, 1, true);
    case OP_BINGET:
        return access_memo(reader, 1, false);
    case OP_LONG_BINPUT:
        return access_memo(reader, 4, true);
    case OP_LONG_BINGET:
        return access_memo(reader, 4, false);
    case OP_MEMOIZE:
        return put(reader, reader->memo_count);
    case OP_GLOBAL:
        return read_global(reader);
    case OP_STACK_GLOBAL:
        return read_stack_global(reader);
    case OP_BINPERSID:
        return read_persistent_id(reader);
    case OP_REDUCE:
        return reduce(reader);
    case OP_BUILD:
        return build(reader);
    case OP_FRAME:
        status = take_number(reader, 8, &length);
        if (status != HRM_OK || length <= reader->size - reader->at) return status;
        return hrm_fail(HRM_ERR_FORMAT, "truncated: a frame of %" PRIu64 " bytes is announced, %zu follow", length,
                        reader->size - reader->at);
    default:
        return hrm_pickle_opcode_refuse(opcode);
    }
}

static hrm_status run(struct reader *reader, const hrm_pickle_value **out) {
    hrm_pickle_value *result = NULL;
    hrm_status status;
    if (reader->size < 2 || reader->bytes[0] != OP_PROTO)
        return hrm_fail(HRM_ERR_FORMAT, "byte 0: not a pickle of protocol 2 or newer");
    if (reader->bytes[1] < 2 || reader->bytes[1] > 5)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "byte 1: pickle protocol %u, 2 to 5 can be read", reader->bytes[1]);
    reader->at = 2;
    while (reader->at < reader->size) {
        size_t start = reader->at++;
        unsigned char opcode = reader->bytes[start];
        if (opcode == OP_STOP) {
            status = pop(reader, &result);
            if (status == HRM_OK && reader->depth > 0)
                status = hrm_fail(HRM_ERR_FORMAT, "it ends with %zu values too many", reader->depth);
            if (status == HRM_OK && reader->at < reader->size)
                status = hrm_fail(HRM_ERR_FORMAT, "%zu bytes follow its end", reader->size - reader->at);
            *out = result;
        } else {
            status = step(reader, opcode);
            size_t memory = reader->arena->used_bytes + sizeof(void *) * (reader->stack_room + reader->memo_room);
            if (status == HRM_OK && memory > HRM_PICKLE_MAX_MEMORY)
                status = hrm_fail(HRM_ERR_FORMAT, "its values take more than %zu MiB", HRM_PICKLE_MAX_MEMORY >> 20);
        }
        if (status != HRM_OK) return hrm_fail_prefix(status, "byte %zu", start);
        if (opcode == OP_STOP) return HRM_OK;
    }
    return hrm_fail(HRM_ERR_FORMAT, "byte %zu: truncated: the pickle has no end", reader->size);
}

hrm_status hrm_pickle_parse(const void *bytes, size_t size, hrm_pickle **out) {
    *out = NULL;
    if (size > HRM_PICKLE_MAX_BYTES)
        return hrm_fail(HRM_ERR_FORMAT, "byte 0: a pickle of %zu bytes, at most %zu are accepted", size,
                        HRM_PICKLE_MAX_BYTES);
    hrm_pickle *pickle = calloc(1, sizeof *pickle);
    if (!pickle) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "pickle_parse: no host memory");
    struct reader reader = {.bytes = bytes, .size = size, .arena = &pickle->arena};
    hrm_status status = run(&reader, &pickle->value);
    free(reader.stack);
    free(reader.memo);
    if (status != HRM_OK) {
        hrm_pickle_destroy(pickle);
        return status;
    }
    *out = pickle;
    return HRM_OK;
}

void hrm_pickle_destroy(hrm_pickle *pickle) {
    if (!pickle) return;
    hrm_arena_deinit(&pickle->arena);
    free(pickle);
}

const hrm_pickle_value *hrm_pickle_get(const hrm_pickle *pickle) {
    return pickle->value;
}

const hrm_pickle_value *hrm_pickle_find(const hrm_pickle_value *dict, const char *key) {
    size_t length = strlen(key);
    for (size_t i = dict->list.count; i > 0; i -= 2) {
        const hrm_pickle_value *name = dict->list.items[i - 2];
        if (name->kind == HRM_PICKLE_TEXT && name->text.size == length && memcmp(name->text.data, key, length) == 0)
            return dict->list.items[i - 1];
    }
    return NULL;
}
