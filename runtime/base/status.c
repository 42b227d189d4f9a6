#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[HRM_ERROR_MESSAGE_SIZE];

const char *hrm_status_name(hrm_status status) {
    switch (status) {
#define HRM_STATUS_CASE(name, number, text)                                                                            \
    case name:                                                                                                         \
        return #name;
        HRM_STATUS_LIST(HRM_STATUS_CASE)
#undef HRM_STATUS_CASE
    case HRM_STATUS_FORCE_32:
        break;
    }
    return "HRM_STATUS_UNKNOWN";
}

const char *hrm_status_text(hrm_status status) {
    switch (status) {
#define HRM_STATUS_CASE(name, number, text)                                                                            \
    case name:                                                                                                         \
        return text;
        HRM_STATUS_LIST(HRM_STATUS_CASE)
#undef HRM_STATUS_CASE
    case HRM_STATUS_FORCE_32:
        break;
    }
    return "unknown status";
}

const char *hrm_last_error(void) {
    return last_error;
}

/* Names out of files may hold bytes that a terminal obeys; line feeds and tabs are text. */
static bool is_control(char byte) {
    unsigned char code = (unsigned char)byte;
    return (code < ' ' && code != '\n' && code != '\t') || code == 0x7f;
}

/* Joins head and tail into last_error with ": " between them, cutting at the buffer and showing control bytes as '?'.
 * The copies are needed because either may lie in last_error. */
static void set_message(const char *head, const char *tail) {
    char joined[2 * HRM_ERROR_MESSAGE_SIZE + 2]; /* both texts, ": ", the end */
    snprintf(joined, sizeof joined, "%s%s%s", head, *tail ? ": " : "", tail);
    size_t length = strnlen(joined, HRM_ERROR_MESSAGE_SIZE - 1);
    for (size_t i = 0; i < length; i++) last_error[i] = is_control(joined[i]) ? '?' : joined[i];
    last_error[length] = '\0';
}

hrm_status hrm_fail(hrm_status code, const char *format, ...) {
    char text[HRM_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set_message(text, "");
    return code;
}

hrm_status hrm_fail_prefix(hrm_status status, const char *format, ...) {
    if (status == HRM_OK) return status;
    char text[HRM_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set_message(text, last_error);
    return status;
}

hrm_status hrm_fail_errno(hrm_status code, int error_number, const char *format, ...) {
    char text[HRM_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char reason[128]; /* strerror_r: the plain one may share its buffer between threads */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    set_message(text, strerror_r(error_number, reason, sizeof reason));
#else
    if (strerror_r(error_number, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "errno %d", error_number);
    set_message(text, reason);
#endif
    return code;
}
