#include "base/arena.h"

#include "base/checked.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BLOCK_BYTES ((size_t)64 << 10)
#define MAX_ALIGNMENT ((size_t)4096)

struct hrm_arena_block {
    hrm_arena_block *next;
    size_t size, used; /* bytes after this header */
};

void hrm_arena_init(hrm_arena *arena, size_t block_bytes) {
    *arena = (hrm_arena){.block_bytes = block_bytes};
}

void hrm_arena_deinit(hrm_arena *arena) {
    if (!arena) return;
    hrm_arena_block *block = arena->blocks;
    while (block) {
        hrm_arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

/* Takes the piece from the block, or returns NULL when it does not fit. Blocks come zeroed from calloc. */
static void *take(hrm_arena_block *block, size_t bytes, size_t alignment) {
    unsigned char *base = (unsigned char *)(block + 1);
    size_t rest = ((uintptr_t)base + block->used) & (alignment - 1);
    size_t padding = rest ? alignment - rest : 0;
    if (padding > block->size - block->used || bytes > block->size - block->used - padding) return NULL;
    void *piece = base + block->used + padding;
    block->used += padding + bytes;
    return piece;
}

hrm_status hrm_arena_alloc(hrm_arena *arena, size_t count, size_t size, size_t alignment, void **out) {
    *out = NULL;
    if (alignment == 0) alignment = _Alignof(max_align_t);
    if ((alignment & (alignment - 1)) != 0 || alignment > MAX_ALIGNMENT)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "arena_alloc: alignment %zu is not a power of two up to %zu",
                        alignment, MAX_ALIGNMENT);
    size_t bytes;
    if (!hrm_mul_size(count, size, &bytes))
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "arena_alloc: %zu x %zu bytes exceeds the address space", count, size);
    size_t reserved = bytes ? bytes : 1;
    if (arena->blocks) *out = take(arena->blocks, reserved, alignment);
    if (!*out) {
        size_t want, total, block_bytes = arena->block_bytes ? arena->block_bytes : DEFAULT_BLOCK_BYTES;
        if (!hrm_add_size(reserved, alignment, &want)) want = SIZE_MAX;
        if (want < block_bytes) want = block_bytes;
        hrm_arena_block *block = NULL;
        if (hrm_add_size(want, sizeof *block, &total)) block = calloc(1, total);
        if (!block) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "arena_alloc: no host memory for %zu bytes", bytes);
        block->size = want;
        block->next = arena->blocks;
        arena->blocks = block;
        *out = take(block, reserved, alignment);
    }
    arena->used_bytes += bytes;
    return HRM_OK;
}

hrm_status hrm_arena_copy_text(hrm_arena *arena, const char *text, size_t length, char **out) {
    *out = NULL;
    size_t bytes;
    if (!hrm_add_size(length, 1, &bytes)) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "arena_copy_text: length overflows");
    void *copy;
    hrm_status status = hrm_arena_alloc(arena, bytes, 1, 1, &copy);
    if (status != HRM_OK) return status;
    memcpy(copy, text, length); /* the terminator is there already: pieces come zeroed */
    *out = copy;
    return HRM_OK;
}
