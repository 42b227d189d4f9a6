/* Double-precision reference of SwiGLU's gate. */
#ifndef HRM_TESTS_REF_SWIGLU_H
#define HRM_TESTS_REF_SWIGLU_H

#include <stddef.h>

/* y [rows, cols] = silu(gate) * up; gate_up [rows, 2 cols]. */
void ref_swiglu_fwd(const double *gate_up, double *y, size_t rows, size_t cols);
void ref_swiglu_bwd(const double *gate_up, const double *grad_y, double *grad_gate_up, size_t rows, size_t cols);

#endif
