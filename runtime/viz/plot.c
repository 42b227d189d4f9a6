#include "viz/plot.h"

#include "viz/plot_curve.h"
#include "viz/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INK                                                                                                            \
    { 33, 41, 54, 255 }
#define FAINT_INK                                                                                                      \
    { 88, 97, 110, 255 }
static const hrm_color paper = {255, 255, 255, 255};
static const hrm_color axis_color = {140, 147, 158, 255};
static const hrm_color grid_color = {228, 231, 235, 255};
static const hrm_color minor_grid_color = {243, 244, 246, 255};
static const hrm_color veil_color = {255, 255, 255, 215}; /* under a text that lies on lines */

static const hrm_text_style title_style = {14.0f, 0.17f, INK};
static const hrm_text_style caption_style = {10.5f, 0.13f, FAINT_INK};
static const hrm_text_style panel_style = {11.0f, 0.165f, INK};
static const hrm_text_style legend_style = {9.0f, 0.13f, INK};
static const hrm_text_style tick_style = {8.5f, 0.13f, FAINT_INK};
static const hrm_text_style label_style = {9.0f, 0.13f, FAINT_INK};

/* Units. */
#define MARGIN 26.0f
#define BETWEEN_COLUMNS 30.0f
#define BETWEEN_ROWS 26.0f
#define LEGEND_ROW 20.0f
#define SWATCH 22.0f
#define SWATCH_GAP 7.0f
#define BETWEEN_ENTRIES 18.0f
#define TICK_GAP 7.0f
#define TICK_SPACING_X 70.0f
#define TICK_SPACING_Y 46.0f
#define MIN_CELL_WIDTH 220.0f
#define MIN_CELL_HEIGHT 160.0f
#define BEST_ASPECT 1.5f /* of a panel */
#define MAX_SIDE 16384u

/* ---- checks and defaults ---- */

static hrm_status check_series(const hrm_plot_series *s, uint32_t panel, uint32_t number) {
    if (s->count > 0 && !s->y)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u, series %u has %u points but no y", panel, number,
                        s->count);
    if (!(s->smooth >= 0 && s->smooth < 1))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u, series %u: smooth is %g; it must be 0 to below 1",
                        panel, number, (double)s->smooth);
    if ((unsigned)s->style > HRM_PLOT_MARKS || (unsigned)s->best > HRM_PLOT_BEST_HIGHEST)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u, series %u: unknown style %d or best %d", panel,
                        number, (int)s->style, (int)s->best);
    return HRM_OK;
}

static hrm_status check_panel(const hrm_plot_panel *p, uint32_t number) {
    hrm_status status = HRM_OK;
    if (p->series_count > 0 && !p->series)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u has %u series but none is given", number,
                        p->series_count);
    if ((unsigned)p->x_unit > HRM_PLOT_DURATION || (unsigned)p->y_unit > HRM_PLOT_DURATION)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u: unknown unit %d or %d", number, (int)p->x_unit,
                        (int)p->y_unit);
    if (p->y_low < p->y_high && (!hrm_plot_axis_takes(p->log_y, p->y_low) || !hrm_plot_axis_takes(p->log_y, p->y_high)))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: panel %u: no %saxis goes from %g to %g", number,
                        p->log_y ? "logarithmic " : "", p->y_low, p->y_high);
    for (uint32_t i = 0; status == HRM_OK && i < p->series_count; i++) status = check_series(&p->series[i], number, i);
    return status;
}

/* The number of columns that makes panels most like BEST_ASPECT; an empty place in the last row costs a little. */
static uint32_t choose_columns(const hrm_plot_config *c) {
    uint32_t best = 1;
    float least = INFINITY;
    for (uint32_t columns = 1; columns <= c->panel_count; columns++) {
        const uint32_t rows = (c->panel_count + columns - 1) / columns;
        const float aspect = (float)c->width / (float)columns / ((float)c->height / (float)rows);
        const float cost =
            fabsf(logf(aspect / BEST_ASPECT)) + 0.1f * (float)(rows * columns - c->panel_count) / (float)columns;
        if (cost < least) {
            least = cost;
            best = columns;
        }
    }
    return best;
}

