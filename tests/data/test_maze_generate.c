/* Generated mazes of every kind meet their settings (judged by an independent brute-force path counter, large ones by
 * the search) and depend on seed and index alone; RANDOM mazes are the ones that version 0.1 made; impossible settings
 * end in a clear error. */
#include "check.h"

#include "base/hash.h"
#include "data/maze.h"
#include "data/maze_carve.h"
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
        CHECK(config.max_length == 0 || length <= config.max_length);
        if (config.unique || config.kind != HRM_MAZE_GENERATOR_RANDOM) CHECK_EQ(paths, 1);
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
    config = hrm_maze_generator_config_default();
    config.max_length = 6;
    check_maze(config, 200);
    config.unique = false;
    config.min_length = config.max_length = 7;
    check_maze(config, 100);
    /* Every other kind, odd, even and non-square. */
    const hrm_maze_generator_kind kinds[] = {HRM_MAZE_GENERATOR_PERFECT, HRM_MAZE_GENERATOR_REPAIRED,
                                             HRM_MAZE_GENERATOR_UNIFORM};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        check_maze((hrm_maze_generator_config){.width = 3, .height = 1, .kind = kinds[k]}, 5);
        check_maze((hrm_maze_generator_config){.width = 1, .height = 6, .kind = kinds[k]}, 5);
        check_maze((hrm_maze_generator_config){.width = 5, .height = 5, .min_length = 6, .kind = kinds[k]}, 100);
        check_maze((hrm_maze_generator_config){.width = 6, .height = 6, .wall_density = 0.3, .kind = kinds[k]}, 200);
        check_maze(
            (hrm_maze_generator_config){
                .width = 7, .height = 4, .wall_density = 0.2, .min_length = 4, .max_length = 8, .kind = kinds[k]},
            100);
    }
}

/* FNV-1a of puzzles and answers as made by the first version of the generator (commit 5c796a0): same settings and seed,
 * same mazes, for ever. Odd indices are those of test sets. */
static void test_recorded(void **state) {
    (void)state;
    const struct {
        hrm_maze_generator_config config;
        uint32_t mazes;
        uint64_t hash;
    } rows[] = {
        {hrm_maze_generator_config_default(), 3000, UINT64_C(0xb5a6bff749f7ecf4)},
        {{.width = 6,
          .height = 6,
          .wall_density = 0.35,
          .min_length = 5,
          .unique = true,
          .seed = UINT64_C(0xfeedbeefcafe1234)},
         1000,
         UINT64_C(0x33aea6ce20ab60b3)},
        {{.width = 30, .height = 30, .wall_density = 0.35, .min_length = 110, .seed = 5},
         4,
         UINT64_C(0xc08124491a19e1f1)},
        {{.width = 10, .height = 10, .wall_density = 0.3, .min_length = 12, .unique = true, .seed = 7},
         500,
         UINT64_C(0xd322dfac49c42fcc)},
        {{.width = 5, .height = 7, .wall_density = 0.5, .unique = true, .seed = 8}, 500, UINT64_C(0xe3d1b4e2217c9f92)},
        {{.width = 4, .height = 4, .min_length = 6, .seed = 10}, 100, UINT64_C(0xf4da655e367d5b55)},
        {{.width = 64, .height = 20, .wall_density = 0.4, .min_length = 3, .seed = 12},
         50,
         UINT64_C(0x1ec734f0b5c23e7b)},
        {{.width = 65, .height = 9, .wall_density = 0.25, .min_length = 20, .unique = true, .seed = 13},
         50,
         UINT64_C(0x1e5bcff1089e36ee)},
        {{.width = 7, .height = 100, .wall_density = 0.3, .min_length = 20, .seed = 15},
         50,
         UINT64_C(0x6478d89f402c5462)},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hrm_maze_generator generator;
        CHECK_OK(hrm_maze_generator_init(&generator, &rows[r].config));
        size_t count = (size_t)rows[r].config.width * rows[r].config.height;
        char *puzzle = malloc(count), *answer = malloc(count);
        uint64_t hash = HRM_FNV1A64_INIT;
        for (uint64_t i = 0; i < rows[r].mazes; i++) {
            CHECK_OK(hrm_maze_generate(&generator, i % 2 ? (UINT64_C(1) << 62) + i : i, puzzle, answer, NULL));
            hash = hrm_fnv1a64_update(hrm_fnv1a64_update(hash, puzzle, count), answer, count);
        }
        CHECK_MSG(hash == rows[r].hash, "row %zu: 0x%016llx", r, (unsigned long long)hash);
        hrm_maze_generator_deinit(&generator);
        free(puzzle);
        free(answer);
    }
}

