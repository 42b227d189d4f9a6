/* The solver: against a solver that tries everything, against a slow second reading of its own rules for the counts,
 * and on known puzzles. */
#include "check.h"

#include "base/rng.h"
#include "data/sudoku_check.h"
#include "data/sudoku_solve.h"

#include <stdlib.h>
#include <string.h>

static hrm_sudoku_solver solver_of(uint32_t side) {
    hrm_sudoku_shape shape;
    hrm_sudoku_solver solver;
    CHECK_OK(hrm_sudoku_shape_from_side(side, &shape));
    CHECK_OK(hrm_sudoku_solver_init(&solver, shape));
    return solver;
}

static bool fits(hrm_sudoku_shape shape, const uint8_t *cells, uint32_t i, uint32_t digit) {
    uint32_t row = i / shape.side, column = i % shape.side;
    for (uint32_t j = 0; j < shape.side * shape.side; j++)
        if (j != i && cells[j] == digit &&
            (j / shape.side == row || j % shape.side == column ||
             hrm_sudoku_box(shape, j / shape.side, j % shape.side) == hrm_sudoku_box(shape, row, column)))
            return false;
    return true;
}

/* Counts the solutions by trying every digit in every blank. */
static unsigned count_by_force(hrm_sudoku_shape shape, uint8_t *cells, uint32_t i) {
    uint32_t count = shape.side * shape.side;
    while (i < count && cells[i]) i++;
    if (i == count) return 1;
    unsigned found = 0;
    for (uint32_t digit = 1; digit <= shape.side; digit++)
        if (fits(shape, cells, i, digit)) {
            cells[i] = (uint8_t)digit;
            found += count_by_force(shape, cells, i + 1);
        }
    cells[i] = 0;
    return found;
}

static void test_against_force(void **state) {
    (void)state;
    hrm_sudoku_solver solver = solver_of(4);
    hrm_sudoku_solution solution;
    uint8_t cells[16] = {0};
    hrm_sudoku_solver_run(&solver, cells, 1000, 0, &solution);
    CHECK_EQ(solution.count, 288); /* the number of 4x4 boards */
    hrm_sudoku_solver_run(&solver, cells, 100, 0, &solution);
    CHECK_EQ(solution.count, 100);
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 0);
    unsigned unique = 0, none = 0;
    for (int round = 0; round < 3000; round++) {
        memset(cells, 0, sizeof cells);
        for (uint32_t k = 0; k < 4 + (uint32_t)round % 4; k++) {
            uint32_t i = hrm_rng_below(&rng, 16), digit = 1 + hrm_rng_below(&rng, 4);
            if (fits(solver.shape, cells, i, digit)) cells[i] = (uint8_t)digit;
        }
        uint8_t scratch[16];
        memcpy(scratch, cells, 16);
        unsigned want = count_by_force(solver.shape, scratch, 0);
        hrm_sudoku_solver_run(&solver, cells, 1000, 0, &solution);
        CHECK_EQ(solution.count, want);
        unique += want == 1;
        none += want == 0;
        if (want == 0) continue;
        hrm_sudoku_verdict verdict;
        CHECK_OK(hrm_sudoku_check_answer(solver.shape, cells, solution.cells, NULL, &verdict));
        CHECK(verdict.valid);
        /* Is there a solution in which blank cell i is another digit? */
        for (uint32_t i = 0; i < 16; i++) {
            if (cells[i]) continue;
            uint8_t digit = solution.cells[i];
            cells[i] = digit;
            memcpy(scratch, cells, 16);
            cells[i] = 0;
            CHECK_EQ(hrm_sudoku_solver_finds_other(&solver, cells, i, digit, 0),
                     want > count_by_force(solver.shape, scratch, 0));
        }
    }
    CHECK_MSG(unique > 100 && none > 100, "only %u unique and %u impossible boards", unique, none);
}

/* ---- a slow second reading of the rules in sudoku_solve.h ---- */

typedef struct slow_board {
    bool can[81][10]; /* [cell][digit] */
} slow_board;

static uint32_t slow_count(const slow_board *b, uint32_t side, uint32_t cell) {
    uint32_t count = 0;
    for (uint32_t d = 1; d <= side; d++) count += b->can[cell][d];
    return count;
}

static bool in_unit(hrm_sudoku_shape shape, uint32_t unit, uint32_t cell) {
    uint32_t row = cell / shape.side, column = cell % shape.side;
    if (unit < shape.side) return row == unit;
    if (unit < 2 * shape.side) return column == unit - shape.side;
    return hrm_sudoku_box(shape, row, column) == unit - 2 * shape.side;
}

