/* Solves a data set and grades the answers: tokens, whole puzzles, halting, and what mazes are about. */
#include <stdlib.h>
#include <string.h>

#include <hrm/trainer.h>

#include "base/clock.h"
#include "data/maze.h"
#include "data/maze_check.h"
#include "model/weights.h"
#include "train/dataset.h"

typedef struct sums {
    double token_accuracy, excess;
    uint64_t exact, segments, by_q, q_right, valid, shortest;
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

static bool is_maze_set(const hrm_puzzle_set *set) {
    return set->grid_width > 0 && set->vocab_size == HRM_MAZE_VOCAB_SIZE;
}

hrm_status hrm_evaluate(hrm_model *model, const hrm_dataset *dataset, const hrm_evaluation_config *config,
                        hrm_evaluation *result, uint32_t *answers_out, hrm_solution *solutions_out) {
    hrm_status status;
    hrm_solver *solver = NULL;
    hrm_maze_checker checker = {0};
    const hrm_puzzle_set *set = hrm_dataset_get_set(dataset);
    const uint32_t S = set->seq_len;
    uint32_t count = set->example_count;
    if (config->limit && config->limit < count) count = config->limit;
    if (model->dims.S != S || model->dims.V < set->vocab_size)
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
    bool mazes = is_maze_set(set);
    if (mazes) HRM_TRY(hrm_maze_checker_init(&checker, S));
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * S;
        grade(answers + at, labels + at, S, &solutions[i], &s);
        if (!mazes) continue;
        hrm_maze_verdict v;
        HRM_TRY(hrm_maze_checker_run_tokens(&checker, set->grid_width, set->grid_height, tokens + at, answers + at,
                                            labels + at, &v));
        s.valid += v.valid;
        s.shortest += v.shortest;
        if (v.valid) s.excess += v.excess;
    }
    double n = count ? count : 1;
    *result = (hrm_evaluation){.struct_size = (uint32_t)sizeof *result,
                               .count = count,
                               .token_accuracy = s.token_accuracy / n,
                               .exact_accuracy = (double)s.exact / n,
                               .mean_segments = (double)s.segments / n,
                               .halted_by_q = (double)s.by_q / n,
                               .q_halt_accuracy = (double)s.q_right / n,
                               .maze_valid = mazes ? (double)s.valid / n : -1,
                               .maze_shortest = mazes ? (double)s.shortest / n : -1,
                               .maze_mean_excess = !mazes    ? -1
                                                   : s.valid ? s.excess / (double)s.valid
                                                             : 0,
                               .seconds = seconds};
    status = HRM_OK;
fail:
    hrm_maze_checker_deinit(&checker);
    hrm_solver_destroy(solver);
    free(tokens);
    free(labels);
    free(ids);
    if (!answers_out) free(answers);
    if (!solutions_out) free(solutions);
    return status;
}
