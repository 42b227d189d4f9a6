#include "viz/plot_curve.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Units. */
#define LINE_WIDTH 2.0f
#define FAINT_WIDTH 1.3f
#define RAW_WIDTH 1.0f
#define DOT_RADIUS 3.5f
#define CROSS_REACH 4.0f
#define DASH 7.0f
#define DASH_GAP 5.0f

/* Of 255. */
#define FAINT_ALPHA 130
#define RAW_ALPHA 65

/* ---- colours ---- */

hrm_color hrm_plot_color(uint32_t color) {
    /* Okabe and Ito's palette without its yellow, which white paper swallows; its black is the texts' ink. */
    static const hrm_color palette[HRM_PLOT_COLORS] = {
        {0, 114, 178, 255},  {213, 94, 0, 255},  {0, 158, 115, 255}, {204, 121, 167, 255},
        {86, 180, 233, 255}, {230, 159, 0, 255}, {33, 41, 54, 255},
    };
    return color == HRM_PLOT_GREY ? (hrm_color){130, 138, 150, 255} : palette[color % HRM_PLOT_COLORS];
}

bool hrm_plot_color_is_dashed(uint32_t color) {
    return color != HRM_PLOT_GREY && color / HRM_PLOT_COLORS % 2 == 1;
}

static hrm_color with_alpha(hrm_color color, uint8_t alpha) {
    color.a = alpha;
    return color;
}

/* ---- points ---- */

double hrm_plot_series_x(const hrm_plot_series *series, uint32_t i) {
    return series->x ? series->x[i] : (double)i;
}

bool hrm_plot_series_has(const hrm_plot_series *series, bool log_y, uint32_t i) {
    return hrm_plot_axis_takes(false, hrm_plot_series_x(series, i)) && hrm_plot_axis_takes(log_y, series->y[i]);
}

bool hrm_plot_series_best(const hrm_plot_series *series, bool log_y, uint32_t *out) {
    const double sign = series->best == HRM_PLOT_BEST_LOWEST ? -1 : 1;
    double best = -INFINITY;
    if (series->best == HRM_PLOT_BEST_NONE) return false;
    for (uint32_t i = 0; i < series->count; i++) {
        if (!hrm_plot_series_has(series, log_y, i) || sign * series->y[i] <= best) continue;
        best = sign * series->y[i];
        *out = i;
    }
    return isfinite(best);
}

hrm_point hrm_plot_frame_place(const hrm_plot_frame *frame, double x, double y) {
    const double far = 1e6; /* from where a float still resolves a hundredth */
    const double px = frame->x + hrm_plot_axis_place(frame->x_axis, x) * frame->width;
    const double py = frame->y + (1 - hrm_plot_axis_place(frame->y_axis, y)) * frame->height;
    return (hrm_point){(float)fmax(-far, fmin(px, far)), (float)fmax(-far, fmin(py, far))};
}

static bool is_inside(const hrm_plot_frame *f, hrm_point p) {
    return p.x >= f->x - 0.01f && p.x <= f->x + f->width + 0.01f && p.y >= f->y - 0.01f &&
           p.y <= f->y + f->height + 0.01f;
}

/* ---- strokes ---- */

/* Points of one dash, drawn in pieces when there are many. */
typedef struct dash {
    const hrm_plot_pen *pen;
    hrm_color color;
    float thickness;
    size_t count;
    hrm_point points[64];
} dash;

static void dash_flush(dash *d) {
    if (d->count > 1) d->pen->draw_polyline(d->pen->user, d->points, d->count, d->thickness, d->color);
    d->count = 0;
}

static void dash_add(dash *d, hrm_point p) {
    if (d->count == sizeof d->points / sizeof *d->points) {
        const hrm_point last = d->points[d->count - 1];
        dash_flush(d);
        d->points[d->count++] = last;
    }
    d->points[d->count++] = p;
}

static void draw_dashes(const hrm_plot_pen *pen, const hrm_point *points, size_t count, float thickness,
                        hrm_color color) {
    dash d = {.pen = pen, .color = color, .thickness = thickness};
    float left = DASH; /* of the present dash or gap */
    bool drawing = true;
    dash_add(&d, points[0]);
    for (size_t i = 1; i < count; i++) {
        const hrm_point a = points[i - 1], b = points[i];
        const float length = hypotf(b.x - a.x, b.y - a.y);
        float done = 0;
        while (length - done > left) {
            done += left;
            const hrm_point cut = {a.x + (b.x - a.x) * done / length, a.y + (b.y - a.y) * done / length};
            if (drawing) {
                dash_add(&d, cut);
                dash_flush(&d);
            } else {
                dash_add(&d, cut);
            }
            drawing = !drawing;
            left = drawing ? DASH : DASH_GAP;
        }
        left -= length - done;
        if (drawing) dash_add(&d, b);
    }
    dash_flush(&d);
}