/* Rule 1, by going round until nothing changes. */
static bool slow_singles(hrm_sudoku_shape shape, slow_board *b) {
    uint32_t side = shape.side, cells = side * side;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t unit = 0; unit < 3 * side; unit++)
            for (uint32_t d = 1; d <= side; d++) {
                uint32_t places = 0, place = 0;
                for (uint32_t i = 0; i < cells; i++)
                    if (in_unit(shape, unit, i) && b->can[i][d]) places++, place = i;
                if (places == 0) return false;
                for (uint32_t e = 1; places == 1 && e <= side; e++)
                    if (e != d && b->can[place][e]) b->can[place][e] = false, changed = true;
            }
        for (uint32_t i = 0; i < cells; i++) {
            uint32_t count = slow_count(b, side, i);
            if (count == 0) return false;
            for (uint32_t d = 1; count == 1 && d <= side; d++)
                for (uint32_t j = 0; b->can[i][d] && j < cells; j++) {
                    bool together = false;
                    for (uint32_t unit = 0; unit < 3 * side; unit++)
                        together = together || (in_unit(shape, unit, i) && in_unit(shape, unit, j));
                    if (j != i && together && b->can[j][d]) b->can[j][d] = false, changed = true;
                }
        }
    }
    return true;
}

static bool slow_search(hrm_sudoku_shape shape, slow_board b, uint64_t *guesses, uint64_t *backtracks) {
    uint32_t best = 0, fewest = 100;
    if (!slow_singles(shape, &b)) return false;
    for (uint32_t i = 0; i < shape.side * shape.side; i++) {
        uint32_t count = slow_count(&b, shape.side, i);
        if (count > 1 && count < fewest) best = i, fewest = count;
    }
    if (fewest == 100) return true;
    for (uint32_t d = 1; d <= shape.side; d++) {
        if (!b.can[best][d]) continue;
        slow_board next = b;
        for (uint32_t e = 1; e <= shape.side; e++) next.can[best][e] = e == d;
        ++*guesses;
        if (slow_search(shape, next, guesses, backtracks)) return true;
        ++*backtracks;
    }
    return false;
}

/* Puzzles with few givens, also without a solution or with many. */
static void test_counts(void **state) {
    (void)state;
    static const struct { uint32_t side, givens, rounds; } kinds[] = {{6, 9, 300}, {9, 26, 60}};
    uint64_t all_backtracks = 0;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 1);
    for (size_t k = 0; k < 2; k++) {
        hrm_sudoku_solver solver = solver_of(kinds[k].side);
        for (uint32_t round = 0; round < kinds[k].rounds; round++) {
            uint8_t full[81], cells[81] = {0};
            hrm_sudoku_solver_fill_random(&solver, &rng, full);
            for (uint32_t given = 0; given < kinds[k].givens;) {
                uint32_t i = hrm_rng_below(&rng, solver.cell_count);
                if (!cells[i]) cells[i] = full[i], given++;
            }
            if (round % 10 == 0) { /* one given off */
                uint32_t i = hrm_rng_below(&rng, solver.cell_count);
                cells[i] = (uint8_t)(1 + hrm_rng_below(&rng, solver.shape.side));
            }
            slow_board board;
            for (uint32_t i = 0; i < solver.cell_count; i++)
                for (uint32_t d = 1; d <= solver.shape.side; d++) board.can[i][d] = !cells[i] || cells[i] == d;
            uint64_t guesses = 0, backtracks = 0;
            bool solved = slow_search(solver.shape, board, &guesses, &backtracks);
            hrm_sudoku_solution solution;
            hrm_sudoku_solver_run(&solver, cells, 1, 0, &solution);
            CHECK_EQ(solution.count, solved);
            CHECK_EQ(solution.guesses, guesses);
            CHECK_EQ(solution.backtracks, backtracks);
            CHECK_EQ(hrm_sudoku_solver_singles_suffice(&solver, cells), solved && guesses == 0);
            all_backtracks += backtracks;
        }
    }
    CHECK_MSG(all_backtracks > 50, "only %llu backtracks in all", (unsigned long long)all_backtracks);
}

static void parse_line(const char *text, uint8_t *cells) {
    for (size_t i = 0; text[i]; i++) cells[i] = text[i] == '.' ? 0 : (uint8_t)(text[i] - '0');
}

