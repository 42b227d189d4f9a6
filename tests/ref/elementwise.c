#include "ref/elementwise.h"

void ref_add(const double *a, const double *b, const double *c, double *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i] + (c ? c[i] : 0.0);
}

void ref_scale(const double *x, double factor, double *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = factor * x[i];
}

double ref_sum(const double *x, size_t n, bool square) {
    long double sum = 0.0L;
    for (size_t i = 0; i < n; i++) sum += square ? (long double)x[i] * x[i] : (long double)x[i];
    return (double)sum;
}
