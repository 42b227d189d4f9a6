#include <hrm/render.h>

#include <stdlib.h>

#include "base/config_copy.h"
#include "data/sudoku.h"
#include "viz/draw_maze.h"
#include "viz/draw_sudoku.h"

/* Reads the caller's version of a picture. */
static hrm_status read_picture(const hrm_maze_picture *picture, hrm_maze_drawing *out) {
    hrm_maze_picture p;
    hrm_status status = hrm_config_copy(picture, &p, sizeof p, "hrm_maze_picture");
    if (status != HRM_OK) return status;
    *out = (hrm_maze_drawing){.width = p.width,
                              .height = p.height,
                              .puzzle = p.puzzle,
                              .answer = p.answer,
                              .reference = p.reference,
                              .title = p.title,
                              .caption = p.caption};
    return HRM_OK;
}

hrm_status hrm_render_maze_png(const hrm_maze_picture *picture, const char *path) {
    hrm_maze_drawing drawing;
    hrm_status status = read_picture(picture, &drawing);
    return status == HRM_OK ? hrm_draw_maze_png(&drawing, path) : status;
}

hrm_status hrm_render_maze_gif(const hrm_maze_picture *frames, uint32_t count, uint32_t frame_ms, const char *path) {
    hrm_maze_drawing *drawings = calloc(count ? count : 1, sizeof *drawings);
    if (!drawings) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %u frames", path, count);
    hrm_status status = HRM_OK;
    const unsigned char *at = (const unsigned char *)frames; /* entries have the caller's size */
    for (uint32_t i = 0; status == HRM_OK && i < count; i++)
        status = read_picture((const hrm_maze_picture *)(const void *)(at + (size_t)i * frames[0].struct_size),
                              &drawings[i]);
    if (status == HRM_OK) status = hrm_draw_maze_gif(drawings, count, frame_ms, path);
    free(drawings);
    return status;
}

static hrm_status read_board(const hrm_sudoku_picture *picture, hrm_sudoku_drawing *out) {
    hrm_sudoku_picture p;
    hrm_sudoku_shape shape;
    hrm_status status = hrm_config_copy(picture, &p, sizeof p, "hrm_sudoku_picture");
    if (status == HRM_OK) status = hrm_sudoku_shape_from_side(p.side, &shape);
    if (status != HRM_OK) return status;
    *out = (hrm_sudoku_drawing){.side = shape.side,
                                .box_width = shape.box_width,
                                .box_height = shape.box_height,
                                .puzzle = p.puzzle,
                                .answer = p.answer,
                                .reference = p.reference,
                                .title = p.title,
                                .caption = p.caption};
    return HRM_OK;
}

hrm_status hrm_render_sudoku_png(const hrm_sudoku_picture *picture, const char *path) {
    hrm_sudoku_drawing drawing;
    hrm_status status = read_board(picture, &drawing);
    return status == HRM_OK ? hrm_draw_sudoku_png(&drawing, path) : status;
}

hrm_status hrm_render_sudoku_gif(const hrm_sudoku_picture *frames, uint32_t count, uint32_t frame_ms,
                                 const char *path) {
    hrm_sudoku_drawing *drawings = calloc(count ? count : 1, sizeof *drawings);
    if (!drawings) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "%s: no host memory for %u frames", path, count);
    hrm_status status = HRM_OK;
    const unsigned char *at = (const unsigned char *)frames; /* entries have the caller's size */
    for (uint32_t i = 0; status == HRM_OK && i < count; i++)
        status = read_board((const hrm_sudoku_picture *)(const void *)(at + (size_t)i * frames[0].struct_size),
                            &drawings[i]);
    if (status == HRM_OK) status = hrm_draw_sudoku_gif(drawings, count, frame_ms, path);
    free(drawings);
    return status;
}