void hrm_plot_draw_stroke(const hrm_plot_pen *pen, const hrm_point *points, size_t count, float thickness,
                          uint32_t color, uint8_t alpha) {
    if (count < 2) return;
    const hrm_color paint = with_alpha(hrm_plot_color(color), alpha);
    if (hrm_plot_color_is_dashed(color) && alpha == 255) /* a pale line stays whole: its dashes would be lost */
        draw_dashes(pen, points, count, thickness, paint);
    else
        pen->draw_polyline(pen->user, points, count, thickness, paint);
}

void hrm_plot_draw_dot(const hrm_plot_pen *pen, hrm_point center, hrm_color color) {
    pen->fill_circle(pen->user, center, DOT_RADIUS, color);
}

void hrm_plot_draw_cross(const hrm_plot_pen *pen, hrm_point center, hrm_color color) {
    const float r = CROSS_REACH;
    const hrm_point a[] = {{center.x - r, center.y - r}, {center.x + r, center.y + r}};
    const hrm_point b[] = {{center.x - r, center.y + r}, {center.x + r, center.y - r}};
    pen->draw_polyline(pen->user, a, 2, 1.8f, color);
    pen->draw_polyline(pen->user, b, 2, 1.8f, color);
}

/* ---- lines ---- */

/* Collects the points of a line between two gaps. */
typedef struct line {
    const hrm_plot_frame *frame;
    const hrm_plot_pen *pen;
    uint32_t color;
    uint8_t alpha;
    float thickness;
    hrm_point *points; /* of the whole line, thinned; room for all points of the series */
    size_t count;
    hrm_point *piece; /* what of it lies in the frame; as much room */
    size_t piece_count;
    /* Points so far in the same unit of width: of them the first, the lowest, the highest and the last are kept. */
    hrm_point bucket[4];
    size_t order[4]; /* which point of the bucket each of them is */
    size_t bucket_count;
} line;

static void bucket_flush(line *l) {
    if (l->bucket_count == 0) return;
    const bool low_first = l->order[1] < l->order[2];
    const size_t sequence[] = {0, low_first ? 1 : 2, low_first ? 2 : 1, 3};
    for (size_t i = 0; i < 4; i++) {
        if (i > 0 && l->order[sequence[i]] == l->order[sequence[i - 1]]) continue;
        l->points[l->count++] = l->bucket[sequence[i]];
    }
    l->bucket_count = 0;
}

static void line_add(line *l, hrm_point p) {
    if (l->bucket_count > 0 && floorf(p.x) != floorf(l->bucket[0].x)) bucket_flush(l);
    const size_t n = l->bucket_count++;
    for (size_t i = 0; i < 4; i++) {
        const bool better = i == 3 || (i == 1 && p.y < l->bucket[1].y) || (i == 2 && p.y > l->bucket[2].y);
        if (n > 0 && !better) continue;
        l->bucket[i] = p;
        l->order[i] = n;
    }
}

/* Cuts the segment to the frame; false when nothing is left. Source: Liang and Barsky, "A new concept and method for
 * line clipping", 1984. */
static bool clip(const hrm_plot_frame *f, hrm_point *a, hrm_point *b) {
    const float dx = b->x - a->x, dy = b->y - a->y;
    const float step[] = {-dx, dx, -dy, dy};
    const float room[] = {a->x - f->x, f->x + f->width - a->x, a->y - f->y, f->y + f->height - a->y};
    float from = 0, to = 1;
    for (int side = 0; side < 4; side++) {
        if (step[side] == 0) {
            if (room[side] < 0) return false;
            continue;
        }
        const float t = room[side] / step[side];
        if (step[side] < 0 && t > from) from = t;
        if (step[side] > 0 && t < to) to = t;
    }
    if (from > to) return false;
    const hrm_point start = *a;
    *a = (hrm_point){start.x + from * dx, start.y + from * dy};
    *b = (hrm_point){start.x + to * dx, start.y + to * dy};
    return true;
}

