/* An axis of a plot: which numbers it spans, where its ticks are and how they are written.
 *
 * Promises: for any span, at least two labelled ticks that lie on it, at round numbers: 1, 2 or 5 times a power of ten,
 * of the unit that suits the axis; labels of one axis differ. */
#ifndef HRM_VIZ_PLOT_AXIS_H
#define HRM_VIZ_PLOT_AXIS_H

#include <hrm/plot.h>

#include <stdbool.h>
#include <stddef.h>

enum { HRM_PLOT_TICKS_MAX = 48, HRM_PLOT_LABEL_SIZE = 32 };

/* Numbers beyond this are gaps: differences and products of those within it stay finite. */
#define HRM_PLOT_LARGEST 1e100

typedef struct hrm_plot_tick {
    double value;
    bool minor; /* a fainter line without a label: between the decades of a logarithmic axis */
    char label[HRM_PLOT_LABEL_SIZE];
} hrm_plot_tick;

typedef struct hrm_plot_axis {
    double low, high; /* low < high; both > 0 when logarithmic */
    bool log;
    hrm_plot_unit unit;
    size_t tick_count;
    hrm_plot_tick ticks[HRM_PLOT_TICKS_MAX];
} hrm_plot_axis;

/* True when a number can stand on such an axis. */
bool hrm_plot_axis_takes(bool log, double value);

/* An axis for numbers from low to high (equal ones get some room around them; low > high: nothing to show, 0 to 1).
 * `exact` keeps the ends, else they move outwards by a little air. `room` is about how many labels fit, at least 2. */
void hrm_plot_axis_init(hrm_plot_axis *axis, double low, double high, bool log, bool exact, hrm_plot_unit unit,
                        unsigned room);

/* Where a number lies: 0 at the low end, 1 at the high end. */
double hrm_plot_axis_place(const hrm_plot_axis *axis, double value);

/* A number for people, with about three digits: "87.3%", "4.2k", "1e-5". Returns out. */
char *hrm_plot_axis_format(hrm_plot_unit unit, double value, char *out, size_t size);

#endif
