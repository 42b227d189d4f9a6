#include "io/pickle_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const hrm_pickle_global globals[] = {
    {"collections", "OrderedDict", HRM_PICKLE_ORDERED_DICT, 0},
    {"torch", "Size", HRM_PICKLE_SIZE, 0},
    {"torch._utils", "_rebuild_tensor", HRM_PICKLE_REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", HRM_PICKLE_REBUILD_TENSOR_V2, 0},
    {"torch._utils", "_rebuild_tensor_v3", HRM_PICKLE_REBUILD_TENSOR_V3, 0},
    {"torch._utils", "_rebuild_parameter", HRM_PICKLE_REBUILD_PARAMETER, 0},
    {"torch.storage", "UntypedStorage", HRM_PICKLE_UNTYPED_STORAGE, HRM_ST_U8},
    {"torch", "UntypedStorage", HRM_PICKLE_UNTYPED_STORAGE, HRM_ST_U8},
    {"torch", "FloatStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_F32},
    {"torch", "DoubleStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_F64},
    {"torch", "HalfStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_F16},
    {"torch", "BFloat16Storage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_BF16},
    {"torch", "LongStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_I64},
    {"torch", "IntStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_I32},
    {"torch", "ShortStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_I16},
    {"torch", "CharStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_I8},
    {"torch", "ByteStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_U8},
    {"torch", "BoolStorage", HRM_PICKLE_TYPED_STORAGE, HRM_ST_BOOL},
    {"torch", "float32", HRM_PICKLE_DTYPE, HRM_ST_F32},
    {"torch", "float64", HRM_PICKLE_DTYPE, HRM_ST_F64},
    {"torch", "float16", HRM_PICKLE_DTYPE, HRM_ST_F16},
    {"torch", "bfloat16", HRM_PICKLE_DTYPE, HRM_ST_BF16},
    {"torch", "int64", HRM_PICKLE_DTYPE, HRM_ST_I64},
    {"torch", "int32", HRM_PICKLE_DTYPE, HRM_ST_I32},
    {"torch", "int16", HRM_PICKLE_DTYPE, HRM_ST_I16},
    {"torch", "int8", HRM_PICKLE_DTYPE, HRM_ST_I8},
    {"torch", "uint8", HRM_PICKLE_DTYPE, HRM_ST_U8},
    {"torch", "uint16", HRM_PICKLE_DTYPE, HRM_ST_U16},
    {"torch", "uint32", HRM_PICKLE_DTYPE, HRM_ST_U32},
    {"torch", "uint64", HRM_PICKLE_DTYPE, HRM_ST_U64},
    {"torch", "bool", HRM_PICKLE_DTYPE, HRM_ST_BOOL},
};

static bool same(const char *text, const char *bytes, size_t length) {
    return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

hrm_status hrm_pickle_global_find(const char *module, size_t module_length, const char *name, size_t name_length,
                                  const hrm_pickle_global **out) {
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (!same(globals[i].module, module, module_length) || !same(globals[i].name, name, name_length)) continue;
        *out = &globals[i];
        return HRM_OK;
    }
    char shown[161]; /* "module.name" without what a terminal might obey */
    size_t length = 0;
    for (size_t i = 0; i < module_length + 1 + name_length && length < sizeof shown - 1; i++) {
        char c = i < module_length ? module[i] : i == module_length ? '.' : name[i - module_length - 1];
        shown[length++] = isprint((unsigned char)c) ? c : '?';
    }
    shown[length] = '\0';
    if (same("torch", module, module_length) && name_length > 7 && memcmp(name + name_length - 7, "Storage", 7) == 0)
        return hrm_fail(HRM_ERR_UNSUPPORTED, "storage type %s is not supported", shown);
    return hrm_fail(HRM_ERR_FORMAT, "global %s is not allowed: a checkpoint may only build tensors", shown);
}

hrm_status hrm_pickle_opcode_refuse(unsigned char byte) {
    switch (byte) {
#define OPCODE_CASE(name, byte)                                                                                        \
    case byte:                                                                                                         \
        return hrm_fail(HRM_ERR_FORMAT, "opcode " #name " is not allowed in a checkpoint");
        HRM_PICKLE_OPCODE_LIST(OPCODE_CASE)
#undef OPCODE_CASE
    default:
        return hrm_fail(HRM_ERR_FORMAT, "0x%02x is no opcode", byte);
    }
}
