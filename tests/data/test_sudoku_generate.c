/* Generated puzzles meet their settings and depend on seed and index alone; impossible settings end in a clear error.
 */
#include "check.h"

#include "data/sudoku_check.h"
#include "data/sudoku_generate.h"
#include "data/sudoku_symmetry.h"

#include <string.h>

static hrm_sudoku_shape shape_of(uint32_t side) {
    hrm_sudoku_shape shape;
    CHECK_OK(hrm_sudoku_shape_from_side(side, &shape));
    return shape;
}

/* The number of solutions, up to two or a few, by trying every digit in the first blank with the fewest that fit. */
static unsigned count_solutions(hrm_sudoku_shape shape, uint8_t *cells) {
    uint32_t count = shape.side * shape.side, best = count, fewest = 100, digits = 0, used[27] = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = i / shape.side, column = i % shape.side;
        used[row] |= 1u << cells[i];
        used[9 + column] |= 1u << cells[i];
        used[18 + hrm_sudoku_box(shape, row, column)] |= 1u << cells[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = i / shape.side, column = i % shape.side;
        if (cells[i]) continue;
        uint32_t fitting =
            ((2u << shape.side) - 2) & ~(used[row] | used[9 + column] | used[18 + hrm_sudoku_box(shape, row, column)]);
        uint32_t many = (uint32_t)__builtin_popcount(fitting);
        if (many < fewest) best = i, fewest = many, digits = fitting;
    }
    if (best == count) return 1;
    unsigned found = 0;
    for (uint32_t digit = 1; digit <= shape.side && found < 2; digit++)
        if (digits >> digit & 1) {
            cells[best] = (uint8_t)digit;
            found += count_solutions(shape, cells);
        }
    cells[best] = 0;
    return found;
}

static void check_puzzles(hrm_sudoku_generator_config config, uint64_t count) {
    hrm_sudoku_generator generator;
    hrm_sudoku_solver solver;
    config.seed = check_seed();
    CHECK_OK(hrm_sudoku_generator_init(&generator, &config));
    CHECK_OK(hrm_sudoku_solver_init(&solver, config.shape));
    uint32_t max_givens = generator.config.max_givens;
    for (uint64_t index = 0; index < count; index++) {
        uint8_t puzzle[81], answer[81], scratch[81];
        hrm_sudoku_puzzle_info info;
        hrm_sudoku_verdict verdict;
        hrm_sudoku_solution solution;
        CHECK_OK(hrm_sudoku_generate(&generator, index, puzzle, answer, &info));
        CHECK_OK(hrm_sudoku_check_answer(config.shape, puzzle, answer, NULL, &verdict));
        CHECK(verdict.valid);
        memcpy(scratch, puzzle, sizeof scratch);
        CHECK_EQ(count_solutions(config.shape, scratch), 1);
        CHECK_EQ(info.givens, hrm_sudoku_count_givens(config.shape, puzzle));
        CHECK(info.givens >= config.min_givens && info.givens <= max_givens);
        CHECK(info.attempts >= 1);
        hrm_sudoku_solver_run(&solver, puzzle, 1, 0, &solution);
        CHECK_EQ(info.guesses, solution.guesses);
        CHECK_EQ(info.backtracks, solution.backtracks);
        CHECK(info.backtracks >= config.min_backtracks && info.backtracks <= config.max_backtracks);
        if (config.singles_only) CHECK(hrm_sudoku_solver_singles_suffice(&solver, puzzle));
        for (uint32_t i = 0; config.minimal && i < config.shape.side * config.shape.side; i++) {
            if (!puzzle[i]) continue;
            memcpy(scratch, puzzle, sizeof scratch);
            scratch[i] = 0;
            CHECK(count_solutions(config.shape, scratch) >= 2);
        }
    }
}

static void test_presets(void **state) {
    (void)state;
    static const uint32_t sides[] = {4, 6, 8, 9};
    hrm_sudoku_generator_config config;
    for (size_t s = 0; s < 4; s++)
        for (int difficulty = 0; difficulty < HRM_SUDOKU_DIFFICULTY_COUNT; difficulty++) {
            static const char *const names[] = {"easy", "medium", "hard"};
            hrm_sudoku_difficulty named = (hrm_sudoku_difficulty)difficulty;
            CHECK_STR(hrm_sudoku_difficulty_name(named), names[difficulty]);
            if (sides[s] == 4 && difficulty > 0) {
                CHECK_STATUS(hrm_sudoku_generator_config_preset(shape_of(4), named, &config), HRM_ERR_INVALID_ARGUMENT);
                CHECK_ERROR_HAS("puzzles of side 4 were asked for, but singles solve every one of them");
                continue;
            }
            CHECK_OK(hrm_sudoku_generator_config_preset(shape_of(sides[s]), named, &config));
            check_puzzles(config, difficulty == HRM_SUDOKU_HARD ? 5 : 30);
        }
    CHECK(hrm_sudoku_difficulty_name((hrm_sudoku_difficulty)3) == NULL);
    CHECK_STATUS(hrm_sudoku_generator_config_preset(shape_of(9), (hrm_sudoku_difficulty)3, &config),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_sudoku_generator_config_preset((hrm_sudoku_shape){5, 5, 1}, HRM_SUDOKU_EASY, &config),
                 HRM_ERR_INVALID_ARGUMENT);
}

