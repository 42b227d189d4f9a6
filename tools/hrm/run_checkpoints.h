/* The files in RUN/checkpoints: last, previous, best and step-N, each the whole state of a run.
 *
 * Promises: at every moment, whatever kills the program, at least one whole checkpoint stands under a known name once
 * there has been one. A new one is written as "next", then the former last becomes previous, then next becomes last; a
 * start that finds a "next" finishes that. best and step-N are hard links to it where the file system has them, else
 * copies. */
#ifndef HRM_TOOL_RUN_CHECKPOINTS_H
#define HRM_TOOL_RUN_CHECKPOINTS_H

#include "cli.h"

#define CLI_CHECKPOINT_FOLDER "checkpoints"
#define CLI_CHECKPOINT_LAST "checkpoints/last.safetensors"
#define CLI_CHECKPOINT_PREVIOUS "checkpoints/previous.safetensors"
#define CLI_CHECKPOINT_BEST "checkpoints/best.safetensors"
#define CLI_CHECKPOINT_NEXT "checkpoints/next.safetensors"

enum { CLI_CHECKPOINT_NAME = 64 };

/* "checkpoints/step-N.safetensors" in out [CLI_CHECKPOINT_NAME]; returns out. */
char *cli_checkpoint_name_step(uint32_t step, char *out);

/* The note of a checkpoint, to be freed, or NULL. Damaged files have none. */
char *cli_checkpoint_read_note(const char *path, const char *key);
/* The step it was saved after, or 0. */
uint32_t cli_checkpoint_get_step(const char *path);

/* True for the name of a file in checkpoints/ that is one of ours, its first `length` characters taken. */
bool cli_checkpoints_own(const char *name, size_t length);

bool cli_checkpoints_exist(const char *run);
/* The largest N below `below` of a step-N that is there, or 0. */
uint32_t cli_checkpoints_find_step(const char *run, uint32_t below);

/* A "next" that was written whole becomes last, as its writer would have made it. */
void cli_checkpoints_recover(const char *run);

/* Makes next the last, and the former last previous. The error is left in errno. */
bool cli_checkpoints_rotate(const char *run);

/* Gives the file at `from` a second name `to`, replacing what is there in one go. False after printing an error. */
bool cli_checkpoint_alias(const char *from, const char *to);

/* Removes the oldest step-N beyond the newest `keep`; 0 keeps all. */
void cli_checkpoints_prune(const char *run, uint32_t keep);

/* Removes all of them, and the folder when nothing else is in it. False after printing an error. */
bool cli_checkpoints_remove(const char *run);

#endif
