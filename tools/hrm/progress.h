/* How far a long job is: a bar on a terminal, plain lines elsewhere.
 *
 * Promises: one job at a time; the bar goes to standard error and only when that is a terminal; it fits the terminal's
 * present width and is drawn over, never cleared first, so that it does not flicker; the plain lines go to standard
 * output; --quiet shows neither. Drawing costs nothing between two frames. */
#ifndef HRM_TOOL_PROGRESS_H
#define HRM_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

typedef enum cli_progress_style {
    CLI_PROGRESS_NONE,
    CLI_PROGRESS_BAR,   /* a bar on a terminal, else nothing: for commands whose output others read */
    CLI_PROGRESS_LINES, /* a bar on a terminal, else plain lines */
} cli_progress_style;

/* Starts showing a job of `total` units ("step"). The texts are borrowed. */
void cli_progress_begin(cli_progress_style style, const char *label, const char *unit, uint64_t total);
/* So many units were done before: they count as done, not for the pace. */
void cli_progress_skip(uint64_t done);
/* Plain lines come at every multiple of so many units, instead of every few seconds. */
void cli_progress_print_every(uint64_t units);
/* Tells how far it is, with a few words more; call it as often as you like. */
void cli_progress_update(uint64_t done, const char *format, ...) CLI_PRINTF(2, 3);
/* Shows the last update if it has not been seen yet (plain lines: only of jobs that took a while), and ends the line.
 */
void cli_progress_end(void);
/* Leaves `seconds` that went to something else, just now, out of the pace. */
void cli_progress_leave_out(double seconds);
/* Clears the bar so that a line can be printed; the next update draws it again. */
void cli_progress_clear(void);

/* Seconds on the monotonic clock, from an arbitrary start. */
double cli_now(void);

#endif
