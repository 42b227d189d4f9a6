/* A series of numbers as lines on a picture: gaps, smoothing, thinning, clipping, dashes.
 *
 * Promises: what comes out lies in the panel's rectangle; however many points go in, about four per unit of width come
 * out, with every peak and dip kept. */
#ifndef HRM_VIZ_PLOT_CURVE_H
#define HRM_VIZ_PLOT_CURVE_H

#include "base/status.h"
#include "viz/plot_axis.h"
#include "viz/plot_pen.h"

/* The rectangle inside the axes. */
typedef struct hrm_plot_frame {
    float x, y, width, height;
    const hrm_plot_axis *x_axis, *y_axis;
} hrm_plot_frame;

/* The x of point i: the series' own, or its index. */
double hrm_plot_series_x(const hrm_plot_series *series, uint32_t i);

/* True when both numbers of point i can be drawn. */
bool hrm_plot_series_has(const hrm_plot_series *series, bool log_y, uint32_t i);

/* The point that `series->best` asks for (the first of equals); false without any. */
bool hrm_plot_series_best(const hrm_plot_series *series, bool log_y, uint32_t *out);

/* Draws lines, dots and crosses; the ring of the best point is left to the caller. Errors: OUT_OF_MEMORY. */
hrm_status hrm_plot_curve_draw(const hrm_plot_series *series, const hrm_plot_frame *frame, const hrm_plot_pen *pen);

/* Where a point lies on the picture; it may lie outside the frame. */
hrm_point hrm_plot_frame_place(const hrm_plot_frame *frame, double x, double y);

/* The colour of a series or of a row of the legend. */
hrm_color hrm_plot_color(uint32_t color);
bool hrm_plot_color_is_dashed(uint32_t color);

/* A dot (HRM_PLOT_POINTS), a cross (HRM_PLOT_MARKS). */
void hrm_plot_draw_dot(const hrm_plot_pen *pen, hrm_point center, hrm_color color);
void hrm_plot_draw_cross(const hrm_plot_pen *pen, hrm_point center, hrm_color color);

/* A line as the colour asks: in one, or in dashes. */
void hrm_plot_draw_stroke(const hrm_plot_pen *pen, const hrm_point *points, size_t count, float thickness,
                          uint32_t color, uint8_t alpha);

#endif
