#include "viz/draw_maze.h"

#include "viz/poster.h"
#include "viz/text.h"

#include <math.h>
#include <stdbool.h>

/* Meanings in Okabe-Ito colours: blue, orange, reddish purple, bluish green, vermillion; greys for the rest.
 * Source: M. Okabe, K. Ito, "Color universal design", 2008. */
static const hrm_color wall_color = {52, 62, 78, 255};
static const hrm_color floor_color = {246, 245, 240, 255};
static const hrm_color grid_color = {226, 225, 218, 255};
static const hrm_color path_color = {0, 114, 178, 255};
static const hrm_color extra_color = {230, 159, 0, 255};
static const hrm_color missed_color = {112, 120, 133, 255};
static const hrm_color changed_color = {204, 82, 160, 255};
static const hrm_color start_color = {0, 158, 115, 255};
static const hrm_color goal_color = {213, 94, 0, 255};

/* What a picture shows, for its legend. */
enum {
    SHOWS_PATH = 1,      /* the answer's path, where it is not known to be wrong */
    SHOWS_EXTRA = 2,     /* path cells that the reference does not have */
    SHOWS_MISSED = 4,    /* path cells of the reference that the answer lacks */
    SHOWS_CHANGED = 8,   /* cells that disagree with the puzzle */
    SHOWS_REFERENCE = 16 /* the reference's path, without an answer */
};

typedef struct painter {
    const hrm_maze_drawing *drawing;
    hrm_canvas *canvas;
    float cell, frame;   /* pixels: a cell's side, the wall around the maze */
    float x, y;          /* of the first cell */
    const char *path;    /* the cells whose 'o' are the path drawn: the answer, else the reference, else NULL */
    const char *compare; /* the reference, when there is an answer to compare with it */
} painter;

/* ---- what is in a cell ---- */

static bool is_open(char cell) {
    return cell == ' ' || cell == 'o';
}

/* Disagrees with the puzzle in more than the path. */
static bool is_changed(const hrm_maze_drawing *d, size_t i) {
    return d->answer && !(is_open(d->puzzle[i]) ? is_open(d->answer[i]) : d->answer[i] == d->puzzle[i]);
}

/* An end of the path: a start or goal of the puzzle or of the answer. */
static bool is_end(const hrm_maze_drawing *d, size_t i) {
    char shown = d->answer ? d->answer[i] : d->puzzle[i];
    return shown == 'S' || shown == 'G' || d->puzzle[i] == 'S' || d->puzzle[i] == 'G';
}

static bool on_path(const painter *p, size_t i) {
    return p->path && p->path[i] == 'o';
}

static bool is_extra(const painter *p, size_t i) {
    return on_path(p, i) && p->compare && p->compare[i] != 'o';
}

static bool is_missed(const painter *p, size_t i) {
    return p->compare && p->compare[i] == 'o' && !on_path(p, i);
}

static unsigned find_shown(const hrm_maze_drawing *d) {
    painter p = {
        .drawing = d, .path = d->answer ? d->answer : d->reference, .compare = d->answer ? d->reference : NULL};
    unsigned shown = 0;
    size_t cells = (size_t)d->width * d->height;
    for (size_t i = 0; i < cells; i++) {
        if (is_changed(d, i)) shown |= SHOWS_CHANGED;
        if (is_extra(&p, i))
            shown |= SHOWS_EXTRA;
        else if (on_path(&p, i))
            shown |= d->answer ? SHOWS_PATH : SHOWS_REFERENCE;
        if (is_missed(&p, i)) shown |= SHOWS_MISSED;
    }
    return shown;
}

/* ---- drawing ---- */

#define BEND_STEPS 16 /* line pieces in the curve of a bend */

static void set_scale(painter *p) {
    uint32_t longest = p->drawing->width > p->drawing->height ? p->drawing->width : p->drawing->height;
    float cell = floorf(720.0f / (float)longest);
    p->cell = cell > 96 ? 96 : cell < 4 ? 4 : cell;
    p->frame = floorf(p->cell * 0.3f);
    if (p->frame > 16) p->frame = 16;
    if (p->frame < 3) p->frame = 3;
}

