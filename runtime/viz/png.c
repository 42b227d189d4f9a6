#include "viz/png.h"

#include "base/file_write.h"
#include "viz/byte_buffer.h"

#include <stdlib.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

static void append(void *user, void *bytes, int size) {
    hrm_byte_buffer_append(user, bytes, (size_t)size);
}

hrm_status hrm_png_encode(const hrm_canvas *canvas, uint8_t **bytes, size_t *size) {
    hrm_byte_buffer buffer = {0};
    int width = (int)canvas->width, height = (int)canvas->height;
    int written = stbi_write_png_to_func(append, &buffer, width, height, 4, canvas->pixels, width * 4);
    if (!written || buffer.failed) {
        free(buffer.bytes);
        return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "no host memory to encode a picture of %ux%u pixels", canvas->width,
                        canvas->height);
    }
    *bytes = buffer.bytes;
    *size = buffer.size;
    return HRM_OK;
}

hrm_status hrm_png_write(const hrm_canvas *canvas, const char *path) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    hrm_status status = hrm_png_encode(canvas, &bytes, &size);
    if (status != HRM_OK) return status;
    status = hrm_file_write_all(path, bytes, size);
    free(bytes);
    return status;
}
