/* Figures of the steps since the last step line: sums, and what is made of them.
 *
 * Promises: the sums survive their way through a checkpoint's note bit for bit, so the step lines of a resumed run are
 * those of one that never stopped; times on the device stay out of it. */
#ifndef HRM_TOOL_TRAIN_WINDOW_H
#define HRM_TOOL_TRAIN_WINDOW_H

#include "cli.h"

/* X(field): sums over steps, the first five over the puzzles that finished in them. */
#define CLI_TRAIN_SUMS(X)                                                                                              \
    X(finished)                                                                                                        \
    X(exact)                                                                                                           \
    X(accuracy)                                                                                                        \
    X(q_right)                                                                                                         \
    X(segments)                                                                                                        \
    X(steps)                                                                                                           \
    X(loss)                                                                                                            \
    X(token_loss)                                                                                                      \
    X(q_halt_loss)                                                                                                     \
    X(q_continue_loss)                                                                                                 \
    X(grad_norm)                                                                                                       \
    X(skipped)

typedef struct cli_train_window {
#define CLI_TRAIN_FIELD(field) double field;
    CLI_TRAIN_SUMS(CLI_TRAIN_FIELD)
#undef CLI_TRAIN_FIELD
    double grad_norm_max;
    double overflowed;                   /* steps whose gradient did not fit f16: their norm is not known */
    double device_seconds, idle_seconds; /* of the steps whose times are known */
} cli_train_window;

/* Adds a step. `keep` scales what was there: 1 for sums, less for averages that fade (grad_norm_max does not). */
void cli_train_window_add(cli_train_window *window, const hrm_step_report *report, double keep);

/* The share of right answers among finished puzzles, and the like. */
double cli_train_window_per_finished(const cli_train_window *window, double sum);
double cli_train_window_per_step(const cli_train_window *window, double sum);
/* Mean over the steps that have one; NaN without any. */
double cli_train_window_get_grad_norm(const cli_train_window *window);

/* The step line. */
json_t *cli_train_window_to_line(const cli_train_window *window, const hrm_step_report *last, double seconds);

/* The note of a checkpoint, and back; false when it is not one of ours. */
json_t *cli_train_window_to_json(const cli_train_window *window);
bool cli_train_window_from_json(const json_t *note, cli_train_window *window);

#endif
