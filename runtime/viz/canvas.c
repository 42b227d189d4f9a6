#include "viz/canvas.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

hrm_status hrm_canvas_init(hrm_canvas *canvas, uint32_t width, uint32_t height, hrm_color background) {
    *canvas = (hrm_canvas){0};
    size_t count;
    if (width < 1 || height < 1 || width > HRM_CANVAS_MAX_SIDE || height > HRM_CANVAS_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "a picture of %ux%u pixels was asked for; sides must be 1 to %u",
                        width, height, HRM_CANVAS_MAX_SIDE);
    canvas->width = width;
    canvas->height = height;
    if (hrm_mul_size(width, height, &count)) {
        canvas->pixels = malloc(count * 4);
        canvas->mask = calloc(count, 1);
    }
    if (!canvas->pixels || !canvas->mask) {
        hrm_canvas_deinit(canvas);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory for a picture of %ux%u pixels", width, height);
    }
    const uint8_t bytes[4] = {background.r, background.g, background.b, background.a};
    for (size_t i = 0; i < count; i++) memcpy(canvas->pixels + 4 * i, bytes, 4);
    return HRM_OK;
}

void hrm_canvas_deinit(hrm_canvas *canvas) {
    if (!canvas) return;
    free(canvas->pixels);
    free(canvas->mask);
    *canvas = (hrm_canvas){0};
}

hrm_color hrm_canvas_get(const hrm_canvas *canvas, uint32_t x, uint32_t y) {
    const uint8_t *pixel = canvas->pixels + ((size_t)y * canvas->width + x) * 4;
    return (hrm_color){pixel[0], pixel[1], pixel[2], pixel[3]};
}

static uint8_t mix(uint8_t below, uint8_t above, uint32_t weight) {
    return (uint8_t)((below * (255 - weight) + above * weight + 127) / 255);
}

/* Blends the colour over one pixel with the given coverage, 0..255. */
static void blend(hrm_canvas *canvas, uint32_t x, uint32_t y, hrm_color color, uint32_t coverage) {
    uint32_t weight = (coverage * color.a + 127) / 255;
    uint8_t *pixel = canvas->pixels + ((size_t)y * canvas->width + x) * 4;
    pixel[0] = mix(pixel[0], color.r, weight);
    pixel[1] = mix(pixel[1], color.g, weight);
    pixel[2] = mix(pixel[2], color.b, weight);
    pixel[3] = mix(pixel[3], 255, weight);
}

/* Coverage of a pixel whose centre is `distance` outside (negative: inside) the edge of a shape. */
static uint32_t coverage_of(float distance) {
    if (distance <= -0.5f) return 255;
    if (!(distance < 0.5f)) return 0; /* NaN covers nothing */
    return (uint32_t)((0.5f - distance) * 255.0f + 0.5f);
}

typedef struct pixel_range {
    uint32_t x0, y0, x1, y1;
} pixel_range;

static uint32_t clamp_pixel(float value, uint32_t limit) {
    return value <= 0.0f ? 0 : value >= (float)limit ? limit : (uint32_t)value;
}

/* The pixels touched by [x0, x1) x [y0, y1), cut to the canvas; NaN gives none. */
static pixel_range range_of(const hrm_canvas *canvas, float x0, float y0, float x1, float y1) {
    if (!(x0 <= x1 && y0 <= y1)) return (pixel_range){0};
    return (pixel_range){clamp_pixel(floorf(x0), canvas->width), clamp_pixel(floorf(y0), canvas->height),
                         clamp_pixel(ceilf(x1), canvas->width), clamp_pixel(ceilf(y1), canvas->height)};
}

/* Signed distance of (px, py), relative to the centre, from a box of half sides hw, hh whose corners are rounded.
 * Source: I. Quilez, "2D distance functions". */
static float box_distance(float px, float py, float hw, float hh, float radius) {
    float qx = fabsf(px) - hw + radius, qy = fabsf(py) - hh + radius;
    float outside = hypotf(qx > 0 ? qx : 0, qy > 0 ? qy : 0);
    float inside = qx > qy ? qx : qy;
    return outside + (inside < 0 ? inside : 0) - radius;
}

/* Share of the pixel [i, i + 1) inside [low, high). */
static float overlap(float i, float low, float high) {
    float from = i > low ? i : low, to = i + 1 < high ? i + 1 : high;
    return to > from ? to - from : 0.0f;
}

void hrm_canvas_fill_rect(hrm_canvas *canvas, float x, float y, float width, float height, hrm_color color) {
    pixel_range range = range_of(canvas, x, y, x + width, y + height);
    for (uint32_t py = range.y0; py < range.y1; py++)
        for (uint32_t px = range.x0; px < range.x1; px++) {
            float share = overlap((float)px, x, x + width) * overlap((float)py, y, y + height);
            blend(canvas, px, py, color, (uint32_t)(share * 255.0f + 0.5f));
        }
}

void hrm_canvas_fill_box(hrm_canvas *canvas, float x, float y, float width, float height, const float radii[4],
                         hrm_color color) {
    float hw = width / 2, hh = height / 2, cx = x + hw, cy = y + hh, most = hw < hh ? hw : hh;
    pixel_range range = range_of(canvas, x, y, x + width, y + height);
    for (uint32_t py = range.y0; py < range.y1; py++)
        for (uint32_t px = range.x0; px < range.x1; px++) {
            float dx = (float)px + 0.5f - cx, dy = (float)py + 0.5f - cy;
            float radius = radii[dy < 0 ? (dx < 0 ? 0 : 1) : (dx < 0 ? 3 : 2)];
            if (radius > most) radius = most;
            uint32_t coverage = radius > 0 ? coverage_of(box_distance(dx, dy, hw, hh, radius)) : 255;
            float share = overlap((float)px, x, x + width) * overlap((float)py, y, y + height);
            uint32_t edge = (uint32_t)(share * 255.0f + 0.5f);
            blend(canvas, px, py, color, coverage < edge ? coverage : edge);
        }
}

