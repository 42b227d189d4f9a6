#include "base/sort.h"

#include <stdlib.h>

static int compare(const void *x, const void *y) {
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

void hrm_sort_doubles(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
}
