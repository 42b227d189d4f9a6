/* An RGBA picture in memory and the few anti-aliased shapes the pictures are made of.
 *
 * Promises: coordinates are pixels, x to the right, y down, pixel (0, 0) covering [0, 1) x [0, 1); shapes may lie
 * partly or wholly outside; an edge on whole pixels is crisp. Colours are blended over what is there, without gamma
 * correction. Drawing never fails: all memory is taken by init. The same calls give the same bytes. */
#ifndef HRM_VIZ_CANVAS_H
#define HRM_VIZ_CANVAS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define HRM_CANVAS_MAX_SIDE 16384u

typedef struct hrm_color {
    uint8_t r, g, b, a; /* a: 255 is opaque */
} hrm_color;

typedef struct hrm_point {
    float x, y;
} hrm_point;

typedef struct hrm_canvas {
    uint32_t width, height;
    uint8_t *pixels;           /* [height, width, 4] r g b a */
    uint8_t *mask;             /* [height, width] coverage of the open layer, 0 everywhere between layers */
    uint32_t mask_x0, mask_y0; /* the part of the mask in use, empty when x0 >= x1 */
    uint32_t mask_x1, mask_y1;
} hrm_canvas;

/* Sides 1..HRM_CANVAS_MAX_SIDE, filled with one colour. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
hrm_status hrm_canvas_init(hrm_canvas *canvas, uint32_t width, uint32_t height, hrm_color background);
void hrm_canvas_deinit(hrm_canvas *canvas);

/* The colour of a pixel; x < width, y < height. */
hrm_color hrm_canvas_get(const hrm_canvas *canvas, uint32_t x, uint32_t y);

/* Boxes. The radii of hrm_canvas_fill_box are those of the top left, top right, bottom right and bottom left corner. */
void hrm_canvas_fill_rect(hrm_canvas *canvas, float x, float y, float width, float height, hrm_color color);
void hrm_canvas_fill_rounded_rect(hrm_canvas *canvas, float x, float y, float width, float height, float radius,
                                  hrm_color color);
void hrm_canvas_fill_box(hrm_canvas *canvas, float x, float y, float width, float height, const float radii[4],
                         hrm_color color);

/* The outline of a rounded box, `thickness` wide, inside the given bounds. */
void hrm_canvas_draw_box(hrm_canvas *canvas, float x, float y, float width, float height, float radius, float thickness,
                         hrm_color color);

void hrm_canvas_fill_circle(hrm_canvas *canvas, hrm_point center, float radius, hrm_color color);
void hrm_canvas_draw_circle(hrm_canvas *canvas, hrm_point center, float radius, float thickness, hrm_color color);

/* Lines with round ends and joins; a translucent colour is blended once, also where the line meets itself. */
void hrm_canvas_draw_line(hrm_canvas *canvas, hrm_point from, hrm_point to, float thickness, hrm_color color);
void hrm_canvas_draw_polyline(hrm_canvas *canvas, const hrm_point *points, size_t count, float thickness,
                              hrm_color color);

/* The same in pieces: any number of segments (a point twice is a dot) become one shape, blended by `paint`. */
void hrm_canvas_layer_segment(hrm_canvas *canvas, hrm_point from, hrm_point to, float thickness);
void hrm_canvas_layer_paint(hrm_canvas *canvas, hrm_color color);

#endif
