#include "viz/plot_pen.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pixels ---- */

static hrm_point scale_point(hrm_point p, float scale) {
    return (hrm_point){p.x * scale, p.y * scale};
}

static void canvas_rect(void *user, float x, float y, float width, float height, hrm_color color) {
    const hrm_plot_canvas_pen *pen = user;
    const float s = pen->scale;
    hrm_canvas_fill_rect(pen->canvas, x * s, y * s, width * s, height * s, color);
}

static void canvas_polyline(void *user, const hrm_point *points, size_t count, float thickness, hrm_color color) {
    hrm_plot_canvas_pen *pen = user;
    for (size_t i = 1; i < count; i++)
        hrm_canvas_layer_segment(pen->canvas, scale_point(points[i - 1], pen->scale),
                                 scale_point(points[i], pen->scale), thickness * pen->scale);
    hrm_canvas_layer_paint(pen->canvas, color);
}

static void canvas_disc(void *user, hrm_point center, float radius, hrm_color color) {
    const hrm_plot_canvas_pen *pen = user;
    hrm_canvas_fill_circle(pen->canvas, scale_point(center, pen->scale), radius * pen->scale, color);
}

static void canvas_ring(void *user, hrm_point center, float radius, float thickness, hrm_color color) {
    const hrm_plot_canvas_pen *pen = user;
    hrm_canvas_draw_circle(pen->canvas, scale_point(center, pen->scale), radius * pen->scale, thickness * pen->scale,
                           color);
}

static void canvas_text(void *user, hrm_point at, hrm_plot_anchor anchor, bool upwards, const hrm_text_style *style,
                        const char *text) {
    const hrm_plot_canvas_pen *pen = user;
    hrm_text_style scaled = *style;
    scaled.cap_height *= pen->scale;
    at = scale_point(at, pen->scale);
    const float before = hrm_text_width(&scaled, text) * (float)anchor / 2;
    if (upwards)
        hrm_text_draw_upwards(pen->canvas, at.x, at.y + before, &scaled, text);
    else
        hrm_text_draw(pen->canvas, at.x - before, at.y, &scaled, text);
}

hrm_plot_pen hrm_plot_canvas_pen_init(hrm_plot_canvas_pen *state, hrm_canvas *canvas, float scale) {
    *state = (hrm_plot_canvas_pen){.canvas = canvas, .scale = scale};
    return (hrm_plot_pen){.user = state,
                          .fill_rect = canvas_rect,
                          .draw_polyline = canvas_polyline,
                          .fill_circle = canvas_disc,
                          .draw_circle = canvas_ring,
                          .draw_text = canvas_text};
}

/* ---- SVG ---- */

/* Capitals of the common sans-serif fonts are this share of the font's size high (Arial 0.716, DejaVu Sans 0.729). */
#define CAP_SHARE 0.72f

static void put(hrm_plot_svg_pen *pen, const char *text) {
    hrm_byte_buffer_append(&pen->out, text, strlen(text));
}

HRM_PRINTF(2, 3) static void put_format(hrm_plot_svg_pen *pen, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(pen, text);
}

/* A hundredth of a unit is finer than any screen. Not printf's %f: its decimal point depends on the locale. */
static void put_number(hrm_plot_svg_pen *pen, float value) {
    const long hundredths = lroundf(value * 100), whole = labs(hundredths) / 100, rest = labs(hundredths) % 100;
    const char *sign = hundredths < 0 ? "-" : "";
    if (rest == 0)
        put_format(pen, "%s%ld", sign, whole);
    else
        put_format(pen, rest % 10 ? "%s%ld.%02ld" : "%s%ld.%ld", sign, whole, rest % 10 ? rest : rest / 10);
}

static void put_attribute(hrm_plot_svg_pen *pen, const char *name, float value) {
    put_format(pen, " %s=\"", name);
    put_number(pen, value);
    put(pen, "\"");
}

/* fill="#rrggbb", and its opacity where it has one. */
static void put_paint(hrm_plot_svg_pen *pen, const char *kind, hrm_color color) {
    put_format(pen, " %s=\"#%02x%02x%02x\"", kind, color.r, color.g, color.b);
    if (color.a == 255) return;
    put_format(pen, " %s-opacity=\"", kind);
    put_number(pen, (float)color.a / 255);
    put(pen, "\"");
}

/* Bytes of the UTF-8 character at `text` that XML allows; 0: none. */
static size_t measure_character(const unsigned char *text) {
    static const uint32_t least[] = {0, 0x20, 0x80, 0x800, 0x10000};
    const size_t n = text[0] < 0x80                      ? 1
                     : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                     : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                     : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                         : 0;
    uint32_t code = n > 1 ? text[0] & (0x7fu >> n) : text[0];
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0; /* the end of the text is none either */
        code = code << 6 | (text[i] & 0x3fu);
    }
    const bool allowed = n > 0 && code >= least[n] && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) &&
                         code != 0xfffe && code != 0xffff;
    return allowed ? n : 0;
}