void hrm_canvas_fill_rounded_rect(hrm_canvas *canvas, float x, float y, float width, float height, float radius,
                                  hrm_color color) {
    hrm_canvas_fill_box(canvas, x, y, width, height, (const float[4]){radius, radius, radius, radius}, color);
}

void hrm_canvas_draw_box(hrm_canvas *canvas, float x, float y, float width, float height, float radius, float thickness,
                         hrm_color color) {
    float hw = width / 2, hh = height / 2, most = hw < hh ? hw : hh;
    if (radius > most) radius = most;
    pixel_range range = range_of(canvas, x, y, x + width, y + height);
    for (uint32_t py = range.y0; py < range.y1; py++)
        for (uint32_t px = range.x0; px < range.x1; px++) {
            float d = box_distance((float)px + 0.5f - x - hw, (float)py + 0.5f - y - hh, hw, hh, radius);
            float inner = -thickness - d;
            blend(canvas, px, py, color, coverage_of(d > inner ? d : inner));
        }
}

void hrm_canvas_fill_circle(hrm_canvas *canvas, hrm_point center, float radius, hrm_color color) {
    hrm_canvas_layer_segment(canvas, center, center, 2 * radius);
    hrm_canvas_layer_paint(canvas, color);
}

void hrm_canvas_draw_circle(hrm_canvas *canvas, hrm_point center, float radius, float thickness, hrm_color color) {
    float reach = radius + thickness / 2 + 1;
    pixel_range range = range_of(canvas, center.x - reach, center.y - reach, center.x + reach, center.y + reach);
    for (uint32_t py = range.y0; py < range.y1; py++)
        for (uint32_t px = range.x0; px < range.x1; px++) {
            float d = hypotf((float)px + 0.5f - center.x, (float)py + 0.5f - center.y);
            blend(canvas, px, py, color, coverage_of(fabsf(d - radius) - thickness / 2));
        }
}

void hrm_canvas_draw_line(hrm_canvas *canvas, hrm_point from, hrm_point to, float thickness, hrm_color color) {
    hrm_canvas_layer_segment(canvas, from, to, thickness);
    hrm_canvas_layer_paint(canvas, color);
}

void hrm_canvas_draw_polyline(hrm_canvas *canvas, const hrm_point *points, size_t count, float thickness,
                              hrm_color color) {
    if (count == 1) hrm_canvas_layer_segment(canvas, points[0], points[0], thickness);
    for (size_t i = 1; i < count; i++) hrm_canvas_layer_segment(canvas, points[i - 1], points[i], thickness);
    hrm_canvas_layer_paint(canvas, color);
}

void hrm_canvas_layer_segment(hrm_canvas *canvas, hrm_point from, hrm_point to, float thickness) {
    float radius = thickness / 2, reach = radius + 1;
    if (!(thickness > 0)) return;
    pixel_range range = range_of(canvas, fminf(from.x, to.x) - reach, fminf(from.y, to.y) - reach,
                                 fmaxf(from.x, to.x) + reach, fmaxf(from.y, to.y) + reach);
    if (range.x0 >= range.x1 || range.y0 >= range.y1) return;
    float dx = to.x - from.x, dy = to.y - from.y, length2 = dx * dx + dy * dy;
    float scale = length2 > 0 ? 1 / length2 : 0;
    /* A line thinner than a pixel keeps its brightness, not its shape. */
    uint32_t most = thickness < 1 ? (uint32_t)(thickness * 255.0f) : 255;
    float shape = thickness < 1 ? 0.5f : radius;
    for (uint32_t py = range.y0; py < range.y1; py++)
        for (uint32_t px = range.x0; px < range.x1; px++) {
            float rx = (float)px + 0.5f - from.x, ry = (float)py + 0.5f - from.y;
            float t = (rx * dx + ry * dy) * scale;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            uint32_t coverage = coverage_of(hypotf(rx - t * dx, ry - t * dy) - shape);
            if (coverage > most) coverage = most;
            uint8_t *mask = canvas->mask + (size_t)py * canvas->width + px;
            if (coverage > *mask) *mask = (uint8_t)coverage;
        }
    if (canvas->mask_x0 >= canvas->mask_x1) {
        canvas->mask_x0 = range.x0, canvas->mask_y0 = range.y0;
        canvas->mask_x1 = range.x1, canvas->mask_y1 = range.y1;
        return;
    }
    if (range.x0 < canvas->mask_x0) canvas->mask_x0 = range.x0;
    if (range.y0 < canvas->mask_y0) canvas->mask_y0 = range.y0;
    if (range.x1 > canvas->mask_x1) canvas->mask_x1 = range.x1;
    if (range.y1 > canvas->mask_y1) canvas->mask_y1 = range.y1;
}

void hrm_canvas_layer_paint(hrm_canvas *canvas, hrm_color color) {
    for (uint32_t y = canvas->mask_y0; y < canvas->mask_y1; y++) {
        uint8_t *mask = canvas->mask + (size_t)y * canvas->width;
        for (uint32_t x = canvas->mask_x0; x < canvas->mask_x1; x++)
            if (mask[x]) {
                blend(canvas, x, y, color, mask[x]);
                mask[x] = 0;
            }
    }
    canvas->mask_x0 = canvas->mask_x1 = canvas->mask_y0 = canvas->mask_y1 = 0;
}