hrm_status hrm_plot_resolve(const hrm_plot_config *config, hrm_plot_config *out) {
    hrm_plot_config c = *config;
    hrm_status status = HRM_OK;
    if (c.width == 0) c.width = 1600;
    if (c.height == 0) c.height = 1000;
    if (c.scale == 0) c.scale = 1;
    if (c.panel_count == 0 || !c.panels) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: there is no panel to draw");
    if (c.legend_count > 0 && !c.legend)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: the legend has %u rows but none is given", c.legend_count);
    if (!(c.scale >= 0.25f && c.scale <= 8))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: scale is %g; it must be 0.25 to 8", (double)c.scale);
    if (c.width > MAX_SIDE || c.height > MAX_SIDE || (float)c.width * c.scale > (float)MAX_SIDE ||
        (float)c.height * c.scale > (float)MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "plot: a picture of %u x %u at scale %g has a side of more than %u",
                        c.width, c.height, (double)c.scale, MAX_SIDE);
    if (c.columns == 0) c.columns = choose_columns(&c);
    if (c.columns > c.panel_count) c.columns = c.panel_count;
    for (uint32_t i = 0; status == HRM_OK && i < c.panel_count; i++) status = check_panel(&c.panels[i], i);
    if (status == HRM_OK) *out = c;
    return status;
}

/* ---- legends ---- */

/* Where the next entry goes; `left` is where rows begin. */
typedef struct legend_pen {
    float x, left, right, y; /* y: the row's baseline */
} legend_pen;

/* Moves past an entry, to a new row where this one is full, and gives its place and its text, cut to the row. */
static hrm_point place_entry(legend_pen *pen, const char *label, char *fitted, size_t size) {
    hrm_text_fit_into(&legend_style, label, pen->right - pen->left - SWATCH - SWATCH_GAP, fitted, size);
    const float width = SWATCH + SWATCH_GAP + hrm_text_width(&legend_style, fitted);
    if (pen->x > pen->left && pen->x + width > pen->right) {
        pen->x = pen->left;
        pen->y += LEGEND_ROW;
    }
    const hrm_point at = {pen->x, pen->y};
    pen->x += width + BETWEEN_ENTRIES;
    return at;
}

static void draw_swatch(const hrm_plot_pen *pen, hrm_point at, hrm_plot_style style, uint32_t color) {
    const hrm_point middle = {at.x + SWATCH / 2, at.y - legend_style.cap_height / 2};
    const hrm_point ends[] = {{at.x + 1, middle.y}, {at.x + SWATCH - 1, middle.y}};
    const hrm_color paint = hrm_plot_color(color);
    if (style == HRM_PLOT_MARKS) {
        hrm_plot_draw_cross(pen, middle, paint);
        return;
    }
    hrm_plot_draw_stroke(pen, ends, 2, style == HRM_PLOT_LINE ? 2.4f : 1.5f, color,
                         style == HRM_PLOT_FAINT ? 150 : 255);
    if (style == HRM_PLOT_POINTS) hrm_plot_draw_dot(pen, middle, paint);
}

/* Draws an entry, or with a NULL pen only finds its place. */
static void add_entry(legend_pen *at, const hrm_plot_pen *pen, const char *label, hrm_plot_style style,
                      uint32_t color) {
    char fitted[256];
    const hrm_point place = place_entry(at, label, fitted, sizeof fitted);
    if (!pen) return;
    draw_swatch(pen, place, style, color);
    pen->draw_text(pen->user, (hrm_point){place.x + SWATCH + SWATCH_GAP, place.y}, HRM_PLOT_ANCHOR_LEFT, false,
                   &legend_style, fitted);
}

/* ---- a panel ---- */

typedef struct panel_place {
    const hrm_plot_panel *panel;
    float x, y, width, height; /* of its part of the picture */
    bool has_data;
    double x_low, x_high, y_low, y_high;
    hrm_plot_axis x_axis, y_axis;
    hrm_plot_frame frame;
} panel_place;

static void measure(panel_place *place) {
    const hrm_plot_panel *p = place->panel;
    place->x_low = place->y_low = INFINITY;
    place->x_high = place->y_high = -INFINITY;
    for (uint32_t k = 0; k < p->series_count; k++)
        for (uint32_t i = 0; i < p->series[k].count; i++) {
            const hrm_plot_series *s = &p->series[k];
            if (!hrm_plot_series_has(s, p->log_y, i)) continue;
            place->has_data = true;
            place->x_low = fmin(place->x_low, hrm_plot_series_x(s, i));
            place->x_high = fmax(place->x_high, hrm_plot_series_x(s, i));
            place->y_low = fmin(place->y_low, s->y[i]);
            place->y_high = fmax(place->y_high, s->y[i]);
        }
    if (p->y_low < p->y_high) {
        place->y_low = p->y_low;
        place->y_high = p->y_high;
    }
}

