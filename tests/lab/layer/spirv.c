#include "spirv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPIRV_MAGIC 0x07230203u

enum {
    MAX_IDS = 1 << 22, /* SPIR-V's own universal limit */
    MAX_DEPTH = 64,    /* of types and constant expressions, */
    MAX_STEPS = 65536, /* and what all of them together may take */
    STORAGE_WORKGROUP = 4,
    MODE_LOCAL_SIZE_ID = 38,
    DECORATION_BUILT_IN = 11,
    BUILT_IN_WORKGROUP_SIZE = 25,
    CAPABILITY_EXPLICIT_LAYOUT = 4428,
    OP_EXECUTION_MODE_ID = 331
};

bool spirv_next(const uint32_t *module, size_t words, size_t *at, spirv_op *op) {
    if (*at == 0) {
        if (words < SPIRV_HEADER_WORDS || module[0] != SPIRV_MAGIC) return false;
        *at = SPIRV_HEADER_WORDS;
    }
    if (*at >= words) return false;
    op->opcode = module[*at] & 0xffff;
    op->count = module[*at] >> 16;
    op->words = module + *at;
    if (op->count == 0 || op->count > words - *at) return false;
    *at += op->count;
    return true;
}

/* Word `index` of an instruction; 0, which is no id, past its end. */
static uint32_t word(const spirv_op *op, uint32_t index) {
    return index < op->count ? op->words[index] : 0;
}

/* ---- the module, by id --------------------------------------------------------------------------------------------
 */

typedef struct id_info {
    spirv_op defined; /* count 0: nowhere */
    uint32_t spec_id; /* + 1 */
    bool used;        /* variables: by the entry point; functions: reached */
} id_info;

typedef struct reader {
    const uint32_t *module;
    size_t words;
    id_info *ids;
    uint32_t bound;
    const VkSpecializationInfo *specialization;
    uint32_t steps;     /* taken so far */
    const char *reason; /* of the first failure */
} reader;

static void fail(reader *r, const char *reason) {
    if (!r->reason) r->reason = reason;
}

static const spirv_op *get(reader *r, uint32_t id) {
    static const spirv_op none;
    if (id < r->bound && r->ids[id].defined.count) return &r->ids[id].defined;
    fail(r, "an id is defined nowhere");
    return &none;
}

/* The word that holds an instruction's result id, for those that matter here; 0: none. */
static uint32_t result_at(uint32_t opcode) {
    if (opcode >= 19 && opcode <= 39) return 1;                       /* types */
    if (opcode >= 41 && opcode <= 52) return 2;                       /* constants */
    if (opcode == SPIRV_FUNCTION || opcode == 59) return 2;           /* functions, variables */
    if (opcode == 65 || opcode == 66 || opcode == 67 || opcode == 70) /* access chains */
        return 2;
    return 0;
}

static bool index_module(reader *r) {
    size_t at = 0;
    spirv_op op;
    r->bound = r->words >= SPIRV_HEADER_WORDS ? r->module[3] : 0;
    if (r->bound == 0 || r->bound > MAX_IDS) {
        fail(r, "no SPIR-V");
        return false;
    }
    r->ids = calloc(r->bound, sizeof *r->ids);
    if (!r->ids) {
        fail(r, "no host memory");
        return false;
    }
    while (spirv_next(r->module, r->words, &at, &op)) {
        uint32_t id = word(&op, result_at(op.opcode));
        if (result_at(op.opcode) && id < r->bound) r->ids[id].defined = op;
        if (op.opcode == SPIRV_DECORATE && word(&op, 2) == SPIRV_DECORATION_SPEC_ID && word(&op, 1) < r->bound) {
            r->ids[word(&op, 1)].spec_id = word(&op, 3) + 1;
        }
    }
    if (at != r->words) fail(r, "the module is cut off");
    return !r->reason;
}

/* ---- constants ----------------------------------------------------------------------------------------------------
 */

static uint64_t evaluate(reader *r, uint32_t id, int depth);