static hrm_point center_of(const painter *p, uint32_t x, uint32_t y) {
    return (hrm_point){p->x + ((float)x + 0.5f) * p->cell, p->y + ((float)y + 0.5f) * p->cell};
}

/* What the picture shows as ground: outside the maze is wall; a path drawn over a wall leaves the wall visible. */
static bool is_wall(const painter *p, int64_t x, int64_t y) {
    const hrm_maze_drawing *d = p->drawing;
    if (x < 0 || y < 0 || x >= d->width || y >= d->height) return true;
    size_t i = (size_t)y * d->width + (size_t)x;
    if (!d->answer || d->answer[i] == 'o') return d->puzzle[i] == '#';
    return d->answer[i] == '#';
}

static void draw_ground(const painter *p) {
    const hrm_maze_drawing *d = p->drawing;
    float cell = p->cell, x0 = p->x, y0 = p->y, frame = p->frame;
    float width = cell * (float)d->width, height = cell * (float)d->height;
    hrm_canvas_fill_rounded_rect(p->canvas, x0 - frame, y0 - frame, width + 2 * frame, height + 2 * frame, frame,
                                 wall_color);
    hrm_canvas_fill_rect(p->canvas, x0, y0, width, height, floor_color);
    if (cell >= 10) {
        for (uint32_t x = 1; x < d->width; x++)
            hrm_canvas_fill_rect(p->canvas, x0 + cell * (float)x, y0, 1, height, grid_color);
        for (uint32_t y = 1; y < d->height; y++)
            hrm_canvas_fill_rect(p->canvas, x0, y0 + cell * (float)y, width, 1, grid_color);
    }
    float round = cell >= 10 ? cell * 0.16f : 0;
    for (int64_t y = 0; y < d->height; y++)
        for (int64_t x = 0; x < d->width; x++) {
            if (!is_wall(p, x, y)) continue;
            bool up = is_wall(p, x, y - 1), down = is_wall(p, x, y + 1), left = is_wall(p, x - 1, y),
                 right = is_wall(p, x + 1, y);
            const float radii[4] = {up || left ? 0 : round, up || right ? 0 : round, down || right ? 0 : round,
                                    down || left ? 0 : round};
            /* One pixel more to the right and down covers the grid line between two floor cells. */
            float more = cell >= 10 ? 1 : 0;
            hrm_canvas_fill_box(p->canvas, x0 + cell * (float)x, y0 + cell * (float)y, cell + more, cell + more, radii,
                                wall_color);
        }
}

/* True when a path joins the cells i and j, which are neighbours: two path cells, or one and an end. */
static bool is_joined(const painter *p, size_t i, size_t j) {
    if (on_path(p, i)) return on_path(p, j) || is_end(p->drawing, j);
    return is_end(p->drawing, i) && on_path(p, j);
}

/* Adds the way through one cell from its centre to the middle of each joined side; a bend becomes a curve. With `extra`
 * only what leads to or from a cell outside the reference, without it only the rest. */
static void add_path_cell(const painter *p, uint32_t x, uint32_t y, bool extra, float thickness) {
    static const int steps[4][2] = {{0, -1}, {1, 0}, {0, 1}, {-1, 0}};
    const hrm_maze_drawing *d = p->drawing;
    size_t i = (size_t)y * d->width + x;
    hrm_point center = center_of(p, x, y), sides[4];
    int joined[4], count = 0;
    for (int k = 0; k < 4; k++) {
        int64_t nx = (int64_t)x + steps[k][0], ny = (int64_t)y + steps[k][1];
        if (nx < 0 || ny < 0 || nx >= d->width || ny >= d->height) continue;
        size_t j = (size_t)ny * d->width + (size_t)nx;
        if (!is_joined(p, i, j) || (is_extra(p, i) || is_extra(p, j)) != extra) continue;
        sides[count] =
            (hrm_point){center.x + (float)steps[k][0] * p->cell / 2, center.y + (float)steps[k][1] * p->cell / 2};
        joined[count++] = k;
    }
    if (count == 2 && (joined[1] - joined[0]) % 2 == 1 && !is_end(d, i)) {
        hrm_point last = sides[0];
        for (int step = 1; step <= BEND_STEPS; step++) {
            float t = (float)step / BEND_STEPS, u = 1 - t;
            hrm_point next = {u * u * sides[0].x + 2 * u * t * center.x + t * t * sides[1].x,
                              u * u * sides[0].y + 2 * u * t * center.y + t * t * sides[1].y};
            hrm_canvas_layer_segment(p->canvas, last, next, thickness);
            last = next;
        }
        return;
    }
    if (on_path(p, i) && is_extra(p, i) == extra) hrm_canvas_layer_segment(p->canvas, center, center, thickness);
    for (int k = 0; k < count; k++) hrm_canvas_layer_segment(p->canvas, center, sides[k], thickness);
}

