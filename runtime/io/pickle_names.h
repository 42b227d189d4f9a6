/* The names a pickle may use: every opcode, so that a refusal can name it, and the allow-list of globals. Part of
 * io/pickle.c; nobody else includes it. */
#ifndef HRM_IO_PICKLE_NAMES_H
#define HRM_IO_PICKLE_NAMES_H

#include "io/safetensors.h"

/* Protocols 0 to 5: X(name, byte). Source: Python's Lib/pickle.py. */
/* clang-format off */
#define HRM_PICKLE_OPCODE_LIST(X)                                                                                      \
    X(MARK, '(') X(STOP, '.') X(POP, '0') X(POP_MARK, '1') X(DUP, '2') X(FLOAT, 'F') X(INT, 'I') X(BININT, 'J')        \
    X(BININT1, 'K') X(LONG, 'L') X(BININT2, 'M') X(NONE, 'N') X(PERSID, 'P') X(BINPERSID, 'Q') X(REDUCE, 'R')          \
    X(STRING, 'S') X(BINSTRING, 'T') X(SHORT_BINSTRING, 'U') X(UNICODE, 'V') X(BINUNICODE, 'X') X(APPEND, 'a')         \
    X(BUILD, 'b') X(GLOBAL, 'c') X(DICT, 'd') X(EMPTY_DICT, '}') X(APPENDS, 'e') X(GET, 'g') X(BINGET, 'h')            \
    X(INST, 'i') X(LONG_BINGET, 'j') X(LIST, 'l') X(EMPTY_LIST, ']') X(OBJ, 'o') X(PUT, 'p') X(BINPUT, 'q')            \
    X(LONG_BINPUT, 'r') X(SETITEM, 's') X(TUPLE, 't') X(EMPTY_TUPLE, ')') X(SETITEMS, 'u') X(BINFLOAT, 'G')            \
    X(BINBYTES, 'B') X(SHORT_BINBYTES, 'C') X(PROTO, 0x80) X(NEWOBJ, 0x81) X(EXT1, 0x82) X(EXT2, 0x83)                 \
    X(EXT4, 0x84) X(TUPLE1, 0x85) X(TUPLE2, 0x86) X(TUPLE3, 0x87) X(NEWTRUE, 0x88) X(NEWFALSE, 0x89)                   \
    X(LONG1, 0x8a) X(LONG4, 0x8b) X(SHORT_BINUNICODE, 0x8c) X(BINUNICODE8, 0x8d) X(BINBYTES8, 0x8e)                    \
    X(EMPTY_SET, 0x8f) X(ADDITEMS, 0x90) X(FROZENSET, 0x91) X(NEWOBJ_EX, 0x92) X(STACK_GLOBAL, 0x93)                   \
    X(MEMOIZE, 0x94) X(FRAME, 0x95) X(BYTEARRAY8, 0x96) X(NEXT_BUFFER, 0x97) X(READONLY_BUFFER, 0x98)
/* clang-format on */

typedef enum hrm_pickle_opcode {
#define OPCODE_ENUM(name, byte) OP_##name = (byte),
    HRM_PICKLE_OPCODE_LIST(OPCODE_ENUM)
#undef OPCODE_ENUM
} hrm_pickle_opcode;

/* What a global is good for. */
typedef enum hrm_pickle_role {
    HRM_PICKLE_ORDERED_DICT,
    HRM_PICKLE_SIZE,
    HRM_PICKLE_REBUILD_TENSOR,
    HRM_PICKLE_REBUILD_TENSOR_V2,
    HRM_PICKLE_REBUILD_TENSOR_V3,
    HRM_PICKLE_REBUILD_PARAMETER,
    HRM_PICKLE_UNTYPED_STORAGE,
    HRM_PICKLE_TYPED_STORAGE,
    HRM_PICKLE_DTYPE
} hrm_pickle_role;

typedef struct hrm_pickle_global {
    const char *module, *name;
    hrm_pickle_role role;
    hrm_safetensors_dtype dtype; /* of the storages and dtypes */
} hrm_pickle_global;

/* Errors: FORMAT (not on the list; the message names it), UNSUPPORTED (a type of storage that torch has and we do not).
 */
hrm_status hrm_pickle_global_find(const char *module, size_t module_length, const char *name, size_t name_length,
                                  const hrm_pickle_global **out);

/* FORMAT, naming the opcode. */
hrm_status hrm_pickle_opcode_refuse(unsigned char byte);

#endif