static void piece_flush(line *l) {
    hrm_plot_draw_stroke(l->pen, l->piece, l->piece_count, l->thickness, l->color, l->alpha);
    l->piece_count = 0;
}

/* Draws what was collected: a gap follows. */
static void line_end(line *l) {
    bucket_flush(l);
    if (l->count == 1 && is_inside(l->frame, l->points[0]))
        l->pen->fill_circle(l->pen->user, l->points[0], 1.5f * l->thickness,
                            with_alpha(hrm_plot_color(l->color), l->alpha));
    for (size_t i = 1; i < l->count; i++) {
        hrm_point a = l->points[i - 1], b = l->points[i];
        const bool inside = is_inside(l->frame, a) && is_inside(l->frame, b);
        if (!inside && !clip(l->frame, &a, &b)) {
            piece_flush(l);
            continue;
        }
        const bool joins =
            l->piece_count > 0 && l->piece[l->piece_count - 1].x == a.x && l->piece[l->piece_count - 1].y == a.y;
        if (!joins) {
            piece_flush(l);
            l->piece[l->piece_count++] = a;
        }
        l->piece[l->piece_count++] = b;
    }
    piece_flush(l);
    l->count = 0;
}

/* One pass over the series; `smooth` 0: the numbers themselves. */
static void draw_line(line *l, const hrm_plot_series *series, double smooth) {
    const bool log_y = l->frame->y_axis->log;
    double sum = 0, weight = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        if (!hrm_plot_series_has(series, log_y, i)) {
            line_end(l);
            continue;
        }
        double y = series->y[i];
        if (smooth > 0) { /* a weighted mean of all points so far, those before a gap included */
            sum = smooth * sum + (1 - smooth) * (log_y ? log(y) : y);
            weight = smooth * weight + (1 - smooth);
            y = log_y ? exp(sum / weight) : sum / weight;
        }
        line_add(l, hrm_plot_frame_place(l->frame, hrm_plot_series_x(series, i), y));
    }
    line_end(l);
}

static void draw_markers(const hrm_plot_series *series, const hrm_plot_frame *frame, const hrm_plot_pen *pen) {
    const hrm_color color = hrm_plot_color(series->color);
    /* Dots that would run together become smaller. */
    const float radius = fmaxf(1.5f, fminf(DOT_RADIUS, 0.35f * frame->width / (float)series->count));
    for (uint32_t i = 0; i < series->count; i++) {
        if (!hrm_plot_series_has(series, frame->y_axis->log, i)) continue;
        const hrm_point at = hrm_plot_frame_place(frame, hrm_plot_series_x(series, i), series->y[i]);
        if (!is_inside(frame, at)) continue;
        if (series->style == HRM_PLOT_MARKS)
            hrm_plot_draw_cross(pen, at, color);
        else
            pen->fill_circle(pen->user, at, radius, color);
    }
}

hrm_status hrm_plot_curve_draw(const hrm_plot_series *series, const hrm_plot_frame *frame, const hrm_plot_pen *pen) {
    if (series->count == 0) return HRM_OK;
    if (series->style != HRM_PLOT_MARKS) {
        size_t bytes;
        line l = {.frame = frame, .pen = pen, .color = series->color, .alpha = 255, .thickness = LINE_WIDTH};
        if (hrm_mul_size((size_t)series->count + 1, 2 * sizeof *l.points, &bytes)) {
            l.points = malloc(bytes);
            l.piece = malloc(bytes); /* a segment adds two points at most */
        }
        if (!l.points || !l.piece) {
            free(l.points);
            free(l.piece);
            return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to draw a line of %u points", series->count);
        }
        if (series->style == HRM_PLOT_FAINT) {
            l.alpha = FAINT_ALPHA;
            l.thickness = FAINT_WIDTH;
        } else if (series->style == HRM_PLOT_POINTS) {
            l.thickness = FAINT_WIDTH;
        }
        if (series->smooth > 0 && series->style != HRM_PLOT_FAINT) { /* a background of a background would be noise */
            line raw = l;
            raw.alpha = RAW_ALPHA;
            raw.thickness = RAW_WIDTH;
            draw_line(&raw, series, 0);
        }
        draw_line(&l, series, (double)series->smooth);
        free(l.points);
        free(l.piece);
    }
    if (series->style == HRM_PLOT_POINTS || series->style == HRM_PLOT_MARKS) draw_markers(series, frame, pen);
    return HRM_OK;
}
