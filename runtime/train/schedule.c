#include "train/schedule.h"

#include <math.h>

double hrm_schedule_lr(double lr, double min_ratio, uint64_t step, uint64_t warmup, uint64_t decay_start,
                       uint64_t total) {
    if (step < warmup) return lr * (double)step / (double)(warmup ? warmup : 1);
    uint64_t start = decay_start > warmup ? decay_start : warmup;
    if (step < start) return lr;
    const double pi = 3.14159265358979323846;
    double span = total > start ? (double)(total - start) : 1.0;
    double progress = (double)(step - start) / span;
    if (progress > 1.0) progress = 1.0;
    return lr * (min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + cos(pi * progress)));
}
