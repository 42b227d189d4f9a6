/* Reads of a compute shader's SPIR-V what a device has limits for: capabilities, the workgroup's size, its shared
 * memory.
 *
 * It judges what the runtime decided with a reader of its own (runtime/gpu/spirv.h), so it shares no code with that
 * one: they would share its mistakes.
 *
 * Promises: nothing is read past the module; specialization constants count with the values of the pipeline; what
 * cannot be worked out is a failure with a reason, never a guess. */
#ifndef HRM_TESTS_LAB_LAYER_SPIRV_H
#define HRM_TESTS_LAB_LAYER_SPIRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vulkan/vulkan_core.h>

enum {
    SPIRV_HEADER_WORDS = 5,
    SPIRV_NOP_WORD = 1 << 16, /* a whole instruction: one word long, opcode 0 */
    SPIRV_ENTRY_POINT = 15,
    SPIRV_EXECUTION_MODE = 16,
    SPIRV_CAPABILITY = 17,
    SPIRV_SPEC_CONSTANT = 50,
    SPIRV_FUNCTION = 54,
    SPIRV_DECORATE = 71,
    SPIRV_CONTROL_BARRIER = 224,
    SPIRV_MODE_LOCAL_SIZE = 17,
    SPIRV_DECORATION_SPEC_ID = 1
};

/* One instruction: `words[0]` holds its length and opcode. */
typedef struct spirv_op {
    uint32_t opcode, count;
    const uint32_t *words;
} spirv_op;

/* Walks a module: start with *at = 0. False at the end, and where the module is cut off or not SPIR-V. */
bool spirv_next(const uint32_t *module, size_t words, size_t *at, spirv_op *op);

typedef struct spirv_use {
    uint32_t local_size[3];
    uint64_t shared_bytes; /* Workgroup variables that the entry point uses, laid out as Vulkan counts them (std430) */
} spirv_use;

/* False, with a reason, where the module is broken or holds what this reader does not know. */
bool spirv_measure(const uint32_t *module, size_t words, const char *entry, const VkSpecializationInfo *specialization,
                   spirv_use *use, char *reason, size_t reason_size);

#endif