static void draw_path(const painter *p, bool extra, hrm_color color) {
    float thickness = p->cell * (p->cell < 6 ? 0.6f : 0.32f);
    for (uint32_t y = 0; y < p->drawing->height; y++)
        for (uint32_t x = 0; x < p->drawing->width; x++) add_path_cell(p, x, y, extra, thickness);
    hrm_canvas_layer_paint(p->canvas, color);
}

static void draw_missed_cell(hrm_canvas *canvas, hrm_point center, float cell) {
    if (cell < 8)
        hrm_canvas_fill_circle(canvas, center, cell * 0.25f, missed_color);
    else
        hrm_canvas_draw_circle(canvas, center, cell * 0.17f, fmaxf(cell * 0.065f, 1.2f), missed_color);
}

static void draw_changed_mark(hrm_canvas *canvas, hrm_point center, float cell) {
    float thickness = fmaxf(cell * 0.08f, 1.5f), half = cell / 2 - fmaxf(cell * 0.03f, 0.0f);
    hrm_canvas_draw_box(canvas, center.x - half, center.y - half, 2 * half, 2 * half, cell * 0.14f, thickness,
                        changed_color);
}

static void draw_badge(hrm_canvas *canvas, hrm_point center, float cell, char letter) {
    float half = cell < 8 ? cell / 2 : cell * 0.38f;
    hrm_canvas_fill_rounded_rect(canvas, center.x - half, center.y - half, 2 * half, 2 * half,
                                 letter == 'S' ? half : half * 0.4f, letter == 'S' ? start_color : goal_color);
    if (cell >= 12)
        hrm_text_draw_centered(canvas, center, &(hrm_text_style){floorf(cell * 0.36f), 0.19f, hrm_poster_paper},
                               letter);
}

static void draw_marks(const painter *p) {
    const hrm_maze_drawing *d = p->drawing;
    float cell = p->cell;
    for (uint32_t y = 0; y < d->height; y++)
        for (uint32_t x = 0; x < d->width; x++) {
            size_t i = (size_t)y * d->width + x;
            char shown = d->answer && d->answer[i] != 'o' ? d->answer[i] : d->puzzle[i];
            hrm_point center = center_of(p, x, y);
            if (is_missed(p, i)) draw_missed_cell(p->canvas, center, cell);
            if (shown == 'S' || shown == 'G')
                draw_badge(p->canvas, center, cell, shown);
            else if (!is_open(shown) && shown != '#' && cell >= 8)
                hrm_text_draw_centered(p->canvas, center, &(hrm_text_style){cell * 0.4f, 0.15f, changed_color}, '?');
            if (is_changed(d, i)) draw_changed_mark(p->canvas, center, cell);
        }
}

/* ---- legend ---- */

static const hrm_poster_legend_item legend_items[] = {
    {0, "start"},
    {0, "goal"},
    {SHOWS_PATH, "path"},
    {SHOWS_REFERENCE, "shortest path"},
    {SHOWS_EXTRA, "not in the known path"},
    {SHOWS_MISSED, "missed"},
    {SHOWS_CHANGED, "differs from the puzzle"},
};
#define LEGEND_SWATCH 20.0f

