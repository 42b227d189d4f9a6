/* Pictures of a maze: the puzzle, an answer to it, the known path, and where the two differ.
 *
 * Promises: what the answer says is drawn even when it is nonsense (moved walls, several starts, unknown cells), and
 * each cell that disagrees with the puzzle is marked. Colours are from the Okabe-Ito palette, safe for the common
 * colour-blindnesses, and every meaning also has a shape of its own. The size of the picture depends only on the sides
 * of the maze, the presence of a title and a caption, and the legend.
 *
 * Cells are characters, [height, width] row-major: '#' wall, ' ' free, 'S' start, 'G' goal, 'o' path; any other
 * character in an answer is an unknown cell. 'o' in the puzzle counts as free. */
#ifndef HRM_VIZ_DRAW_MAZE_H
#define HRM_VIZ_DRAW_MAZE_H

#include "viz/canvas.h"

#define HRM_MAZE_DRAWING_MAX_SIDE 1024u

typedef struct hrm_maze_drawing {
    uint32_t width, height;
    const char *puzzle;
    const char *answer;    /* or NULL: only the puzzle, and the reference's path if there is one */
    const char *reference; /* or NULL: no comparison */
    const char *title;     /* or NULL */
    const char *caption;   /* or NULL: a second, smaller line */
} hrm_maze_drawing;

/* Draws into a canvas that this call initialises and the caller deinits.
 * Errors: INVALID_ARGUMENT (no puzzle, sides not in 1..HRM_MAZE_DRAWING_MAX_SIDE), OUT_OF_MEMORY. */
hrm_status hrm_draw_maze(const hrm_maze_drawing *drawing, hrm_canvas *out);

/* The same as a PNG file. Errors: also IO. */
hrm_status hrm_draw_maze_png(const hrm_maze_drawing *drawing, const char *path);

/* An animated GIF that repeats: `count` frames of mazes of the same sides, with one legend for all and a row of dots
 * that shows the place in the animation. Each frame stays frame_ms (0 means 700), the last one three times as long.
 * Errors: INVALID_ARGUMENT (no frames, sides that differ), OUT_OF_MEMORY, IO. */
hrm_status hrm_draw_maze_gif(const hrm_maze_drawing *frames, uint32_t count, uint32_t frame_ms, const char *path);

#endif
