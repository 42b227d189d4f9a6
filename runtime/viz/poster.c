#include "viz/poster.h"

#include "viz/gif.h"
#include "viz/png.h"
#include "viz/text.h"

#include <math.h>
#include <stdbool.h>

#define INK                                                                                                            \
    { 33, 41, 54, 255 }
#define FAINT_INK                                                                                                      \
    { 98, 108, 122, 255 }
const hrm_color hrm_poster_paper = {255, 255, 255, 255};
const hrm_color hrm_poster_ink = INK;
static const hrm_color dot_color = {0, 114, 178, 255};
static const hrm_color dim_dot_color = {226, 225, 218, 255};

static const hrm_text_style title_style = {15.0f, 0.17f, INK};
static const hrm_text_style caption_style = {12.0f, 0.135f, FAINT_INK};
static const hrm_text_style legend_style = {10.5f, 0.135f, INK};

/* Pixels. */
#define MARGIN 30.0f
#define MIN_TEXT_WIDTH 440.0f
#define BOARD_TO_LEGEND 20.0f
#define BETWEEN_ITEMS 20.0f
#define DOT_PITCH 15.0f
#define DOT_RADIUS 4.0f

typedef struct layout {
    float text_width; /* room for a line of text */
    float title_baseline, caption_baseline, legend_y;
    hrm_point board;
    uint32_t width, height;
} layout;

/* ---- legend ---- */

/* Where the next legend item goes, from the legend's top left corner. */
typedef struct legend_pen {
    float x, room;
    uint32_t row;
} legend_pen;

static bool is_shown(const hrm_poster *poster, uint32_t item) {
    unsigned shows = poster->legend->items[item].shows;
    return shows == 0 || (poster->shown & shows) != 0;
}

/* The place of an item, on a new row where it is too wide for the rest of this one; the pen moves past it. */
static hrm_point place_item(legend_pen *pen, const hrm_poster_legend *legend, uint32_t item) {
    float width = legend->swatch + legend->gap + hrm_text_width(&legend_style, legend->items[item].text);
    if (pen->x > 0 && pen->x + width > pen->room) {
        pen->x = 0;
        pen->row++;
    }
    hrm_point at = {pen->x, (float)pen->row * legend->row};
    pen->x += width + BETWEEN_ITEMS;
    return at;
}

static uint32_t count_legend_rows(const hrm_poster *poster, float room) {
    legend_pen pen = {.room = room};
    for (uint32_t i = 0; i < poster->legend->count; i++)
        if (is_shown(poster, i)) place_item(&pen, poster->legend, i);
    return pen.row + 1;
}

static void draw_legend(const hrm_poster *poster, const layout *place, hrm_canvas *canvas) {
    const hrm_poster_legend *legend = poster->legend;
    legend_pen pen = {.room = place->text_width};
    for (uint32_t i = 0; i < legend->count; i++) {
        if (!is_shown(poster, i)) continue;
        hrm_point at = place_item(&pen, legend, i);
        float x = MARGIN + at.x, y = place->legend_y + at.y;
        legend->draw_swatch(canvas, i, x, y);
        hrm_text_draw(canvas, x + legend->swatch + legend->gap, y + (legend->swatch + legend_style.cap_height) / 2,
                      &legend_style, legend->items[i].text);
    }
}

/* ---- layout ---- */

static layout make_layout(const hrm_poster *poster) {
    layout place = {.text_width = poster->board_width < MIN_TEXT_WIDTH ? MIN_TEXT_WIDTH : poster->board_width};
    float y = MARGIN;
    if (poster->title) {
        y += title_style.cap_height;
        place.title_baseline = y;
        y += poster->caption ? 13.0f : 18.0f;
    }
    if (poster->caption) {
        y += caption_style.cap_height;
        place.caption_baseline = y;
        y += 18.0f;
    }
    place.board = (hrm_point){floorf(MARGIN + (place.text_width - poster->board_width) / 2), y};
    place.legend_y = y + poster->board_height + BOARD_TO_LEGEND;
    const hrm_poster_legend *legend = poster->legend;
    float legend_height = (float)count_legend_rows(poster, place.text_width) * legend->row;
    place.width = (uint32_t)(place.text_width + 2 * MARGIN);
    place.height = (uint32_t)(place.legend_y + legend_height + MARGIN - (legend->row - legend->swatch));
    return place;
}

/* ---- drawing ---- */

/* Draws `text`, smaller or cut where it is too wide. */
static void draw_line_of_text(hrm_canvas *canvas, const hrm_text_style *style, float baseline, float room,
                              const char *text) {
    char fitted[256];
    hrm_text_style shrunk = *style;
    float width = hrm_text_width(style, text);
    if (width > room) shrunk.cap_height *= fmaxf(room / width, 0.75f);
    hrm_text_fit_into(&shrunk, text, room, fitted, sizeof fitted);
    hrm_text_draw(canvas, MARGIN, baseline, &shrunk, fitted);
}

/* The place in an animation: one dot a frame, those so far filled, right of the lower line of text. Returns the width
 * used; nothing is drawn where the dots would take more than half of the line, or where there is no line. */
static float draw_progress(const hrm_poster *poster, const layout *place, hrm_canvas *canvas) {
    uint32_t count = poster->frame_count;
    if (!poster->title && !poster->caption) return 0;
    if (count < 2 || DOT_PITCH * (float)count > place->text_width / 2) return 0;
    float y = poster->caption ? place->caption_baseline - caption_style.cap_height / 2
                              : place->title_baseline - title_style.cap_height / 2;
    for (uint32_t i = 0; i < count; i++) {
        hrm_point center = {MARGIN + place->text_width - DOT_RADIUS - DOT_PITCH * (float)(count - 1 - i), y};
        hrm_canvas_fill_circle(canvas, center, DOT_RADIUS, i <= poster->frame ? dot_color : dim_dot_color);
    }
    return DOT_PITCH * (float)count + 8;
}

hrm_status hrm_poster_draw(const hrm_poster *poster, hrm_canvas *out, hrm_point *board) {
    layout place = make_layout(poster);
    hrm_status status = hrm_canvas_init(out, place.width, place.height, hrm_poster_paper);
    if (status != HRM_OK) return status;
    float room = place.text_width - draw_progress(poster, &place, out);
    if (poster->title)
        draw_line_of_text(out, &title_style, place.title_baseline, poster->caption ? place.text_width : room,
                          poster->title);
    if (poster->caption) draw_line_of_text(out, &caption_style, place.caption_baseline, room, poster->caption);
    draw_legend(poster, &place, out);
    *board = place.board;
    return HRM_OK;
}

/* ---- files ---- */

hrm_status hrm_poster_write_png(hrm_poster_draw_fn draw, const void *user, const char *path) {
    hrm_canvas canvas = {0};
    hrm_status status = draw(user, 0, &canvas);
    if (status == HRM_OK) status = hrm_png_write(&canvas, path);
    hrm_canvas_deinit(&canvas);
    return status;
}

hrm_status hrm_poster_write_gif(hrm_poster_draw_fn draw, const void *user, uint32_t count, uint32_t frame_ms,
                                const char *path) {
    hrm_status status;
    hrm_canvas canvas = {0};
    hrm_gif *gif = NULL;
    if (count == 0) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "%s: an animation needs at least one frame", path);
    if (frame_ms == 0) frame_ms = 700;
    for (uint32_t i = 0; i < count; i++) {
        HRM_TRY(draw(user, i, &canvas));
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
