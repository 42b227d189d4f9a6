#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "progress.h"

static const char *current_command = "";

void cli_set_command(const char *command) {
    current_command = command;
}

/* One write per line, so that lines of several threads do not mix. */
static void print_line(const char *mark, const char *message) {
    char line[4096];
    int n = snprintf(line, sizeof line, "hrm%s%s: %s%s", current_command[0] ? " " : "", current_command, mark, message);
    if (n > (int)sizeof line - 1) n = (int)sizeof line - 1;
    for (int i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = ' ';
    cli_progress_clear();
    fflush(stdout);
    fprintf(stderr, "%s\n", line);
}

static void print_formatted(const char *format, va_list args) {
    char message[3072];
    vsnprintf(message, sizeof message, format, args);
    print_line("", message);
}

void cli_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_formatted(format, args);
    va_end(args);
}

int cli_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_formatted(format, args);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_formatted(format, args);
    va_end(args);
    return CLI_USAGE;
}

int cli_fail_last(void) {
    return cli_fail("%s", hrm_last_error());
}

static void print_log(void *user, hrm_log_level level, const char *message) {
    (void)user;
    static const char *const marks[] = {"debug: ", "info: ", "warning: ", "error: "};
    print_line(level >= HRM_LOG_DEBUG && level <= HRM_LOG_ERROR ? marks[level] : "", message);
}

void cli_listen(bool verbose) {
    hrm_set_log_callback(print_log, NULL, verbose ? HRM_LOG_DEBUG : HRM_LOG_WARN);
}
