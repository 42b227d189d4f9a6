/* Looks at the picture of a puzzle: where its board is, which colours its cells have, what its files hold. */
#ifndef HRM_TESTS_VIZ_HELPER_BOARD_H
#define HRM_TESTS_VIZ_HELPER_BOARD_H

#include "check.h"

#include "viz/canvas.h"

typedef struct board_box {
    uint32_t x, y, cell; /* pixels: the first cell's corner, a cell's side */
    uint32_t inset;      /* the edge of a cell that is not looked at, for lines between cells */
} board_box;

/* Finds a board of so many columns by its frame: the first and last long runs of its colour. */
board_box find_board(const hrm_canvas *canvas, uint32_t columns, hrm_color frame, uint32_t inset);

/* The number of pixels of this colour in a cell. */
uint32_t count_color(const hrm_canvas *canvas, board_box box, uint32_t x, uint32_t y, hrm_color color);

/* For a `canvas` and a `box` of these names. */
#define HAS(x, y, color) CHECK_MSG(count_color(&canvas, box, x, y, color) > box.cell, "no " #color " at %u, %u", x, y)
#define LACKS(x, y, color)                                                                                             \
    CHECK_MSG(count_color(&canvas, box, x, y, color) == 0, "unexpected " #color " at %u, %u", x, y)

/* The pictures are of reasonable sides and the same. */
void check_same_pictures(const hrm_canvas *one, const hrm_canvas *two);

/* A PNG file that decodes, with sides of more than 400 pixels. */
void check_still(const char *path);

/* A GIF file of so many frames that repeats, each frame unlike the one before, the first and last one shown so long. */
void check_animation(const char *path, uint32_t frames, uint32_t first_ms, uint32_t last_ms);

#endif
