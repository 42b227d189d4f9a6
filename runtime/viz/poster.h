/* What every picture of a puzzle has around its board: title and caption above, a legend below, the dots that show the
 * place in an animation; and its PNG and GIF files.
 *
 * Promises: the size of the picture depends only on the board's sides, the presence of a title and a caption, and the
 * legend; text that is too wide is made smaller, then cut. Leaves to callers: the board, the swatches of the legend,
 * and that all frames of an animation have the same size. */
#ifndef HRM_VIZ_POSTER_H
#define HRM_VIZ_POSTER_H

#include "viz/canvas.h"

extern const hrm_color hrm_poster_paper, hrm_poster_ink;

typedef struct hrm_poster_legend_item {
    unsigned shows; /* one bit of hrm_poster.shown; 0: always there */
    const char *text;
} hrm_poster_legend_item;

typedef struct hrm_poster_legend {
    const hrm_poster_legend_item *items;
    uint32_t count;
    float swatch, gap, row; /* pixels: a swatch's side, from it to its text, from one row's top to the next one's */
    /* Draws the swatch of item number `item` with its top left corner at (x, y). */
    void (*draw_swatch)(hrm_canvas *canvas, uint32_t item, float x, float y);
} hrm_poster_legend;

typedef struct hrm_poster {
    float board_width, board_height; /* pixels, with the board's own frame */
    const char *title;               /* or NULL */
    const char *caption;             /* or NULL: a second, smaller line */
    const hrm_poster_legend *legend;
    unsigned shown;              /* which legend items there are */
    uint32_t frame, frame_count; /* the place in an animation; of fewer than two frames nothing is shown */
} hrm_poster;

/* Draws all but the board into a canvas that this call initialises and the caller deinits; `board` is where the board's
 * top left corner belongs. Errors: INVALID_ARGUMENT (too large), OUT_OF_MEMORY. */
hrm_status hrm_poster_draw(const hrm_poster *poster, hrm_canvas *out, hrm_point *board);

/* Draws one whole picture, as hrm_poster_draw does, for the two calls below. */
typedef hrm_status (*hrm_poster_draw_fn)(const void *user, uint32_t frame, hrm_canvas *out);

/* Writes frame 0 as a PNG file. Errors: those of `draw`; OUT_OF_MEMORY, IO. */
hrm_status hrm_poster_write_png(hrm_poster_draw_fn draw, const void *user, const char *path);

/* Writes `count` frames as a GIF file that repeats; each stays frame_ms (0 means 700), the last one three times as
 * long. Errors: INVALID_ARGUMENT (no frames, or of different sizes), those of `draw`; OUT_OF_MEMORY, IO. */
hrm_status hrm_poster_write_gif(hrm_poster_draw_fn draw, const void *user, uint32_t count, uint32_t frame_ms,
                                const char *path);

#endif
