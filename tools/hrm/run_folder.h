/* The folder of a training run: the model, the JSON-lines log beside it.
 *
 * Promises: the folder is known to be writable before training starts; a model or log that is already there is replaced
 * only when the new model has been saved whole, so the two always belong together. Until then the log is
 * "log.jsonl.partial"; a run that fails leaves it for the curious. */
#ifndef HRM_TOOL_RUN_FOLDER_H
#define HRM_TOOL_RUN_FOLDER_H

#include "cli.h"

typedef struct cli_run_folder {
    char model_path[4096], log_path[4096], partial_path[4096];
    FILE *log;
} cli_run_folder;

/* Creates the folder and its parents, checks that files can be made in it, starts the log. False after printing an
 * error. */
bool cli_run_folder_open(cli_run_folder *folder, const char *path);

/* Starts the log with what the folder's log says up to `step`, when a run saved there is continued there. False after
 * printing an error. */
bool cli_run_folder_keep_log(cli_run_folder *folder, uint32_t step);

/* Appends one JSON value (taken) as a line. False after printing an error. */
bool cli_run_folder_log(cli_run_folder *folder, json_t *line);

/* The model is saved: the log takes its final name. False after printing an error. */
bool cli_run_folder_commit(cli_run_folder *folder);

/* Also after a failed open. */
void cli_run_folder_close(cli_run_folder *folder);

#endif
