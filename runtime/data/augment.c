#include "data/augment.h"

#include "base/hash.h"
#include "data/maze.h"

#include <stdbool.h>

/* Every symmetry is: swap row and column or not, then count rows and columns from the far end or not. */
typedef struct symmetry {
    bool swap, flip_row, flip_column; /* source row = swap ? column : row, then counted from the end when flipped */
} symmetry;

static const symmetry symmetries[HRM_GRID_SYMMETRIES] = {
    {false, false, false}, /* 0: src[y][x] */
    {true, false, true},   /* 1: one turn counter-clockwise: src[x][n-1-y] */
    {false, true, true},   /* 2: half a turn: src[n-1-y][n-1-x] */
    {true, true, false},   /* 3: three turns: src[n-1-x][y] */
    {false, false, true},  /* 4: left-right: src[y][n-1-x] */
    {false, true, false},  /* 5: up-down: src[n-1-y][x] */
    {true, false, false},  /* 6: transpose: src[x][y] */
    {true, true, true},    /* 7: one turn, then left-right: src[n-1-x][n-1-y] */
};

/* Source cell of (x, y) in the result, for a source of the given sides. */
static inline uint32_t source_of(symmetry s, uint32_t width, uint32_t height, uint32_t x, uint32_t y) {
    uint32_t row = s.swap ? x : y, column = s.swap ? y : x;
    if (s.flip_row) row = height - 1 - row;
    if (s.flip_column) column = width - 1 - column;
    return row * width + column;
}

uint32_t hrm_grid_source_index(uint32_t k, uint32_t side, uint32_t index) {
    return source_of(symmetries[k % HRM_GRID_SYMMETRIES], side, side, index % side, index / side);
}

void hrm_grid_transform(uint32_t k, uint32_t side, const uint8_t *src, uint8_t *dst) {
    symmetry s = symmetries[k % HRM_GRID_SYMMETRIES];
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) *dst++ = src[source_of(s, side, side, x, y)];
}

uint32_t hrm_grid_inverse(uint32_t k) {
    static const uint32_t inverse[HRM_GRID_SYMMETRIES] = {0, 3, 2, 1, 4, 5, 6, 7};
    return inverse[k % HRM_GRID_SYMMETRIES];
}

uint32_t hrm_grid_compose(uint32_t first, uint32_t second) {
    /* A corner and an edge cell of a 3x3 grid tell the eight symmetries apart: follow both. */
    for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
        bool same = true;
        for (uint32_t cell = 0; cell < 2; cell++)
            same = same && hrm_grid_source_index(k, 3, cell) ==
                               hrm_grid_source_index(first, 3, hrm_grid_source_index(second, 3, cell));
        if (same) return k;
    }
    return 0;
}

uint64_t hrm_maze_canonical_hash(const char *cells, uint32_t width, uint32_t height) {
    uint64_t least = UINT64_MAX;
    for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
        symmetry s = symmetries[k];
        uint32_t sides[2] = {s.swap ? height : width, s.swap ? width : height};
        uint64_t hash = hrm_fnv1a64(sides, sizeof sides);
        for (uint32_t y = 0; y < sides[1]; y++) {
            char row[HRM_MAZE_MAX_SIDE];
            for (uint32_t x = 0; x < sides[0]; x++) {
                char cell = cells[source_of(s, width, height, x, y)];
                row[x] = cell == HRM_MAZE_PATH ? HRM_MAZE_FREE : cell;
            }
            hash = hrm_fnv1a64_update(hash, row, sides[0]);
        }
        if (hash < least) least = hash;
    }
    return least;
}
