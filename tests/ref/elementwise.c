#include "ref/elementwise.h"

#include <math.h>

void ref_add(const double *a, const double *b, const double *c, double *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i] + (c ? c[i] : 0.0);
}

void ref_scale(const double *x, double factor, double *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = factor * x[i];
}

double ref_round(double x, int digits, int least, int most) {
    if (x == 0.0 || !isfinite(x)) return x;
    int exponent; /* of the leading digit, after the next line */
    frexp(x, &exponent);
    exponent--;
    int unit = (exponent < least ? least : exponent) - (digits - 1);
    double y = ldexp(nearbyint(ldexp(x, -unit)), unit);
    return fabs(y) >= ldexp(1.0, most + 1) ? copysign(INFINITY, x) : y;
}

double ref_sum(const double *x, size_t n, bool square) {
    long double sum = 0.0L;
    for (size_t i = 0; i < n; i++) sum += square ? (long double)x[i] * x[i] : (long double)x[i];
    return (double)sum;
}
