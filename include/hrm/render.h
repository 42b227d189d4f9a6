/* Pictures of mazes and Sudokus: PNG, and GIF animations that show the answer after every segment. */
#ifndef HRM_RENDER_H
#define HRM_RENDER_H

#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One picture. Cells are [height, width] characters as in hrm/dataset.h; borrowed for the call. */
typedef struct hrm_maze_picture {
    uint32_t struct_size;
    uint32_t width, height;
    const char *puzzle;
    const char *answer;    /* or NULL */
    const char *reference; /* or NULL: the known path, and where the answer differs from it */
    const char *title;     /* or NULL */
    const char *caption;   /* or NULL */
} hrm_maze_picture;

/* Writes a PNG (path ends in .png), atomically. Errors: INVALID_ARGUMENT, IO. */
HRM_API hrm_status hrm_render_maze_png(const hrm_maze_picture *picture, const char *path);
/* Writes an animated GIF that repeats; frame_ms is how long each frame stays, the last one three times as long.
 * Frames must share width and height. */
HRM_API hrm_status hrm_render_maze_gif(const hrm_maze_picture *frames, uint32_t count, uint32_t frame_ms,
                                       const char *path);

/* One board. Cells are [side, side] bytes as in hrm/sudoku.h; borrowed for the call. */
typedef struct hrm_sudoku_picture {
    uint32_t struct_size;
    uint32_t side;
    const uint8_t *puzzle;
    const uint8_t *answer;    /* or NULL */
    const uint8_t *reference; /* or NULL: the known answer, and where the answer differs from it */
    const char *title;        /* or NULL */
    const char *caption;      /* or NULL */
} hrm_sudoku_picture;

HRM_API hrm_status hrm_render_sudoku_png(const hrm_sudoku_picture *picture, const char *path);
/* As hrm_render_maze_gif; frames must share the side. */
HRM_API hrm_status hrm_render_sudoku_gif(const hrm_sudoku_picture *frames, uint32_t count, uint32_t frame_ms,
                                         const char *path);

#ifdef __cplusplus
}
#endif

#endif