/* Perfect mazes are trees: all free cells hang together, and there is one pair of neighbours less than cells. */
static void check_trees(hrm_maze_generator_kind kind, uint32_t width, uint32_t height, uint32_t min_length,
                        uint32_t max_length) {
    hrm_maze_generator_config config = {.width = width,
                                        .height = height,
                                        .min_length = min_length,
                                        .max_length = max_length,
                                        .kind = kind,
                                        .seed = check_seed()};
    hrm_maze_generator generator;
    hrm_maze_search search;
    uint32_t count = width * height;
    char *puzzle = malloc(count), *answer = malloc(count);
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    CHECK(generator.config.unique);
    CHECK_OK(hrm_maze_search_init(&search, count));
    for (uint64_t index = 0; index < 20; index++) {
        uint32_t length, cells = 0, edges = 0;
        CHECK_OK(hrm_maze_generate(&generator, index, puzzle, answer, &length));
        for (uint32_t i = 0; i < count; i++) {
            if (puzzle[i] == '#') continue;
            cells++;
            edges += i % width + 1 < width && puzzle[i + 1] != '#';
            edges += i + width < count && puzzle[i + width] != '#';
            CHECK(i % width % 2 == 0 || i / width % 2 == 0);
        }
        CHECK_EQ(cells, hrm_maze_carve_free_count(width, height));
        CHECK_EQ(edges, cells - 1);
        uint32_t start = (uint32_t)((char *)memchr(puzzle, 'S', count) - puzzle);
        uint32_t goal = (uint32_t)((char *)memchr(puzzle, 'G', count) - puzzle);
        hrm_maze_search_run(&search, puzzle, width, height, start);
        CHECK_EQ(search.reached, cells);
        CHECK_EQ(search.distance[goal], length);
        CHECK(length >= (min_length ? min_length : 1) && (max_length == 0 || length <= max_length));
        if (width % 2 == 0)
            for (uint32_t y = 0; y < height; y++) CHECK_EQ(puzzle[y * width + width - 1], '#');
        if (height % 2 == 0)
            for (uint32_t x = 0; x < width; x++) CHECK_EQ(puzzle[(height - 1) * width + x], '#');
    }
    hrm_maze_search_deinit(&search);
    hrm_maze_generator_deinit(&generator);
    free(puzzle);
    free(answer);
}

static void test_perfect(void **state) {
    (void)state;
    const hrm_maze_generator_kind kinds[] = {HRM_MAZE_GENERATOR_PERFECT, HRM_MAZE_GENERATOR_UNIFORM};
    for (size_t k = 0; k < 2; k++) {
        check_trees(kinds[k], 3, 2, 2, 0);
        check_trees(kinds[k], 9, 9, 0, 0);
        check_trees(kinds[k], 10, 10, 12, 20);
        check_trees(kinds[k], 31, 6, 20, 0);
        check_trees(kinds[k], 30, 30, HRM_MAZE_HARD_MIN_LENGTH, 0);
        check_trees(kinds[k], 101, 130, 200, 0);
    }
}

