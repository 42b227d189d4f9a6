/* The folder of a training run.
 *
 *   config.json, environment.json, options.json   what was trained, where, and how the run is looked after
 *   metrics.jsonl, summary.csv                    see run_log.h
 *   checkpoints/                                  see run_checkpoints.h
 *   model.safetensors, table.txt                  written when the run ends; the table last
 *   lock                                          see run_lock.h
 *
 * Promises: the folder is known to be writable, and to be ours alone, before training starts; nothing of an earlier run
 * is touched unless that was asked for, and files that are not ours never are. A folder that is removed while the run
 * goes on is made again. */
#ifndef HRM_TOOL_RUN_FOLDER_H
#define HRM_TOOL_RUN_FOLDER_H

#include "cli.h"
#include "run_lock.h"

enum { CLI_RUN_PATH = 4096, CLI_RUN_RECORDS = 3 };

typedef struct cli_run_folder {
    char path[CLI_RUN_PATH - 64]; /* leaves room for the longest name of a file in it */
    cli_run_lock lock;
    bool started;    /* holds our run */
    bool remade;     /* was removed and made again: what is saved must be saved anew. Cleared by who does that */
    double next_try; /* when a folder that could not be made again is tried next, on cli_now's clock */
    struct {
        const char *name; /* static */
        char *text;
    } records[CLI_RUN_RECORDS]; /* kept for a folder that has to be made again */
} cli_run_folder;

/* "RUN/name" in out [CLI_RUN_PATH]; returns out. */
char *cli_run_path(const char *run, const char *name, char *out);

/* The step of a run's newest checkpoint, by its notes; 0 without any. */
uint32_t cli_run_get_step(const char *run);

/* Makes the folder and its parents, locks it and removes what a killed run left half-written. A folder with a run is
 * refused unless `takes_run` (to continue or to overwrite it). False after printing an error. */
bool cli_run_folder_open(cli_run_folder *folder, const char *path, bool takes_run);

/* Removes an earlier run: the files that hrm train writes, nothing else. False after printing an error. */
bool cli_run_folder_clear(const cli_run_folder *folder);

/* From here on the folder holds our run: checkpoints/ is made. False after printing an error. */
bool cli_run_folder_start(cli_run_folder *folder);

/* Writes one of the records (`name` is static text, `value` is taken), whole or not at all. False after printing an
 * error. */
bool cli_run_folder_write_record(cli_run_folder *folder, const char *name, json_t *value);

/* True when the folder is there and ours; a removed one is made again with its records, saying so. False (errno is set)
 * when it cannot be: that is said, and tried again, once a minute. */
bool cli_run_folder_ensure(cli_run_folder *folder);

/* Also after a failed open. The lock's file goes when the folder holds no run. */
void cli_run_folder_close(cli_run_folder *folder);

#endif
