/* Lines of text in a built-in stroke font: printable ASCII, drawn as round-ended lines, crisp at any size and weight.
 *
 * Promises: no font file is needed; widths depend on size and text alone. A character outside ASCII 32..126 (one UTF-8
 * sequence, or one stray byte) is drawn as an empty box. Leaves to callers: line breaks. */
#ifndef HRM_VIZ_TEXT_H
#define HRM_VIZ_TEXT_H

#include "viz/canvas.h"

typedef struct hrm_text_style {
    float cap_height; /* pixels from the baseline to the top of an H */
    float weight;     /* stroke width as a share of cap_height; 0 means 0.125, bold is about 0.18 */
    hrm_color color;
} hrm_text_style;

/* Width in pixels from the first stroke's left edge to the last one's right edge. */
float hrm_text_width(const hrm_text_style *style, const char *text);

/* Draws with the left edge at x and the letters standing on y = baseline; returns the width. */
float hrm_text_draw(hrm_canvas *canvas, float x, float baseline, const hrm_text_style *style, const char *text);

/* The same turned left by a quarter, to be read from below: the letters stand on x = baseline and the text starts at y,
 * its lower end. */
void hrm_text_draw_upwards(hrm_canvas *canvas, float baseline, float y, const hrm_text_style *style, const char *text);

/* Draws one character centred on a point, by its own bounds. */
void hrm_text_draw_centered(hrm_canvas *canvas, hrm_point center, const hrm_text_style *style, char character);

/* Copies the text, cut with "..." where it would be wider than max_width. */
void hrm_text_fit_into(const hrm_text_style *style, const char *text, float max_width, char *out, size_t out_size);

#endif
