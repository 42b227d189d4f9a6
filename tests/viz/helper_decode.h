/* Reads back what the picture writers wrote, with other people's decoders: stb_image and giflib. */
#ifndef HRM_TESTS_VIZ_HELPER_DECODE_H
#define HRM_TESTS_VIZ_HELPER_DECODE_H

#include <stddef.h>
#include <stdint.h>

/* RGBA pixels of a PNG, to be freed; fails the test when it does not decode. */
uint8_t *decode_png(const void *bytes, size_t size, uint32_t *width, uint32_t *height);

typedef struct decoded_gif {
    uint32_t width, height, frames;
    uint8_t **pixels;   /* [frames] RGB pictures after each frame was laid over the ones before */
    uint32_t *delay_ms; /* [frames] */
    int repeats;        /* 1 when a NETSCAPE2.0 block asks for endless repetition */
} decoded_gif;

void decode_gif(const char *path, decoded_gif *out);
void decoded_gif_free(decoded_gif *gif);

#endif
