#include "ref/optim.h"

#include <math.h>

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

/* Distance of x from the mean of ring[0..n), in sample standard deviations. */
static double z_score(const double *ring, uint32_t n, double x) {
    double mean = 0.0, variance = 0.0;
    for (uint32_t i = 0; i < n; i++) mean += ring[i] / n;
    for (uint32_t i = 0; i < n; i++) variance += (ring[i] - mean) * (ring[i] - mean) / (n - 1);
    return variance > 0.0 ? (x - mean) / sqrt(variance) : 0.0;
}

ref_grad_guard_result ref_grad_guard_step(ref_grad_guard *guard, uint32_t step, uint64_t n, const double *grad,
                                          double loss, double outlier_z) {
    ref_grad_guard_result r = {0};
    double total = 0.0;
    uint32_t bad_chunk = HRM_GRAD_GUARD_NONE;
    for (uint64_t begin = 0; begin < n; begin += HRM_GRAD_CHUNK) {
        double square = 0.0;
        for (uint64_t i = begin; i < n && i < begin + HRM_GRAD_CHUNK; i++) square += grad[i] * grad[i];
        if (!(square < 0x1p104) && bad_chunk == HRM_GRAD_GUARD_NONE) bad_chunk = (uint32_t)(begin / HRM_GRAD_CHUNK);
        total += square;
    }
    const bool bad_norm = bad_chunk != HRM_GRAD_GUARD_NONE, bad_loss = !isfinite(loss);
    r.norm = bad_norm ? NAN : sqrt(total);
    if (guard->bad_step == 0 && (bad_norm || bad_loss)) {
        guard->bad_step = step;
        guard->bad_chunk = bad_chunk;
        guard->bad_loss = bad_loss;
    }
    r.skip = guard->bad_step != 0;
    if (r.skip) return r;
    const uint32_t held = guard->seen < HRM_GRAD_GUARD_RING ? guard->seen : HRM_GRAD_GUARD_RING;
    if (held >= HRM_GRAD_GUARD_LEAST) r.z = z_score(guard->ring, held, r.norm);
    r.skip = outlier_z > 0.0 && r.z > outlier_z;
    guard->skipped_total += r.skip;
    guard->ring[guard->seen++ % HRM_GRAD_GUARD_RING] = r.norm;
    return r;
}
