/* Pictures of mazes: the right colours in the right cells, every kind of disagreement visible, frames that match. */
#include "check.h"
#include "helper_board.h"

#include "viz/draw_maze.h"

#include <stdlib.h>
#include <string.h>

/* The colours that draw_maze.c gives a meaning. */
static const hrm_color wall = {52, 62, 78, 255}, ground = {246, 245, 240, 255}, path = {0, 114, 178, 255},
                       extra = {230, 159, 0, 255}, changed = {204, 82, 160, 255}, start = {0, 158, 115, 255},
                       goal = {213, 94, 0, 255}, missed = {112, 120, 133, 255};

static const char puzzle[] = "S  #"
                             "## #"
                             "   G"
                             "####";
static const char solution[] = "Soo#"
                               "##o#"
                               "  oG"
                               "####";

static void test_solved(void **state) {
    (void)state;
    hrm_canvas canvas;
    hrm_maze_drawing drawing = {.width = 4,
                                .height = 4,
                                .puzzle = puzzle,
                                .answer = solution,
                                .reference = solution,
                                .title = "A title",
                                .caption = "a caption"};
    CHECK_OK(hrm_draw_maze(&drawing, &canvas));
    CHECK(canvas.width >= 440 && canvas.width <= 900 && canvas.height >= 440 && canvas.height <= 1000);
    board_box box = find_board(&canvas, 4, wall, 0);
    HAS(0, 0, start);
    HAS(3, 2, goal);
    HAS(1, 0, path);
    HAS(2, 1, path);
    HAS(2, 2, path);
    HAS(3, 0, wall);
    CHECK_EQ(count_color(&canvas, box, 1, 3, wall), box.cell * box.cell);
    HAS(0, 2, ground);
    LACKS(0, 2, path);
    for (uint32_t y = 0; y < 4; y++)
        for (uint32_t x = 0; x < 4; x++) {
            LACKS(x, y, extra);
            LACKS(x, y, missed);
            LACKS(x, y, changed);
        }
    hrm_canvas_deinit(&canvas);
}

static void test_differences(void **state) {
    (void)state;
    hrm_canvas canvas;
    /* (1,0) missed, (0,2) extra, (3,0) wall lost, (1,2) wall invented, (3,3) a second start, (1,1) path over a wall. */
    hrm_maze_drawing drawing = {.width = 4,
                                .height = 4,
                                .puzzle = puzzle,
                                .reference = solution,
                                .answer = "S o "
                                          "#oo#"
                                          "o#oG"
                                          "##?S"};
    CHECK_OK(hrm_draw_maze(&drawing, &canvas));
    board_box box = find_board(&canvas, 4, wall, 0);
    HAS(1, 0, missed);
    LACKS(1, 0, path);
    HAS(0, 2, extra);
    HAS(1, 1, extra);
    HAS(1, 1, wall);
    HAS(1, 1, changed);
    HAS(3, 0, changed);
    HAS(3, 0, ground);
    HAS(1, 2, changed);
    HAS(1, 2, wall);
    HAS(3, 3, start);
    HAS(3, 3, changed);
    HAS(2, 3, changed);
    HAS(2, 1, path);
    LACKS(2, 2, changed);
    hrm_canvas_deinit(&canvas);
}

static void test_without_answer(void **state) {
    (void)state;
    hrm_canvas canvas;
    hrm_maze_drawing drawing = {.width = 4, .height = 4, .puzzle = puzzle, .reference = solution};
    CHECK_OK(hrm_draw_maze(&drawing, &canvas));
    board_box box = find_board(&canvas, 4, wall, 0);
    HAS(2, 1, path);
    LACKS(2, 1, missed);
    hrm_canvas_deinit(&canvas);
    drawing.reference = NULL;
    drawing.puzzle = solution; /* a path given with the puzzle is not part of it */
    CHECK_OK(hrm_draw_maze(&drawing, &canvas));
    box = find_board(&canvas, 4, wall, 0);
    LACKS(2, 1, path);
    HAS(2, 1, ground);
    hrm_canvas_deinit(&canvas);
}

