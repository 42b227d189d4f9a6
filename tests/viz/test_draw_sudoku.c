/* Pictures of Sudokus: the right marks in the right cells, every kind of disagreement visible, frames that match. */
#include "check.h"
#include "helper_board.h"

#include "viz/draw_sudoku.h"

#include <stdlib.h>
#include <string.h>

/* The colours that draw_sudoku.c gives a meaning. */
static const hrm_color line = {52, 62, 78, 255}, given = {33, 41, 54, 255}, given_floor = {235, 233, 225, 255},
                       blank_floor = {252, 251, 248, 255}, answer = {0, 114, 178, 255}, wrong = {213, 94, 0, 255},
                       wrong_floor = {253, 232, 216, 255}, changed = {204, 82, 160, 255},
                       missing = {112, 120, 133, 255};

static const uint8_t puzzle[16] = {1, 0, 0, 4, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 3};
static const uint8_t solution[16] = {1, 2, 3, 4, 3, 4, 1, 2, 4, 3, 2, 1, 2, 1, 4, 3};

static hrm_sudoku_drawing drawing_of(const uint8_t *shown, const uint8_t *reference) {
    return (hrm_sudoku_drawing){
        .side = 4, .box_width = 2, .box_height = 2, .puzzle = puzzle, .answer = shown, .reference = reference};
}

static void test_solved(void **state) {
    (void)state;
    for (int with_reference = 0; with_reference < 2; with_reference++) {
        hrm_canvas canvas;
        hrm_sudoku_drawing drawing = drawing_of(solution, with_reference ? solution : NULL);
        drawing.title = "A title";
        drawing.caption = "a caption";
        CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
        CHECK(canvas.width >= 440 && canvas.width <= 900 && canvas.height >= 440 && canvas.height <= 1000);
        board_box box = find_board(&canvas, 4, line, 3);
        for (uint32_t i = 0; i < 16; i++) {
            uint32_t x = i % 4, y = i / 4;
            HAS(x, y, puzzle[i] ? given : answer);
            LACKS(x, y, puzzle[i] ? answer : given);
            HAS(x, y, puzzle[i] ? given_floor : blank_floor);
            LACKS(x, y, wrong);
            LACKS(x, y, wrong_floor);
            LACKS(x, y, changed);
            LACKS(x, y, missing);
        }
        hrm_canvas_deinit(&canvas);
    }
}

static void test_differences(void **state) {
    (void)state;
    hrm_canvas canvas;
    uint8_t shown[16];
    memcpy(shown, solution, 16);
    shown[1] = 3;   /* (1,0) wrong */
    shown[5] = 0;   /* (1,1) left blank */
    shown[6] = 255; /* (2,1) unknown */
    shown[15] = 2;  /* (3,3) changes a given */
    shown[11] = 0;  /* (3,2) deletes a given */
    hrm_sudoku_drawing drawing = drawing_of(shown, solution);
    CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
    board_box box = find_board(&canvas, 4, line, 3);
    HAS(1, 0, wrong);
    HAS(1, 0, wrong_floor);
    CHECK(count_color(&canvas, box, 1, 0, given) > 10); /* the right digit, small */
    LACKS(1, 0, answer);
    HAS(1, 1, missing);
    LACKS(1, 1, wrong);
    HAS(2, 1, wrong);
    HAS(3, 3, changed);
    HAS(3, 2, changed);
    CHECK(count_color(&canvas, box, 3, 3, changed) > count_color(&canvas, box, 3, 2, changed)); /* a digit, none */
    HAS(2, 0, answer); /* right, though its row has the digit twice: the reference decides */
    LACKS(2, 0, wrong);
    hrm_canvas_deinit(&canvas);

    /* Without a reference the rules decide, and both cells of a pair are marked, but no given of the puzzle. */
    shown[15] = 3;
    shown[11] = 1;
    shown[7] = 1; /* twice in its row once (2,1) is 1, and in the column of the given 1 at (3,2) */
    shown[6] = 1;
    drawing.reference = NULL;
    CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
    box = find_board(&canvas, 4, line, 3);
    HAS(1, 0, wrong);
    HAS(2, 0, wrong);
    HAS(3, 1, wrong);
    LACKS(3, 2, wrong);
    HAS(3, 2, given_floor);
    HAS(0, 1, wrong); /* the box has (1,0), too */
    LACKS(1, 3, wrong);
    hrm_canvas_deinit(&canvas);
}

