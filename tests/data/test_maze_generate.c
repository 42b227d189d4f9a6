/* Generated mazes meet their settings (judged by an independent brute-force path counter) and depend on seed and index
 * alone; impossible settings end in a clear error. */
#include "check.h"

#include "data/maze.h"
#include "data/maze_generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counts the simple paths of exactly `left` moves from (x, y) to the goal by walking them all. */
static unsigned count_paths(char *cells, int width, int height, int x, int y, unsigned left) {
    if (x < 0 || y < 0 || x >= width || y >= height) return 0;
    char *here = &cells[y * width + x], kept = *here;
    if (kept == '#' || kept == 'x') return 0;
    if (kept == 'G') return left == 0;
    if (left == 0) return 0;
    *here = 'x';
    unsigned paths =
        count_paths(cells, width, height, x + 1, y, left - 1) + count_paths(cells, width, height, x - 1, y, left - 1) +
        count_paths(cells, width, height, x, y + 1, left - 1) + count_paths(cells, width, height, x, y - 1, left - 1);
    *here = kept;
    return paths;
}

/* The length of the shortest path and the number of shortest paths. */
static unsigned shortest_by_force(char *cells, int width, int height, unsigned *paths) {
    int start = (int)((char *)memchr(cells, 'S', (size_t)(width * height)) - cells);
    for (unsigned length = 1; length < (unsigned)(width * height); length++) {
        *paths = count_paths(cells, width, height, start % width, start / width, length);
        if (*paths > 0) return length;
    }
    *paths = 0;
    return 0;
}

static void check_maze(hrm_maze_generator_config config, uint64_t index_count) {
    hrm_maze_generator generator;
    config.seed = check_seed();
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    size_t count = (size_t)config.width * config.height;
    char *puzzle = malloc(count), *answer = malloc(count);
    for (uint64_t index = 0; index < index_count; index++) {
        uint32_t length = 0;
        CHECK_OK(hrm_maze_generate(&generator, index, puzzle, answer, &length));
        size_t starts = 0, goals = 0, path = 0;
        for (size_t i = 0; i < count; i++) {
            CHECK(strchr("# SG", puzzle[i]) && puzzle[i]);
            starts += puzzle[i] == 'S';
            goals += puzzle[i] == 'G';
            path += answer[i] == 'o';
            CHECK(answer[i] == puzzle[i] || (answer[i] == 'o' && puzzle[i] == ' '));
        }
        CHECK_EQ(starts, 1);
        CHECK_EQ(goals, 1);
        unsigned paths, want = shortest_by_force(puzzle, (int)config.width, (int)config.height, &paths);
        CHECK_EQ(length, want);
        CHECK_EQ(path + 1, want);
        CHECK(length >= config.min_length);
        if (config.unique) CHECK_EQ(paths, 1);
        /* The path cells alone must carry a path of that length. */
        for (size_t i = 0; i < count; i++) answer[i] = answer[i] == 'o' ? ' ' : answer[i] == ' ' ? '#' : answer[i];
        CHECK_EQ(shortest_by_force(answer, (int)config.width, (int)config.height, &paths), want);
    }
    hrm_maze_generator_deinit(&generator);
    free(puzzle);
    free(answer);
}

static void test_settings(void **state) {
    (void)state;
    hrm_maze_generator_config config = hrm_maze_generator_config_default();
    check_maze(config, 300);
    config.unique = false;
    config.min_length = 0;
    check_maze(config, 200);
    config.width = 5;
    config.height = 7;
    config.wall_density = 0.5;
    config.unique = true;
    check_maze(config, 200);
    check_maze((hrm_maze_generator_config){.width = 2, .height = 1}, 10);
    check_maze((hrm_maze_generator_config){.width = 1, .height = 9, .min_length = 8, .unique = true}, 5);
    check_maze((hrm_maze_generator_config){.width = 4, .height = 4, .wall_density = 0.0, .min_length = 6}, 20);
}

/* The same (seed, index) gives the same maze whatever was made before; another seed or index another maze. */
static void test_determinism(void **state) {
    (void)state;
    hrm_maze_generator_config config = hrm_maze_generator_config_default();
    config.seed = 42;
    hrm_maze_generator forward, backward;
    CHECK_OK(hrm_maze_generator_init(&forward, &config));
    CHECK_OK(hrm_maze_generator_init(&backward, &config));
    enum { MAZES = 50, CELLS = 36 };
    static char first[MAZES][2][CELLS], second[MAZES][2][CELLS];
    for (size_t i = 0; i < MAZES; i++) CHECK_OK(hrm_maze_generate(&forward, i, first[i][0], first[i][1], NULL));
    for (size_t i = MAZES; i-- > 0;) CHECK_OK(hrm_maze_generate(&backward, i, second[i][0], second[i][1], NULL));
    check_same_bits("mazes in another order", first, second, sizeof first);
    size_t equal = 0;
    for (size_t i = 1; i < MAZES; i++) equal += memcmp(first[i][0], first[i - 1][0], CELLS) == 0;
    CHECK_EQ(equal, 0);
    config.seed = 43;
    hrm_maze_generator other;
    CHECK_OK(hrm_maze_generator_init(&other, &config));
    CHECK_OK(hrm_maze_generate(&other, 0, second[0][0], second[0][1], NULL));
    CHECK(memcmp(first[0][0], second[0][0], CELLS) != 0);
    hrm_maze_generator_deinit(&forward);
    hrm_maze_generator_deinit(&backward);
    hrm_maze_generator_deinit(&other);
}

/* Large mazes with a long path, as in the reference's Maze-Hard. */
static void test_long_path(void **state) {
    (void)state;
    hrm_maze_generator_config config = {.width = 30, .height = 30, .wall_density = 0.35, .min_length = 110, .seed = 5};
    hrm_maze_generator generator;
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    char puzzle[900], answer[900];
    uint32_t length;
    CHECK_OK(hrm_maze_generate(&generator, 0, puzzle, answer, &length));
    CHECK(length >= 110);
    size_t path = 0;
    for (size_t i = 0; i < 900; i++) path += answer[i] == 'o';
    CHECK_EQ(path + 1, length);
    hrm_maze_generator_deinit(&generator);
}

static void check_config_refused(hrm_maze_generator_config config, const char *message) {
    hrm_maze_generator generator;
    CHECK_STATUS(hrm_maze_generator_init(&generator, &config), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS(message);
    hrm_maze_generator_deinit(&generator);
}

static void test_refused(void **state) {
    (void)state;
    check_config_refused((hrm_maze_generator_config){.width = 0, .height = 6}, "0x6 cells");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 1025}, "sides must be 1 to 1024");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .wall_density = 1.0},
                         "wall density of 1");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .wall_density = -0.1}, "wall density");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .wall_density = (double)NAN}, "density");
    check_config_refused((hrm_maze_generator_config){.width = 1, .height = 1}, "1x1 cells hold at most 0 moves");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .min_length = 36}, "at least 36 moves");

    /* No wall-free 3x3 maze has a single shortest path of 4 moves. */
    hrm_maze_generator_config config = {.width = 3, .height = 3, .min_length = 4, .unique = true, .max_attempts = 500};
    hrm_maze_generator generator;
    char puzzle[9], answer[9];
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    CHECK_STATUS(hrm_maze_generate(&generator, 0, puzzle, answer, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no maze of 3x3 cells with 0 % walls, at least 4 moves and exactly one shortest path was found in "
                    "500 attempts");
    hrm_maze_generator_deinit(&generator);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
