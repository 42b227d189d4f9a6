#include "ref/rope.h"

#include <math.h>

static void turn(double *x1, double *x2, double c, double s) {
    double a = *x1, b = *x2;
    *x1 = a * c - b * s;
    *x2 = b * c + a * s;
}

void ref_rope(double *x, size_t batch, size_t seq, size_t stride, size_t parts, size_t heads, size_t head_dim,
              double theta, double sign) {
    size_t half = head_dim / 2;
    for (size_t row = 0; row < batch * seq; row++) {
        double position = (double)(row % seq);
        for (size_t head = 0; head < parts * heads; head++) {
            double *h = x + row * stride + head * head_dim;
            for (size_t i = 0; i < half; i++) {
                double angle = position * pow(theta, -2.0 * (double)i / (double)head_dim);
                turn(&h[i], &h[half + i], cos(angle), sign * sin(angle));
            }
        }
    }
}

void ref_rope_by_table(double *x, const double *cos_table, const double *sin_table, size_t batch, size_t seq,
                       size_t stride, size_t parts, size_t heads, size_t head_dim, double sign) {
    size_t half = head_dim / 2;
    for (size_t row = 0; row < batch * seq; row++) {
        size_t table = row % seq * half;
        for (size_t head = 0; head < parts * heads; head++) {
            double *h = x + row * stride + head * head_dim;
            for (size_t i = 0; i < half; i++)
                turn(&h[i], &h[half + i], cos_table[table + i], sign * sin_table[table + i]);
        }
    }
}
