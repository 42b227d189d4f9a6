#include <hrm/sudoku.h>

#include <stdlib.h>
#include <string.h>

#include "base/config_copy.h"
#include "data/sudoku.h"
#include "data/sudoku_check.h"
#include "data/sudoku_dataset.h"
#include "data/sudoku_solve.h"

_Static_assert(HRM_SUDOKU_MAX_BOARD == HRM_SUDOKU_MAX_CELLS, "public and internal largest board differ");

struct hrm_sudoku_list {
    hrm_sudoku_set set;
};

hrm_status hrm_sudoku_list_parse(const char *text, size_t size, const char *name, hrm_sudoku_list **out) {
    *out = NULL;
    hrm_sudoku_list *list = calloc(1, sizeof *list);
    if (!list) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory", name);
    hrm_status status = hrm_sudoku_parse(name, text, size, &list->set);
    if (status != HRM_OK) {
        free(list);
        return status;
    }
    *out = list;
    return HRM_OK;
}

void hrm_sudoku_list_destroy(hrm_sudoku_list *list) {
    if (!list) return;
    hrm_sudoku_set_deinit(&list->set);
    free(list);
}

uint32_t hrm_sudoku_list_get_count(const hrm_sudoku_list *list) {
    return (uint32_t)list->set.count;
}

hrm_sudoku_view hrm_sudoku_list_get(const hrm_sudoku_list *list, uint32_t index) {
    const hrm_sudoku_board *b = &list->set.boards[index];
    return (hrm_sudoku_view){b->shape.side, b->cells, b->has_answer ? b->answer : NULL};
}

uint32_t hrm_sudoku_side(uint32_t cells) {
    hrm_sudoku_shape shape;
    return hrm_sudoku_shape_from_cells(cells, &shape) ? shape.side : 0;
}

hrm_status hrm_sudoku_to_tokens(uint32_t side, const uint8_t *cells, uint32_t *tokens) {
    hrm_sudoku_shape shape;
    hrm_status status = hrm_sudoku_shape_from_side(side, &shape);
    if (status != HRM_OK) return status;
    for (uint32_t i = 0; i < side * side; i++)
        if (cells[i] > side)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "sudoku: cell %u holds %u; cells are 0 (blank) to %u", i,
                            cells[i], side);
    hrm_sudoku_tokens_from_cells(shape, cells, tokens);
    return HRM_OK;
}

hrm_status hrm_sudoku_from_tokens(uint32_t side, const uint32_t *tokens, uint8_t *cells) {
    hrm_sudoku_shape shape;
    hrm_status status = hrm_sudoku_shape_from_side(side, &shape);
    if (status == HRM_OK) hrm_sudoku_cells_from_tokens(shape, tokens, cells);
    return status;
}

hrm_status hrm_sudoku_grade_answer(uint32_t side, const uint8_t *puzzle, const uint8_t *answer,
                                   const uint8_t *reference, hrm_sudoku_grade *grade) {
    hrm_sudoku_shape shape;
    hrm_sudoku_verdict v;
    hrm_status status = hrm_sudoku_shape_from_side(side, &shape);
    if (status == HRM_OK) status = hrm_sudoku_check_answer(shape, puzzle, answer, reference, &v);
    if (status != HRM_OK) return status;
    *grade = (hrm_sudoku_grade){.struct_size = (uint32_t)sizeof *grade,
                                .has_reference = reference != NULL,
                                .exact = v.exact,
                                .valid = v.valid,
                                .complete = v.complete,
                                .blanks = v.unfilled_cells,
                                .changed_givens = v.changed_count,
                                .violations = v.violation_count};
    return HRM_OK;
}

bool hrm_sudoku_describe_violation(uint32_t side, const uint8_t *cells, uint32_t index, char *text, size_t size) {
    hrm_sudoku_shape shape;
    hrm_sudoku_violation violations[HRM_SUDOKU_MAX_VIOLATIONS];
    if (hrm_sudoku_shape_from_side(side, &shape) != HRM_OK) return false;
    if (index >= hrm_sudoku_find_violations(shape, cells, violations)) return false;
    hrm_sudoku_violation_write_into(shape, &violations[index], text, size);
    return true;
}

hrm_status hrm_sudoku_analyse(uint32_t side, const uint8_t *cells, hrm_sudoku_analysis *analysis) {
    hrm_sudoku_shape shape;
    hrm_sudoku_solver solver;
    hrm_sudoku_solution solution;
    hrm_status status = hrm_sudoku_shape_from_side(side, &shape);
    if (status == HRM_OK) status = hrm_sudoku_check_puzzle(shape, cells);
    if (status == HRM_OK) status = hrm_sudoku_solver_init(&solver, shape);
    if (status != HRM_OK) return status;
    hrm_sudoku_solver_run(&solver, cells, 2, 0, &solution);
    *analysis = (hrm_sudoku_analysis){.struct_size = (uint32_t)sizeof *analysis,
                                      .solutions = solution.count,
                                      .unfinished = solution.capped,
                                      .guesses = solution.guesses,
                                      .backtracks = solution.backtracks};
    memcpy(analysis->solution, solution.cells, sizeof analysis->solution);
    return HRM_OK;
}

static hrm_status make_generator_config(const hrm_sudoku_config *c, hrm_sudoku_generator_config *out) {
    hrm_sudoku_shape shape;
    static const hrm_sudoku_difficulty difficulties[] = {HRM_SUDOKU_EASY, HRM_SUDOKU_EASY, HRM_SUDOKU_MEDIUM,
                                                         HRM_SUDOKU_HARD};
    if ((unsigned)c->level > HRM_SUDOKU_LEVEL_HARD)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "hrm_sudoku_config: level is %d; it must be 1 (easy), 2 (medium) or 3 (hard)", (int)c->level);
    hrm_status status = hrm_sudoku_shape_from_side(c->side ? c->side : 9, &shape);
    if (status == HRM_OK) status = hrm_sudoku_generator_config_preset(shape, difficulties[c->level], out);
    if (status != HRM_OK) return status;
    out->seed = c->seed;
    if (c->min_givens) out->min_givens = c->min_givens;
    if (c->max_givens) out->max_givens = c->max_givens;
    return HRM_OK;
}

hrm_status hrm_sudoku_dataset_create(const hrm_sudoku_config *config, const char *folder,
                                     bool (*progress)(void *user, uint64_t done, uint64_t total), void *user) {
    hrm_sudoku_config c;
    hrm_puzzle_set train, test;
    hrm_status status = hrm_config_copy(config, &c, sizeof c, "hrm_sudoku_config");
    if (status != HRM_OK) return status;
    hrm_sudoku_dataset_config build = {.train_count = c.train_count ? c.train_count : 1000,
                                       .test_count = c.test_count ? c.test_count : 1000,
                                       .threads = c.threads};
    status = make_generator_config(&c, &build.sudoku);
    if (status == HRM_OK) status = hrm_sudoku_dataset_build(&build, progress, user, &train, &test);
    if (status != HRM_OK) return status;
    status = hrm_puzzle_set_save(&train, folder, "train");
    if (status == HRM_OK) status = hrm_puzzle_set_save(&test, folder, "test");
    hrm_puzzle_set_deinit(&train);
    hrm_puzzle_set_deinit(&test);
    return status;
}
