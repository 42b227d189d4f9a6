/* Mazes in the order of their indices, made ahead by several threads.
 *
 * Promises: what comes out depends on config and first_index alone, never on the number of threads or their timing; an
 * error comes out at its own place, after every maze before it. Memory for each thread: a generator (about 12 bytes a
 * cell, 23 when repairing) and two chunks of mazes of together 64 KiB or 4 bytes a cell, whichever is more. */
#ifndef HRM_DATA_MAZE_STREAM_H
#define HRM_DATA_MAZE_STREAM_H

#include "data/maze_generate.h"

#define HRM_MAZE_STREAM_MAX_THREADS 256u

typedef struct hrm_maze_stream hrm_maze_stream;

/* One maze; the pointers are good until the next call. */
typedef struct hrm_maze_stream_item {
    uint64_t index;     /* what hrm_maze_generate was given */
    const char *puzzle; /* [height, width] */
    const char *answer; /* [height, width] */
    uint64_t hash;      /* hrm_maze_canonical_hash of the puzzle */
    uint32_t length;    /* moves */
} hrm_maze_stream_item;

/* Starts making mazes first_index, first_index + 1, ... on `threads` threads (0: one for each processor; more than
 * HRM_MAZE_STREAM_MAX_THREADS are not started, and fewer run where the system refuses some).
 * Errors: those of hrm_maze_generator_init; OUT_OF_MEMORY. */
hrm_status hrm_maze_stream_create(const hrm_maze_generator_config *config, uint64_t first_index, uint32_t threads,
                                  hrm_maze_stream **out);

/* Waits for the next maze. Errors: those of hrm_maze_generate, and then again at each call. */
hrm_status hrm_maze_stream_take(hrm_maze_stream *stream, hrm_maze_stream_item *out);

/* Stops (each thread finishes the maze it is at) and frees. NULL does nothing. */
void hrm_maze_stream_destroy(hrm_maze_stream *stream);

#endif
