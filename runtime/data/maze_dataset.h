/* Training and test sets of generated mazes that share no maze, not even turned or mirrored.
 *
 * Promises: the test set is the same for every train_count; no two mazes of either set, and none across them, are
 * symmetries of each other (their canonical hashes all differ); the same config gives the same bytes on every machine,
 * for any number of threads. Labels are the whole answer grid (walls, start and goal included), as in the reference. */
#ifndef HRM_DATA_MAZE_DATASET_H
#define HRM_DATA_MAZE_DATASET_H

#include "data/maze_generate.h"
#include "data/puzzle_set.h"

typedef struct hrm_maze_dataset_config {
    hrm_maze_generator_config maze; /* its seed seeds both sets */
    uint32_t train_count, test_count;
    uint32_t threads; /* that make mazes; 0: as many as there are processors */
} hrm_maze_dataset_config;

/* Called on the caller's thread every few hundred small or every few large mazes (about 16,384 cells' worth) and at the
 * end; false cancels. */
typedef bool (*hrm_maze_dataset_progress_fn)(void *user, uint64_t done, uint64_t total);

/* Makes the test set first, then the training set without anything that is in the test set. A count of 0 leaves that
 * set zeroed. `progress` may be NULL.
 * Errors: INVALID_ARGUMENT (settings no maze meets; not enough different mazes exist), CANCELLED, OUT_OF_MEMORY. Both
 * sets are zeroed on failure. */
hrm_status hrm_maze_dataset_build(const hrm_maze_dataset_config *config, hrm_maze_dataset_progress_fn progress,
                                  void *user, hrm_puzzle_set *train, hrm_puzzle_set *test);

#endif
