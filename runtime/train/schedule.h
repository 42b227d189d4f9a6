/* The learning-rate curve: linear warm-up, constant until decay_start, then a cosine down to lr * min_ratio.
 * Source: the reference's cosine_schedule_with_warmup_lr_lambda; the step counter rises before the rate is read, so the
 * first step runs at lr / warmup. */
#ifndef HRM_TRAIN_SCHEDULE_H
#define HRM_TRAIN_SCHEDULE_H

#include <stdint.h>

/* step from 1 to total. Past `total` the rate stays at its end. A decay_start below `warmup` counts as `warmup` (the
 * reference has no constant part). */
double hrm_schedule_lr(double lr, double min_ratio, uint64_t step, uint64_t warmup, uint64_t decay_start,
                       uint64_t total);

#endif
