/* Writes a split of a puzzle set from rows handed over in order, without holding it in memory.
 *
 * Promises: the bytes are those the reference's scripts write with NumPy and Python's json (tokens always as uint8,
 * which the reference's reader takes like any other type). Files appear at commit only, dataset.json last: a build that
 * is interrupted leaves no data set, and one that fails before commit leaves what was there.
 * Source: the reference's dataset/build_*_dataset.py and dataset/common.py. */
#ifndef HRM_DATA_PUZZLE_SET_WRITER_H
#define HRM_DATA_PUZZLE_SET_WRITER_H

#include "data/puzzle_set.h"

typedef struct hrm_puzzle_set_writer hrm_puzzle_set_writer;

/* Creates folder/split and temporary files in it. Of `shape` these are read: the three counts (all at most 2^31 - 2),
 * seq_len, vocab_size, identifier_count, pad_id, ignore_label_id, blank_identifier_id, the grid's sides, and
 * identifier_names (NULL: no identifiers.json), which are borrowed until commit.
 * Errors: INVALID_ARGUMENT (a count beyond the limit), IO, OUT_OF_MEMORY. */
hrm_status hrm_puzzle_set_writer_open(const char *folder, const char *split, const hrm_puzzle_set *shape,
                                      hrm_puzzle_set_writer **out);

/* The next `count` examples: inputs, labels [count, seq_len]; labels as stored. IO errors stick.
 * Errors: INVALID_ARGUMENT (more than example_count), IO. */
hrm_status hrm_puzzle_set_writer_append(hrm_puzzle_set_writer *writer, uint32_t count, const uint8_t *inputs,
                                        const uint8_t *labels);

/* The examples appended since the last call are one puzzle; the puzzles ended since the last call are one group. The
 * same errors. */
hrm_status hrm_puzzle_set_writer_end_puzzle(hrm_puzzle_set_writer *writer, uint32_t identifier);
hrm_status hrm_puzzle_set_writer_end_group(hrm_puzzle_set_writer *writer);

/* The next `count` examples, each a puzzle of its own, and all of one identifier. The same errors. */
hrm_status hrm_puzzle_set_writer_append_puzzles(hrm_puzzle_set_writer *writer, uint32_t count, uint32_t identifier,
                                                const uint8_t *inputs, const uint8_t *labels);

/* Puts the files in their places. Consumes the writer, also on failure, and sets *writer to NULL.
 * Errors: INVALID_ARGUMENT (fewer rows than the counts say), IO. */
hrm_status hrm_puzzle_set_writer_commit(hrm_puzzle_set_writer **writer);

/* Removes the temporary files. NULL does nothing. */
void hrm_puzzle_set_writer_abort(hrm_puzzle_set_writer *writer);

#endif
