#include "helper_board.h"

#include "helper_decode.h"

#include <stdlib.h>
#include <string.h>

#define MIN_RUN 40u /* pixels: letters, digits and badges have no such runs */

static bool same(hrm_color a, hrm_color b) {
    return a.r == b.r && a.g == b.g && a.b == b.b;
}

board_box find_board(const hrm_canvas *canvas, uint32_t columns, hrm_color frame, uint32_t inset) {
    uint32_t left = canvas->width, right = 0, top = canvas->height, bottom = 0;
    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t run = 0;
        for (uint32_t x = 0; x < canvas->width; x++) {
            run = same(hrm_canvas_get(canvas, x, y), frame) ? run + 1 : 0;
            if (run < MIN_RUN) continue;
            if (x - run + 1 < left) left = x - run + 1;
            if (x > right) right = x;
            if (y < top) top = y;
            if (y > bottom) bottom = y;
        }
    }
    CHECK(right > left && bottom > top);
    uint32_t cell = 720 / columns > 96 ? 96 : 720 / columns, thickness = (right - left + 1 - cell * columns) / 2;
    return (board_box){left + thickness, top + thickness, cell, inset};
}

uint32_t count_color(const hrm_canvas *canvas, board_box box, uint32_t x, uint32_t y, hrm_color color) {
    uint32_t count = 0;
    for (uint32_t py = box.inset; py < box.cell - box.inset; py++)
        for (uint32_t px = box.inset; px < box.cell - box.inset; px++)
            count += same(hrm_canvas_get(canvas, box.x + x * box.cell + px, box.y + y * box.cell + py), color);
    return count;
}

void check_same_pictures(const hrm_canvas *one, const hrm_canvas *two) {
    CHECK(one->width >= 400 && one->width <= 1200 && one->height <= 1300);
    CHECK_EQ(one->width, two->width);
    CHECK_EQ(one->height, two->height);
    check_same_bits("twice the same", one->pixels, two->pixels, (size_t)one->width * one->height * 4);
}

void check_still(const char *path) {
    size_t size;
    void *bytes = check_read_file(path, &size);
    uint32_t width, height;
    uint8_t *pixels = decode_png(bytes, size, &width, &height);
    CHECK(width > 400 && height > 400);
    free(pixels);
    free(bytes);
}

void check_animation(const char *path, uint32_t frames, uint32_t first_ms, uint32_t last_ms) {
    decoded_gif decoded;
    decode_gif(path, &decoded);
    CHECK_EQ(decoded.frames, frames);
    CHECK_EQ(decoded.repeats, 1);
    CHECK_EQ(decoded.delay_ms[0], first_ms);
    CHECK_EQ(decoded.delay_ms[frames - 1], last_ms);
    size_t bytes = (size_t)decoded.width * decoded.height * 3;
    for (uint32_t f = 1; f < frames; f++) CHECK(memcmp(decoded.pixels[f - 1], decoded.pixels[f], bytes) != 0);
    decoded_gif_free(&decoded);
}
