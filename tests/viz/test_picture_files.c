/* PNG and GIF files decode, with other people's decoders, to what was drawn. */
#include "check.h"
#include "helper_decode.h"

#include "base/rng.h"
#include "viz/gif.h"
#include "viz/png.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const hrm_color white = {255, 255, 255, 255};

static void test_png(void **state) {
    (void)state;
    static const uint32_t sides[][2] = {{1, 1}, {7, 3}, {64, 50}};
    hrm_rng rng;
    hrm_rng_init(&rng, check_seed(), 0);
    for (size_t s = 0; s < 3; s++) {
        hrm_canvas canvas;
        CHECK_OK(hrm_canvas_init(&canvas, sides[s][0], sides[s][1], white));
        size_t count = (size_t)sides[s][0] * sides[s][1] * 4, size, file_size;
        for (size_t i = 0; i < count; i++) canvas.pixels[i] = (uint8_t)hrm_rng_below(&rng, 256);
        uint8_t *bytes;
        CHECK_OK(hrm_png_encode(&canvas, &bytes, &size));
        check_same_bits("signature", bytes, "\x89PNG\r\n\x1a\n", 8);
        uint32_t width, height;
        uint8_t *pixels = decode_png(bytes, size, &width, &height);
        CHECK_EQ(width, sides[s][0]);
        CHECK_EQ(height, sides[s][1]);
        check_same_bits("pixels", pixels, canvas.pixels, count);
        free(pixels);
        const char *path = check_temp_path("picture.png");
        CHECK_OK(hrm_png_write(&canvas, path));
        void *file = check_read_file(path, &file_size);
        CHECK_EQ(file_size, size);
        check_same_bits("file", file, bytes, size);
        free(file);
        free(bytes);
        CHECK_STATUS(hrm_png_write(&canvas, check_temp_path("no_such_folder/picture.png")), HRM_ERR_IO);
        CHECK_ERROR_HAS("no_such_folder");
        hrm_canvas_deinit(&canvas);
    }
}

static void check_frame(const decoded_gif *gif, uint32_t frame, const hrm_canvas *want, int tolerance) {
    for (uint32_t y = 0; y < want->height; y++)
        for (uint32_t x = 0; x < want->width; x++) {
            const uint8_t *got = gif->pixels[frame] + ((size_t)y * want->width + x) * 3;
            hrm_color color = hrm_canvas_get(want, x, y);
            CHECK_MSG(abs(got[0] - color.r) <= tolerance && abs(got[1] - color.g) <= tolerance &&
                          abs(got[2] - color.b) <= tolerance,
                      "frame %u, pixel (%u, %u) is %u %u %u, should be %u %u %u", frame, x, y, got[0], got[1], got[2],
                      color.r, color.g, color.b);
        }
}

static void test_gif(void **state) {
    (void)state;
    hrm_canvas canvas, kept[4];
    hrm_gif *gif;
    CHECK_OK(hrm_canvas_init(&canvas, 60, 40, white));
    CHECK_OK(hrm_gif_create(60, 40, &gif));
    const char *path = check_temp_path("moving.gif");
    CHECK_STATUS(hrm_gif_finish(gif, path), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("has no frames");
    for (uint32_t f = 0; f < 4; f++) {
        if (f != 2) /* frame 2 equals frame 1 */
            hrm_canvas_fill_circle(&canvas, (hrm_point){10 + 10 * (float)f, 20}, 8, (hrm_color){0, 114, 178, 255});
        CHECK_OK(hrm_gif_add(gif, &canvas, f == 3 ? 2000 : 5));
        CHECK_OK(hrm_canvas_init(&kept[f], 60, 40, white));
        memcpy(kept[f].pixels, canvas.pixels, 60 * 40 * 4);
    }
    hrm_canvas_deinit(&canvas);
    CHECK_OK(hrm_canvas_init(&canvas, 60, 41, white));
    CHECK_STATUS(hrm_gif_add(gif, &canvas, 100), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_gif_finish(gif, path));
    CHECK_STATUS(hrm_gif_finish(gif, path), HRM_ERR_INVALID_ARGUMENT);
    hrm_gif_destroy(gif);
    hrm_gif_destroy(NULL);

    decoded_gif decoded;
    decode_gif(path, &decoded);
    CHECK_EQ(decoded.frames, 4);
    CHECK_EQ(decoded.width, 60);
    CHECK_EQ(decoded.height, 40);
    CHECK_EQ(decoded.repeats, 1);
    CHECK_EQ(decoded.delay_ms[0], 20); /* the least */
    CHECK_EQ(decoded.delay_ms[3], 2000);
    for (uint32_t f = 0; f < 4; f++) {
        check_frame(&decoded, f, &kept[f], 0); /* fewer than 256 colours: exact */
        hrm_canvas_deinit(&kept[f]);
    }
    decoded_gif_free(&decoded);
    hrm_canvas_deinit(&canvas);
    CHECK_STATUS(hrm_gif_create(0, 5, &gif), HRM_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hrm_gif_create(5, 65536, &gif), HRM_ERR_INVALID_ARGUMENT);
}

/* More colours than a palette holds: the frequent ones stay exact, the others come close. */
static void test_gif_many_colors(void **state) {
    (void)state;
    hrm_canvas canvas;
    hrm_gif *gif;
    decoded_gif decoded;
    CHECK_OK(hrm_canvas_init(&canvas, 256, 64, (hrm_color){12, 34, 56, 255}));
    for (uint32_t y = 0; y < 16; y++)
        for (uint32_t x = 0; x < 256; x++)
            memcpy(canvas.pixels + (y * 256 + x) * 4, (uint8_t[]){(uint8_t)x, (uint8_t)(y * 8), 0, 255}, 4);
    CHECK_OK(hrm_gif_create(256, 64, &gif));
    CHECK_OK(hrm_gif_add(gif, &canvas, 100));
    CHECK_OK(hrm_gif_finish(gif, check_temp_path("many.gif")));
    decode_gif(check_temp_path("many.gif"), &decoded);
    const uint8_t *flat = decoded.pixels[0] + (40 * 256 + 100) * 3;
    CHECK(flat[0] == 12 && flat[1] == 34 && flat[2] == 56);
    check_frame(&decoded, 0, &canvas, 255);
    decoded_gif_free(&decoded);
    hrm_gif_destroy(gif);
    hrm_canvas_deinit(&canvas);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_gif),
                                       cmocka_unit_test(test_gif_many_colors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
