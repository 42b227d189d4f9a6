/* Pictures as PNG files. The only user of stb_image_write.
 *
 * Promises: 8-bit RGBA, the same canvas gives the same bytes, files appear whole or not at all. */
#ifndef HRM_VIZ_PNG_H
#define HRM_VIZ_PNG_H

#include "viz/canvas.h"

/* Encodes into memory that the caller frees. Errors: OUT_OF_MEMORY. */
hrm_status hrm_png_encode(const hrm_canvas *canvas, uint8_t **bytes, size_t *size);

/* Errors: OUT_OF_MEMORY, IO (names the file). */
hrm_status hrm_png_write(const hrm_canvas *canvas, const char *path);

#endif
