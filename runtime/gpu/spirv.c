#include "gpu/spirv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/caps.h"

/* The few numbers of the SPIR-V specification (sections 3.7, 3.20, 3.21, 3.31, 3.42) that sizes depend on. Its own
 * header is no dependency of this program. */
enum { MAGIC = 0x07230203, HEADER_WORDS = 5, MAX_IDS = 1 << 20 };
enum {
    OP_EXECUTION_MODE = 16,
    OP_CAPABILITY = 17,
    OP_TYPE_BOOL = 20,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_MATRIX = 24,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT = 43,
    OP_CONSTANT_COMPOSITE = 44,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_FALSE = 49,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_SPEC_CONSTANT_OP = 52,
    OP_FUNCTION = 54,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_COMPOSITE_EXTRACT = 81,
    OP_SELECT = 169,
};
enum {
    MODE_LOCAL_SIZE = 17,
    STORAGE_WORKGROUP = 4,
    DECORATION_SPEC_ID = 1,
    DECORATION_BUILT_IN = 11,
    BUILT_IN_WORKGROUP_SIZE = 25
};

/* What an id stands for. */
typedef enum thing_kind { THING_OTHER, THING_TYPE, THING_POINTER, THING_VALUE, THING_COMPOSITE } thing_kind;
typedef struct thing {
    thing_kind kind;
    bool has_spec_id;
    uint32_t spec_id;
    uint32_t alignment;   /* THING_TYPE, in bytes; also the pointed-to type's for THING_POINTER */
    uint64_t bytes;       /* THING_TYPE; 0 = unknown */
    uint32_t value;       /* THING_VALUE */
    const uint32_t *code; /* THING_COMPOSITE: its instruction */
} thing;

typedef struct module {
    thing *things;
    uint32_t id_count;
    const hrm_spec *specs;
    uint32_t spec_count;
} module;

/* Ids come from the module: any may be out of range. Things that are nothing read as THING_OTHER. */
static const thing nothing = {.kind = THING_OTHER};

static const thing *get(const module *m, uint32_t id) {
    return id < m->id_count ? &m->things[id] : &nothing;
}

static void put(module *m, uint32_t id, thing value) {
    if (id >= m->id_count) return;
    value.has_spec_id = m->things[id].has_spec_id;
    value.spec_id = m->things[id].spec_id;
    m->things[id] = value;
}

/* ---- constants ----------------------------------------------------------------------------------------------------
 */

/* The value that a pipeline gives a specialization constant, else its default. */
static uint32_t specialized(const module *m, uint32_t id, uint32_t value) {
    const thing *t = get(m, id);
    for (uint32_t i = 0; t->has_spec_id && i < m->spec_count; i++)
        if (m->specs[i].id == t->spec_id) value = m->specs[i].value;
    return value;
}

static uint64_t round_up(uint64_t x, uint64_t multiple) {
    return (x + multiple - 1) / multiple * multiple;
}

/* Of two 32-bit numbers; false for what no size here is made of. */
static bool evaluate(uint32_t opcode, uint32_t a, uint32_t b, uint32_t *out) {
    switch (opcode) {
    case 128: /* OpIAdd */
        *out = a + b;
        return true;
    case 130: /* OpISub */
        *out = a - b;
        return true;
    case 132: /* OpIMul */
        *out = a * b;
        return true;
    case 134: /* OpUDiv */
        *out = b ? a / b : 0;
        return b != 0;
    case 137: /* OpUMod */
        *out = b ? a % b : 0;
        return b != 0;
    case 166: /* OpLogicalOr */
        *out = a || b;
        return true;
    case 167: /* OpLogicalAnd */
        *out = a && b;
        return true;
    case 170: /* OpIEqual */
        *out = a == b;
        return true;
    case 171: /* OpINotEqual */
        *out = a != b;
        return true;
    case 172: /* OpUGreaterThan */
        *out = a > b;
        return true;
    case 174: /* OpUGreaterThanEqual */
        *out = a >= b;
        return true;
    case 176: /* OpULessThan */
        *out = a < b;
        return true;
    case 178: /* OpULessThanEqual */
        *out = a <= b;
        return true;
    case 194: /* OpShiftRightLogical */
        *out = a >> (b & 31);
        return b < 32;
    case 196: /* OpShiftLeftLogical */
        *out = a << (b & 31);
        return b < 32;
    case 197: /* OpBitwiseOr */
        *out = a | b;
        return true;
    case 199: /* OpBitwiseAnd */
        *out = a & b;
        return true;
    default:
        return false;
    }
}

