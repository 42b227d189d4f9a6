/* The symmetries: the reference's recorded draws give the reference's rows, drawn ones keep the rules, and the
 * canonical form tells exactly the boards apart that no symmetry joins. */
#include "check.h"

#include "data/puzzle_set.h"
#include "data/sudoku_check.h"
#include "data/sudoku_solve.h"
#include "data/sudoku_symmetry.h"
#include "io/json.h"

#include <stdlib.h>
#include <string.h>

static hrm_sudoku_shape shape_of(uint32_t side) {
    hrm_sudoku_shape shape;
    CHECK_OK(hrm_sudoku_shape_from_side(side, &shape));
    return shape;
}

static void read_bytes(const json_t *array, uint8_t *out, size_t count) {
    CHECK_EQ(json_array_size(array), count);
    for (size_t i = 0; i < count; i++) out[i] = (uint8_t)json_integer_value(json_array_get(array, i));
}

static void test_golden(void **state) {
    (void)state;
    hrm_sudoku_shape shape = shape_of(9);
    size_t size;
    char *text = check_read_file(check_path(check_tree_golden_dir("data/source/sudoku"), "train.csv"), &size);
    hrm_sudoku_set source;
    CHECK_OK(hrm_sudoku_parse("train.csv", text, size, &source));
    json_t *root;
    CHECK_OK(hrm_json_load(check_path(check_tree_golden_dir("data/source/sudoku"), "augment_draws.json"), &root));
    const json_t *draws = json_object_get(root, "draws");
    hrm_puzzle_set want;
    CHECK_OK(hrm_puzzle_set_open(&want, check_tree_golden_dir("data/sudoku"), "train"));
    size_t copies = (size_t)json_integer_value(json_object_get(root, "num_aug"));
    CHECK_EQ(copies, 3);
    CHECK_EQ(want.example_count, source.count * (copies + 1));
    CHECK_EQ(json_array_size(draws), source.count * copies);
    for (size_t row = 0; row < want.example_count; row++) {
        const hrm_sudoku_board *board = &source.boards[row / (copies + 1)];
        hrm_sudoku_symmetry symmetry = {.transpose = false};
        if (row % (copies + 1) == 0) { /* the unaugmented one */
            for (uint8_t i = 0; i <= 9; i++) symmetry.digit_map[i] = i;
            for (uint8_t i = 0; i < 9; i++) symmetry.row_order[i] = symmetry.column_order[i] = i;
        } else {
            const json_t *draw = json_array_get(draws, row / (copies + 1) * copies + row % (copies + 1) - 1);
            symmetry.transpose = json_is_true(json_object_get(draw, "transpose"));
            read_bytes(json_object_get(draw, "digit_map"), symmetry.digit_map, 10);
            read_bytes(json_object_get(draw, "row_order"), symmetry.row_order, 9);
            read_bytes(json_object_get(draw, "column_order"), symmetry.column_order, 9);
        }
        CHECK_OK(hrm_sudoku_symmetry_check(shape, &symmetry));
        hrm_sudoku_symmetry_table table;
        uint8_t inputs[81], labels[81], tokens[81];
        hrm_sudoku_symmetry_tabulate(shape, &symmetry, &table);
        for (size_t i = 0; i < 81; i++) tokens[i] = hrm_sudoku_token(shape, board->cells[i]);
        hrm_sudoku_symmetry_apply_tokens(&table, tokens, inputs);
        hrm_sudoku_symmetry_apply_cells(&table, board->answer, labels);
        for (size_t i = 0; i < 81; i++) labels[i] = hrm_sudoku_token(shape, labels[i]);
        check_same_bits("inputs", inputs, want.inputs + row * 81, 81);
        check_same_bits("labels", labels, want.labels + row * 81, 81);
    }
    hrm_puzzle_set_deinit(&want);
    json_decref(root);
    hrm_sudoku_set_deinit(&source);
    free(text);
}

static hrm_sudoku_solver solver_of(uint32_t side) {
    hrm_sudoku_solver solver;
    CHECK_OK(hrm_sudoku_solver_init(&solver, shape_of(side)));
    return solver;
}