static void test_without_answer(void **state) {
    (void)state;
    hrm_canvas canvas;
    hrm_sudoku_drawing drawing = drawing_of(NULL, NULL);
    CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
    board_box box = find_board(&canvas, 4, line, 3);
    HAS(0, 0, given);
    LACKS(1, 0, answer);
    LACKS(1, 0, missing);
    hrm_canvas_deinit(&canvas);
    drawing.reference = solution;
    CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
    box = find_board(&canvas, 4, line, 3);
    HAS(1, 0, answer);
    hrm_canvas_deinit(&canvas);
    /* Givens that contradict each other are both marked. */
    uint8_t broken[16] = {2, 0, 0, 2};
    drawing.puzzle = broken;
    drawing.reference = NULL;
    CHECK_OK(hrm_draw_sudoku(&drawing, &canvas));
    box = find_board(&canvas, 4, line, 3);
    HAS(0, 0, wrong);
    HAS(3, 0, wrong);
    hrm_canvas_deinit(&canvas);
}

/* Any side and any bytes: sizes stay reasonable, the same input gives the same picture. */
static void test_sizes(void **state) {
    (void)state;
    static const uint32_t sides[][2] = {{1, 1}, {2, 1}, {2, 2}, {3, 2}, {2, 3}, {4, 2}, {3, 3}};
    for (size_t s = 0; s < sizeof sides / sizeof sides[0]; s++) {
        uint8_t wild[81], plain[81];
        uint32_t side = sides[s][0] * sides[s][1];
        for (uint32_t i = 0; i < 81; i++) {
            wild[i] = (uint8_t)(i * 37 % 256);
            plain[i] = (uint8_t)(i * 5 % (side + 1));
        }
        char title[301];
        memset(title, 'W', 300);
        title[300] = '\0';
        hrm_sudoku_drawing drawing = {.side = side,
                                      .box_width = sides[s][0],
                                      .box_height = sides[s][1],
                                      .puzzle = s % 2 ? wild : plain,
                                      .answer = wild,
                                      .reference = s % 3 ? plain : NULL,
                                      .title = title,
                                      .caption = ""};
        hrm_canvas one, two;
        CHECK_OK(hrm_draw_sudoku(&drawing, &one));
        CHECK_OK(hrm_draw_sudoku(&drawing, &two));
        check_same_pictures(&one, &two);
        hrm_canvas_deinit(&one);
        hrm_canvas_deinit(&two);
    }
    hrm_canvas canvas;
    hrm_sudoku_drawing drawing = drawing_of(NULL, NULL);
    drawing.puzzle = NULL;
    CHECK_STATUS(hrm_draw_sudoku(&drawing, &canvas), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("no puzzle of side 4 with boxes of 2x2");
    drawing.puzzle = puzzle;
    drawing.box_height = 3;
    CHECK_STATUS(hrm_draw_sudoku(&drawing, &canvas), HRM_ERR_INVALID_ARGUMENT);
    drawing.side = 16;
    drawing.box_width = drawing.box_height = 4;
    CHECK_STATUS(hrm_draw_sudoku(&drawing, &canvas), HRM_ERR_INVALID_ARGUMENT);
    drawing.side = drawing.box_width = 0;
    CHECK_STATUS(hrm_draw_sudoku(&drawing, &canvas), HRM_ERR_INVALID_ARGUMENT);
}

static void test_files(void **state) {
    (void)state;
    hrm_sudoku_drawing frames[3];
    frames[0] = drawing_of(puzzle, solution);
    frames[0].title = "Thinking";
    frames[0].caption = "segment 1 of 3";
    frames[1] = frames[2] = frames[0];
    frames[1].caption = "segment 2 of 3";
    frames[2].caption = "segment 3 of 3, halted";
    frames[2].answer = solution;
    const char *png = check_temp_path("sudoku.png"), *gif = check_temp_path("sudoku.gif");
    CHECK_OK(hrm_draw_sudoku_png(&frames[2], png));
    check_still(png);
    CHECK_OK(hrm_draw_sudoku_gif(frames, 3, 400, gif));
    check_animation(gif, 3, 400, 1200);
    CHECK_OK(hrm_draw_sudoku_gif(frames, 1, 0, gif));
    check_animation(gif, 1, 2100, 2100);

    CHECK_STATUS(hrm_draw_sudoku_gif(frames, 0, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("at least one frame");
    frames[1].side = 2;
    frames[1].box_height = 1;
    CHECK_STATUS(hrm_draw_sudoku_gif(frames, 3, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("frame 2 (side 2) does not match the first (side 4)");
    frames[1] = frames[0];
    frames[1].caption = NULL;
    CHECK_STATUS(hrm_draw_sudoku_gif(frames, 3, 0, gif), HRM_ERR_INVALID_ARGUMENT);
    frames[1].caption = "";
    CHECK_STATUS(hrm_draw_sudoku_gif(frames, 3, 0, check_temp_path("nowhere/sudoku.gif")), HRM_ERR_IO);
    CHECK_STATUS(hrm_draw_sudoku_png(frames, check_temp_path("nowhere/sudoku.png")), HRM_ERR_IO);
    CHECK_ERROR_HAS("nowhere");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solved), cmocka_unit_test(test_differences), cmocka_unit_test(test_without_answer),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