/* The pipeline's value of a specialization constant, or what the module says. */
static uint64_t specialized(const reader *r, uint32_t id, uint64_t otherwise) {
    const VkSpecializationInfo *s = r->specialization;
    for (uint32_t i = 0; s && r->ids[id].spec_id && i < s->mapEntryCount; i++) {
        const VkSpecializationMapEntry *entry = &s->pMapEntries[i];
        uint64_t value = 0;
        if (entry->constantID + 1 != r->ids[id].spec_id || entry->size > sizeof value) continue;
        if (entry->offset > s->dataSize || entry->size > s->dataSize - entry->offset) continue;
        memcpy(&value, (const unsigned char *)s->pData + entry->offset, entry->size); /* little-endian hosts only */
        return value;
    }
    return otherwise;
}

static uint64_t operate(reader *r, const spirv_op *op, int depth) {
    uint32_t opcode = word(op, 3);
    uint32_t a = (uint32_t)evaluate(r, word(op, 4), depth);
    uint32_t b = op->count > 5 && opcode != 81 ? (uint32_t)evaluate(r, word(op, 5), depth) : 0;
    int32_t sa, sb;
    memcpy(&sa, &a, sizeof sa);
    memcpy(&sb, &b, sizeof sb);
    if ((opcode == 134 || opcode == 137) && b == 0) {
        fail(r, "a constant is divided by 0");
        return 0;
    }
    if ((opcode == 135 || opcode == 138 || opcode == 139) && (sb == 0 || (sb == -1 && sa == INT32_MIN))) {
        fail(r, "a constant division overflows");
        return 0;
    }
    switch (opcode) {
    case 113: /* UConvert */
    case 114: /* SConvert */
    case 124: /* Bitcast */
        return a;
    case 126:
        return 0u - a;
    case 128:
        return a + b;
    case 130:
        return a - b;
    case 132:
        return (uint64_t)a * b & UINT32_MAX;
    case 134:
        return a / b;
    case 135:
        return (uint32_t)(sa / sb);
    case 137:
        return a % b;
    case 138: /* SRem: the sign of the dividend */
        return (uint32_t)(sa % sb);
    case 139: { /* SMod: the sign of the divisor */
        int32_t m = sa % sb;
        return (uint32_t)(m != 0 && (m < 0) != (sb < 0) ? m + sb : m);
    }
    case 164: /* LogicalEqual */
    case 170: /* IEqual */
        return a == b;
    case 165: /* LogicalNotEqual */
    case 171: /* INotEqual */
        return a != b;
    case 166:
        return a || b;
    case 167:
        return a && b;
    case 168:
        return !a;
    case 169:
        return a ? b : evaluate(r, word(op, 6), depth);
    case 172:
        return a > b;
    case 173:
        return sa > sb;
    case 174:
        return a >= b;
    case 175:
        return sa >= sb;
    case 176:
        return a < b;
    case 177:
        return sa < sb;
    case 178:
        return a <= b;
    case 179:
        return sa <= sb;
    case 194:
        return b < 32 ? a >> b : 0;
    case 195:
        return b < 32 ? (a >> b) | (sa < 0 && b > 0 ? ~(UINT32_MAX >> b) : 0) : 0;
    case 196:
        return b < 32 ? a << b : 0;
    case 197:
        return a | b;
    case 198:
        return a ^ b;
    case 199:
        return a & b;
    case 200:
        return ~a;
    default:
        fail(r, "a constant is computed in a way this layer does not know");
        return 0;
    }
}

/* The value of an integer or boolean constant. */
static uint64_t evaluate(reader *r, uint32_t id, int depth) {
    const spirv_op *op = get(r, id);
    if (depth > MAX_DEPTH || ++r->steps > MAX_STEPS) fail(r, "constants are nested too deep");
    if (r->reason) return 0;
    switch (op->opcode) {
    case 41: /* ConstantTrue */
        return 1;
    case 42: /* ConstantFalse */
    case 46: /* ConstantNull */
        return 0;
    case 43: /* Constant */
        return word(op, 3);
    case 48: /* SpecConstantTrue */
    case 49: /* SpecConstantFalse */
        return specialized(r, id, op->opcode == 48);
    case SPIRV_SPEC_CONSTANT:
        return specialized(r, id, word(op, 3));
    case 52: { /* SpecConstantOp */
        if (word(op, 3) != 81) return operate(r, op, depth + 1);
        const spirv_op *composite = get(r, word(op, 4)); /* CompositeExtract of a vector */
        if ((composite->opcode == 44 || composite->opcode == 51) && word(op, 5) < composite->count && op->count == 6) {
            return evaluate(r, word(composite, 3 + word(op, 5)), depth + 1);
        }
        fail(r, "a constant is taken from what is no vector");
        return 0;
    }
    default:
        fail(r, "what should be a constant is none");
        return 0;
    }
}

