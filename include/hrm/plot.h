/* Line plots as PNG and SVG: panels in a grid, each with its axes, lines and legend. Both files show the same picture:
 * one layout is drawn by two pens. `hrm plot` draws training runs with it. Needs no device. */
#ifndef HRM_PLOT_H
#define HRM_PLOT_H

#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a series is drawn. A point between two gaps is a dot in any of them. */
typedef enum hrm_plot_style {
    HRM_PLOT_LINE = 0,
    HRM_PLOT_FAINT = 1,  /* a thin, pale line: parts of a whole, background */
    HRM_PLOT_POINTS = 2, /* a line with a dot at each point: what is measured now and then */
    HRM_PLOT_MARKS = 3,  /* crosses alone: events */
} hrm_plot_style;

/* Which point of a series gets a ring; where only one series of a panel has one, its value is written beside it. */
typedef enum hrm_plot_best {
    HRM_PLOT_BEST_NONE = 0,
    HRM_PLOT_BEST_LOWEST = 1,
    HRM_PLOT_BEST_HIGHEST = 2,
} hrm_plot_best;

/* How the numbers at an axis are written. */
typedef enum hrm_plot_unit {
    HRM_PLOT_NUMBER = 0,   /* 250, 10k, 2.5M, 1e-5 */
    HRM_PLOT_SHARE = 1,    /* 0.25 as 25% */
    HRM_PLOT_DURATION = 2, /* seconds as 30s, 5m, 1.5h, 2d: the unit fits the whole axis */
} hrm_plot_unit;

/* Colours are numbers from 0. The first HRM_PLOT_COLORS are of the Okabe-Ito palette, safe for the common
 * colour-blindnesses; the next ones are the same with dashed lines; then it starts again. HRM_PLOT_GREY is for what
 * belongs to no series. */
#define HRM_PLOT_COLORS 7u
#define HRM_PLOT_GREY 0xffffffffu

/* A series. Values that are not finite, beyond 1e100, or not above 0 on a logarithmic axis, are gaps. */
typedef struct hrm_plot_series {
    uint32_t struct_size;
    const char *label; /* in the panel's legend, or NULL; a series without points is a row of the legend all the same */
    const double *x;   /* [count], or NULL: 0, 1, 2, ... */
    const double *y;   /* [count] */
    uint32_t count;
    uint32_t color;
    hrm_plot_style style;
    float smooth; /* 0 to below 1: over the pale raw line one that is smoothed exponentially (logarithms on a
                     logarithmic axis), keeping this share of the past at each point; of HRM_PLOT_FAINT the smoothed
                     line alone; 0: off */
    hrm_plot_best best;
} hrm_plot_series;

typedef struct hrm_plot_panel {
    uint32_t struct_size;
    const char *title;   /* or NULL */
    const char *x_label; /* or NULL */
    const char *y_label; /* or NULL */
    hrm_plot_unit x_unit, y_unit;
    uint32_t log_y;                /* 1: logarithmic */
    double y_low, y_high;          /* ends of the y axis where y_low < y_high, else they fit the data */
    const hrm_plot_series *series; /* [series_count], all of the first one's struct_size */
    uint32_t series_count;
} hrm_plot_panel;

/* A picture. Everything is borrowed for the call; texts are UTF-8 (the PNG's font has ASCII alone: a box stands for
 * each other character). Zero is the default in brackets. */
typedef struct hrm_plot_config {
    uint32_t struct_size;
    uint32_t width, height;       /* in units of about a screen pixel [1600 x 1000] */
    float scale;                  /* pixels per unit, 0.25 to 8 [1]: 2 for sharp displays and print */
    const char *title;            /* or NULL */
    const char *caption;          /* or NULL: a second, smaller line */
    const char *const *legend;    /* [legend_count] rows for the whole picture: number i has colour i */
    uint32_t legend_count;        /* [none] */
    uint32_t columns;             /* of panels [what suits the size] */
    const hrm_plot_panel *panels; /* [panel_count], all of the first one's struct_size */
    uint32_t panel_count;
} hrm_plot_config;

/* Writes the picture, whole or not at all; the same config gives the same bytes.
 * Errors: INVALID_ARGUMENT (no panel, a size out of range or too small for the panels: the message says what is
 * needed), OUT_OF_MEMORY, IO. */
HRM_API hrm_status hrm_plot_png(const hrm_plot_config *config, const char *path);
HRM_API hrm_status hrm_plot_svg(const hrm_plot_config *config, const char *path);

#ifdef __cplusplus
}
#endif

#endif