/* OpSpecConstantOp: result type, result, opcode, operands. What stays unknown only matters where a size needs it. */
static void read_operation(module *m, const uint32_t *code, uint32_t words) {
    thing result = {.kind = THING_OTHER};
    if (words == 6 && code[3] == OP_COMPOSITE_EXTRACT) {
        const thing *from = get(m, code[4]);
        uint32_t parts = from->kind == THING_COMPOSITE ? (from->code[0] >> 16) - 3 : 0;
        if (code[5] < parts) result = *get(m, from->code[3 + code[5]]);
        if (result.kind != THING_VALUE) result.kind = THING_OTHER;
    } else if (words == 7 && code[3] == OP_SELECT) {
        const thing *condition = get(m, code[4]);
        if (condition->kind == THING_VALUE) result = *get(m, code[condition->value ? 5 : 6]);
        if (result.kind != THING_VALUE) result.kind = THING_OTHER;
    } else if (words == 6) {
        const thing *a = get(m, code[4]), *b = get(m, code[5]);
        if (a->kind == THING_VALUE && b->kind == THING_VALUE && evaluate(code[3], a->value, b->value, &result.value)) {
            result.kind = THING_VALUE;
        }
    }
    put(m, code[2], result);
}

/* ---- types --------------------------------------------------------------------------------------------------------
 */

static thing type_of(uint64_t bytes, uint32_t alignment) {
    return (thing){.kind = THING_TYPE, .bytes = bytes, .alignment = alignment};
}

/* std430, with booleans as 32-bit words, as the Vulkan specification counts shared memory. A type whose size cannot be
 * known has 0 bytes. */
static thing read_type(const module *m, const uint32_t *code, uint32_t words) {
    switch (code[0] & 0xffff) {
    case OP_TYPE_BOOL:
        return type_of(4, 4);
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        return type_of(code[2] / 8, code[2] / 8);
    case OP_TYPE_VECTOR: {
        const thing *part = get(m, code[2]);
        return type_of(part->bytes * code[3], part->alignment * (code[3] == 3 ? 4 : code[3]));
    }
    case OP_TYPE_MATRIX: {
        const thing *column = get(m, code[2]);
        uint64_t stride = column->alignment ? round_up(column->bytes, column->alignment) : 0;
        return type_of(stride * code[3], column->alignment);
    }
    case OP_TYPE_ARRAY: {
        const thing *element = get(m, code[2]), *length = get(m, code[3]);
        uint64_t stride = element->alignment ? round_up(element->bytes, element->alignment) : 0;
        return type_of(length->kind == THING_VALUE ? stride * length->value : 0, element->alignment);
    }
    default: { /* OP_TYPE_STRUCT */
        thing all = type_of(0, 1);
        bool known = true;
        for (uint32_t i = 2; i < words; i++) {
            const thing *member = get(m, code[i]);
            if (member->bytes == 0 || member->alignment == 0) {
                known = false;
                break;
            }
            all.bytes = round_up(all.bytes, member->alignment) + member->bytes;
            if (member->alignment > all.alignment) all.alignment = member->alignment;
        }
        all.bytes = known ? round_up(all.bytes, all.alignment) : 0;
        return all;
    }
    }
}

/* ---- capabilities -------------------------------------------------------------------------------------------------
 */

