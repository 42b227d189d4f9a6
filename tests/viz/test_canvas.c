/* Shapes and letters on a canvas: crisp on whole pixels, soft in between, cut at the edges, never outside. */
#include "check.h"

#include "viz/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hrm_color white = {255, 255, 255, 255}, black = {0, 0, 0, 255}, red = {200, 0, 0, 255};

static void check_pixel(const hrm_canvas *canvas, uint32_t x, uint32_t y, hrm_color want) {
    hrm_color got = hrm_canvas_get(canvas, x, y);
    CHECK_MSG(got.r == want.r && got.g == want.g && got.b == want.b && got.a == want.a,
              "pixel (%u, %u) is %u %u %u %u, should be %u %u %u %u", x, y, got.r, got.g, got.b, got.a, want.r, want.g,
              want.b, want.a);
}

/* Sum of darkness over the canvas, in pixels of black on white. */
static double darkness(const hrm_canvas *canvas) {
    double sum = 0;
    for (uint32_t y = 0; y < canvas->height; y++)
        for (uint32_t x = 0; x < canvas->width; x++) sum += (255 - hrm_canvas_get(canvas, x, y).g) / 255.0;
    return sum;
}

static void test_rects(void **state) {
    (void)state;
    hrm_canvas canvas;
    CHECK_OK(hrm_canvas_init(&canvas, 10, 8, white));
    check_pixel(&canvas, 9, 7, white);
    hrm_canvas_fill_rect(&canvas, 2, 3, 4, 2, red);
    check_pixel(&canvas, 2, 3, red);
    check_pixel(&canvas, 5, 4, red);
    check_pixel(&canvas, 6, 4, white);
    check_pixel(&canvas, 5, 5, white);
    check_pixel(&canvas, 1, 3, white);
    hrm_canvas_fill_rect(&canvas, 7.5f, 0, 1, 1, black); /* half of two pixels each */
    check_pixel(&canvas, 7, 0, (hrm_color){127, 127, 127, 255});
    check_pixel(&canvas, 8, 0, (hrm_color){127, 127, 127, 255});
    hrm_canvas_fill_rect(&canvas, -5, -5, 6, 6, red); /* cut at the corner */
    check_pixel(&canvas, 0, 0, red);
    check_pixel(&canvas, 1, 0, white);
    hrm_canvas_fill_rect(&canvas, 4, 6, 1, 1, (hrm_color){0, 0, 0, 128});
    check_pixel(&canvas, 4, 6, (hrm_color){127, 127, 127, 255});
    hrm_canvas_deinit(&canvas);

    CHECK_OK(hrm_canvas_init(&canvas, 20, 20, white));
    hrm_canvas_fill_rounded_rect(&canvas, 2, 2, 16, 16, 5, black);
    check_pixel(&canvas, 2, 2, white);
    check_pixel(&canvas, 10, 2, black);
    check_pixel(&canvas, 10, 10, black);
    /* Area: the square less the corners, (4 - pi) r^2; half a pixel of each anti-aliased corner's length is allowed. */
    CHECK_MSG(fabs(darkness(&canvas) - (256 - (4 - 3.14159265) * 25)) < 3, "%g", darkness(&canvas));
    hrm_canvas_deinit(&canvas);
    CHECK_OK(hrm_canvas_init(&canvas, 20, 20, white));
    hrm_canvas_fill_box(&canvas, 0, 0, 20, 20, (const float[4]){0, 8, 0, 0}, black);
    check_pixel(&canvas, 0, 0, black);
    check_pixel(&canvas, 19, 0, white);
    check_pixel(&canvas, 19, 19, black);
    hrm_canvas_draw_box(&canvas, 4, 4, 12, 12, 2, 1, white);
    check_pixel(&canvas, 10, 4, white);
    check_pixel(&canvas, 10, 5, black);
    check_pixel(&canvas, 10, 3, black);
    hrm_canvas_deinit(&canvas);
}

static void test_lines(void **state) {
    (void)state;
    hrm_canvas canvas;
    CHECK_OK(hrm_canvas_init(&canvas, 40, 40, white));
    hrm_canvas_fill_circle(&canvas, (hrm_point){20, 20}, 10, black);
    CHECK_MSG(fabs(darkness(&canvas) - 314.16) < 3, "%g", darkness(&canvas));
    check_pixel(&canvas, 20, 20, black);
    check_pixel(&canvas, 20, 31, white);
    hrm_canvas_deinit(&canvas);

    CHECK_OK(hrm_canvas_init(&canvas, 40, 40, white));
    hrm_canvas_draw_line(&canvas, (hrm_point){10, 20}, (hrm_point){30, 20}, 4, black);
    check_pixel(&canvas, 20, 18, black);
    check_pixel(&canvas, 20, 21, black);
    check_pixel(&canvas, 20, 17, white);
    check_pixel(&canvas, 20, 22, white);
    CHECK_MSG(fabs(darkness(&canvas) - (20 * 4 + 12.57)) < 2, "%g", darkness(&canvas));
    hrm_canvas_deinit(&canvas);

    /* Where a translucent polyline meets itself it is blended once. */
    CHECK_OK(hrm_canvas_init(&canvas, 40, 40, white));
    const hrm_point back_and_forth[3] = {{10, 20}, {30, 20}, {10, 20}};
    hrm_canvas_draw_polyline(&canvas, back_and_forth, 3, 4, (hrm_color){0, 0, 0, 128});
    check_pixel(&canvas, 20, 20, (hrm_color){127, 127, 127, 255});
    for (size_t i = 0; i < 1600; i++) CHECK_EQ(canvas.mask[i], 0);
    hrm_canvas_draw_polyline(&canvas, back_and_forth, 1, 4, black);
    check_pixel(&canvas, 10, 20, black);
    hrm_canvas_draw_polyline(&canvas, back_and_forth, 0, 4, black);
    hrm_canvas_draw_circle(&canvas, (hrm_point){20, 20}, 10, 2, red);
    check_pixel(&canvas, 20, 10, red);
    check_pixel(&canvas, 20, 29, red);
    hrm_canvas_deinit(&canvas);
}