/* Four rooms have four spanning trees: with `uniform` a quarter of the mazes each. */
static void test_uniform_trees(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, 3, 0);
    uint32_t seen[4] = {0}, scratch[4];
    const uint32_t passages[4] = {1, 3, 5, 7};
    for (int i = 0; i < 40000; i++) {
        char cells[9];
        uint32_t closed = 0, at = 0;
        hrm_maze_carve_uniform(&rng, 3, 3, scratch, cells);
        for (uint32_t p = 0; p < 4; p++)
            if (cells[passages[p]] == '#') {
                closed++;
                at = p;
            }
        CHECK_EQ(closed, 1);
        seen[at]++;
    }
    for (int p = 0; p < 4; p++) /* mean 10000, sigma 87; 6 sigma */
        CHECK_MSG(seen[p] > 9480 && seen[p] < 10520, "tree %d: %u of 40000", p, seen[p]);
}

/* A repaired maze is the random maze of the same seed and index with walls added, start, goal and length unchanged, and
 * exactly one shortest path. */
static void check_repaired(hrm_maze_generator_config config, uint64_t index_count) {
    hrm_maze_generator random, repaired;
    hrm_maze_search search;
    uint32_t count = config.width * config.height, repairs = 0;
    char *before = malloc(count), *puzzle = malloc(count), *answer = malloc(count);
    config.seed = check_seed();
    config.kind = HRM_MAZE_GENERATOR_RANDOM;
    CHECK_OK(hrm_maze_generator_init(&random, &config));
    config.kind = HRM_MAZE_GENERATOR_REPAIRED;
    CHECK_OK(hrm_maze_generator_init(&repaired, &config));
    CHECK_OK(hrm_maze_search_init(&search, count));
    for (uint64_t index = 0; index < index_count; index++) {
        uint32_t length, length_before, path = 0;
        CHECK_OK(hrm_maze_generate(&random, index, before, answer, &length_before));
        CHECK_OK(hrm_maze_generate(&repaired, index, puzzle, answer, &length));
        CHECK_EQ(length, length_before);
        CHECK(length >= config.min_length && (config.max_length == 0 || length <= config.max_length));
        for (uint32_t i = 0; i < count; i++) {
            CHECK(puzzle[i] == before[i] || (puzzle[i] == '#' && before[i] == ' '));
            CHECK(answer[i] == puzzle[i] || (answer[i] == 'o' && puzzle[i] == ' '));
            repairs += puzzle[i] != before[i];
            path += answer[i] == 'o';
        }
        CHECK_EQ(path + 1, length);
        uint32_t start = (uint32_t)((char *)memchr(puzzle, 'S', count) - puzzle);
        uint32_t goal = (uint32_t)((char *)memchr(puzzle, 'G', count) - puzzle);
        hrm_maze_search_run(&search, puzzle, config.width, config.height, start);
        CHECK_EQ(search.distance[goal], length);
        CHECK_EQ(search.ways[goal], 1);
    }
    CHECK(repairs > 0);
    hrm_maze_search_deinit(&search);
    hrm_maze_generator_deinit(&random);
    hrm_maze_generator_deinit(&repaired);
    free(before);
    free(puzzle);
    free(answer);
}

static void test_repaired(void **state) {
    (void)state;
    check_repaired(hrm_maze_generator_config_preset(HRM_MAZE_GENERATOR_PRESET_HARD), 10);
    check_repaired((hrm_maze_generator_config){.width = 10, .height = 10, .wall_density = 0.3, .min_length = 15}, 200);
    check_repaired((hrm_maze_generator_config){.width = 40, .height = 25, .min_length = 30, .max_length = 50}, 50);
    check_repaired((hrm_maze_generator_config){.width = 150, .height = 70, .wall_density = 0.2, .min_length = 80}, 10);
}

