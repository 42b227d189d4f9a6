#include "ref/act.h"

#include <math.h>

#include "base/rng.h"
#include "shared/act.h"

void ref_act_halt(const ref_act_halt_rule *rule, const float *q, const float *uniform, const uint32_t *min_steps,
                  uint32_t *steps, uint32_t *halted) {
    for (uint32_t b = 0; b < rule->batch; b++) {
        if (rule->first_row + b >= rule->live_rows) {
            halted[b] = 1;
            continue;
        }
        steps[b]++;
        bool stop = steps[b] >= rule->max_steps;
        if (rule->mode != HRM_ACT_FIXED && rule->max_steps > 1) {
            float threshold = rule->has_continue ? q[2 * b + 1] : 0.0f;
            if (rule->mode == HRM_ACT_ADAPTIVE) threshold += rule->margin;
            stop = stop || q[2 * b] > threshold;
            if (rule->mode == HRM_ACT_TRAIN) {
                const uint32_t drawn_at = rule->draw_once ? rule->step - (steps[b] - 1) : rule->step;
                const uint32_t counter[4] = {rule->first_row + b, drawn_at, 0, 0x68616c74u};
                const uint32_t key[2] = {(uint32_t)rule->seed, (uint32_t)(rule->seed >> 32)};
                uint32_t words[4];
                hrm_philox4x32(counter, key, words);
                float u = uniform ? uniform[b] : (float)(words[0] >> 8) * 0x1p-24f;
                uint32_t drawn = 2 + (uint32_t)(((uint64_t)words[1] * (rule->max_steps - 1)) >> 32);
                uint32_t least = u < rule->exploration ? (min_steps ? min_steps[b] : drawn) : 0;
                stop = stop && steps[b] >= least;
            }
        }
        halted[b] = stop;
    }
}

static double sigmoid(double x) {
    return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

void ref_q_target(uint32_t batch, uint32_t max_steps, const double *q, const uint32_t *steps, double *target) {
    for (uint32_t b = 0; b < batch; b++)
        target[b] = sigmoid(steps[b] >= max_steps ? q[2 * b] : fmax(q[2 * b], q[2 * b + 1]));
}

double ref_bce(double logit, double target) {
    return fmax(logit, 0.0) - target * logit + log1p(exp(-fabs(logit)));
}

double ref_bce_slope(double logit, double target) {
    return sigmoid(logit) - target;
}

void ref_q_loss(uint32_t batch, uint32_t live_rows, const double *q, const uint32_t *exact, const double *target,
                double grad_weight, double *halt_loss, double *continue_loss, double *grad_q) {
    for (uint32_t b = 0; b < batch; b++) {
        bool live = b < live_rows;
        double right = exact[b] ? 1.0 : 0.0;
        halt_loss[b] = live ? ref_bce(q[2 * b], right) : 0.0;
        grad_q[2 * b] = live ? ref_bce_slope(q[2 * b], right) * grad_weight : 0.0;
        continue_loss[b] = live && target ? ref_bce(q[2 * b + 1], target[b]) : 0.0;
        grad_q[2 * b + 1] = live && target ? ref_bce_slope(q[2 * b + 1], target[b]) * grad_weight : 0.0;
    }
}

ref_metrics ref_act_metrics(uint32_t batch, uint32_t live_rows, double q_weight, const ref_metrics_rows *rows) {
    ref_metrics m = {0};
    for (uint32_t b = 0; b < batch && b < live_rows; b++) {
        m.rows++;
        m.lm_loss += rows->row_loss[b];
        m.q_halt_loss += rows->halt_loss[b];
        m.q_continue_loss += rows->continue_loss[b];
        if (!rows->halted[b]) continue;
        m.halted++;
        if (rows->labelled[b] == 0) continue;
        m.count++;
        m.exact += rows->exact[b];
        m.q_halt_correct += (rows->q[2 * b] >= 0.0) == (rows->exact[b] != 0);
        m.steps += rows->steps[b];
        m.accuracy += (double)rows->correct[b] / rows->labelled[b];
    }
    m.loss = m.lm_loss + q_weight * (m.q_halt_loss + m.q_continue_loss);
    return m;
}