/* Any sides and any bytes: sizes stay reasonable, the same input gives the same picture. */
static void test_sizes(void **state) {
    (void)state;
    static const uint32_t sides[][2] = {{1, 2}, {6, 6}, {12, 12}, {30, 30}, {30, 3}, {2, 200}, {255, 255}};
    for (size_t s = 0; s < sizeof sides / sizeof sides[0]; s++) {
        size_t cells = (size_t)sides[s][0] * sides[s][1];
        char *wild = malloc(cells), *plain = malloc(cells);
        for (size_t i = 0; i < cells; i++) {
            wild[i] = (char)(i * 37 % 256);
            plain[i] = "# "[i % 2];
        }
        char title[301];
        memset(title, 'W', 300);
        title[300] = '\0';
        hrm_maze_drawing drawing = {.width = sides[s][0],
                                    .height = sides[s][1],
                                    .puzzle = plain,
                                    .answer = wild,
                                    .reference = wild,
                                    .title = title,
                                    .caption = ""};
        hrm_canvas one, two;
        CHECK_OK(hrm_draw_maze(&drawing, &one));
        CHECK_OK(hrm_draw_maze(&drawing, &two));
        check_same_pictures(&one, &two);
        hrm_canvas_deinit(&one);
        hrm_canvas_deinit(&two);
        free(wild);
        free(plain);
    }
    hrm_canvas canvas;
    CHECK_STATUS(hrm_draw_maze(&(hrm_maze_drawing){.width = 4, .height = 4}, &canvas), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no puzzle");
    CHECK_STATUS(hrm_draw_maze(&(hrm_maze_drawing){.width = 0, .height = 4, .puzzle = puzzle}, &canvas),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_draw_maze(&(hrm_maze_drawing){.width = 4, .height = 1025, .puzzle = puzzle}, &canvas),
                 HRM_ERR_INVALID_ARGUMENT);
}

static void test_files(void **state) {
    (void)state;
    hrm_maze_drawing frames[3] = {{.width = 4,
                                   .height = 4,
                                   .puzzle = puzzle,
                                   .answer = puzzle,
                                   .reference = solution,
                                   .title = "Thinking",
                                   .caption = "segment 1 of 3"}};
    frames[1] = frames[2] = frames[0];
    frames[1].caption = "segment 2 of 3";
    frames[2].caption = "segment 3 of 3, halted";
    frames[2].answer = solution;
    const char *png = check_temp_path("maze.png"), *gif = check_temp_path("maze.gif");
    CHECK_OK(hrm_draw_maze_png(&frames[2], png));
    check_still(png);
    CHECK_OK(hrm_draw_maze_gif(frames, 3, 400, gif));
    check_animation(gif, 3, 400, 1200);
    CHECK_OK(hrm_draw_maze_gif(frames, 1, 0, gif));
    check_animation(gif, 1, 2100, 2100);

    CHECK_STATUS(hrm_draw_maze_gif(frames, 0, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    frames[1].height = 3;
    CHECK_STATUS(hrm_draw_maze_gif(frames, 3, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("frame 2 (4x3 cells) does not match the first (4x4)");
    frames[1].height = 4;
    frames[1].caption = NULL;
    CHECK_STATUS(hrm_draw_maze_gif(frames, 3, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    frames[1].caption = "";
    CHECK_STATUS(hrm_draw_maze_gif(frames, 3, 0, check_temp_path("nowhere/maze.gif")), HRM_ERR_IO);
    CHECK_STATUS(hrm_draw_maze_png(frames, check_temp_path("nowhere/maze.png")), HRM_ERR_IO);
    CHECK_ERROR_HAS("nowhere");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solved), cmocka_unit_test(test_differences), cmocka_unit_test(test_without_answer),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
