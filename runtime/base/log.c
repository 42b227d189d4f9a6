#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

/* Callback and user pointer change together, so readers hold the lock while they call: after hrm_set_log_callback
 * returns, the old user pointer may be freed. Several threads may log at once. */
static pthread_rwlock_t log_lock = PTHREAD_RWLOCK_INITIALIZER;
static hrm_log_fn log_callback;
static void *log_user;

/* Lowest level anybody listens to; HRM_LOG_ERROR + 1 while there is no callback. Read without the lock. */
static atomic_int log_threshold = HRM_LOG_ERROR + 1;

void hrm_set_log_callback(hrm_log_fn callback, void *user, hrm_log_level min_level) {
    pthread_rwlock_wrlock(&log_lock);
    log_callback = callback;
    log_user = user;
    atomic_store(&log_threshold, callback ? (int)min_level : HRM_LOG_ERROR + 1);
    pthread_rwlock_unlock(&log_lock);
}

bool hrm_log_enabled(hrm_log_level level) {
    return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

void hrm_log(hrm_log_level level, const char *format, ...) {
    if (!hrm_log_enabled(level)) return;
    int saved_errno = errno;
    char message[HRM_LOG_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    pthread_rwlock_rdlock(&log_lock);
    if (log_callback) log_callback(log_user, level, message);
    pthread_rwlock_unlock(&log_lock);
    errno = saved_errno;
}