/* The draws are those that the header promises, and what they do keeps boards right and canonical forms equal. */
static void test_drawn(void **state) {
    (void)state;
    static const hrm_sudoku_shape shapes[] = {{4, 2, 2}, {6, 3, 2}, {6, 2, 3}, {8, 4, 2}, {9, 3, 3}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        hrm_sudoku_shape shape = shapes[s];
        hrm_sudoku_solver solver;
        hrm_rng rng;
        CHECK_OK(hrm_sudoku_solver_init(&solver, shape));
        hrm_rng_init(&rng, check_seed(), s);
        uint32_t cells = hrm_sudoku_cell_count(shape), transposes = 0;
        for (int round = 0; round < 100; round++) {
            uint8_t answer[81], puzzle[81], forms[4][81], moved_answer[81], moved_puzzle[81];
            hrm_sudoku_symmetry symmetry;
            hrm_sudoku_symmetry_table table;
            uint64_t hash, moved_hash;
            hrm_sudoku_solver_fill_random(&solver, &rng, answer);
            for (uint32_t i = 0; i < cells; i++) puzzle[i] = hrm_rng_below(&rng, 3) ? 0 : answer[i];
            hrm_sudoku_symmetry_draw(shape, &rng, &symmetry);
            CHECK_OK(hrm_sudoku_symmetry_check(shape, &symmetry));
            transposes += symmetry.transpose;
            hrm_sudoku_symmetry_tabulate(shape, &symmetry, &table);
            hrm_sudoku_symmetry_apply_cells(&table, answer, moved_answer);
            hrm_sudoku_symmetry_apply_cells(&table, puzzle, moved_puzzle);
            CHECK_EQ(hrm_sudoku_find_violations(shape, moved_answer, NULL), 0);
            CHECK_OK(hrm_sudoku_canonicalize(shape, answer, puzzle, forms[0], forms[1]));
            CHECK_OK(hrm_sudoku_canonicalize(shape, moved_answer, moved_puzzle, forms[2], forms[3]));
            check_same_bits("canonical answer", forms[2], forms[0], cells);
            check_same_bits("canonical puzzle", forms[3], forms[1], cells);
            for (uint32_t i = 0; i < shape.side; i++) CHECK_EQ(forms[0][i], i + 1);
            CHECK(memcmp(forms[0], moved_answer, cells) <= 0);
            CHECK_EQ(hrm_sudoku_find_violations(shape, forms[0], NULL), 0);
            CHECK_EQ(hrm_sudoku_count_givens(shape, forms[1]), hrm_sudoku_count_givens(shape, puzzle));
            CHECK_OK(hrm_sudoku_canonical_hash(shape, answer, puzzle, &hash));
            CHECK_OK(hrm_sudoku_canonical_hash(shape, moved_answer, moved_puzzle, &moved_hash));
            CHECK_EQ(hash, moved_hash);
            /* One given more is another puzzle. */
            uint32_t i = 0;
            while (i < cells && puzzle[i]) i++;
            if (i == cells) continue;
            puzzle[i] = answer[i];
            CHECK_OK(hrm_sudoku_canonical_hash(shape, answer, puzzle, &moved_hash));
            CHECK(hash != moved_hash);
        }
        CHECK(shape.box_width == shape.box_height ? transposes > 20 && transposes < 80 : transposes == 0);
    }
}

/* Walks a group of symmetries of the 4x4 board step by step: generators of every kind, each applied to the whole list
 * until nothing new turns up. The smallest answer with the smallest puzzle must be the canonical form. */
static size_t close_orbit(uint8_t (*boards)[32], size_t room, const hrm_sudoku_symmetry_table *tables, size_t count) {
    size_t size = 1;
    for (size_t done = 0; done < size; done++)
        for (size_t t = 0; t < count; t++) {
            uint8_t moved[32];
            hrm_sudoku_symmetry_apply_cells(&tables[t], boards[done], moved);
            hrm_sudoku_symmetry_apply_cells(&tables[t], boards[done] + 16, moved + 16);
            size_t i = 0;
            while (i < size && memcmp(boards[i], moved, 32) != 0) i++;
            if (i < size) continue;
            CHECK(size < room);
            memcpy(boards[size++], moved, 32);
        }
    return size;
}

