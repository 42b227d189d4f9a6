/* One question and answer of the published CSV files: from text to tokens, checked.
 *
 * Promises: what is accepted is a sound puzzle. A Sudoku answer is full, keeps the givens and breaks no rule; a maze
 * has one start and one goal, and its answer is the question with a path from one to the other drawn in 'o'. Messages
 * say which cell is wrong, and leave file and line to the caller.
 * Source: the reference's dataset/build_sudoku_dataset.py and build_maze_dataset.py, which check the charset only. */
#ifndef HRM_DATA_CSV_PUZZLE_H
#define HRM_DATA_CSV_PUZZLE_H

#include "data/csv_dataset.h"
#include "data/maze_check.h"

#include <stddef.h>

typedef struct hrm_csv_puzzle_reader {
    hrm_csv_dataset_puzzle puzzle;
    uint32_t side, cell_count, vocab_size;
    hrm_maze_checker maze; /* mazes only */
} hrm_csv_puzzle_reader;

/* For boards as long as the first question, of `length` characters.
 * Errors: FORMAT (no board has so many cells), OUT_OF_MEMORY. */
hrm_status hrm_csv_puzzle_reader_init(hrm_csv_puzzle_reader *reader, hrm_csv_dataset_puzzle puzzle, size_t length);
void hrm_csv_puzzle_reader_deinit(hrm_csv_puzzle_reader *reader);

/* question, answer [cell_count] characters; inputs, labels [cell_count] tokens. Errors: FORMAT. */
hrm_status hrm_csv_puzzle_read(hrm_csv_puzzle_reader *reader, const char *question, const char *answer, uint8_t *inputs,
                               uint8_t *labels);

#endif
