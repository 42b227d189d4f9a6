/* Tests of the model while it trains: on the unseen puzzles, with the best one remembered. */
#include "train.h"

bool cli_train_eval_is_due(const cli_train *t) {
    const uint32_t step = hrm_trainer_get_step(t->trainer), every = t->options->eval_every;
    return every && step > 0 && step != t->best.evaluated && (step % every == 0 || step == t->config.steps);
}

static double get_value(const cli_train *t, const hrm_evaluation *e) {
    switch ((cli_best_by)t->options->best_by) {
    case CLI_BEST_BY_EXACT:
        return e->exact_accuracy;
    case CLI_BEST_BY_TOKEN:
        return e->token_accuracy;
    case CLI_BEST_BY_TASK:
        break;
    }
    return e->task_accuracy;
}

/* While nothing is solved yet, every value is 0: the share of right cells tells that something is learnt. */
static bool is_better(const cli_train_best *best, double value, double cells) {
    return best->step == 0 || value > best->value || (value >= best->value && cells > best->cells);
}

static bool note_value(cli_train *t, double value, double cells) {
    const uint32_t step = hrm_trainer_get_step(t->trainer);
    const bool best = is_better(&t->best, value, cells);
    t->best_before = t->best;
    t->best_before.evaluated = step;
    t->best_before.stale++;
    if (best)
        t->best = (cli_train_best){.step = step, .value = value, .cells = cells, .evaluated = step};
    else
        t->best = t->best_before;
    t->dirty = true;
    return best;
}

static hrm_status evaluate(const cli_train *t, hrm_model_choice choice, hrm_evaluation *result) {
    hrm_model *model;
    hrm_evaluation_config config = HRM_INIT(hrm_evaluation_config);
    config.solver = HRM_INIT(hrm_solver_config);
    config.limit = t->options->eval_limit;
    /* what the memory was planned for; the answers do not depend on it */
    hrm_training_plan plan = HRM_INIT(hrm_training_plan);
    if (hrm_trainer_get_plan(t->trainer, &plan) == HRM_OK) config.solver.max_batch = plan.micro_batch;
    *result = HRM_INIT(hrm_evaluation);
    hrm_status status = hrm_trainer_get_model_of(t->trainer, choice, &model);
    return status == HRM_OK ? hrm_evaluate(model, t->test_set, &config, result, NULL, NULL) : status;
}

static void show(const cli_train *t) {
    const hrm_evaluation *e = &t->evaluation;
    if (cli_global.quiet) return;
    cli_progress_clear();
    printf("step %u: %.1f %% of %u unseen puzzles right, %.2f segments each\n", t->last.step, 100 * e->exact_accuracy,
           e->count, e->mean_segments);
    fflush(stdout);
}

bool cli_train_evaluate(cli_train *t) {
    hrm_evaluation live;
    const bool with_live = t->options->eval_live && t->config.ema_decay > 0;
    const double start = cli_now();
    if (!cli_train_sync(t)) return false;
    hrm_status status = evaluate(t, HRM_MODEL_AVERAGE, &t->evaluation);
    if (status == HRM_OK && with_live) status = evaluate(t, HRM_MODEL_LIVE, &live);
    if (status != HRM_OK) return cli_train_fail(t, status);
    const double seconds = cli_now() - start;
    t->eval_seconds += seconds;
    cli_progress_leave_out(seconds);
    show(t);
    const hrm_evaluation *e = &t->evaluation;
    json_t *line = json_pack("{s:s, s:I, s:f, s:I, s:f, s:f, s:f, s:f, s:f}", "type", "eval", "step",
                             (json_int_t)t->last.step, "seconds", cli_train_seconds(t), "puzzles", (json_int_t)e->count,
                             "accuracy", e->token_accuracy, "exact", e->exact_accuracy, "task", e->task_accuracy,
                             "segments", e->mean_segments, "q_halt_accuracy", e->q_halt_accuracy);
    if (e->kind == HRM_PUZZLE_MAZE) json_object_set_new(line, "valid", cli_json_number(e->maze_valid));
    if (with_live) json_object_set_new(line, "live_exact", cli_json_number(live.exact_accuracy));
    json_object_set_new(line, "best", json_boolean(note_value(t, get_value(t, e), e->token_accuracy)));
    cli_run_log_add(&t->log, line);
    return true;
}