static void test_golden(void **state) {
    (void)state;
    static const char *const files[] = {"train.csv", "test.csv"};
    hrm_sudoku_solver solver = solver_of(9);
    for (size_t f = 0; f < 2; f++) {
        size_t size;
        char *text = check_read_file(check_path(check_tree_golden_dir("data/source/sudoku"), files[f]), &size);
        hrm_sudoku_set set;
        CHECK_OK(hrm_sudoku_parse(files[f], text, size, &set));
        for (size_t i = 0; i < set.count; i++) {
            hrm_sudoku_solution solution;
            hrm_sudoku_solver_run(&solver, set.boards[i].cells, 2, 0, &solution);
            CHECK_EQ(solution.count, 1);
            check_same_bits("answer", solution.cells, set.boards[i].answer, 81);
        }
        hrm_sudoku_set_deinit(&set);
        free(text);
    }
}

static void test_known(void **state) {
    (void)state;
    hrm_sudoku_solver solver = solver_of(9);
    hrm_sudoku_solution solution;
    uint8_t cells[81];
    /* The example of Wikipedia's article on Sudoku: singles do it. */
    parse_line("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", cells);
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    CHECK(solution.count == 1 && solution.guesses == 0 && solution.backtracks == 0);
    CHECK(hrm_sudoku_solver_singles_suffice(&solver, cells));
    /* Arto Inkala's puzzle of 2012, widely called the hardest: by our measure hard, with one solution. */
    parse_line("8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..", cells);
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    CHECK_EQ(solution.count, 1);
    CHECK(solution.backtracks >= hrm_sudoku_hard_backtracks(solver.shape));
    /* Without one of its givens there are several; contradictory givens and bytes that are no cells have none. */
    cells[0] = 0;
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    CHECK_EQ(solution.count, 2);
    cells[1] = cells[2] = 8;
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    CHECK_EQ(solution.count, 0);
    cells[1] = 10;
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    CHECK(solution.count == 0 && !solution.capped && !hrm_sudoku_solver_singles_suffice(&solver, cells));
    hrm_sudoku_shape bad = {7, 7, 1};
    CHECK_STATUS(hrm_sudoku_solver_init(&solver, bad), HRM_ERR_INVALID_ARGUMENT);
}

/* An endless count stops at its limit, and says so. */
static void test_cap(void **state) {
    (void)state;
    hrm_sudoku_solver solver = solver_of(9);
    hrm_sudoku_solution solution;
    uint8_t cells[81] = {0};
    hrm_sudoku_solver_run(&solver, cells, UINT32_MAX, 5000, &solution);
    CHECK(solution.capped);
    CHECK(solution.count > 0 && solution.count <= 5000);
    hrm_sudoku_solver_run(&solver, cells, 1, 3, &solution);
    CHECK(solution.capped && solution.count == 0 && solution.guesses == 3);
    CHECK(hrm_sudoku_solver_finds_other(&solver, cells, 0, 1, 1));
    hrm_sudoku_solver_run(&solver, cells, 0, 0, &solution);
    CHECK(!solution.capped && solution.count == 0);
}

/* Random boards are right, and all 288 of side 4 turn up. */
static void test_fill_random(void **state) {
    (void)state;
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 2);
    static const uint32_t sides[] = {6, 8, 9};
    for (size_t s = 0; s < 3; s++) {
        hrm_sudoku_solver solver = solver_of(sides[s]);
        for (int round = 0; round < 50; round++) {
            uint8_t cells[81];
            hrm_sudoku_solver_fill_random(&solver, &rng, cells);
            CHECK_EQ(hrm_sudoku_count_givens(solver.shape, cells), solver.cell_count);
            CHECK_EQ(hrm_sudoku_find_violations(solver.shape, cells, NULL), 0);
        }
    }
    hrm_sudoku_solver solver = solver_of(4);
    static uint8_t seen[288][16];
    size_t count = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t cells[16];
        size_t i = 0;
        hrm_sudoku_solver_fill_random(&solver, &rng, cells);
        while (i < count && memcmp(seen[i], cells, 16) != 0) i++;
        if (i < count) continue;
        CHECK(count < 288);
        memcpy(seen[count++], cells, 16);
    }
    CHECK_EQ(count, 288);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_force), cmocka_unit_test(test_counts), cmocka_unit_test(test_golden),
        cmocka_unit_test(test_known),         cmocka_unit_test(test_cap),    cmocka_unit_test(test_fill_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
