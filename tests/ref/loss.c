#include "ref/loss.h"

#include <math.h>
#include <string.h>

#include "shared/loss.h"

static double weight_of(double x, bool softmax, double largest) {
    if (softmax) return exp(x - largest);
    return x < 0.0 ? 1.0 / (1.0 - x) : x + 1.0;
}

/* d weight / d x */
static double slope_of(double x, bool softmax, double largest) {
    if (softmax) return exp(x - largest);
    return x < 0.0 ? 1.0 / ((1.0 - x) * (1.0 - x)) : 1.0;
}

uint32_t ref_argmax(const double *x, uint32_t n) {
    uint32_t at = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[at] || (isnan(x[i]) && !isnan(x[at]))) at = i;
    return at;
}

void ref_token_loss(const ref_token_loss_shape *shape, const double *logits, const uint32_t *labels, double *row_loss,
                    uint32_t *row_labelled, uint32_t *row_correct, uint32_t *row_exact, double *grad) {
    const uint32_t seq = shape->seq, vocab = shape->vocab, positions = shape->puzzle_len + seq;
    if (grad) memset(grad, 0, sizeof *grad * shape->batch * positions * vocab);
    for (uint32_t b = 0; b < shape->batch; b++) {
        row_loss[b] = 0.0;
        row_labelled[b] = row_correct[b] = row_exact[b] = 0;
        if (b >= shape->live_rows) continue;
        for (uint32_t i = 0; i < seq; i++) row_labelled[b] += labels[b * seq + i] != HRM_LABEL_IGNORED;
        double divisor = row_labelled[b] > 0 ? row_labelled[b] : 1.0;
        for (uint32_t i = 0; i < seq; i++) {
            uint32_t label = labels[b * seq + i];
            if (label == HRM_LABEL_IGNORED) continue;
            const uint64_t base = ((uint64_t)b * positions + shape->puzzle_len + i) * vocab;
            const double *x = logits + base;
            uint32_t at = ref_argmax(x, vocab);
            row_correct[b] += at == label;
            double sum = 0.0;
            for (uint32_t v = 0; v < vocab; v++) sum += weight_of(x[v], shape->softmax, x[at]);
            double mine = weight_of(x[label], shape->softmax, x[at]);
            /* softmax by the difference of logarithms: exp(x - max) may be 0 */
            row_loss[b] += (shape->softmax ? x[at] - x[label] + log(sum) : -log(mine / sum)) / divisor;
            for (uint32_t v = 0; grad && v < vocab; v++) {
                double d = slope_of(x[v], shape->softmax, x[at]) / sum;
                if (v == label) d -= shape->softmax ? 1.0 : slope_of(x[v], false, 0.0) / mine;
                grad[base + v] = d / divisor * shape->grad_scale;
            }
        }
        row_exact[b] = row_correct[b] == row_labelled[b];
    }
}

void ref_q_head_fwd(uint32_t batch, uint32_t seq, uint32_t hidden, const double *z, const double *weight,
                    const double *bias, double *q) {
    for (uint32_t b = 0; b < batch; b++)
        for (uint32_t i = 0; i < 2; i++) {
            double sum = bias[i];
            for (uint32_t d = 0; d < hidden; d++) sum += z[(uint64_t)b * seq * hidden + d] * weight[i * hidden + d];
            q[2 * b + i] = sum;
        }
}

void ref_q_head_bwd(uint32_t batch, uint32_t seq, uint32_t hidden, const double *z, const double *weight,
                    const double *grad_q, double *grad_z, double *grad_weight, double *grad_bias) {
    memset(grad_weight, 0, sizeof *grad_weight * 2 * hidden);
    grad_bias[0] = grad_bias[1] = 0.0;
    for (uint32_t b = 0; b < batch; b++)
        for (uint32_t i = 0; i < 2; i++) {
            double g = grad_q[2 * b + i];
            grad_bias[i] += g;
            for (uint32_t d = 0; d < hidden; d++) {
                uint64_t at = (uint64_t)b * seq * hidden + d;
                grad_z[at] += g * weight[i * hidden + d];
                grad_weight[i * hidden + d] += g * z[at];
            }
        }
}