static bool labels_collide(const hrm_plot_axis *axis, float length) {
    float end = -INFINITY;
    for (size_t i = 0; i < axis->tick_count; i++) {
        if (axis->ticks[i].minor) continue;
        const float middle = (float)hrm_plot_axis_place(axis, axis->ticks[i].value) * length;
        const float half = hrm_text_width(&tick_style, axis->ticks[i].label) / 2;
        if (middle - half < end + 10) return true;
        end = middle + half;
    }
    return false;
}

static void choose_x_ticks(panel_place *place) {
    for (unsigned room = (unsigned)(place->frame.width / TICK_SPACING_X) + 1;; room--) {
        hrm_plot_axis_init(&place->x_axis, place->x_low, place->x_high, false, false, place->panel->x_unit, room);
        if (room <= 2 || !labels_collide(&place->x_axis, place->frame.width)) return;
    }
}

static float widest_label(const hrm_plot_axis *axis) {
    float widest = 0;
    for (size_t i = 0; i < axis->tick_count; i++)
        widest = fmaxf(widest, hrm_text_width(&tick_style, axis->ticks[i].label));
    return widest;
}

/* Title and legend from the panel's top edge on; returns the y below them. With a NULL pen nothing is drawn. */
static float draw_panel_header(const panel_place *place, const hrm_plot_pen *pen) {
    const hrm_plot_panel *p = place->panel;
    char fitted[256] = "";
    legend_pen at = {.x = place->frame.x,
                     .left = place->frame.x,
                     .right = place->x + place->width,
                     .y = place->y + panel_style.cap_height};
    if (p->title) hrm_text_fit_into(&panel_style, p->title, at.right - at.left, fitted, sizeof fitted);
    if (fitted[0]) {
        if (pen)
            pen->draw_text(pen->user, (hrm_point){at.left, at.y}, HRM_PLOT_ANCHOR_LEFT, false, &panel_style, fitted);
        at.x += hrm_text_width(&panel_style, fitted) + 1.3f * BETWEEN_ENTRIES;
    }
    for (uint32_t i = 0; i < p->series_count; i++)
        if (p->series[i].label) add_entry(&at, pen, p->series[i].label, p->series[i].style, p->series[i].color);
    return at.y + 13;
}

static void draw_ticks(const panel_place *place, const hrm_plot_pen *pen) {
    const hrm_plot_frame *f = &place->frame;
    for (int minor = 1; minor >= 0; minor--) /* labelled lines over the fainter ones */
        for (size_t i = 0; i < place->y_axis.tick_count; i++) {
            const hrm_plot_tick *tick = &place->y_axis.ticks[i];
            if (tick->minor != (minor == 1)) continue;
            const float y = roundf(hrm_plot_frame_place(f, place->x_axis.low, tick->value).y);
            pen->fill_rect(pen->user, f->x, y, f->width, 1, minor ? minor_grid_color : grid_color);
            if (!minor)
                pen->draw_text(pen->user, (hrm_point){f->x - TICK_GAP, y + 0.5f + tick_style.cap_height / 2},
                               HRM_PLOT_ANCHOR_RIGHT, false, &tick_style, tick->label);
        }
    for (size_t i = 0; i < place->x_axis.tick_count; i++) {
        const hrm_plot_tick *tick = &place->x_axis.ticks[i];
        const float x = roundf(hrm_plot_frame_place(f, tick->value, place->y_axis.low).x);
        const float half = hrm_text_width(&tick_style, tick->label) / 2;
        const float middle = fminf(x + 0.5f, place->x + place->width + BETWEEN_COLUMNS / 3 - half);
        pen->fill_rect(pen->user, x, f->y, 1, f->height, grid_color);
        pen->fill_rect(pen->user, x, f->y + f->height, 1, 4, axis_color);
        pen->draw_text(pen->user, (hrm_point){middle, f->y + f->height + TICK_GAP + 3 + tick_style.cap_height},
                       HRM_PLOT_ANCHOR_MIDDLE, false, &tick_style, tick->label);
    }
}

