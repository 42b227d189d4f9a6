#include "viz/draw_sudoku.h"

#include "viz/poster.h"
#include "viz/text.h"

#include <math.h>
#include <stdbool.h>

/* The colours of draw_maze.c, with the same meanings where both have them. Source: M. Okabe, K. Ito, "Color universal
 * design", 2008. */
static const hrm_color line_color = {52, 62, 78, 255};
static const hrm_color floor_color = {252, 251, 248, 255};
static const hrm_color given_floor_color = {235, 233, 225, 255};
static const hrm_color grid_color = {205, 204, 198, 255};
static const hrm_color answer_color = {0, 114, 178, 255};
static const hrm_color wrong_color = {213, 94, 0, 255};
static const hrm_color wrong_floor_color = {253, 232, 216, 255};
static const hrm_color changed_color = {204, 82, 160, 255};
static const hrm_color missing_color = {112, 120, 133, 255};

#define MAX_CELLS (HRM_SUDOKU_DRAWING_MAX_SIDE * HRM_SUDOKU_DRAWING_MAX_SIDE)

/* What a picture shows, for its legend; each cell has one of these, besides being given or not. */
enum {
    SHOWS_ANSWER = 1,    /* a digit of the answer that is not known to be wrong */
    SHOWS_REFERENCE = 2, /* a digit of the reference, without an answer */
    SHOWS_WRONG = 4,     /* differs from the reference */
    SHOWS_CLASH = 8,     /* without a reference: the digit stands twice in a row, column or box */
    SHOWS_CHANGED = 16,  /* a given that the answer changes */
    SHOWS_MISSING = 32   /* a cell that the answer leaves blank */
};

#define FRAME 4.0f /* pixels: the line around the board */

typedef struct painter {
    const hrm_sudoku_drawing *drawing;
    hrm_canvas *canvas;
    float cell;               /* pixels: a cell's side */
    float x, y;               /* of the first cell */
    uint8_t kinds[MAX_CELLS]; /* one of SHOWS_ for each cell, 0 for a given or a blank */
} painter;

/* ---- what is in a cell ---- */

static bool is_digit(const hrm_sudoku_drawing *d, uint8_t cell) {
    return cell >= 1 && cell <= d->side;
}

static bool share_unit(const hrm_sudoku_drawing *d, size_t i, size_t j) {
    size_t row_i = i / d->side, row_j = j / d->side, column_i = i % d->side, column_j = j % d->side;
    return row_i == row_j || column_i == column_j ||
           (row_i / d->box_height == row_j / d->box_height && column_i / d->box_width == column_j / d->box_width);
}

/* The digit stands twice. A given is to blame only where another given has the same digit. */
static bool clashes(const hrm_sudoku_drawing *d, const uint8_t *shown, size_t i) {
    size_t cells = (size_t)d->side * d->side;
    if (!is_digit(d, shown[i])) return false;
    for (size_t j = 0; j < cells; j++)
        if (j != i && shown[j] == shown[i] && share_unit(d, i, j) && (d->puzzle[i] == 0 || d->puzzle[j] == shown[j]))
            return true;
    return false;
}

static unsigned find_kind(const hrm_sudoku_drawing *d, size_t i) {
    const uint8_t *shown = d->answer ? d->answer : d->puzzle;
    bool given = d->puzzle[i] != 0;
    if (given && shown[i] != d->puzzle[i]) return SHOWS_CHANGED;
    if (!d->reference && clashes(d, shown, i)) return SHOWS_CLASH;
    if (given) return 0;
    if (!d->answer) return d->reference && d->reference[i] != 0 ? SHOWS_REFERENCE : 0;
    if (shown[i] == 0) return SHOWS_MISSING;
    if (!is_digit(d, shown[i]) || (d->reference && shown[i] != d->reference[i])) return SHOWS_WRONG;
    return SHOWS_ANSWER;
}