static void draw_swatch(hrm_canvas *canvas, uint32_t item, float x, float y) {
    hrm_point center = {x + LEGEND_SWATCH / 2, y + LEGEND_SWATCH / 2};
    hrm_point left = {x + 3.5f, center.y}, right = {x + LEGEND_SWATCH - 3.5f, center.y};
    switch (item) {
    case 0:
        draw_badge(canvas, center, LEGEND_SWATCH * 1.25f, 'S');
        break;
    case 1:
        draw_badge(canvas, center, LEGEND_SWATCH * 1.25f, 'G');
        break;
    case 2:
    case 3:
        hrm_canvas_draw_line(canvas, left, right, 7, path_color);
        break;
    case 4:
        hrm_canvas_draw_line(canvas, left, right, 7, extra_color);
        break;
    case 5:
        draw_missed_cell(canvas, center, 32);
        break;
    default:
        draw_changed_mark(canvas, center, LEGEND_SWATCH);
        break;
    }
}

static const hrm_poster_legend legend = {.items = legend_items,
                                         .count = sizeof legend_items / sizeof legend_items[0],
                                         .swatch = LEGEND_SWATCH,
                                         .gap = 7,
                                         .row = 27,
                                         .draw_swatch = draw_swatch};

/* ---- pictures ---- */

static hrm_status check_drawing(const hrm_maze_drawing *d) {
    if (!d->puzzle || d->width < 1 || d->height < 1 || d->width > HRM_MAZE_DRAWING_MAX_SIDE ||
        d->height > HRM_MAZE_DRAWING_MAX_SIDE)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a picture of %s of %ux%u cells was asked for; a puzzle with sides of 1 to %u is needed",
                        d->puzzle ? "a maze" : "no puzzle", d->width, d->height, HRM_MAZE_DRAWING_MAX_SIDE);
    return HRM_OK;
}

typedef struct animation {
    const hrm_maze_drawing *frames;
    uint32_t count;
    unsigned shown; /* in any of the frames: they have one legend */
} animation;

static hrm_status draw_frame(const void *user, uint32_t frame, hrm_canvas *out) {
    const animation *whole = user;
    const hrm_maze_drawing *d = &whole->frames[frame];
    painter p = {.drawing = d,
                 .canvas = out,
                 .path = d->answer ? d->answer : d->reference,
                 .compare = d->answer ? d->reference : NULL};
    set_scale(&p);
    const hrm_poster poster = {.board_width = p.cell * (float)d->width + 2 * p.frame,
                               .board_height = p.cell * (float)d->height + 2 * p.frame,
                               .title = d->title,
                               .caption = d->caption,
                               .legend = &legend,
                               .shown = whole->shown,
                               .frame = frame,
                               .frame_count = whole->count};
    hrm_point board;
    hrm_status status = hrm_poster_draw(&poster, out, &board);
    if (status != HRM_OK) return status;
    p.x = board.x + p.frame;
    p.y = board.y + p.frame;
    draw_ground(&p);
    draw_path(&p, true, extra_color);
    draw_path(&p, false, path_color);
    draw_marks(&p);
    return HRM_OK;
}

hrm_status hrm_draw_maze(const hrm_maze_drawing *drawing, hrm_canvas *out) {
    *out = (hrm_canvas){0};
    hrm_status status = check_drawing(drawing);
    if (status != HRM_OK) return status;
    return draw_frame(&(animation){drawing, 1, find_shown(drawing)}, 0, out);
}

hrm_status hrm_draw_maze_png(const hrm_maze_drawing *drawing, const char *path) {
    hrm_status status = check_drawing(drawing);
    if (status != HRM_OK) return status;
    return hrm_poster_write_png(draw_frame, &(animation){drawing, 1, find_shown(drawing)}, path);
}

hrm_status hrm_draw_maze_gif(const hrm_maze_drawing *frames, uint32_t count, uint32_t frame_ms, const char *path) {
    animation whole = {.frames = frames, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        hrm_status status = check_drawing(&frames[i]);
        if (status != HRM_OK) return status;
        if (frames[i].width != frames[0].width || frames[i].height != frames[0].height ||
            !frames[i].title != !frames[0].title || !frames[i].caption != !frames[0].caption)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "%s: frame %u (%ux%u cells) does not match the first (%ux%u); all frames need the same "
                            "sides, and all or none a title and a caption",
                            path, i + 1, frames[i].width, frames[i].height, frames[0].width, frames[0].height);
        whole.shown |= find_shown(&frames[i]);
    }
    return hrm_poster_write_gif(draw_frame, &whole, count, frame_ms, path);
}