/* False for a capability that neither every Vulkan 1.2 device has nor an HRM_CAP_* stands for. */
static bool read_capability(uint32_t capability, uint32_t *caps) {
    static const struct {
        uint32_t capability, caps;
    } known[] = {
        {0, HRM_CAP_NONE},            /* Matrix */
        {1, HRM_CAP_NONE},            /* Shader */
        {9, HRM_CAP_F16},             /* Float16 */
        {10, HRM_CAP_F64},            /* Float64 */
        {11, HRM_CAP_INT64},          /* Int64 */
        {39, HRM_CAP_INT8},           /* Int8 */
        {46, HRM_CAP_NONE},           /* SampledBuffer */
        {47, HRM_CAP_NONE},           /* ImageBuffer */
        {61, HRM_CAP_NONE},           /* GroupNonUniform */
        {63, HRM_CAP_ARITHMETIC},     /* GroupNonUniformArithmetic */
        {64, HRM_CAP_BALLOT},         /* GroupNonUniformBallot */
        {65, HRM_CAP_SHUFFLE},        /* GroupNonUniformShuffle */
        {4448, HRM_CAP_INT8},         /* StorageBuffer8BitAccess */
        {5116, HRM_CAP_COOPMAT_BF16}, /* BFloat16TypeKHR */
        {5118, HRM_CAP_COOPMAT_BF16}, /* BFloat16CooperativeMatrixKHR */
        {5345, HRM_CAP_COOPMAT},      /* VulkanMemoryModel: only matrices need it */
        {5347, HRM_CAP_ADDRESS},      /* PhysicalStorageBufferAddresses */
        {5430, HRM_CAP_COOPMAT2},     /* CooperativeMatrixReductionsNV */
        {5431, HRM_CAP_COOPMAT2},     /* CooperativeMatrixConversionsNV */
        {5432, HRM_CAP_COOPMAT2},     /* CooperativeMatrixPerElementOperationsNV */
        {6022, HRM_CAP_COOPMAT},      /* CooperativeMatrixKHR */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].capability != capability) continue;
        *caps |= known[i].caps;
        return true;
    }
    return false;
}

/* ---- the module ---------------------------------------------------------------------------------------------------
 */

enum { MAX_SHARED = 32 };

/* The variables in shared memory. */
typedef struct shared_memory {
    uint64_t bytes[MAX_SHARED];
    uint32_t count, alignment; /* the largest */
    bool unknown;
} shared_memory;

static void add_shared(shared_memory *shared, const thing *pointer) {
    if (pointer->kind != THING_POINTER || pointer->bytes == 0 || shared->count == MAX_SHARED) {
        shared->unknown = true;
        return;
    }
    shared->bytes[shared->count++] = pointer->bytes;
    if (pointer->alignment > shared->alignment) shared->alignment = pointer->alignment;
}

/* Vulkan counts them in the worst order: no gap is larger than what rounding each up to the largest alignment adds. */
static uint64_t sum_shared(const shared_memory *shared) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < shared->count; i++) sum += round_up(shared->bytes[i], shared->alignment);
    return sum;
}

static void read_decoration(module *m, const uint32_t *code, uint32_t words, uint32_t *size_id) {
    if (words != 4 || code[1] >= m->id_count) return;
    if (code[2] == DECORATION_SPEC_ID) {
        m->things[code[1]].has_spec_id = true;
        m->things[code[1]].spec_id = code[3];
    }
    if (code[2] == DECORATION_BUILT_IN && code[3] == BUILT_IN_WORKGROUP_SIZE) *size_id = code[1];
}

