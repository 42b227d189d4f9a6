/* Double-precision references of runtime/ops/optim.h. */
#ifndef HRM_TESTS_REF_OPTIM_H
#define HRM_TESTS_REF_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/optim.h"

typedef struct ref_adam_atan2_step {
    uint64_t step; /* from 1 */
    double lr, beta1, beta2, weight_decay, ema_decay;
} ref_adam_atan2_step;

/* p, m, v and, unless NULL, ema [n] are updated. */
void ref_adam_atan2(const ref_adam_atan2_step *how, uint64_t n, const double *grad, double *p, double *m, double *v,
                    double *ema);

/* table [table_rows, dim] is updated; ids >= table_rows and batch rows >= live_rows are left out. */
void ref_sign_sgd(uint32_t batch, uint32_t live_rows, uint32_t table_rows, uint32_t dim, double lr, double weight_decay,
                  const double *grad, const uint32_t *ids, double *table);

/* The guard's memory; all 0 before the first step. */
typedef struct ref_grad_guard {
    double ring[HRM_GRAD_GUARD_RING];
    uint32_t seen, skipped_total, bad_step, bad_chunk, bad_loss;
} ref_grad_guard;

typedef struct ref_grad_guard_result {
    double norm, z;
    bool skip;
} ref_grad_guard_result;

ref_grad_guard_result ref_grad_guard_step(ref_grad_guard *guard, uint32_t step, uint64_t n, const double *grad,
                                          double loss, double outlier_z);

#endif
