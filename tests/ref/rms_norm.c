#include "ref/rms_norm.h"

#include <math.h>

static double sum_at(const double *x, const double *residual, size_t i) {
    return x[i] + (residual ? residual[i] : 0.0);
}

static double get_rstd(const double *x, const double *residual, size_t base, size_t cols, double eps) {
    double squares = 0.0;
    for (size_t j = 0; j < cols; j++) {
        double s = sum_at(x, residual, base + j);
        squares += s * s;
    }
    return 1.0 / sqrt(squares / (double)cols + eps);
}

void ref_rms_norm_fwd(const double *x, const double *residual, double *y, double *rstd, size_t rows, size_t cols,
                      double eps) {
    for (size_t r = 0; r < rows; r++) {
        double scale = get_rstd(x, residual, r * cols, cols, eps);
        for (size_t i = r * cols; i < (r + 1) * cols; i++) y[i] = sum_at(x, residual, i) * scale;
        if (rstd) rstd[r] = scale;
    }
}

void ref_rms_norm_bwd(const double *grad_y, const double *grad_y2, const double *x, const double *residual,
                      double *grad_x, size_t rows, size_t cols, double eps) {
    for (size_t r = 0; r < rows; r++) {
        /* From the definition, by s: grad_s = rstd g - rstd^3 s sum(g s) / cols. */
        double scale = get_rstd(x, residual, r * cols, cols, eps), products = 0.0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++)
            products += sum_at(grad_y, grad_y2, i) * sum_at(x, residual, i);
        double slope = scale * scale * scale * products / (double)cols;
        for (size_t i = r * cols; i < (r + 1) * cols; i++)
            grad_x[i] = scale * sum_at(grad_y, grad_y2, i) - slope * sum_at(x, residual, i);
    }
}