static void read_definition(module *m, const uint32_t *code, uint32_t words) {
    uint32_t opcode = code[0] & 0xffff;
    switch (opcode) {
    case OP_TYPE_BOOL:
    case OP_TYPE_STRUCT:
        if (words >= 2) put(m, code[1], read_type(m, code, words));
        break;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        if (words >= 3) put(m, code[1], read_type(m, code, words));
        break;
    case OP_TYPE_VECTOR:
    case OP_TYPE_MATRIX:
    case OP_TYPE_ARRAY:
        if (words == 4) put(m, code[1], read_type(m, code, words));
        break;
    case OP_TYPE_POINTER:
        if (words == 4) {
            thing pointer = *get(m, code[3]);
            if (pointer.kind != THING_TYPE) pointer.bytes = 0;
            pointer.kind = THING_POINTER;
            put(m, code[1], pointer);
        }
        break;
    case OP_CONSTANT: /* wider ones are in no size */
    case OP_SPEC_CONSTANT:
        if (words == 4) put(m, code[2], (thing){.kind = THING_VALUE, .value = specialized(m, code[2], code[3])});
        break;
    case OP_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_FALSE:
        if (words == 3) {
            uint32_t value = specialized(m, code[2], opcode != OP_SPEC_CONSTANT_FALSE);
            put(m, code[2], (thing){.kind = THING_VALUE, .value = value});
        }
        break;
    case OP_CONSTANT_COMPOSITE:
    case OP_SPEC_CONSTANT_COMPOSITE:
        if (words >= 3) put(m, code[2], (thing){.kind = THING_COMPOSITE, .code = code});
        break;
    case OP_SPEC_CONSTANT_OP:
        if (words >= 5) read_operation(m, code, words);
        break;
    default:
        break;
    }
}

/* The constant decorated WorkgroupSize stands above the execution mode. */
static bool read_workgroup_size(const module *m, uint32_t size_id, uint32_t local_size[3]) {
    const thing *size = get(m, size_id);
    if (size->kind != THING_COMPOSITE || size->code[0] >> 16 != 6) return false;
    for (uint32_t i = 0; i < 3; i++) {
        const thing *part = get(m, size->code[3 + i]);
        if (part->kind != THING_VALUE) return false;
        local_size[i] = part->value;
    }
    return true;
}

hrm_status hrm_spirv_measure(const uint32_t *words, uint32_t word_count, const hrm_spec *specs, uint32_t spec_count,
                             hrm_spirv_needs *out) {
    memset(out, 0, sizeof *out);
    if (!words || word_count < HEADER_WORDS || words[0] != MAGIC || words[3] == 0 || words[3] > MAX_IDS)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "this is no SPIR-V module");
    module m = {.id_count = words[3], .specs = specs, .spec_count = spec_count};
    m.things = calloc(m.id_count, sizeof *m.things);
    if (!m.things) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "measuring a SPIR-V module: no host memory");
    hrm_status status = HRM_OK;
    shared_memory shared = {.alignment = 4};
    uint32_t size_id = UINT32_MAX;
    bool sized = false;
    for (uint32_t at = HEADER_WORDS; at < word_count && status == HRM_OK;) {
        const uint32_t *code = words + at;
        uint32_t length = code[0] >> 16, opcode = code[0] & 0xffff;
        if (length == 0 || length > word_count - at) {
            status = hrm_fail(HRM_ERR_UNSUPPORTED, "its SPIR-V is cut short");
            break;
        }
        if (opcode == OP_FUNCTION) break; /* everything that is asked here comes before */
        if (opcode == OP_CAPABILITY && length == 2 && !read_capability(code[1], &out->caps))
            status =
                hrm_fail(HRM_ERR_UNSUPPORTED, "its SPIR-V asks for capability %u, which no HRM_CAP_* covers", code[1]);
        if (opcode == OP_EXECUTION_MODE && length == 6 && code[2] == MODE_LOCAL_SIZE) {
            memcpy(out->local_size, code + 3, sizeof out->local_size);
            sized = true;
        }
        if (opcode == OP_DECORATE) read_decoration(&m, code, length, &size_id);
        if (opcode == OP_VARIABLE && length >= 4 && code[3] == STORAGE_WORKGROUP) add_shared(&shared, get(&m, code[1]));
        read_definition(&m, code, length);
        at += length;
    }
    if (status == HRM_OK && size_id != UINT32_MAX) sized = read_workgroup_size(&m, size_id, out->local_size);
    if (status == HRM_OK && !sized) status = hrm_fail(HRM_ERR_UNSUPPORTED, "its SPIR-V has no known workgroup size");
    if (status == HRM_OK && shared.unknown)
        status = hrm_fail(HRM_ERR_UNSUPPORTED, "its SPIR-V has shared memory whose size cannot be worked out");
    out->shared_bytes = sum_shared(&shared);
    free(m.things);
    return status;
}
