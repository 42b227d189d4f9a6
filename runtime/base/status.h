/* How the runtime reports failure: set this thread's message and return the code in one expression.
 *
 * Promises: messages are per thread, cut (never overrun) at HRM_ERROR_MESSAGE_SIZE bytes; arguments may point into the
 * present message. Leaves to callers: saying what was asked, what was found and what to do. */
#ifndef HRM_BASE_STATUS_H
#define HRM_BASE_STATUS_H

#include <hrm/status.h>

#define HRM_ERROR_MESSAGE_SIZE 1024

#if defined(__GNUC__)
#define HRM_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define HRM_PRINTF(format_index, first_arg)
#endif

/* Replaces this thread's message and returns `code`. */
hrm_status hrm_fail(hrm_status code, const char *format, ...) HRM_PRINTF(2, 3);

/* Puts "<text>: " before the present message and returns `status` unchanged; does nothing for HRM_OK. */
hrm_status hrm_fail_prefix(hrm_status status, const char *format, ...) HRM_PRINTF(2, 3);

/* hrm_fail with ": <text of the errno value>" appended; `code` is chosen by the caller. */
hrm_status hrm_fail_errno(hrm_status code, int error_number, const char *format, ...) HRM_PRINTF(3, 4);

/* Needs a local `hrm_status status` and a label `fail`. */
#define HRM_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        status = (expr);                                                                                               \
        if (status != HRM_OK) goto fail;                                                                               \
    } while (0)

#endif
