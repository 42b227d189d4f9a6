#include "ref/swiglu.h"

#include <math.h>

static double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

void ref_swiglu_fwd(const double *gate_up, double *y, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r++) {
        const double *gate = gate_up + 2 * r * cols, *up = gate + cols;
        for (size_t j = 0; j < cols; j++) y[r * cols + j] = gate[j] * sigmoid(gate[j]) * up[j];
    }
}

void ref_swiglu_bwd(const double *gate_up, const double *grad_y, double *grad_gate_up, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r++) {
        const double *gate = gate_up + 2 * r * cols, *up = gate + cols, *g = grad_y + r * cols;
        double *grad_gate = grad_gate_up + 2 * r * cols, *grad_up = grad_gate + cols;
        for (size_t j = 0; j < cols; j++) {
            double s = sigmoid(gate[j]);
            grad_gate[j] = g[j] * up[j] * (s + gate[j] * s * sigmoid(-gate[j]));
            grad_up[j] = g[j] * gate[j] * s;
        }
    }
}