static void put_escaped(hrm_plot_svg_pen *pen, const char *text) {
    for (const char *at = text; *at;) {
        const char *entity = *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : *at == '&' ? "&amp;" : NULL;
        const size_t n = measure_character((const unsigned char *)at);
        if (entity)
            put(pen, entity);
        else if (n > 0)
            hrm_byte_buffer_append(&pen->out, at, n);
        else
            put(pen, *at == '\t' || *at == '\n' ? " " : "\xef\xbf\xbd");
        at += n > 0 ? n : 1;
    }
}

static void svg_rect(void *user, float x, float y, float width, float height, hrm_color color) {
    hrm_plot_svg_pen *pen = user;
    put(pen, "<rect");
    put_attribute(pen, "x", x);
    put_attribute(pen, "y", y);
    put_attribute(pen, "width", width);
    put_attribute(pen, "height", height);
    put_paint(pen, "fill", color);
    put(pen, "/>\n");
}

static void svg_polyline(void *user, const hrm_point *points, size_t count, float thickness, hrm_color color) {
    hrm_plot_svg_pen *pen = user;
    put(pen, "<polyline fill=\"none\"");
    put_paint(pen, "stroke", color);
    put_attribute(pen, "stroke-width", thickness);
    put(pen, " points=\"");
    for (size_t i = 0; i < count; i++) {
        put(pen, i ? " " : "");
        put_number(pen, points[i].x);
        put(pen, ",");
        put_number(pen, points[i].y);
    }
    put(pen, "\"/>\n");
}

static void put_circle(hrm_plot_svg_pen *pen, hrm_point center, float radius) {
    put(pen, "<circle");
    put_attribute(pen, "cx", center.x);
    put_attribute(pen, "cy", center.y);
    put_attribute(pen, "r", radius);
}

static void svg_disc(void *user, hrm_point center, float radius, hrm_color color) {
    hrm_plot_svg_pen *pen = user;
    put_circle(pen, center, radius);
    put_paint(pen, "fill", color);
    put(pen, "/>\n");
}

static void svg_ring(void *user, hrm_point center, float radius, float thickness, hrm_color color) {
    hrm_plot_svg_pen *pen = user;
    put_circle(pen, center, radius);
    put(pen, " fill=\"none\"");
    put_paint(pen, "stroke", color);
    put_attribute(pen, "stroke-width", thickness);
    put(pen, "/>\n");
}

static void svg_text(void *user, hrm_point at, hrm_plot_anchor anchor, bool upwards, const hrm_text_style *style,
                     const char *text) {
    static const char *const anchors[] = {"start", "middle", "end"};
    hrm_plot_svg_pen *pen = user;
    if (!*text) return;
    put(pen, "<text");
    put_attribute(pen, "x", at.x);
    put_attribute(pen, "y", at.y);
    if (upwards) {
        put(pen, " transform=\"rotate(-90 ");
        put_number(pen, at.x);
        put(pen, " ");
        put_number(pen, at.y);
        put(pen, ")\"");
    }
    put_attribute(pen, "font-size", style->cap_height / CAP_SHARE);
    /* fonts differ in width; the layout is made for this one */
    put_attribute(pen, "textLength", hrm_text_width(style, text));
    put(pen, " lengthAdjust=\"spacingAndGlyphs\"");
    if (anchor != HRM_PLOT_ANCHOR_LEFT) put_format(pen, " text-anchor=\"%s\"", anchors[anchor]);
    if (style->weight >= 0.16f) put(pen, " font-weight=\"bold\"");
    put_paint(pen, "fill", style->color);
    put(pen, ">");
    put_escaped(pen, text);
    put(pen, "</text>\n");
}

hrm_plot_pen hrm_plot_svg_pen_init(hrm_plot_svg_pen *state, uint32_t width, uint32_t height, float scale,
                                   const char *title) {
    *state = (hrm_plot_svg_pen){0};
    put(state, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"");
    put_attribute(state, "width", (float)width * scale);
    put_attribute(state, "height", (float)height * scale);
    put_format(state, " viewBox=\"0 0 %u %u\" role=\"img\">\n", width, height);
    if (title) {
        put(state, "<title>");
        put_escaped(state, title);
        put(state, "</title>\n");
    }
    put(state, "<g font-family=\"sans-serif\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n");
    return (hrm_plot_pen){.user = state,
                          .fill_rect = svg_rect,
                          .draw_polyline = svg_polyline,
                          .fill_circle = svg_disc,
                          .draw_circle = svg_ring,
                          .draw_text = svg_text};
}

void hrm_plot_svg_pen_finish(hrm_plot_svg_pen *state) {
    put(state, "</g>\n</svg>\n");
}