static void test_orbits(void **state) {
    (void)state;
    hrm_sudoku_shape shape = shape_of(4);
    static const hrm_sudoku_symmetry generators[] = {
        {false, {0, 2, 1, 3, 4}, {0, 1, 2, 3}, {0, 1, 2, 3}}, {false, {0, 2, 3, 4, 1}, {0, 1, 2, 3}, {0, 1, 2, 3}},
        {false, {0, 1, 2, 3, 4}, {1, 0, 2, 3}, {0, 1, 2, 3}}, {false, {0, 1, 2, 3, 4}, {2, 3, 0, 1}, {0, 1, 2, 3}},
        {true, {0, 1, 2, 3, 4}, {0, 1, 2, 3}, {0, 1, 2, 3}},
    };
    enum { GENERATORS = sizeof generators / sizeof generators[0], ROOM = 3072 }; /* 128 moves of cells * 24 of digits */
    hrm_sudoku_symmetry_table tables[GENERATORS];
    for (size_t g = 0; g < GENERATORS; g++) {
        CHECK_OK(hrm_sudoku_symmetry_check(shape, &generators[g]));
        hrm_sudoku_symmetry_tabulate(shape, &generators[g], &tables[g]);
    }
    hrm_sudoku_solver solver = solver_of(4);
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 9);
    static uint8_t boards[ROOM][32];
    for (int round = 0; round < 8; round++) {
        hrm_sudoku_solver_fill_random(&solver, &rng, boards[0]);
        for (uint32_t i = 0; i < 16; i++) boards[0][16 + i] = hrm_rng_below(&rng, 3) ? 0 : boards[0][i];
        uint8_t answer[16], puzzle[16], first[32];
        CHECK_OK(hrm_sudoku_canonicalize(shape, boards[0], boards[0] + 16, answer, puzzle));
        size_t size = close_orbit(boards, ROOM, tables, GENERATORS);
        memcpy(first, boards[0], 32);
        for (size_t i = 1; i < size; i++)
            if (memcmp(boards[i], first, 32) < 0) memcpy(first, boards[i], 32);
        check_same_bits("first answer of the orbit", answer, first, 16);
        check_same_bits("first puzzle of the orbit", puzzle, first + 16, 16);
    }
}

/* The numbers of essentially different boards are known: 2 of side 4 and 49 of side 6.
 * Source: "Mathematics of Sudoku", Wikipedia. */
static void test_classes(void **state) {
    (void)state;
    static const struct { uint32_t side, rounds, classes; } kinds[] = {{4, 200, 2}, {6, 20000, 49}};
    for (size_t k = 0; k < 2; k++) {
        hrm_sudoku_solver solver = solver_of(kinds[k].side);
        hrm_rng rng;
        hrm_rng_init(&rng, 1, k); /* fixed: the rarest class of side 6 turns up within these rounds */
        uint64_t seen[64];
        uint32_t count = 0;
        for (uint32_t round = 0; round < kinds[k].rounds; round++) {
            uint8_t answer[81];
            uint64_t hash;
            uint32_t i = 0;
            hrm_sudoku_solver_fill_random(&solver, &rng, answer);
            CHECK_OK(hrm_sudoku_canonical_hash(solver.shape, answer, NULL, &hash));
            while (i < count && seen[i] != hash) i++;
            if (i < count) continue;
            CHECK(count < 64);
            seen[count++] = hash;
        }
        CHECK_EQ(count, kinds[k].classes);
    }
}

static void test_refused(void **state) {
    (void)state;
    hrm_sudoku_shape six = shape_of(6);
    hrm_sudoku_symmetry good = {false, {0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}}, bad = good;
    CHECK_OK(hrm_sudoku_symmetry_check(six, &good));
    bad.digit_map[0] = 1;
    bad.digit_map[1] = 0;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("digit map");
    bad = good;
    bad.digit_map[3] = 200;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.row_order[0] = 2; /* bands are two rows high: 2 belongs to the second */
    bad.row_order[2] = 0;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("row order");
    bad = good;
    bad.column_order[1] = 0;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("column order");
    bad.column_order[1] = 255;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.transpose = true;
    CHECK_STATUS(hrm_sudoku_symmetry_check(six, &bad), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("transposes");
    CHECK_STATUS(hrm_sudoku_symmetry_check((hrm_sudoku_shape){3, 3, 1}, &good), HRM_ERR_INVALID_ARGUMENT);

    hrm_sudoku_shape four = shape_of(4);
    uint8_t answer[16] = {1, 2, 3, 4, 3, 4, 1, 2, 4, 3, 2, 1, 2, 1, 4, 3}, puzzle[16] = {1}, form[16];
    uint64_t hash;
    CHECK_OK(hrm_sudoku_canonicalize(four, answer, puzzle, form, NULL));
    puzzle[1] = 3;
    CHECK_STATUS(hrm_sudoku_canonical_hash(four, answer, puzzle, &hash), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("a puzzle with 3 in row 1, column 2, where its answer has 2");
    answer[0] = 0;
    CHECK_STATUS(hrm_sudoku_canonicalize(four, answer, NULL, form, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("row 1, column 1 is 0");
    answer[0] = 2;
    CHECK_STATUS(hrm_sudoku_canonicalize(four, answer, NULL, form, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("twice");
    CHECK_STATUS(hrm_sudoku_canonicalize((hrm_sudoku_shape){5, 5, 1}, answer, NULL, form, NULL),
                 HRM_ERR_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_drawn),   cmocka_unit_test(test_orbits),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
