/* Host memory that is allocated piece by piece and freed at once.
 *
 * Promises: pieces are zeroed, aligned, never move, and live until reset or deinit; sizes are checked products. A
 * zeroed hrm_arena is valid and empty. Not for use by two threads at once. */
#ifndef HRM_BASE_ARENA_H
#define HRM_BASE_ARENA_H

#include "base/status.h"

#include <stddef.h>

typedef struct hrm_arena_block hrm_arena_block;

typedef struct hrm_arena {
    hrm_arena_block *blocks; /* newest first */
    size_t block_bytes;      /* how much to ask the system for at a time; 0 means 64 KiB */
    size_t used_bytes;       /* sum of the pieces handed out, padding left out */
} hrm_arena;

void hrm_arena_init(hrm_arena *arena, size_t block_bytes);

/* Frees every piece; the arena is empty and usable again. NULL does nothing. */
void hrm_arena_deinit(hrm_arena *arena);

/* count * size zeroed bytes at a multiple of `alignment` (a power of two up to 4096; 0 means suitable for any type). A
 * product of 0 gives a valid pointer of its own. *out is NULL on failure.
 * Errors: OUT_OF_MEMORY, INVALID_ARGUMENT (alignment). */
hrm_status hrm_arena_alloc(hrm_arena *arena, size_t count, size_t size, size_t alignment, void **out);

/* A NUL-terminated copy of length bytes. */
hrm_status hrm_arena_copy_text(hrm_arena *arena, const char *text, size_t length, char **out);

#endif
