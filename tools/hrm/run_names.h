/* What runs are called side by side: the folder's name, and where that is not enough, what differs in their
 * configurations, or the whole path. */
#ifndef HRM_TOOL_RUN_NAMES_H
#define HRM_TOOL_RUN_NAMES_H

#include "run_metrics.h"

enum { CLI_RUN_NAME_SIZE = 512 };

/* Writes one name for each run. */
void cli_run_names_make(const cli_run_metrics *runs, size_t count, char (*names)[CLI_RUN_NAME_SIZE]);

#endif
