/* Solves a data set and grades the answers: tokens, whole puzzles, halting, and what mazes are about. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/trainer.h>

#include "base/clock.h"
#include "data/maze.h"
#include "data/maze_check.h"
#include "data/sudoku_check.h"
#include "model/weights.h"
#include "train/dataset.h"

typedef struct sums {
    double token_accuracy, excess, violations;
    uint64_t exact, segments, by_q, q_right, valid, shortest, task, givens_kept;
} sums;

static void grade(const uint32_t *answer, const uint32_t *labels, uint32_t seq_len, const hrm_solution *solution,
                  sums *s) {
    uint32_t labelled = 0, right = 0;
    for (uint32_t i = 0; i < seq_len; i++) {
        if (labels[i] == HRM_IGNORE_LABEL) continue;
        labelled++;
        right += answer[i] == labels[i];
    }
    bool exact = right == labelled;
    s->token_accuracy += labelled ? (double)right / labelled : 1.0;
    s->exact += exact;
    s->segments += solution->segments;
    s->by_q += solution->halted;
    s->q_right += (solution->q_halt >= 0) == exact;
}

/* By the puzzle's own rules, which know more than one right answer where there is more than one. */
typedef struct judge {
    hrm_puzzle_kind kind;
    const hrm_puzzle_set *set;
    hrm_maze_checker maze;
    hrm_sudoku_shape sudoku;
} judge;

static hrm_status judge_init(judge *j, const hrm_puzzle_set *set) {
    *j = (judge){.kind = hrm_dataset_find_kind(set), .set = set};
    if (j->kind == HRM_PUZZLE_MAZE) return hrm_maze_checker_init(&j->maze, set->seq_len);
    if (j->kind == HRM_PUZZLE_SUDOKU) hrm_sudoku_shape_from_cells(set->seq_len, &j->sudoku);
    return HRM_OK;
}

static hrm_status judge_answer(judge *j, const uint32_t *tokens, const uint32_t *answer, const uint32_t *labels,
                               sums *s) {
    hrm_status status = HRM_OK;
    if (j->kind == HRM_PUZZLE_MAZE) {
        hrm_maze_verdict v;
        status =
            hrm_maze_checker_run_tokens(&j->maze, j->set->grid_width, j->set->grid_height, tokens, answer, labels, &v);
        if (status != HRM_OK) return status;
        s->valid += v.valid;
        s->shortest += v.shortest;
        s->task += v.shortest;
        if (v.valid) s->excess += v.excess;
    } else if (j->kind == HRM_PUZZLE_SUDOKU) {
        hrm_sudoku_verdict v;
        status = hrm_sudoku_check_answer_tokens(j->sudoku, tokens, answer, NULL, &v);
        if (status != HRM_OK) return status;
        s->task += v.valid;
        s->givens_kept += v.keeps_givens;
        s->violations += v.violation_count;
    }
    return status;
}

/* The 95 % interval of a share of n, which stays within 0 and 1 and is sound near them.
 * Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. */
static void wilson(double share, double n, double *low, double *high) {
    const double z = 1.959963984540054, zz = z * z;
    const double middle = (share + zz / (2 * n)) / (1 + zz / n);
    const double half = z / (1 + zz / n) * sqrt(share * (1 - share) / n + zz / (4 * n * n));
    *low = share > 0 ? fmax(middle - half, 0) : 0;
    *high = share < 1 ? fmin(middle + half, 1) : 1;
}

static void summarise(const judge *j, const sums *s, uint32_t count, double seconds, hrm_evaluation *out) {
    const double n = count ? count : 1;
    const bool mazes = j->kind == HRM_PUZZLE_MAZE, sudokus = j->kind == HRM_PUZZLE_SUDOKU;
    *out = (hrm_evaluation){.struct_size = (uint32_t)sizeof *out,
                            .count = count,
                            .token_accuracy = s->token_accuracy / n,
                            .exact_accuracy = (double)s->exact / n,
                            .mean_segments = (double)s->segments / n,
                            .halted_by_q = (double)s->by_q / n,
                            .q_halt_accuracy = (double)s->q_right / n,
                            .maze_valid = mazes ? (double)s->valid / n : -1,
                            .maze_shortest = mazes ? (double)s->shortest / n : -1,
                            .maze_mean_excess = !mazes     ? -1
                                                : s->valid ? s->excess / (double)s->valid
                                                           : 0,
                            .seconds = seconds,
                            .kind = j->kind,
                            .task_accuracy = (double)(mazes || sudokus ? s->task : s->exact) / n,
                            .sudoku_givens_kept = sudokus ? (double)s->givens_kept / n : -1,
                            .sudoku_mean_violations = sudokus ? s->violations / n : -1};
    wilson(out->exact_accuracy, n, &out->exact_low, &out->exact_high);
    wilson(out->task_accuracy, n, &out->task_low, &out->task_high);
}

hrm_status hrm_evaluate(hrm_model *model, const hrm_dataset *dataset, const hrm_evaluation_config *config,
                        hrm_evaluation *result, uint32_t *answers_out, hrm_solution *solutions_out) {
    hrm_status status;
    hrm_solver *solver = NULL;
    judge j = {0};
    const hrm_puzzle_set *set = hrm_dataset_get_set(dataset);
    const uint32_t S = set->seq_len;
    uint32_t count = set->example_count;
    if (config->limit && config->limit < count) count = config->limit;
    if (model->dims.S != S || model->dims.V != set->vocab_size)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "evaluate: the model takes %u tokens of %u kinds, the data set has %u of %u", model->dims.S,
                        model->dims.V, S, set->vocab_size);
    uint32_t *tokens = malloc((size_t)count * S * 4), *labels = malloc((size_t)count * S * 4),
             *ids = malloc(count * 4ull);
    uint32_t *answers = answers_out ? answers_out : malloc((size_t)count * S * 4);
    hrm_solution *solutions = solutions_out ? solutions_out : malloc(count * sizeof *solutions);
    if (!tokens || !labels || !ids || !answers || !solutions) {
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "evaluate: no host memory for %u puzzles", count);
        goto fail;
    }
    HRM_TRY(hrm_puzzle_set_read(set, 0, count, tokens, labels, ids));
    hrm_solver_config solving = config->solver;
    if (solving.struct_size == 0) solving = HRM_INIT(hrm_solver_config);
    HRM_TRY(hrm_solver_create(model, &solving, &solver));
    uint64_t start = hrm_clock_ns();
    HRM_TRY(hrm_solver_run(solver, tokens, ids, count, answers, solutions));
    double seconds = hrm_clock_seconds_since(start);

    sums s = {0};
    HRM_TRY(judge_init(&j, set));
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * S;
        grade(answers + at, labels + at, S, &solutions[i], &s);
        HRM_TRY(judge_answer(&j, tokens + at, answers + at, labels + at, &s));
    }
    summarise(&j, &s, count, seconds, result);
    status = HRM_OK;
fail:
    hrm_maze_checker_deinit(&j.maze);
    hrm_solver_destroy(solver);
    free(tokens);
    free(labels);
    free(ids);
    if (!answers_out) free(answers);
    if (!solutions_out) free(solutions);
    return status;
}
