/* Double-precision reference of RMSNorm with a residual, forward and backward. */
#ifndef HRM_TESTS_REF_RMS_NORM_H
#define HRM_TESTS_REF_RMS_NORM_H

#include <stddef.h>

/* s = x + residual (NULL: 0), rstd = 1 / sqrt(mean(s^2) + eps), y = s rstd. [rows, cols]; rstd [rows] or NULL. */
void ref_rms_norm_fwd(const double *x, const double *residual, double *y, double *rstd, size_t rows, size_t cols,
                      double eps);

/* Gradient of x (and of residual) given x, residual and grad_y (+ grad_y2, may be NULL). */
void ref_rms_norm_bwd(const double *grad_y, const double *grad_y2, const double *x, const double *residual,
                      double *grad_x, size_t rows, size_t cols, double eps);

#endif