/* ---- shared memory ------------------------------------------------------------------------------------------------
 */

typedef struct layout {
    uint64_t bytes, alignment;
} layout;

static uint64_t round_up(uint64_t value, uint64_t to) {
    return (value + to - 1) / to * to;
}

/* std430, booleans as 32-bit words. Sizes past 2^32 are cut to that: far more than any device has. */
static layout lay_out(reader *r, uint32_t type, int depth) {
    const spirv_op *op = get(r, type);
    layout result = {0, 1};
    if (depth > MAX_DEPTH || ++r->steps > MAX_STEPS) fail(r, "types are nested too deep");
    if (r->reason) return result;
    switch (op->opcode) {
    case 20: /* Bool */
        result.bytes = result.alignment = 4;
        break;
    case 21: /* Int */
    case 22: /* Float */
        result.bytes = result.alignment = word(op, 2) >= 8 ? word(op, 2) / 8 : 1;
        break;
    case 23: { /* Vector */
        layout part = lay_out(r, word(op, 2), depth + 1);
        result.bytes = part.bytes * word(op, 3);
        result.alignment = part.bytes * (word(op, 3) == 3 ? 4 : word(op, 3));
        break;
    }
    case 24:   /* Matrix */
    case 28: { /* Array */
        layout part = lay_out(r, word(op, 2), depth + 1);
        uint64_t count = op->opcode == 24 ? word(op, 3) : evaluate(r, word(op, 3), depth + 1);
        result.alignment = part.alignment;
        result.bytes = round_up(part.bytes, part.alignment);
        result.bytes = count && result.bytes > UINT32_MAX / count ? UINT32_MAX : result.bytes * count;
        break;
    }
    case 30: /* Struct */
        for (uint32_t i = 2; i < op->count; i++) {
            layout part = lay_out(r, word(op, i), depth + 1);
            result.bytes = round_up(result.bytes, part.alignment) + part.bytes;
            if (part.alignment > result.alignment) result.alignment = part.alignment;
        }
        result.bytes = round_up(result.bytes, result.alignment);
        break;
    default:
        fail(r, "a shared variable has a type this layer does not know");
        break;
    }
    if (result.alignment == 0) result.alignment = 1;
    if (result.bytes > UINT32_MAX) result.bytes = UINT32_MAX;
    return result;
}

/* True where it was not marked before. */
static bool mark(reader *r, uint32_t id) {
    if (id >= r->bound || r->ids[id].used) return false;
    r->ids[id].used = true;
    return true;
}

/* Marks what one function's body touches. True where it calls a function that was not reached before. */
static bool scan_function(reader *r, const spirv_op *function) {
    size_t at = (size_t)(function->words - r->module) + function->count;
    spirv_op op;
    bool grew = false;
    while (spirv_next(r->module, r->words, &at, &op) && op.opcode != 56 /* FunctionEnd */) {
        switch (op.opcode) {
        case 57: /* FunctionCall */
            grew = mark(r, word(&op, 3)) || grew;
            for (uint32_t i = 4; i < op.count; i++) mark(r, op.words[i]);
            break;
        case 62:   /* Store */
        case 228:  /* AtomicStore */
        case 319:  /* AtomicFlagClear */
        case 4458: /* CooperativeMatrixStoreKHR */
            mark(r, word(&op, 1));
            break;
        case 63: /* CopyMemory */
            mark(r, word(&op, 1));
            mark(r, word(&op, 2));
            break;
        case 169: /* Select */
        case 245: /* Phi */
            for (uint32_t i = 3; i < op.count; i++) mark(r, op.words[i]);
            break;
        default:
            /* Load, access chains, CopyObject, atomics with a result, float atomics, matrix loads: the pointer comes
             * third */
            if (op.opcode == 61 || (op.opcode >= 65 && op.opcode <= 70) || op.opcode == 83 ||
                (op.opcode >= 227 && op.opcode <= 242) || op.opcode == 318 || op.opcode == 4457 || op.opcode == 5614 ||
                op.opcode == 5615 || op.opcode == 6035) {
                mark(r, word(&op, 3));
            }
            break;
        }
    }
    return grew;
}