/* Wild coordinates and text are cut at the edges (the sanitizers watch). */
static void test_outside(void **state) {
    (void)state;
    hrm_canvas canvas;
    CHECK_OK(hrm_canvas_init(&canvas, 5, 5, white));
    static const float wild[] = {-1e9f, -3, 2, 7, 1e9f, INFINITY, -INFINITY, NAN};
    hrm_text_style style = {10, 0, black};
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++) {
            float x = wild[i], y = wild[j];
            hrm_canvas_fill_rect(&canvas, x, y, x, y, red);
            hrm_canvas_fill_rounded_rect(&canvas, x, y, 10, 10, 3, red);
            hrm_canvas_fill_rounded_rect(&canvas, x, y, y, x, x, red);
            hrm_canvas_draw_box(&canvas, x, y, 10, 10, 3, 2, red);
            hrm_canvas_fill_circle(&canvas, (hrm_point){x, y}, 3, red);
            hrm_canvas_draw_circle(&canvas, (hrm_point){x, y}, 3, 1, red);
            hrm_canvas_draw_line(&canvas, (hrm_point){x, y}, (hrm_point){y, x}, 2, red);
            hrm_text_draw(&canvas, x, y, &style, "outside");
        }
    hrm_canvas_deinit(&canvas);
    hrm_canvas_deinit(NULL);
    CHECK_STATUS(hrm_canvas_init(&canvas, 0, 5, white), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_canvas_init(&canvas, 5, HRM_CANVAS_MAX_SIDE + 1, white), HRM_ERR_INVALID_ARGUMENT);
}

static void test_text(void **state) {
    (void)state;
    hrm_text_style style = {14, 0, black};
    /* Every printable character but space leaves ink, all of it within its width and between ascent and descent. */
    for (char c = 33; c < 127; c++) {
        hrm_canvas canvas;
        CHECK_OK(hrm_canvas_init(&canvas, 40, 40, white));
        const char text[2] = {c, '\0'};
        float width = hrm_text_draw(&canvas, 10, 24, &style, text);
        CHECK_MSG(darkness(&canvas) > 2, "'%c' is blank", c);
        CHECK(fabsf(width - hrm_text_width(&style, text)) < 1e-6f);
        for (uint32_t y = 0; y < 40; y++)
            for (uint32_t x = 0; x < 40; x++)
                if (hrm_canvas_get(&canvas, x, y).g < 200)
                    CHECK_MSG((float)x >= 9 && (float)x <= 11 + width && y >= 6 && y <= 29, "'%c' leaves ink at %u, %u",
                              c, x, y);
        hrm_canvas_deinit(&canvas);
    }
    CHECK(hrm_text_width(&style, "") == 0);
    CHECK(hrm_text_width(&style, "WW") > hrm_text_width(&style, "ii"));
    CHECK(hrm_text_width(&style, "\xc3\xa4") == hrm_text_width(&style, "\x01")); /* one box each */

    char fitted[32];
    hrm_text_fit_into(&style, "short", 500, fitted, sizeof fitted);
    CHECK_STR(fitted, "short");
    hrm_text_fit_into(&style, "a line that is a good deal too long for this", 100, fitted, sizeof fitted);
    CHECK(strstr(fitted, "...") != NULL && strncmp(fitted, "a line", 6) == 0);
    CHECK(hrm_text_width(&style, fitted) <= 100);
    hrm_text_fit_into(&style, "forty characters fill more than 32 bytes", 1e6f, fitted, sizeof fitted);
    CHECK_EQ(strlen(fitted), 31);
    hrm_text_fit_into(&style, "nothing fits here", 0, fitted, sizeof fitted);
    CHECK(strlen(fitted) <= 3);
    hrm_text_fit_into(&style, "abc", 0, fitted, 3);
    CHECK_STR(fitted, "");
}

/* Text that is read from below covers the turned place, and as much of it. */
static void test_text_upwards(void **state) {
    (void)state;
    const hrm_text_style style = {.cap_height = 14, .color = black};
    hrm_canvas flat, turned;
    CHECK_OK(hrm_canvas_init(&flat, 120, 120, white));
    CHECK_OK(hrm_canvas_init(&turned, 120, 120, white));
    hrm_text_draw(&flat, 10, 60, &style, "Loss 7");
    hrm_text_draw_upwards(&turned, 60, 110, &style, "Loss 7");
    for (uint32_t y = 0; y < 120; y++)
        for (uint32_t x = 0; x < 120; x++) {
            const int want = hrm_canvas_get(&flat, x, y).g, got = hrm_canvas_get(&turned, y, 119 - x).g;
            /* sums of floats round differently in the other direction */
            CHECK_MSG(abs(want - got) <= 2, "pixel (%u, %u) is %d, turned %d", x, y, want, got);
        }
    CHECK(darkness(&flat) > 50);
    hrm_canvas_deinit(&flat);
    hrm_canvas_deinit(&turned);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rects), cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_outside), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_text_upwards)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
