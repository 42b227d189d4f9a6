/* A set of puzzles with their answers, in memory and on disk in the reference's folder layout.
 *
 * A split is a folder with dataset.json and five .npy files named <set>__inputs, __labels, __puzzle_identifiers,
 * __puzzle_indices and __group_indices; identifiers.json lies beside the splits. Examples [puzzle_indices[p],
 * puzzle_indices[p + 1]) belong to puzzle p, puzzles [group_indices[g], group_indices[g + 1]) to group g (one original
 * puzzle and its augmentations).
 *
 * Promises: a set that opens is sound: every size, index, token, label and identifier was checked. A stored label equal
 * to ignore_label_id carries no label; hrm_puzzle_set_label turns it into HRM_NO_LABEL.
 * Source: the reference's dataset/common.py (PuzzleDatasetMetadata) and puzzle_dataset.py. */
#ifndef HRM_DATA_PUZZLE_SET_H
#define HRM_DATA_PUZZLE_SET_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HRM_NO_LABEL UINT32_MAX             /* a position without a label, in batches */
#define HRM_PUZZLE_SET_NO_IGNORE UINT32_MAX /* ignore_label_id of a set in which every position has a label */
#define HRM_PUZZLE_SET_MAX_VOCAB 256u       /* tokens are kept as bytes */

typedef struct hrm_puzzle_set {
    uint32_t example_count, puzzle_count, group_count;
    uint32_t seq_len;          /* tokens per example */
    uint32_t vocab_size;       /* every token is below; at most HRM_PUZZLE_SET_MAX_VOCAB */
    uint32_t identifier_count; /* every identifier is below */
    uint32_t pad_id, ignore_label_id, blank_identifier_id;
    uint32_t grid_width, grid_height; /* product seq_len; 0 when the tokens are no grid */
    uint8_t *inputs;                  /* [example_count, seq_len] */
    uint8_t *labels;                  /* [example_count, seq_len] as stored */
    uint32_t *puzzle_identifiers;     /* [puzzle_count] */
    uint32_t *puzzle_indices;         /* [puzzle_count + 1] rising from 0 to example_count */
    uint32_t *group_indices;          /* [group_count + 1] rising from 0 to puzzle_count */
    char **identifier_names;          /* [identifier_count], or NULL when there is no identifiers.json */
} hrm_puzzle_set;

/* A set in which every example is a puzzle and a group of its own, with the blank identifier 0: tokens and labels are
 * zeroed, for the caller to fill. grid sides of 0 mean no grid. */
hrm_status hrm_puzzle_set_init(hrm_puzzle_set *set, uint32_t example_count, uint32_t seq_len, uint32_t vocab_size,
                               uint32_t grid_width, uint32_t grid_height);
void hrm_puzzle_set_deinit(hrm_puzzle_set *set);

/* Reads folder/split, and folder/identifiers.json where there is one. Tokens may be stored as uint8 or int64, indices
 * as int32 or int64. The grid is square when seq_len is a square number, unless dataset.json holds our own keys
 * grid_width and grid_height.
 * Errors: IO (missing file), FORMAT (names the file and what is wrong), UNSUPPORTED (several sets in one split, a
 * vocabulary past HRM_PUZZLE_SET_MAX_VOCAB), OUT_OF_MEMORY. *set is zeroed on failure. */
hrm_status hrm_puzzle_set_open(hrm_puzzle_set *set, const char *folder, const char *split);

/* Writes folder/split and folder/identifiers.json, each file whole or not at all, dataset.json last; folders are made
 * where needed. Tokens become uint8, indices int32. The bytes are those that the reference's scripts write for the same
 * numbers; our keys grid_width and grid_height appear only where the grid is not the square one. */
hrm_status hrm_puzzle_set_save(const hrm_puzzle_set *set, const char *folder, const char *split);

/* The side of the square grid that seq_len cells are taken for; 0 when it is no square number. */
uint32_t hrm_puzzle_set_square_side(uint32_t seq_len);

/* The label at position i of an example, or HRM_NO_LABEL. */
static inline uint32_t hrm_puzzle_set_label(const hrm_puzzle_set *set, uint32_t example, uint32_t i) {
    uint32_t label = set->labels[(size_t)example * set->seq_len + i];
    return label == set->ignore_label_id ? HRM_NO_LABEL : label;
}

/* Copies examples [first, first + count) in file order, as evaluation reads them.
 *   tokens, labels  [count, seq_len] u32 (labels with HRM_NO_LABEL); ids [count] u32; any of them may be NULL
 * Errors: INVALID_ARGUMENT (past the end). */
hrm_status hrm_puzzle_set_read(const hrm_puzzle_set *set, uint32_t first, uint32_t count, uint32_t *tokens,
                               uint32_t *labels, uint32_t *ids);

/* FNV-1a of tokens, labels, puzzle indices, identifiers and group indices, as they lie in memory. */
uint64_t hrm_puzzle_set_hash(const hrm_puzzle_set *set);

/* The puzzle that example `example` belongs to; example < example_count. */
uint32_t hrm_puzzle_set_find_puzzle(const hrm_puzzle_set *set, uint32_t example);

#endif
