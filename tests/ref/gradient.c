#include "ref/gradient.h"

#include <math.h>

double ref_gradient_error(double (*f)(const double *x, const void *context), const void *context, double *x,
                          const double *grad, size_t n) {
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        double kept = x[i], step = 1e-5 * (1.0 + fabs(kept));
        x[i] = kept + step;
        double above = f(x, context);
        x[i] = kept - step;
        double below = f(x, context);
        x[i] = kept;
        double error = fabs((above - below) / (2.0 * step) - grad[i]) / (1.0 + fabs(grad[i]));
        if (!(error <= worst)) worst = error; /* NaN too */
    }
    return worst;
}

double ref_dot(const double *a, const double *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
