/* What a run says as it goes: metrics.jsonl, one JSON object per line, and summary.csv, one row per step line.
 *
 * Promises: a line is written whole or taken back; one that cannot be written is kept and tried again with the next,
 * which is said once. Each line opens the file anew, so that a folder that was removed is noticed. */
#ifndef HRM_TOOL_RUN_LOG_H
#define HRM_TOOL_RUN_LOG_H

#include "run_folder.h"

typedef struct cli_run_log_file {
    char *waiting; /* lines that could not be written yet, or NULL */
    bool failing;  /* and it has been said */
} cli_run_log_file;

typedef struct cli_run_log {
    cli_run_folder *folder; /* borrowed */
    cli_run_log_file metrics, summary;
} cli_run_log;

/* Starts the files of `folder` with those of the run in `source` (the same folder, another, or NULL: no lines), up to
 * `step`; `seconds` gets the time of the last line kept. False after printing an error. */
bool cli_run_log_open(cli_run_log *log, cli_run_folder *folder, const char *source, uint32_t step, double *seconds);

/* Appends one JSON object (taken) as a line; a "step" also as a row of the summary. */
void cli_run_log_add(cli_run_log *log, json_t *line);

/* Tries once more what could not be written. False after printing an error when it still cannot. */
bool cli_run_log_finish(cli_run_log *log);

void cli_run_log_close(cli_run_log *log);

#endif
