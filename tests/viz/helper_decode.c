#include "helper_decode.h"

#include "check.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

uint8_t *decode_png(const void *bytes, size_t size, uint32_t *width, uint32_t *height) {
    int w, h, channels;
    uint8_t *pixels = stbi_load_from_memory(bytes, (int)size, &w, &h, &channels, 4);
    CHECK_MSG(pixels != NULL, "the PNG does not decode: %s", stbi_failure_reason());
    CHECK_EQ(channels, 4);
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return pixels;
}

void decode_gif(const char *path, decoded_gif *out) {
    int error = 0;
    GifFileType *file = DGifOpenFileName(path, &error);
    CHECK_MSG(file != NULL, "%s: %s", path, GifErrorString(error));
    CHECK_EQ(DGifSlurp(file), GIF_OK);
    size_t width = (size_t)file->SWidth, height = (size_t)file->SHeight, bytes = width * height * 3;
    *out = (decoded_gif){.width = (uint32_t)width, .height = (uint32_t)height, .frames = (uint32_t)file->ImageCount};
    out->pixels = calloc(out->frames, sizeof *out->pixels);
    out->delay_ms = calloc(out->frames, sizeof *out->delay_ms);
    for (uint32_t f = 0; f < out->frames; f++) {
        const SavedImage *image = &file->SavedImages[f];
        for (int e = 0; e < image->ExtensionBlockCount; e++)
            if (image->ExtensionBlocks[e].Function == APPLICATION_EXT_FUNC_CODE &&
                memcmp(image->ExtensionBlocks[e].Bytes, "NETSCAPE2.0", 11) == 0)
                out->repeats = 1;
        GraphicsControlBlock control;
        CHECK_EQ(DGifSavedExtensionToGCB(file, (int)f, &control), GIF_OK);
        out->delay_ms[f] = (uint32_t)control.DelayTime * 10;
        out->pixels[f] = calloc(bytes, 1);
        if (f > 0) memcpy(out->pixels[f], out->pixels[f - 1], bytes);
        const GifImageDesc *rect = &image->ImageDesc;
        CHECK(rect->ColorMap != NULL);
        for (int y = 0; y < rect->Height; y++)
            for (int x = 0; x < rect->Width; x++) {
                GifColorType color = rect->ColorMap->Colors[image->RasterBits[y * rect->Width + x]];
                uint8_t *pixel = out->pixels[f] + ((size_t)(rect->Top + y) * width + (size_t)(rect->Left + x)) * 3;
                pixel[0] = color.Red, pixel[1] = color.Green, pixel[2] = color.Blue;
            }
    }
    DGifCloseFile(file, &error);
}

void decoded_gif_free(decoded_gif *gif) {
    for (uint32_t f = 0; f < gif->frames; f++) free(gif->pixels[f]);
    free(gif->pixels);
    free(gif->delay_ms);
}
