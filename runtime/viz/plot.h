/* Line plots: panels in a grid, drawn by one layout with two pens, so that the PNG and the SVG cannot drift apart.
 *
 * Promises: whatever the numbers are, every panel has axes with at least two labelled ticks, or says that it has no
 * data; nothing is drawn outside a panel's own part of the picture; texts that do not fit are cut with "...". A picture
 * too small for that is refused. Structs are of this library's size (the caller's are brought to it by the api layer).
 */
#ifndef HRM_VIZ_PLOT_H
#define HRM_VIZ_PLOT_H

#include <hrm/plot.h>

#include "base/status.h"
#include "viz/plot_pen.h"

/* Draws with any pen; the size in units is config's. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
hrm_status hrm_plot_draw(const hrm_plot_config *config, const hrm_plot_pen *pen);

/* Fills in the defaults and refuses what cannot be drawn. Errors: INVALID_ARGUMENT. */
hrm_status hrm_plot_resolve(const hrm_plot_config *config, hrm_plot_config *out);

/* The picture as a file's bytes, which the caller frees. Errors: those of hrm_plot_draw. */
hrm_status hrm_plot_encode_png(const hrm_plot_config *config, uint8_t **bytes, size_t *size);
hrm_status hrm_plot_encode_svg(const hrm_plot_config *config, uint8_t **bytes, size_t *size);

#endif
