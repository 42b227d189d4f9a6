/* The metrics of a training run, read back from its folder: metrics.jsonl, config.json, environment.json.
 *
 * Promises: a folder that lacks the last two is fine; of metrics.jsonl a torn last line is left out silently, damaged
 * lines before it with one warning that names the first and counts them. Where a run was resumed at an earlier step,
 * later lines win: steps only rise. What a line does not say, or says as null, is NaN. */
#ifndef HRM_TOOL_RUN_METRICS_H
#define HRM_TOOL_RUN_METRICS_H

#include "cli.h"

/* The members of a line "step", and of a line "eval". */
#define CLI_STEP_COLUMNS(X)                                                                                            \
    X(step)                                                                                                            \
    X(seconds)                                                                                                         \
    X(loss)                                                                                                            \
    X(token_loss)                                                                                                      \
    X(q_halt_loss)                                                                                                     \
    X(q_continue_loss)                                                                                                 \
    X(lr)                                                                                                              \
    X(accuracy)                                                                                                        \
    X(exact)                                                                                                           \
    X(segments)                                                                                                        \
    X(grad_norm)                                                                                                       \
    X(grad_norm_max)                                                                                                   \
    X(skipped)                                                                                                         \
    X(idle)
#define CLI_EVAL_COLUMNS(X)                                                                                            \
    X(step)                                                                                                            \
    X(seconds)                                                                                                         \
    X(accuracy)                                                                                                        \
    X(exact)                                                                                                           \
    X(task)                                                                                                            \
    X(segments)                                                                                                        \
    X(live_exact)                                                                                                      \
    X(best)

#define CLI_COLUMN_MEMBER(name) double *name;
/* Columns of equal length. */
typedef struct cli_step_rows {
    size_t count, room;
    CLI_STEP_COLUMNS(CLI_COLUMN_MEMBER)
} cli_step_rows;
typedef struct cli_eval_rows {
    size_t count, room;
    CLI_EVAL_COLUMNS(CLI_COLUMN_MEMBER)
} cli_eval_rows;
#undef CLI_COLUMN_MEMBER

typedef struct cli_run_metrics {
    char folder[4096]; /* without slashes at its end */
    cli_step_rows steps;
    cli_eval_rows evals;
    json_t *header;      /* the last "start" or "resume" line, or NULL */
    json_t *end;         /* the "end" line, or NULL while the run goes on or when it broke off */
    json_t *config;      /* config.json, else the header's "config", else NULL */
    json_t *environment; /* environment.json or NULL */
    uint32_t damaged;    /* lines left out, the torn last one not counted */
    bool running;        /* a living process holds the folder's lock */
} cli_run_metrics;

/* True when the folder has a metrics.jsonl. */
bool cli_run_metrics_exist(const char *folder);

/* Reads a run's folder. False after printing an error (no such folder, not a run, unreadable, no memory); call deinit
 * either way. Warnings are printed. */
bool cli_run_metrics_read(cli_run_metrics *run, const char *folder);
void cli_run_metrics_deinit(cli_run_metrics *run);

/* The last part of the folder's path ("runs/a" -> "a"). Borrowed. */
const char *cli_run_metrics_name(const cli_run_metrics *run);

/* The steps of the whole run by its config; 0 when unknown. */
uint32_t cli_run_metrics_total(const cli_run_metrics *run);

/* The row with the best test: exact, the first of equals. False without any test. */
bool cli_run_metrics_best(const cli_run_metrics *run, size_t *row);

/* "45s", "12m30s", "3h07m", "2d05h". Returns out. */
char *cli_run_format_time(double seconds, char *out, size_t size);

#endif
