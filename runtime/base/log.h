/* The library's only way to speak: one process-wide callback, silent until an application sets it
 * (hrm_set_log_callback in <hrm/status.h>).
 *
 * Promises: thread-safe; a message nobody listens to is never formatted; this thread's error message and errno are left
 * alone. */
#ifndef HRM_BASE_LOG_H
#define HRM_BASE_LOG_H

#include "base/status.h"

#include <stdbool.h>

#define HRM_LOG_MESSAGE_SIZE 2048

/* Sends one message (no trailing newline; longer ones are cut) to the callback. */
void hrm_log(hrm_log_level level, const char *format, ...) HRM_PRINTF(2, 3);

/* True when a message of this level would reach a callback: guards work done only for a log line. */
bool hrm_log_enabled(hrm_log_level level);

#endif