static void draw_axis_labels(const panel_place *place, const hrm_plot_pen *pen) {
    const hrm_plot_frame *f = &place->frame;
    char fitted[256];
    if (place->panel->x_label) {
        hrm_text_fit_into(&label_style, place->panel->x_label, f->width, fitted, sizeof fitted);
        pen->draw_text(pen->user, (hrm_point){f->x + f->width / 2, place->y + place->height - 3},
                       HRM_PLOT_ANCHOR_MIDDLE, false, &label_style, fitted);
    }
    if (place->panel->y_label) {
        hrm_text_fit_into(&label_style, place->panel->y_label, f->height, fitted, sizeof fitted);
        pen->draw_text(pen->user, (hrm_point){place->x + label_style.cap_height, f->y + f->height / 2},
                       HRM_PLOT_ANCHOR_MIDDLE, true, &label_style, fitted);
    }
}

/* ---- the best point ---- */

typedef struct box {
    float x, y, width, height;
} box;

/* Points of the panel's series in the box: how much a text there would hide. */
static size_t count_inside(const panel_place *place, box b) {
    size_t inside = 0;
    for (uint32_t k = 0; k < place->panel->series_count; k++) {
        const hrm_plot_series *s = &place->panel->series[k];
        for (uint32_t i = 0; i < s->count; i++) {
            if (!hrm_plot_series_has(s, place->y_axis.log, i)) continue;
            const hrm_point p = hrm_plot_frame_place(&place->frame, hrm_plot_series_x(s, i), s->y[i]);
            inside += p.x >= b.x && p.x <= b.x + b.width && p.y >= b.y && p.y <= b.y + b.height;
        }
    }
    return inside;
}

/* Beside the point where it hides least, inside the frame. */
static box place_note(const panel_place *place, hrm_point at, float width, float height) {
    const hrm_plot_frame *f = &place->frame;
    box best = {f->x, f->y, width, height};
    size_t least = SIZE_MAX;
    for (int i = 0; i < 6; i++) {
        const float across = i % 2 ? at.x + 10 : at.x - 10 - width;
        const float down = i / 2 == 0 ? at.y - 9 - height : i / 2 == 1 ? at.y + 9 : at.y + 38;
        box b = {fmaxf(f->x + 3, fminf(across, f->x + f->width - width - 3)),
                 fmaxf(f->y + 3, fminf(down, f->y + f->height - height - 3)), width, height};
        const size_t hidden = count_inside(place, b);
        if (hidden < least) {
            least = hidden;
            best = b;
        }
    }
    return best;
}

static void write_note(const panel_place *place, const hrm_plot_pen *pen, const hrm_plot_series *s, uint32_t i,
                       hrm_point at) {
    char x[HRM_PLOT_LABEL_SIZE], y[HRM_PLOT_LABEL_SIZE], text[2 * HRM_PLOT_LABEL_SIZE + 16];
    snprintf(text, sizeof text, "best %s at %s", hrm_plot_axis_format(place->panel->y_unit, s->y[i], y, sizeof y),
             hrm_plot_axis_format(place->panel->x_unit, hrm_plot_series_x(s, i), x, sizeof x));
    hrm_text_style style = legend_style;
    style.color = hrm_plot_color(s->color);
    style.weight = 0.165f;
    const float width = hrm_text_width(&style, text) + 8, height = style.cap_height + 8;
    if (width + 6 > place->frame.width || height + 6 > place->frame.height) return;
    const box b = place_note(place, at, width, height);
    pen->fill_rect(pen->user, b.x, b.y, b.width, b.height, veil_color);
    pen->draw_text(pen->user, (hrm_point){b.x + 4, b.y + b.height - 4}, HRM_PLOT_ANCHOR_LEFT, false, &style, text);
}

static void mark_best(const panel_place *place, const hrm_plot_pen *pen) {
    const hrm_plot_panel *p = place->panel;
    const hrm_plot_series *noted = NULL;
    uint32_t marked = 0, noted_point = 0, point = 0;
    for (uint32_t k = 0; k < p->series_count; k++) {
        const hrm_plot_series *s = &p->series[k];
        if (!hrm_plot_series_best(s, p->log_y, &point)) continue;
        const hrm_point at = hrm_plot_frame_place(&place->frame, hrm_plot_series_x(s, point), s->y[point]);
        pen->draw_circle(pen->user, at, 7, 2, hrm_plot_color(s->color));
        noted = s;
        noted_point = point;
        marked++;
    }
    if (marked != 1) return;
    write_note(place, pen, noted, noted_point,
               hrm_plot_frame_place(&place->frame, hrm_plot_series_x(noted, noted_point), noted->y[noted_point]));
}

