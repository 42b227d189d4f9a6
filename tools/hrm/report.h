/* What the program says: errors, warnings and the library's log, each one line on standard error.
 *
 * Promises: a message is exactly one line, whatever file names or drivers put into it; a progress bar on the terminal
 * is cleared first. */
#ifndef HRM_TOOL_REPORT_H
#define HRM_TOOL_REPORT_H

#include <stdbool.h>

#include <hrm/status.h>

#if defined(__GNUC__)
#define CLI_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define CLI_PRINTF(format_index, first_arg)
#endif

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130, CLI_TERMINATED = 143 };

/* The command named at the start of every line: "hrm train: ..."; "" gives "hrm: ...". Borrowed. */
void cli_set_command(const char *command);

/* Prints "hrm <command>: <message>". */
void cli_error(const char *format, ...) CLI_PRINTF(1, 2);
/* The same, and returns CLI_FAILED or CLI_USAGE: `return cli_fail(...)`. */
int cli_fail(const char *format, ...) CLI_PRINTF(1, 2);
int cli_usage(const char *format, ...) CLI_PRINTF(1, 2);
/* Prints the library's last error; returns CLI_FAILED. */
int cli_fail_last(void);

/* Sends the library's log to standard error: warnings and errors, with `verbose` everything. */
void cli_listen(bool verbose);

#endif