static void test_presets(void **state) {
    (void)state;
    const struct {
        hrm_maze_generator_preset preset;
        hrm_maze_generator_kind kind;
        bool unique;
    } rows[] = {
        {HRM_MAZE_GENERATOR_PRESET_HARD, HRM_MAZE_GENERATOR_RANDOM, false},
        {HRM_MAZE_GENERATOR_PRESET_UNIQUE, HRM_MAZE_GENERATOR_REPAIRED, true},
        {HRM_MAZE_GENERATOR_PRESET_PERFECT, HRM_MAZE_GENERATOR_PERFECT, true},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hrm_maze_generator_config config = hrm_maze_generator_config_preset(rows[r].preset);
        CHECK_EQ(config.kind, rows[r].kind);
        CHECK_EQ(config.unique, rows[r].unique);
        CHECK(config.width == 30 && config.height == 30 && config.min_length == 111);
        hrm_maze_generator generator;
        char puzzle[900], answer[900];
        uint32_t length;
        CHECK_OK(hrm_maze_generator_init(&generator, &config));
        CHECK_OK(hrm_maze_generate(&generator, 0, puzzle, answer, &length));
        CHECK(length > 110);
        hrm_maze_generator_deinit(&generator);
    }
    CHECK_EQ(hrm_maze_generator_config_preset(HRM_MAZE_GENERATOR_PRESET_DEMO).width, 6);
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
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .min_length = 8, .max_length = 7},
                         "at least 8 and at most 7 moves");
    check_config_refused((hrm_maze_generator_config){.width = 6, .height = 6, .kind = (hrm_maze_generator_kind)4},
                         "kind 4");
    /* 9 rooms and 8 passages: 17 cells. */
    for (int kind = HRM_MAZE_GENERATOR_PERFECT; kind <= HRM_MAZE_GENERATOR_UNIFORM; kind += 2) {
        hrm_maze_generator_config perfect = {
            .width = 6, .height = 6, .min_length = 17, .kind = (hrm_maze_generator_kind)kind};
        check_config_refused(perfect, "perfect mazes of 6x6 cells hold at most 16 moves");
        perfect = (hrm_maze_generator_config){.width = 2, .height = 2, .kind = (hrm_maze_generator_kind)kind};
        check_config_refused(perfect, "perfect mazes of 2x2 cells hold at most 0 moves");
    }

    /* No wall-free 3x3 maze has a single shortest path of 4 moves. */
    hrm_maze_generator_config config = {.width = 3, .height = 3, .min_length = 4, .unique = true, .max_attempts = 500};
    hrm_maze_generator generator;
    char puzzle[9], answer[9];
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    CHECK_STATUS(hrm_maze_generate(&generator, 0, puzzle, answer, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no maze of 3x3 cells with 0 % walls, at least 4 moves and exactly one shortest path was found in "
                    "500 attempts");
    CHECK_ERROR_HAS("or for the kind of maze whose ties are repaired");
    hrm_maze_generator_deinit(&generator);

    /* Tie-breaking cannot make a path longer than any there is. */
    config = (hrm_maze_generator_config){
        .width = 3, .height = 3, .min_length = 5, .max_length = 6, .kind = HRM_MAZE_GENERATOR_REPAIRED};
    config.max_attempts = 500;
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    CHECK_STATUS(hrm_maze_generate(&generator, 0, puzzle, answer, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no maze of 3x3 cells with 0 % walls, at least 5 moves and at most 6 moves was found in 500 "
                    "attempts; ask for another range of moves, another wall density or a larger maze");
    hrm_maze_generator_deinit(&generator);

    /* One corridor through all rooms is possible, and as good as never drawn. */
    config = (hrm_maze_generator_config){
        .width = 100, .height = 100, .min_length = 4998, .kind = HRM_MAZE_GENERATOR_UNIFORM, .max_attempts = 3};
    char *large = malloc(10000), *large_answer = malloc(10000);
    CHECK_OK(hrm_maze_generator_init(&generator, &config));
    CHECK_STATUS(hrm_maze_generate(&generator, 0, large, large_answer, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no perfect maze of 100x100 cells with at least 4998 moves was found in 3 attempts; ask for fewer "
                    "moves or a larger maze");
    hrm_maze_generator_deinit(&generator);
    free(large);
    free(large_answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings), cmocka_unit_test(test_determinism),   cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_perfect),  cmocka_unit_test(test_uniform_trees), cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_presets),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
