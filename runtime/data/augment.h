/* The eight symmetries of a square grid, and a hash that is the same for a maze and all its symmetries.
 *
 * Promises: numbering as in the reference (dataset/common.py, `dihedral_transform`): 0 none, 1 to 3 that many quarter
 * turns counter-clockwise, 4 left-right, 5 up-down, 6 transpose, 7 a quarter turn counter-clockwise, then left-right
 * (the other diagonal). */
#ifndef HRM_DATA_AUGMENT_H
#define HRM_DATA_AUGMENT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define HRM_GRID_SYMMETRIES 8u

/* For symmetry k of a side x side grid: the cell of the source that lands in cell `index` of the result. */
uint32_t hrm_grid_source_index(uint32_t k, uint32_t side, uint32_t index);

/* dst = symmetry k of src, both [side, side]; they may not overlap. */
void hrm_grid_transform(uint32_t k, uint32_t side, const uint8_t *src, uint8_t *dst);

/* The symmetry that undoes k, and the one that equals `first` followed by `second`. */
uint32_t hrm_grid_inverse(uint32_t k);
uint32_t hrm_grid_compose(uint32_t first, uint32_t second);

/* A 64-bit hash of cells [height, width] that treats 'o' as free and is equal for mazes that are symmetries of each
 * other: the least of the eight hashes (FNV-1a over width, height and cells). Two different mazes share it with
 * probability about 2^-64. Works for any sides, not only squares. */
uint64_t hrm_maze_canonical_hash(const char *cells, uint32_t width, uint32_t height);

#endif