/* Marks every function that the entry point reaches, and the variables they use. */
static void trace(reader *r, uint32_t entry) {
    mark(r, entry);
    for (bool grew = true; grew && !r->reason;) {
        grew = false;
        size_t at = 0;
        spirv_op op;
        while (spirv_next(r->module, r->words, &at, &op)) {
            if (op.opcode != SPIRV_FUNCTION || word(&op, 2) >= r->bound || !r->ids[word(&op, 2)].used) continue;
            grew = scan_function(r, &op) || grew;
        }
    }
}

static uint64_t sum_shared(reader *r) {
    size_t at = 0;
    spirv_op op;
    uint64_t sum = 0, largest = 0;
    bool explicit = false;
    while (spirv_next(r->module, r->words, &at, &op) && op.opcode != SPIRV_FUNCTION) {
        if (op.opcode == SPIRV_CAPABILITY && word(&op, 1) == CAPABILITY_EXPLICIT_LAYOUT) explicit = true;
        if (op.opcode != 59 || word(&op, 3) != STORAGE_WORKGROUP) continue;
        if (word(&op, 2) >= r->bound || !r->ids[word(&op, 2)].used) continue;
        const spirv_op *pointer = get(r, word(&op, 1));
        layout variable = lay_out(r, word(pointer, 3), 0);
        sum = round_up(sum, variable.alignment) + variable.bytes;
        if (variable.bytes > largest) largest = variable.bytes;
    }
    return explicit ? largest : sum; /* blocks of explicit layout share one place */
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static void read_local_size(reader *r, uint32_t entry, uint32_t size[3]) {
    size_t at = 0;
    spirv_op op;
    uint32_t composite = 0;
    bool found = false;
    while (spirv_next(r->module, r->words, &at, &op) && op.opcode != SPIRV_FUNCTION) {
        if (op.opcode == SPIRV_DECORATE && word(&op, 2) == DECORATION_BUILT_IN &&
            word(&op, 3) == BUILT_IN_WORKGROUP_SIZE) {
            composite = word(&op, 1); /* wins over the execution mode */
        }
        bool literal = op.opcode == SPIRV_EXECUTION_MODE && word(&op, 2) == SPIRV_MODE_LOCAL_SIZE;
        bool by_id = op.opcode == OP_EXECUTION_MODE_ID && word(&op, 2) == MODE_LOCAL_SIZE_ID;
        if ((!literal && !by_id) || word(&op, 1) != entry) continue;
        found = true;
        for (uint32_t i = 0; i < 3; i++) {
            size[i] = literal ? word(&op, 3 + i) : (uint32_t)evaluate(r, word(&op, 3 + i), 0);
        }
    }
    if (composite) {
        const spirv_op *vector = get(r, composite);
        for (uint32_t i = 0; i < 3; i++) size[i] = (uint32_t)evaluate(r, word(vector, 3 + i), 0);
    } else if (!found) {
        fail(r, "no workgroup size");
    }
}

/* Name of an entry point: from word 3 on, ended by a zero byte. */
static bool is_named(const spirv_op *op, const char *name) {
    size_t room = op->count > 3 ? (size_t)(op->count - 3) * 4 : 0, length = strlen(name);
    return length < room && memcmp(op->words + 3, name, length + 1) == 0;
}

bool spirv_measure(const uint32_t *module, size_t words, const char *entry, const VkSpecializationInfo *specialization,
                   spirv_use *use, char *reason, size_t reason_size) {
    reader r = {.module = module, .words = words, .specialization = specialization};
    memset(use, 0, sizeof *use);
    if (index_module(&r)) {
        size_t at = 0;
        spirv_op op;
        uint32_t function = 0;
        while (!function && spirv_next(module, words, &at, &op) && op.opcode != SPIRV_FUNCTION) {
            const uint32_t compute = 5; /* GLCompute */
            if (op.opcode == SPIRV_ENTRY_POINT && word(&op, 1) == compute && is_named(&op, entry)) {
                function = word(&op, 2);
            }
        }
        if (function) {
            read_local_size(&r, function, use->local_size);
            trace(&r, function);
            use->shared_bytes = sum_shared(&r);
        } else {
            fail(&r, "no such entry point");
        }
    }
    free(r.ids);
    if (r.reason) snprintf(reason, reason_size, "%s", r.reason);
    return !r.reason;
}