static void find_kinds(const hrm_sudoku_drawing *d, uint8_t kinds[MAX_CELLS]) {
    for (size_t i = 0; i < (size_t)d->side * d->side; i++) kinds[i] = (uint8_t)find_kind(d, i);
}

static unsigned find_shown(const hrm_sudoku_drawing *d) {
    unsigned shown = 0;
    for (size_t i = 0; i < (size_t)d->side * d->side; i++) shown |= find_kind(d, i);
    return shown;
}

/* ---- drawing ---- */

static void draw_digit(hrm_canvas *canvas, hrm_point center, float cap_height, float weight, hrm_color color,
                       uint8_t cell) {
    hrm_text_draw_centered(canvas, center, &(hrm_text_style){cap_height, weight, color},
                           cell >= 1 && cell <= 9 ? (char)('0' + cell) : '?');
}

/* The digit that should be there, small in the top right corner. */
static void draw_correction(hrm_canvas *canvas, hrm_point center, float cell, uint8_t digit) {
    hrm_point corner = {center.x + cell * 0.36f, center.y - cell * 0.345f};
    draw_digit(canvas, corner, cell * 0.135f, 0.16f, hrm_poster_ink, digit);
}

static void draw_ring(hrm_canvas *canvas, hrm_point center, float cell) {
    hrm_canvas_draw_circle(canvas, center, cell * 0.33f, fmaxf(cell * 0.04f, 1.4f), wrong_color);
}

static void draw_changed_mark(hrm_canvas *canvas, hrm_point center, float cell) {
    float half = cell * 0.45f;
    hrm_canvas_draw_box(canvas, center.x - half, center.y - half, 2 * half, 2 * half, cell * 0.12f,
                        fmaxf(cell * 0.055f, 1.5f), changed_color);
}

static void draw_missing_mark(hrm_canvas *canvas, hrm_point center, float cell) {
    hrm_canvas_draw_circle(canvas, center, cell * 0.1f, fmaxf(cell * 0.035f, 1.2f), missing_color);
}

/* One cell's digit and marks. `was` is the given or the reference's digit, drawn small where it was missed; 0 for none.
 */
static void draw_cell(hrm_canvas *canvas, hrm_point center, float cell, unsigned kind, bool given, uint8_t digit,
                      uint8_t was) {
    float size = cell * (kind == SHOWS_WRONG || kind == SHOWS_CLASH ? 0.34f : 0.42f);
    if (kind == SHOWS_CHANGED) {
        draw_changed_mark(canvas, center, cell);
        if (digit != 0) draw_digit(canvas, center, cell * 0.38f, 0.14f, changed_color, digit);
        hrm_point corner = {center.x + cell * 0.3f, center.y - cell * 0.28f};
        draw_digit(canvas, corner, cell * 0.135f, 0.18f, hrm_poster_ink, was);
    } else if (kind == SHOWS_MISSING) {
        draw_missing_mark(canvas, center, cell);
    } else if (kind == SHOWS_WRONG || kind == SHOWS_CLASH) {
        draw_digit(canvas, center, size, given ? 0.2f : 0.14f, given ? hrm_poster_ink : wrong_color, digit);
        draw_ring(canvas, center, cell);
        if (was != 0) draw_correction(canvas, center, cell, was);
    } else if (digit != 0) {
        draw_digit(canvas, center, size, given ? 0.19f : 0.125f, given ? hrm_poster_ink : answer_color, digit);
    }
}