static hrm_status draw_panel(const panel_place *place, const hrm_plot_pen *pen) {
    const hrm_plot_frame *f = &place->frame;
    hrm_status status = HRM_OK;
    draw_panel_header(place, pen);
    if (place->has_data) draw_ticks(place, pen);
    pen->fill_rect(pen->user, f->x, f->y, 1, f->height, axis_color);
    pen->fill_rect(pen->user, f->x, f->y + f->height, f->width + 1, 1, axis_color);
    draw_axis_labels(place, pen);
    if (!place->has_data)
        pen->draw_text(pen->user, (hrm_point){f->x + f->width / 2, f->y + f->height / 2}, HRM_PLOT_ANCHOR_MIDDLE, false,
                       &label_style, "no data");
    for (int faint = 1; faint >= 0; faint--) /* pale lines below the others */
        for (uint32_t i = 0; status == HRM_OK && i < place->panel->series_count; i++)
            if ((place->panel->series[i].style == HRM_PLOT_FAINT) == (faint == 1))
                status = hrm_plot_curve_draw(&place->panel->series[i], f, pen);
    if (status == HRM_OK) mark_best(place, pen);
    return status;
}

/* ---- the whole picture ---- */

/* Title, caption, legend; returns the y where panels begin. */
static float draw_header(const hrm_plot_config *c, const hrm_plot_pen *pen) {
    const float room = (float)c->width - 2 * MARGIN;
    char fitted[512];
    float y = MARGIN;
    if (c->title) {
        y += title_style.cap_height;
        hrm_text_fit_into(&title_style, c->title, room, fitted, sizeof fitted);
        pen->draw_text(pen->user, (hrm_point){MARGIN, y}, HRM_PLOT_ANCHOR_LEFT, false, &title_style, fitted);
        y += 11;
    }
    if (c->caption) {
        y += caption_style.cap_height;
        hrm_text_fit_into(&caption_style, c->caption, room, fitted, sizeof fitted);
        pen->draw_text(pen->user, (hrm_point){MARGIN, y}, HRM_PLOT_ANCHOR_LEFT, false, &caption_style, fitted);
        y += 11;
    }
    if (c->legend_count > 0) {
        legend_pen at = {.x = MARGIN, .left = MARGIN, .right = MARGIN + room, .y = y + 4 + legend_style.cap_height};
        for (uint32_t i = 0; i < c->legend_count; i++)
            add_entry(&at, pen, c->legend[i] ? c->legend[i] : "", HRM_PLOT_LINE, i);
        y = at.y + 12;
    }
    return y > MARGIN ? y + 11 : y;
}

/* The part of the picture that each panel gets; the last row's panels share its whole width. */
static void place_cells(const hrm_plot_config *c, float top, panel_place *places) {
    const uint32_t rows = (c->panel_count + c->columns - 1) / c->columns;
    const float height = ((float)c->height - MARGIN - top - BETWEEN_ROWS * (float)(rows - 1)) / (float)rows;
    for (uint32_t i = 0; i < c->panel_count; i++) {
        const uint32_t row = i / c->columns, rest = c->panel_count - row * c->columns;
        const float columns = (float)(rest < c->columns ? rest : c->columns), column = (float)(i % c->columns);
        const float width = ((float)c->width - 2 * MARGIN - BETWEEN_COLUMNS * (columns - 1)) / columns;
        places[i] = (panel_place){.panel = &c->panels[i],
                                  .x = MARGIN + column * (width + BETWEEN_COLUMNS),
                                  .y = top + (float)row * (height + BETWEEN_ROWS),
                                  .width = width,
                                  .height = height};
    }
}

