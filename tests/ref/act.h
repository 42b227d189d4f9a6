/* Double-precision references of runtime/ops/act.h: halting, targets and losses of the halting logits, metrics. */
#ifndef HRM_TESTS_REF_ACT_H
#define HRM_TESTS_REF_ACT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ref_act_halt_rule {
    uint32_t batch, first_row, live_rows, max_steps, mode; /* HRM_ACT_* */
    bool has_continue;
    bool draw_once;
    float exploration, margin;
    uint64_t seed; /* of the draws, when none are given */
    uint32_t step;
} ref_act_halt_rule;

/* q [B, 2]; uniform and min_steps [B] or both NULL; steps and halted [B] updated. Exact. */
void ref_act_halt(const ref_act_halt_rule *rule, const float *q, const float *uniform, const uint32_t *min_steps,
                  uint32_t *steps, uint32_t *halted);

void ref_q_target(uint32_t batch, uint32_t max_steps, const double *q, const uint32_t *steps, double *target);

double ref_bce(double logit, double target);
double ref_bce_slope(double logit, double target);

/* target may be NULL. grad_q [B, 2]. */
void ref_q_loss(uint32_t batch, uint32_t live_rows, const double *q, const uint32_t *exact, const double *target,
                double grad_weight, double *halt_loss, double *continue_loss, double *grad_q);

typedef struct ref_metrics {
    uint32_t count, exact, q_halt_correct, steps, rows, halted;
    double accuracy, lm_loss, q_halt_loss, q_continue_loss, loss;
} ref_metrics;

typedef struct ref_metrics_rows {
    const uint32_t *halted, *steps, *labelled, *correct, *exact;
    const double *q, *row_loss, *halt_loss, *continue_loss;
} ref_metrics_rows;

ref_metrics ref_act_metrics(uint32_t batch, uint32_t live_rows, double q_weight, const ref_metrics_rows *rows);

#endif