static void draw_ground(const painter *p) {
    const hrm_sudoku_drawing *d = p->drawing;
    float cell = p->cell, x0 = p->x, y0 = p->y, frame = FRAME;
    float board = cell * (float)d->side;
    hrm_canvas_fill_rounded_rect(p->canvas, x0 - frame, y0 - frame, board + 2 * frame, board + 2 * frame, 2 * frame,
                                 line_color);
    hrm_canvas_fill_rounded_rect(p->canvas, x0, y0, board, board, frame, floor_color);
    for (uint32_t i = 0; i < d->side * d->side; i++) {
        uint32_t x = i % d->side, y = i / d->side, last = d->side - 1;
        bool bad = p->kinds[i] == SHOWS_WRONG || p->kinds[i] == SHOWS_CLASH;
        if (d->puzzle[i] == 0 && !bad) continue;
        const float radii[4] = {x == 0 && y == 0 ? frame : 0, x == last && y == 0 ? frame : 0,
                                x == last && y == last ? frame : 0, x == 0 && y == last ? frame : 0};
        hrm_canvas_fill_box(p->canvas, x0 + cell * (float)x, y0 + cell * (float)y, cell, cell, radii,
                            bad ? wrong_floor_color : given_floor_color);
    }
    for (uint32_t k = 1; k < d->side; k++) { /* fine lines first, so that the thick ones cross them whole */
        hrm_canvas_fill_rect(p->canvas, x0 + cell * (float)k, y0, 1, board, grid_color);
        hrm_canvas_fill_rect(p->canvas, x0, y0 + cell * (float)k, board, 1, grid_color);
    }
    for (uint32_t k = 1; k < d->side; k++) {
        if (k % d->box_width == 0) hrm_canvas_fill_rect(p->canvas, x0 + cell * (float)k - 1, y0, 3, board, line_color);
        if (k % d->box_height == 0) hrm_canvas_fill_rect(p->canvas, x0, y0 + cell * (float)k - 1, board, 3, line_color);
    }
}

static void draw_cells(const painter *p) {
    const hrm_sudoku_drawing *d = p->drawing;
    float cell = p->cell;
    for (uint32_t i = 0; i < d->side * d->side; i++) {
        unsigned kind = p->kinds[i];
        bool given = d->puzzle[i] != 0;
        uint8_t digit = d->answer ? d->answer[i] : kind == SHOWS_REFERENCE ? d->reference[i] : d->puzzle[i];
        uint8_t was = kind == SHOWS_CHANGED ? d->puzzle[i] : kind == SHOWS_WRONG && d->reference ? d->reference[i] : 0;
        hrm_point center = {p->x + ((float)(i % d->side) + 0.5f) * cell + 0.5f,
                            p->y + ((float)(i / d->side) + 0.5f) * cell + 0.5f};
        if (digit > d->side) digit = UINT8_MAX; /* a digit too high for this board is an unknown cell, too */
        draw_cell(p->canvas, center, cell, kind, given, digit, was);
    }
}

/* ---- legend ---- */

static const hrm_poster_legend_item legend_items[] = {
    {0, "given"},
    {SHOWS_ANSWER, "answer"},
    {SHOWS_REFERENCE, "known answer"},
    {SHOWS_WRONG, "wrong (small: the right digit)"},
    {SHOWS_CLASH, "twice in a row, column or box"},
    {SHOWS_CHANGED, "changes a given (small)"},
    {SHOWS_MISSING, "left blank"},
};
#define LEGEND_SWATCH 22.0f

static void draw_swatch(hrm_canvas *canvas, uint32_t item, float x, float y) {
    unsigned kind = legend_items[item].shows;
    hrm_point center = {x + LEGEND_SWATCH / 2, y + LEGEND_SWATCH / 2};
    bool bad = kind == SHOWS_WRONG || kind == SHOWS_CLASH, on_given = kind == 0 || kind == SHOWS_CHANGED;
    hrm_canvas_fill_rounded_rect(canvas, x, y, LEGEND_SWATCH, LEGEND_SWATCH, 3, grid_color);
    hrm_canvas_fill_rounded_rect(canvas, x + 1, y + 1, LEGEND_SWATCH - 2, LEGEND_SWATCH - 2, 2,
                                 bad        ? wrong_floor_color
                                 : on_given ? given_floor_color
                                            : floor_color);
    if (kind == SHOWS_CHANGED)
        draw_changed_mark(canvas, center, LEGEND_SWATCH);
    else if (kind == SHOWS_MISSING)
        draw_missing_mark(canvas, center, 32);
    else if (bad)
        draw_ring(canvas, center, LEGEND_SWATCH);
    else
        draw_cell(canvas, center, 27, kind, kind == 0, 5, 0);
}

