#include "viz/draw_sudoku.h"

#include "viz/gif.h"
#include "viz/png.h"
#include "viz/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The colours of draw_maze.c, with the same meanings where both have them. Source: M. Okabe, K. Ito, "Color universal
 * design", 2008. */
#define INK                                                                                                            \
    { 33, 41, 54, 255 }
#define FAINT_INK                                                                                                      \
    { 98, 108, 122, 255 }
static const hrm_color paper = {255, 255, 255, 255};
static const hrm_color ink = INK;
static const hrm_color line_color = {52, 62, 78, 255};
static const hrm_color floor_color = {252, 251, 248, 255};
static const hrm_color given_floor_color = {235, 233, 225, 255};
static const hrm_color grid_color = {205, 204, 198, 255};
static const hrm_color answer_color = {0, 114, 178, 255};
static const hrm_color wrong_color = {213, 94, 0, 255};
static const hrm_color wrong_floor_color = {253, 232, 216, 255};
static const hrm_color changed_color = {204, 82, 160, 255};
static const hrm_color missing_color = {112, 120, 133, 255};
static const hrm_color dim_dot_color = {226, 225, 218, 255};

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

typedef struct layout {
    float cell, margin, frame; /* pixels: a cell's side, space around, the line around the board */
    float board_x, board_y;    /* of the first cell */
    float title_baseline, caption_baseline, legend_y;
    uint32_t width, height;
    float text_width; /* room for a line of text */
} layout;

typedef struct painter {
    const hrm_sudoku_drawing *drawing;
    hrm_canvas *canvas;
    layout place;
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

static unsigned find_kinds(const hrm_sudoku_drawing *d, uint8_t kinds[MAX_CELLS]) {
    unsigned shown = 0;
    for (size_t i = 0; i < (size_t)d->side * d->side; i++) shown |= kinds[i] = (uint8_t)find_kind(d, i);
    return shown;
}

/* ---- layout ---- */

static const hrm_text_style title_style = {15.0f, 0.17f, INK};
static const hrm_text_style caption_style = {12.0f, 0.135f, FAINT_INK};
static const hrm_text_style legend_style = {10.5f, 0.135f, INK};

typedef struct legend_item {
    unsigned shows; /* 0: always */
    const char *text;
} legend_item;

static const legend_item legend_items[] = {
    {0, "given"},
    {SHOWS_ANSWER, "answer"},
    {SHOWS_REFERENCE, "known answer"},
    {SHOWS_WRONG, "wrong (small: the right digit)"},
    {SHOWS_CLASH, "twice in a row, column or box"},
    {SHOWS_CHANGED, "changes a given (small)"},
    {SHOWS_MISSING, "left blank"},
};
#define LEGEND_ITEMS (sizeof legend_items / sizeof legend_items[0])
#define LEGEND_SWATCH 22.0f
#define LEGEND_ROW 30.0f

/* Places the shown legend items in rows; returns the number of rows. */
static uint32_t place_legend(unsigned shown, float room, hrm_point at[LEGEND_ITEMS]) {
    float x = 0;
    uint32_t row = 0;
    for (size_t i = 0; i < LEGEND_ITEMS; i++) {
        if (legend_items[i].shows && !(shown & legend_items[i].shows)) continue;
        float width = LEGEND_SWATCH + 8 + hrm_text_width(&legend_style, legend_items[i].text);
        if (x > 0 && x + width > room) {
            x = 0;
            row++;
        }
        at[i] = (hrm_point){x, (float)row * LEGEND_ROW};
        x += width + 20;
    }
    return row + 1;
}

static layout make_layout(const hrm_sudoku_drawing *d, unsigned shown) {
    layout place = {.margin = 30, .frame = 4};
    float cell = floorf(720.0f / (float)d->side);
    place.cell = cell > 96 ? 96 : cell;
    float board = place.cell * (float)d->side + 2 * place.frame;
    place.text_width = board < 440 ? 440 : board;
    float y = place.margin;
    if (d->title) {
        y += title_style.cap_height;
        place.title_baseline = y;
        y += d->caption ? 13.0f : 18;
    }
    if (d->caption) {
        y += caption_style.cap_height;
        place.caption_baseline = y;
        y += 18;
    }
    place.board_x = floorf(place.margin + (place.text_width - board) / 2) + place.frame;
    place.board_y = y + place.frame;
    place.legend_y = y + board + 20;
    hrm_point at[LEGEND_ITEMS];
    float legend_height = (float)place_legend(shown, place.text_width, at) * LEGEND_ROW;
    place.width = (uint32_t)(place.text_width + 2 * place.margin);
    place.height = (uint32_t)(place.legend_y + legend_height + place.margin - (LEGEND_ROW - LEGEND_SWATCH));
    return place;
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
    draw_digit(canvas, corner, cell * 0.135f, 0.16f, ink, digit);
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
        draw_digit(canvas, corner, cell * 0.135f, 0.18f, ink, was);
    } else if (kind == SHOWS_MISSING) {
        draw_missing_mark(canvas, center, cell);
    } else if (kind == SHOWS_WRONG || kind == SHOWS_CLASH) {
        draw_digit(canvas, center, size, given ? 0.2f : 0.14f, given ? ink : wrong_color, digit);
        draw_ring(canvas, center, cell);
        if (was != 0) draw_correction(canvas, center, cell, was);
    } else if (digit != 0) {
        draw_digit(canvas, center, size, given ? 0.19f : 0.125f, given ? ink : answer_color, digit);
    }
}

