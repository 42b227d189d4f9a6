/* Pictures of a Sudoku: the givens, an answer to it, and what is wrong with that answer.
 *
 * Promises: what the answer says is drawn even when it is nonsense (changed givens, blanks, unknown cells), and each
 * cell that is wrong is marked: against the reference where there is one, else each cell of the answer whose digit
 * stands twice in a row, column or box. Colours are from the Okabe-Ito palette, safe for the common colour-blindnesses,
 * and every meaning also has a shape or weight of its own. The size of the picture depends only on the side, the
 * presence of a title and a caption, and the legend.
 *
 * Cells are bytes, [side, side] row-major: 0 blank, 1..side a digit; anything above is an unknown cell, drawn as '?'.
 */
#ifndef HRM_VIZ_DRAW_SUDOKU_H
#define HRM_VIZ_DRAW_SUDOKU_H

#include "viz/canvas.h"

#define HRM_SUDOKU_DRAWING_MAX_SIDE 9u

typedef struct hrm_sudoku_drawing {
    uint32_t side; /* box_width * box_height, 1..HRM_SUDOKU_DRAWING_MAX_SIDE */
    uint32_t box_width, box_height;
    const uint8_t *puzzle;
    const uint8_t *answer;    /* or NULL: only the puzzle, and the reference's digits if there is one */
    const uint8_t *reference; /* or NULL: no comparison */
    const char *title;        /* or NULL */
    const char *caption;      /* or NULL: a second, smaller line */
} hrm_sudoku_drawing;

/* Draws into a canvas that this call initialises and the caller deinits.
 * Errors: INVALID_ARGUMENT (no puzzle, bad sides), OUT_OF_MEMORY. */
hrm_status hrm_draw_sudoku(const hrm_sudoku_drawing *drawing, hrm_canvas *out);

/* The same as a PNG file. Errors: also IO. */
hrm_status hrm_draw_sudoku_png(const hrm_sudoku_drawing *drawing, const char *path);

/* An animated GIF that repeats: `count` frames of boards of the same sides, with one legend for all and a row of dots
 * that shows the place in the animation. Each frame stays frame_ms (0 means 700), the last one three times as long.
 * Errors: INVALID_ARGUMENT (no frames, sides that differ), OUT_OF_MEMORY, IO. */
hrm_status hrm_draw_sudoku_gif(const hrm_sudoku_drawing *frames, uint32_t count, uint32_t frame_ms, const char *path);

#endif