static void test_settings(void **state) {
    (void)state;
    hrm_sudoku_generator_config config = {.shape = shape_of(9), .max_backtracks = HRM_SUDOKU_NO_LIMIT};
    check_puzzles(config, 20);
    config.min_givens = config.max_givens = 30;
    check_puzzles(config, 20);
    config.min_givens = config.max_givens = 81;
    check_puzzles(config, 2);
    config.min_givens = 0;
    config.max_givens = 26;
    config.minimal = true;
    check_puzzles(config, 20);
    config.singles_only = true;
    check_puzzles(config, 5);
    config = (hrm_sudoku_generator_config){.shape = {6, 2, 3}, .min_backtracks = 1, .max_backtracks = 1};
    check_puzzles(config, 10);
    config = (hrm_sudoku_generator_config){.shape = shape_of(9), .max_givens = 28, .min_givens = 26};
    config.min_backtracks = 5;
    config.max_backtracks = 8;
    check_puzzles(config, 5);
}

/* That singles solve every 4x4 puzzle, which the preset refuses to make harder: all choices of givens of the two
 * essentially different boards. */
static void test_side_four_is_easy(void **state) {
    (void)state;
    static const uint8_t boards[2][16] = {{1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1},
                                          {1, 2, 3, 4, 3, 4, 1, 2, 2, 3, 4, 1, 4, 1, 2, 3}};
    uint64_t hashes[2];
    hrm_sudoku_solver solver;
    CHECK_OK(hrm_sudoku_solver_init(&solver, shape_of(4)));
    for (size_t b = 0; b < 2; b++) CHECK_OK(hrm_sudoku_canonical_hash(solver.shape, boards[b], NULL, &hashes[b]));
    CHECK(hashes[0] != hashes[1]);
    uint32_t unique = 0;
    for (uint32_t k = 0; k < 2u << 16; k++) {
        uint8_t puzzle[16];
        hrm_sudoku_solution solution;
        for (uint32_t i = 0; i < 16; i++) puzzle[i] = k >> i & 1 ? boards[k >> 16][i] : 0;
        hrm_sudoku_solver_run(&solver, puzzle, 2, 0, &solution);
        if (solution.count != 1) continue;
        unique++;
        CHECK_EQ(solution.guesses, 0);
    }
    CHECK_MSG(unique > 10000, "only %u puzzles with one solution", unique);
}

static void test_determinism(void **state) {
    (void)state;
    enum { PUZZLES = 20 };
    static uint8_t first[PUZZLES][2][81], second[PUZZLES][2][81];
    hrm_sudoku_generator_config config;
    hrm_sudoku_generator generator, other;
    CHECK_OK(hrm_sudoku_generator_config_preset(shape_of(9), HRM_SUDOKU_MEDIUM, &config));
    config.seed = 42;
    CHECK_OK(hrm_sudoku_generator_init(&generator, &config));
    CHECK_OK(hrm_sudoku_generator_init(&other, &config));
    for (size_t i = 0; i < PUZZLES; i++) CHECK_OK(hrm_sudoku_generate(&generator, i, first[i][0], first[i][1], NULL));
    for (size_t i = PUZZLES; i-- > 0;) CHECK_OK(hrm_sudoku_generate(&other, i, second[i][0], second[i][1], NULL));
    check_same_bits("puzzles in another order", first, second, sizeof first);
    for (size_t i = 1; i < PUZZLES; i++) CHECK(memcmp(first[i][1], first[i - 1][1], 81) != 0);
    config.seed = 43;
    CHECK_OK(hrm_sudoku_generator_init(&other, &config));
    CHECK_OK(hrm_sudoku_generate(&other, 0, second[0][0], second[0][1], NULL));
    CHECK(memcmp(first[0][1], second[0][1], 81) != 0);
}

static void check_config_refused(hrm_sudoku_generator_config config, const char *message) {
    hrm_sudoku_generator generator;
    CHECK_STATUS(hrm_sudoku_generator_init(&generator, &config), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS(message);
}

static void test_refused(void **state) {
    (void)state;
    hrm_sudoku_shape nine = shape_of(9);
    check_config_refused((hrm_sudoku_generator_config){.shape = {7, 7, 1}}, "side 7");
    check_config_refused((hrm_sudoku_generator_config){.shape = nine, .max_givens = 82}, "0 to 82 givens");
    check_config_refused((hrm_sudoku_generator_config){.shape = nine, .min_givens = 30, .max_givens = 29},
                         "30 to 29 givens");
    check_config_refused((hrm_sudoku_generator_config){.shape = nine, .min_backtracks = 2, .max_backtracks = 1},
                         "2 to 1 backtracks");
    check_config_refused(
        (hrm_sudoku_generator_config){.shape = nine, .singles_only = true, .min_backtracks = 1, .max_backtracks = 9},
        "no puzzle is both");
    /* No 9x9 puzzle with one solution has 16 givens. */
    hrm_sudoku_generator_config config = {.shape = nine, .max_givens = 16, .max_attempts = 20};
    hrm_sudoku_generator generator;
    uint8_t puzzle[81], answer[81];
    CHECK_OK(hrm_sudoku_generator_init(&generator, &config));
    CHECK_STATUS(hrm_sudoku_generate(&generator, 0, puzzle, answer, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no puzzle of side 9 with 0 to 16 givens and 0 to 0 backtracks was found in 20 attempts");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets),     cmocka_unit_test(test_settings), cmocka_unit_test(test_side_four_is_easy),
        cmocka_unit_test(test_determinism), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
