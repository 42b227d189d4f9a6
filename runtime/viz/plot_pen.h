/* What a plot is drawn with: a small table of functions, one set for pixels, one for SVG.
 *
 * Promises: coordinates are units, x to the right, y down; both pens put the same shapes in the same places, and a text
 * takes the width that hrm_text_width gives it. Text goes into the SVG as text (escaped, always well-formed XML, bytes
 * that are no UTF-8 as U+FFFD). Drawing never fails: that memory ran out is in the SVG pen's buffer at the end. */
#ifndef HRM_VIZ_PLOT_PEN_H
#define HRM_VIZ_PLOT_PEN_H

#include "base/status.h"
#include "viz/byte_buffer.h"
#include "viz/canvas.h"
#include "viz/text.h"

typedef enum hrm_plot_anchor {
    HRM_PLOT_ANCHOR_LEFT = 0,
    HRM_PLOT_ANCHOR_MIDDLE = 1,
    HRM_PLOT_ANCHOR_RIGHT = 2,
} hrm_plot_anchor;

typedef struct hrm_plot_pen {
    void *user;
    void (*fill_rect)(void *user, float x, float y, float width, float height, hrm_color color);
    /* Round joins and ends; at least two points. */
    void (*draw_polyline)(void *user, const hrm_point *points, size_t count, float thickness, hrm_color color);
    void (*fill_circle)(void *user, hrm_point center, float radius, hrm_color color);
    void (*draw_circle)(void *user, hrm_point center, float radius, float thickness, hrm_color color);
    /* `at` is on the baseline, at the text's left end, middle or right end; `upwards`: turned left by a quarter, read
     * from below. */
    void (*draw_text)(void *user, hrm_point at, hrm_plot_anchor anchor, bool upwards, const hrm_text_style *style,
                      const char *text);
} hrm_plot_pen;

/* Pixels: `scale` of them per unit. */
typedef struct hrm_plot_canvas_pen {
    hrm_canvas *canvas; /* borrowed */
    float scale;
} hrm_plot_canvas_pen;

hrm_plot_pen hrm_plot_canvas_pen_init(hrm_plot_canvas_pen *state, hrm_canvas *canvas, float scale);

/* SVG: init opens the document, finish closes it; the bytes are the caller's, to be freed also after a failure. */
typedef struct hrm_plot_svg_pen {
    hrm_byte_buffer out;
} hrm_plot_svg_pen;

hrm_plot_pen hrm_plot_svg_pen_init(hrm_plot_svg_pen *state, uint32_t width, uint32_t height, float scale,
                                   const char *title);
void hrm_plot_svg_pen_finish(hrm_plot_svg_pen *state);

#endif
