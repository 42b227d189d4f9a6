/* Sorting numbers, for medians. */
#ifndef HRM_BASE_SORT_H
#define HRM_BASE_SORT_H

#include <stddef.h>

/* Ascending; none of them may be NaN. The median is values[count / 2]. */
void hrm_sort_doubles(double *values, size_t count);

#endif
