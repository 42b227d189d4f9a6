/* Training and test sets of generated Sudokus that share no puzzle, not even as a symmetry of it.
 *
 * Promises: the test set is the same for every train_count, and the first puzzles of the training set too; no two
 * puzzles of either set, and none across them, are symmetries of each other (their canonical hashes all differ, see
 * sudoku_symmetry.h); the same config gives the same bytes on every machine and with every number of threads. Tokens
 * are those of sudoku.h; labels are the whole answer, givens included, as in the reference. */
#ifndef HRM_DATA_SUDOKU_DATASET_H
#define HRM_DATA_SUDOKU_DATASET_H

#include "data/puzzle_set.h"
#include "data/sudoku_generate.h"

typedef struct hrm_sudoku_dataset_config {
    hrm_sudoku_generator_config sudoku; /* its seed seeds both sets */
    uint32_t train_count, test_count;
    uint32_t threads; /* that make puzzles; 0: one for each processor, at most 64 */
} hrm_sudoku_dataset_config;

/* Called now and then on the calling thread; false cancels. */
typedef bool (*hrm_sudoku_dataset_progress_fn)(void *user, uint64_t done, uint64_t total);

/* Makes the test set first, then the training set without anything that is in the test set. A count of 0 leaves that
 * set zeroed. `progress` may be NULL.
 * Errors: INVALID_ARGUMENT (settings no puzzle meets; not enough different puzzles exist), CANCELLED, OUT_OF_MEMORY.
 * Both sets are zeroed on failure. */
hrm_status hrm_sudoku_dataset_build(const hrm_sudoku_dataset_config *config, hrm_sudoku_dataset_progress_fn progress,
                                    void *user, hrm_puzzle_set *train, hrm_puzzle_set *test);

#endif
