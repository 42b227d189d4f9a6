/* Animated GIF files that repeat for ever.
 *
 * Promises: frames of up to 256 colours keep them exactly; of more, the most frequent stay exact and the rest (blended
 * edges) become the nearest of those kept. A frame stores only the rectangle that changed. The file appears whole or
 * not at all, at finish. */
#ifndef HRM_VIZ_GIF_H
#define HRM_VIZ_GIF_H

#include "viz/canvas.h"

typedef struct hrm_gif hrm_gif;

/* Errors: INVALID_ARGUMENT (sides 1..65535), OUT_OF_MEMORY. */
hrm_status hrm_gif_create(uint32_t width, uint32_t height, hrm_gif **out);

/* NULL does nothing. */
void hrm_gif_destroy(hrm_gif *gif);

/* Adds one opaque frame of the same sides, shown for delay_ms (kept in hundredths of a second, at least two).
 * Errors: INVALID_ARGUMENT (sides), OUT_OF_MEMORY. */
hrm_status hrm_gif_add(hrm_gif *gif, const hrm_canvas *frame, uint32_t delay_ms);

/* Ends the animation and writes it; the object then only waits to be destroyed.
 * Errors: INVALID_ARGUMENT (no frame, or finished already), OUT_OF_MEMORY, IO. */
hrm_status hrm_gif_finish(hrm_gif *gif, const char *path);

#endif
