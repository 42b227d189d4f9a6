/* The Sudoku reader on arbitrary bytes; what it accepts must print back to the same board and go through the checker,
 * the solver and, where it has an answer, the canonical form. */
#include "fuzz.h"

#include "data/sudoku_check.h"
#include "data/sudoku_solve.h"
#include "data/sudoku_symmetry.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition) abort();
}

static void require_same(const char *text, const hrm_sudoku_board *board) {
    hrm_sudoku_set again;
    require(hrm_sudoku_parse("again", text, strlen(text), &again) == HRM_OK && again.count == 1);
    require(again.boards[0].shape.side == board->shape.side);
    require(memcmp(again.boards[0].cells, board->cells, sizeof board->cells) == 0);
    hrm_sudoku_set_deinit(&again);
}

static void check_board(const hrm_sudoku_board *board) {
    char line[HRM_SUDOKU_MAX_CELLS + 1], grid[HRM_SUDOKU_MAX_GRID_TEXT];
    hrm_sudoku_write_line_into(board->shape, board->cells, line);
    hrm_sudoku_write_grid_into(board->shape, board->cells, grid);
    require_same(line, board);
    require_same(grid, board);

    hrm_sudoku_solver solver;
    hrm_sudoku_solution solution;
    hrm_sudoku_verdict verdict;
    require(hrm_sudoku_solver_init(&solver, board->shape) == HRM_OK);
    hrm_sudoku_solver_run(&solver, board->cells, 2, 200, &solution);
    require(hrm_sudoku_check_answer(board->shape, board->cells, solution.cells, board->answer, &verdict) == HRM_OK);
    require(verdict.valid == (solution.count > 0));
    if (hrm_sudoku_check_puzzle(board->shape, board->cells) != HRM_OK) require(solution.count == 0 && !solution.capped);
    if (!board->has_answer) return;
    uint64_t hash;
    require(hrm_sudoku_check_answer(board->shape, board->cells, board->answer, board->answer, &verdict) == HRM_OK);
    require(verdict.exact && verdict.complete);
    require(verdict.valid == (hrm_sudoku_canonical_hash(board->shape, board->answer, board->cells, &hash) == HRM_OK));
    if (verdict.valid) require(solution.count > 0 || solution.capped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hrm_sudoku_set set;
    if (hrm_sudoku_parse("fuzz", (const char *)data, size, &set) != HRM_OK) return 0;
    for (size_t i = 0; i < set.count && i < 8; i++) check_board(&set.boards[i]);
    hrm_sudoku_set_deinit(&set);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *buffer, size_t room) {
    static const char *const texts[] = {
        "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79\n",
        "source,q,a,rating\nx,1..4....4..1...3,1234341243212143,3\n\"y\",\"1..4....4..1...3\",,\n",
        "1 . | . 4\n. . | . .\n----+----\n4 . | . 1\n. . | . 3\n\n# next\n1..4 .... 4..1 ...3\n",
        "|1..|.2.|\n|.3.|4..|\n+---+---+\n|..5|..6|\n|..1|..2|\n+---+---+\n|...|...|\n|..3|...|\n",
        "\xef\xbb\xbfpuzzle,solution\r\n1...2...3...4...,\r\n",
    };
    if (index >= sizeof texts / sizeof *texts || strlen(texts[index]) > room) return 0;
    memcpy(buffer, texts[index], strlen(texts[index]));
    return strlen(texts[index]);
}