static const hrm_poster_legend legend = {.items = legend_items,
                                         .count = sizeof legend_items / sizeof legend_items[0],
                                         .swatch = LEGEND_SWATCH,
                                         .gap = 8,
                                         .row = 30,
                                         .draw_swatch = draw_swatch};

/* ---- pictures ---- */

static hrm_status check_drawing(const hrm_sudoku_drawing *d) {
    if (!d->puzzle || d->side < 1 || d->side > HRM_SUDOKU_DRAWING_MAX_SIDE || d->box_width < 1 ||
        (uint64_t)d->box_width * d->box_height != d->side)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "a picture of %s of side %u with boxes of %ux%u was asked for; a puzzle with a side of 1 to %u "
                        "is needed, and the box's sides must multiply to it",
                        d->puzzle ? "a Sudoku" : "no puzzle", d->side, d->box_width, d->box_height,
                        HRM_SUDOKU_DRAWING_MAX_SIDE);
    return HRM_OK;
}

typedef struct animation {
    const hrm_sudoku_drawing *frames;
    uint32_t count;
    unsigned shown; /* in any of the frames: they have one legend */
} animation;

static hrm_status draw_frame(const void *user, uint32_t frame, hrm_canvas *out) {
    const animation *whole = user;
    const hrm_sudoku_drawing *d = &whole->frames[frame];
    painter p = {.drawing = d, .canvas = out, .cell = fminf(floorf(720.0f / (float)d->side), 96.0f)};
    float board_side = p.cell * (float)d->side + 2 * FRAME;
    const hrm_poster poster = {.board_width = board_side,
                               .board_height = board_side,
                               .title = d->title,
                               .caption = d->caption,
                               .legend = &legend,
                               .shown = whole->shown,
                               .frame = frame,
                               .frame_count = whole->count};
    hrm_point board;
    hrm_status status = hrm_poster_draw(&poster, out, &board);
    if (status != HRM_OK) return status;
    p.x = board.x + FRAME;
    p.y = board.y + FRAME;
    find_kinds(d, p.kinds);
    draw_ground(&p);
    draw_cells(&p);
    return HRM_OK;
}

hrm_status hrm_draw_sudoku(const hrm_sudoku_drawing *drawing, hrm_canvas *out) {
    *out = (hrm_canvas){0};
    hrm_status status = check_drawing(drawing);
    if (status != HRM_OK) return status;
    return draw_frame(&(animation){drawing, 1, find_shown(drawing)}, 0, out);
}

hrm_status hrm_draw_sudoku_png(const hrm_sudoku_drawing *drawing, const char *path) {
    hrm_status status = check_drawing(drawing);
    if (status != HRM_OK) return status;
    return hrm_poster_write_png(draw_frame, &(animation){drawing, 1, find_shown(drawing)}, path);
}

hrm_status hrm_draw_sudoku_gif(const hrm_sudoku_drawing *frames, uint32_t count, uint32_t frame_ms, const char *path) {
    animation whole = {.frames = frames, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        hrm_status status = check_drawing(&frames[i]);
        if (status != HRM_OK) return status;
        if (frames[i].side != frames[0].side || frames[i].box_width != frames[0].box_width ||
            !frames[i].title != !frames[0].title || !frames[i].caption != !frames[0].caption)
            return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                            "%s: frame %u (side %u) does not match the first (side %u); all frames need the same side "
                            "and boxes, and all or none a title and a caption",
                            path, i + 1, frames[i].side, frames[0].side);
        whole.shown |= find_shown(&frames[i]);
    }
    return hrm_poster_write_gif(draw_frame, &whole, count, frame_ms, path);
}
