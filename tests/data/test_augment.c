/* The eight symmetries: the pictures of the reference's numbering, the group laws, and the canonical hash. */
#include "check.h"

#include "base/rng.h"
#include "data/augment.h"

#include <string.h>

/* What numpy makes of the grid abc/def/ghi: rot90 (counter-clockwise) k times, fliplr, flipud, transpose,
 * fliplr(rot90). */
static const char pictures[HRM_GRID_SYMMETRIES][10] = {
    "abcdefghi", "cfibehadg", "ihgfedcba", "gdahebifc", "cbafedihg", "ghidefabc", "adgbehcfi", "ifchebgda",
};

static void test_pictures(void **state) {
    (void)state;
    for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
        uint8_t got[10] = {0};
        hrm_grid_transform(k, 3, (const uint8_t *)pictures[0], got);
        CHECK_STR((const char *)got, pictures[k]);
        for (uint32_t i = 0; i < 9; i++) CHECK_EQ(pictures[0][hrm_grid_source_index(k, 3, i)], pictures[k][i]);
    }
}

static void test_group_laws(void **state) {
    (void)state;
    enum { SIDE = 5, CELLS = SIDE * SIDE };
    uint8_t grid[CELLS], one[CELLS], two[CELLS], direct[CELLS];
    for (uint8_t i = 0; i < CELLS; i++) grid[i] = i;
    for (uint32_t first = 0; first < HRM_GRID_SYMMETRIES; first++) {
        hrm_grid_transform(first, SIDE, grid, one);
        hrm_grid_transform(hrm_grid_inverse(first), SIDE, one, two);
        check_same_bits("inverse", two, grid, CELLS);
        CHECK_EQ(hrm_grid_compose(first, hrm_grid_inverse(first)), 0);
        for (uint32_t second = 0; second < HRM_GRID_SYMMETRIES; second++) {
            hrm_grid_transform(second, SIDE, one, two);
            hrm_grid_transform(hrm_grid_compose(first, second), SIDE, grid, direct);
            check_same_bits("composition", two, direct, CELLS);
        }
    }
    hrm_grid_transform(1, 1, grid, one);
    CHECK_EQ(one[0], 0);
}

static void test_canonical_hash(void **state) {
    (void)state;
    enum { SIDE = 6, CELLS = SIDE * SIDE };
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 0);
    for (int round = 0; round < 50; round++) {
        char maze[CELLS], turned[CELLS];
        for (int i = 0; i < CELLS; i++) maze[i] = "# SGo"[hrm_rng_below(&rng, 5)];
        uint64_t hash = hrm_maze_canonical_hash(maze, SIDE, SIDE);
        for (uint32_t k = 0; k < HRM_GRID_SYMMETRIES; k++) {
            hrm_grid_transform(k, SIDE, (const uint8_t *)maze, (uint8_t *)turned);
            CHECK_EQ(hrm_maze_canonical_hash(turned, SIDE, SIDE), hash);
        }
        for (int i = 0; i < CELLS; i++)
            if (maze[i] == 'o') maze[i] = ' ';
        CHECK_EQ(hrm_maze_canonical_hash(maze, SIDE, SIDE), hash);
        maze[hrm_rng_below(&rng, CELLS)] = 'X';
        CHECK(hrm_maze_canonical_hash(maze, SIDE, SIDE) != hash);
    }
    /* Not square: turning swaps the sides. */
    CHECK_EQ(hrm_maze_canonical_hash("S #  G", 3, 2), hrm_maze_canonical_hash("S   #G", 2, 3));
    CHECK_EQ(hrm_maze_canonical_hash("S #  G", 3, 2), hrm_maze_canonical_hash("# SG  ", 3, 2));
    CHECK(hrm_maze_canonical_hash("S #  G", 3, 2) != hrm_maze_canonical_hash("S #  G", 6, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_group_laws),
        cmocka_unit_test(test_canonical_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