static void draw_ground(const painter *p) {
    const hrm_sudoku_drawing *d = p->drawing;
    float cell = p->place.cell, x0 = p->place.board_x, y0 = p->place.board_y, frame = p->place.frame;
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
    float cell = p->place.cell;
    for (uint32_t i = 0; i < d->side * d->side; i++) {
        unsigned kind = p->kinds[i];
        bool given = d->puzzle[i] != 0;
        uint8_t digit = d->answer ? d->answer[i] : kind == SHOWS_REFERENCE ? d->reference[i] : d->puzzle[i];
        uint8_t was = kind == SHOWS_CHANGED ? d->puzzle[i] : kind == SHOWS_WRONG && d->reference ? d->reference[i] : 0;
        hrm_point center = {p->place.board_x + ((float)(i % d->side) + 0.5f) * cell + 0.5f,
                            p->place.board_y + ((float)(i / d->side) + 0.5f) * cell + 0.5f};
        if (digit > d->side) digit = UINT8_MAX; /* a digit too high for this board is an unknown cell, too */
        draw_cell(p->canvas, center, cell, kind, given, digit, was);
    }
}

static void draw_swatch(hrm_canvas *canvas, unsigned kind, float x, float y) {
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

static void draw_legend(const painter *p, unsigned shown) {
    hrm_point at[LEGEND_ITEMS];
    place_legend(shown, p->place.text_width, at);
    for (size_t i = 0; i < LEGEND_ITEMS; i++) {
        if (legend_items[i].shows && !(shown & legend_items[i].shows)) continue;
        float x = p->place.margin + at[i].x, y = p->place.legend_y + at[i].y;
        draw_swatch(p->canvas, legend_items[i].shows, x, y);
        hrm_text_draw(p->canvas, x + LEGEND_SWATCH + 8, y + (LEGEND_SWATCH + legend_style.cap_height) / 2,
                      &legend_style, legend_items[i].text);
    }
}

/* Draws `text`, smaller or cut where it is too wide. */
static void draw_line_of_text(const painter *p, const hrm_text_style *style, float baseline, float room,
                              const char *text) {
    char fitted[256];
    hrm_text_style shrunk = *style;
    float width = hrm_text_width(style, text);
    if (width > room) shrunk.cap_height *= fmaxf(room / width, 0.75f);
    hrm_text_fit_into(&shrunk, text, room, fitted, sizeof fitted);
    hrm_text_draw(p->canvas, p->place.margin, baseline, &shrunk, fitted);
}

/* The place in an animation: one dot a frame, those so far filled. Returns the width used. */
static float draw_progress(const painter *p, uint32_t frame, uint32_t count) {
    float pitch = 15, radius = 4;
    if (count < 2 || pitch * (float)count > p->place.text_width / 2) return 0;
    float y = (p->drawing->caption ? p->place.caption_baseline - caption_style.cap_height / 2
                                   : p->place.title_baseline - title_style.cap_height / 2);
    for (uint32_t i = 0; i < count; i++) {
        hrm_point center = {p->place.margin + p->place.text_width - radius - pitch * (float)(count - 1 - i), y};
        hrm_canvas_fill_circle(p->canvas, center, radius, i <= frame ? answer_color : dim_dot_color);
    }
    return pitch * (float)count + 8;
}

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

/* Draws frame `frame` of `count` with a legend for everything in `shown`. */
static hrm_status draw(const hrm_sudoku_drawing *d, unsigned shown, uint32_t frame, uint32_t count, hrm_canvas *out) {
    painter p = {.drawing = d, .canvas = out, .place = make_layout(d, shown)};
    find_kinds(d, p.kinds);
    hrm_status status = hrm_canvas_init(out, p.place.width, p.place.height, paper);
    if (status != HRM_OK) return status;
    float room = p.place.text_width - (d->title || d->caption ? draw_progress(&p, frame, count) : 0);
    if (d->title)
        draw_line_of_text(&p, &title_style, p.place.title_baseline, d->caption ? p.place.text_width : room, d->title);
    if (d->caption) draw_line_of_text(&p, &caption_style, p.place.caption_baseline, room, d->caption);
    draw_ground(&p);
    draw_cells(&p);
    draw_legend(&p, shown);
    return HRM_OK;
}

hrm_status hrm_draw_sudoku(const hrm_sudoku_drawing *drawing, hrm_canvas *out) {
    *out = (hrm_canvas){0};
    hrm_status status = check_drawing(drawing);
    uint8_t kinds[MAX_CELLS];
    return status == HRM_OK ? draw(drawing, find_kinds(drawing, kinds), 0, 1, out) : status;
}

hrm_status hrm_draw_sudoku_png(const hrm_sudoku_drawing *drawing, const char *path) {
    hrm_canvas canvas;
    hrm_status status = hrm_draw_sudoku(drawing, &canvas);
    if (status == HRM_OK) status = hrm_png_write(&canvas, path);
    hrm_canvas_deinit(&canvas);
    return status;
}

hrm_status hrm_draw_sudoku_gif(const hrm_sudoku_drawing *frames, uint32_t count, uint32_t frame_ms, const char *path) {
    hrm_status status;
    hrm_canvas canvas = {0};
    hrm_gif *gif = NULL;
    unsigned shown = 0;
    if (count == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: an animation needs at least one frame", path);
    if (frame_ms == 0) frame_ms = 700;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kinds[MAX_CELLS];
        HRM_TRY(check_drawing(&frames[i]));
        if (frames[i].side != frames[0].side || frames[i].box_width != frames[0].box_width ||
            !frames[i].title != !frames[0].title || !frames[i].caption != !frames[0].caption) {
            status =
                hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                         "%s: frame %u (side %u) does not match the first (side %u); all frames need the same side "
                         "and boxes, and all or none a title and a caption",
                         path, i + 1, frames[i].side, frames[0].side);
            goto fail;
        }
        shown |= find_kinds(&frames[i], kinds);
    }
    for (uint32_t i = 0; i < count; i++) {
        HRM_TRY(draw(&frames[i], shown, i, count, &canvas));
        if (!gif) HRM_TRY(hrm_gif_create(canvas.width, canvas.height, &gif));
        HRM_TRY(hrm_gif_add(gif, &canvas, i + 1 == count ? frame_ms * 3 : frame_ms));
        hrm_canvas_deinit(&canvas);
    }
    HRM_TRY(hrm_gif_finish(gif, path));
fail:
    hrm_canvas_deinit(&canvas);
    hrm_gif_destroy(gif);
    return status;
}