/* Axes and frames: all panels get the same room for labels, so that their frames line up. */
static void place_frames(const hrm_plot_config *c, panel_place *places) {
    float left = 0, bottom = TICK_GAP + 3 + tick_style.cap_height + 3;
    bool x_labels = false, y_labels = false;
    for (uint32_t i = 0; i < c->panel_count; i++) {
        panel_place *place = &places[i];
        const hrm_plot_panel *p = place->panel;
        const unsigned room = (unsigned)fmaxf(2, (place->height - 80) / TICK_SPACING_Y);
        measure(place);
        hrm_plot_axis_init(&place->y_axis, place->y_low, place->y_high, p->log_y, p->y_low < p->y_high, p->y_unit,
                           room);
        left = fmaxf(left, widest_label(&place->y_axis));
        x_labels = x_labels || p->x_label;
        y_labels = y_labels || p->y_label;
    }
    left = roundf(left + TICK_GAP + (y_labels ? label_style.cap_height + 12 : 0));
    if (x_labels) bottom += label_style.cap_height + 8;
    for (uint32_t i = 0; i < c->panel_count; i++) {
        panel_place *place = &places[i];
        hrm_plot_frame *f = &place->frame;
        f->x = roundf(place->x) + left;
        f->width = floorf(place->x + place->width - f->x);
    }
    for (uint32_t i = 0; i < c->panel_count; i++) { /* headers of a row take the same room */
        const uint32_t row = i / c->columns;
        hrm_plot_frame *f = &places[i].frame;
        for (uint32_t k = row * c->columns; k < c->panel_count && k / c->columns == row; k++)
            f->y = fmaxf(f->y, roundf(draw_panel_header(&places[k], NULL)));
        f->height = floorf(places[i].y + places[i].height - bottom - f->y);
        f->x_axis = &places[i].x_axis;
        f->y_axis = &places[i].y_axis;
        choose_x_ticks(&places[i]);
    }
}

/* A frame must be left after titles, legends and labels. */
static hrm_status check_room(const hrm_plot_config *c, const panel_place *places) {
    for (uint32_t i = 0; i < c->panel_count; i++) {
        const panel_place *p = &places[i];
        if (p->width >= MIN_CELL_WIDTH && p->height >= MIN_CELL_HEIGHT && p->frame.width >= MIN_CELL_WIDTH / 3 &&
            p->frame.height >= MIN_CELL_HEIGHT / 3)
            continue;
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "plot: %u x %u leaves too little room for %u panels in %u columns: each needs at least "
                        "%.0f x %.0f, its legend included; make the picture larger or the legends shorter",
                        c->width, c->height, c->panel_count, c->columns, (double)MIN_CELL_WIDTH,
                        (double)MIN_CELL_HEIGHT);
    }
    return HRM_OK;
}

hrm_status hrm_plot_draw(const hrm_plot_config *config, const hrm_plot_pen *pen) {
    hrm_status status;
    hrm_plot_config c = {0};
    panel_place *places = NULL;
    HRM_TRY(hrm_plot_resolve(config, &c));
    places = calloc(c.panel_count, sizeof *places);
    if (!places) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "plot: no host memory for %u panels", c.panel_count);
    pen->fill_rect(pen->user, 0, 0, (float)c.width, (float)c.height, paper);
    place_cells(&c, draw_header(&c, pen), places);
    place_frames(&c, places);
    HRM_TRY(check_room(&c, places));
    for (uint32_t i = 0; i < c.panel_count; i++) HRM_TRY(draw_panel(&places[i], pen));
fail:
    free(places);
    return status;
}

/* ---- files ---- */

hrm_status hrm_plot_encode_png(const hrm_plot_config *config, uint8_t **bytes, size_t *size) {
    hrm_status status;
    hrm_plot_config c = {0};
    hrm_canvas canvas = {0};
    hrm_plot_canvas_pen state;
    HRM_TRY(hrm_plot_resolve(config, &c));
    HRM_TRY(hrm_canvas_init(&canvas, (uint32_t)lroundf((float)c.width * c.scale),
                            (uint32_t)lroundf((float)c.height * c.scale), paper));
    const hrm_plot_pen pen = hrm_plot_canvas_pen_init(&state, &canvas, c.scale);
    HRM_TRY(hrm_plot_draw(&c, &pen));
    HRM_TRY(hrm_png_encode(&canvas, bytes, size));
fail:
    hrm_canvas_deinit(&canvas);
    return status;
}

hrm_status hrm_plot_encode_svg(const hrm_plot_config *config, uint8_t **bytes, size_t *size) {
    hrm_plot_config c = {0};
    hrm_plot_svg_pen state;
    hrm_status status = hrm_plot_resolve(config, &c);
    if (status != HRM_OK) return status;
    const hrm_plot_pen pen = hrm_plot_svg_pen_init(&state, c.width, c.height, c.scale, c.title);
    status = hrm_plot_draw(&c, &pen);
    hrm_plot_svg_pen_finish(&state);
    if (status == HRM_OK && state.out.failed)
        status = hrm_fail(HRM_ERR_OUT_OF_MEMORY, "plot: no host memory for the text of the picture");
    if (status != HRM_OK) {
        free(state.out.bytes);
        return status;
    }
    *bytes = state.out.bytes;
    *size = state.out.size;
    return HRM_OK;
}
