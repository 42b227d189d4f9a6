#include "ref/optim.h"

#include <math.h>
#include <stdbool.h>

void ref_adam_atan2(const ref_adam_atan2_step *how, uint64_t n, const double *grad, double *p, double *m, double *v,
                    double *ema) {
    const double step_size = how->lr / (1.0 - pow(how->beta1, (double)how->step));
    const double v_scale = 1.0 / sqrt(1.0 - pow(how->beta2, (double)how->step));
    for (uint64_t i = 0; i < n; i++) {
        m[i] = how->beta1 * m[i] + (1.0 - how->beta1) * grad[i];
        v[i] = how->beta2 * v[i] + (1.0 - how->beta2) * grad[i] * grad[i];
        p[i] = p[i] * (1.0 - how->lr * how->weight_decay) - step_size * atan2(m[i], sqrt(v[i]) * v_scale);
        if (ema) ema[i] = how->ema_decay * ema[i] + (1.0 - how->ema_decay) * p[i];
    }
}

void ref_sign_sgd(uint32_t batch, uint32_t live_rows, uint32_t table_rows, uint32_t dim, double lr, double weight_decay,
                  const double *grad, const uint32_t *ids, double *table) {
    const uint32_t rows = batch < live_rows ? batch : live_rows;
    for (uint32_t b = 0; b < rows; b++) {
        bool first = ids[b] < table_rows;
        for (uint32_t r = 0; r < b; r++) first = first && ids[r] != ids[b];
        if (!first) continue;
        for (uint32_t e = 0; e < dim; e++) {
            double sum = 0.0;
            for (uint32_t r = b; r < rows; r++)
                if (ids[r] == ids[b]) sum += grad[(uint64_t)r * dim + e];
            double *p = &table[(uint64_t)ids[b] * dim + e];
            *p = *p * (1.0 - lr * weight_decay) - lr * ((sum > 0.0) - (sum < 0.0));
        }
    }
}
