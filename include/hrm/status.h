/* Status codes, this thread's error message, the log callback, and the two macros every public header uses.
 *
 * Promises: a call that can fail returns hrm_status; on anything but HRM_OK, hrm_last_error() on the same thread says
 * what was asked, what was found and what to do. All functions here may be called from any thread at any time. */
#ifndef HRM_STATUS_H
#define HRM_STATUS_H

#ifndef HRM_API
#if defined(__GNUC__)
#define HRM_API __attribute__((visibility("default")))
#else
#define HRM_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of outcomes: X(enumerator, number, short text). Numbers are part of the ABI and never reused. */
#define HRM_STATUS_LIST(X)                                                                                             \
    X(HRM_OK, 0, "ok")                                                                                                 \
    X(HRM_ERR_INVALID_ARGUMENT, 1, "invalid argument")                                                                 \
    X(HRM_ERR_OUT_OF_MEMORY, 2, "out of host memory")                                                                  \
    X(HRM_ERR_OUT_OF_DEVICE_MEMORY, 3, "out of device memory")                                                         \
    X(HRM_ERR_DEVICE, 4, "device error")                                                                               \
    X(HRM_ERR_NO_DEVICE, 5, "no suitable device")                                                                      \
    X(HRM_ERR_UNSUPPORTED, 6, "unsupported")                                                                           \
    X(HRM_ERR_IO, 7, "input/output error")                                                                             \
    X(HRM_ERR_FORMAT, 8, "malformed data")                                                                             \
    X(HRM_ERR_VERSION, 9, "version mismatch")                                                                          \
    X(HRM_ERR_CANCELLED, 10, "cancelled")                                                                              \
    X(HRM_ERR_NOT_FINITE, 11, "not a finite number")

typedef enum hrm_status {
#define HRM_STATUS_ENUM(name, number, text) name = number,
    HRM_STATUS_LIST(HRM_STATUS_ENUM)
#undef HRM_STATUS_ENUM
        HRM_STATUS_FORCE_32 = 0x7fffffff /* fixes the width of the type; never returned */
} hrm_status;

/* The enumerator's name ("HRM_ERR_IO"), or "HRM_STATUS_UNKNOWN". Never NULL; static storage. */
HRM_API const char *hrm_status_name(hrm_status status);

/* A short English text for the code ("input/output error"), or "unknown status". Never NULL; static storage. */
HRM_API const char *hrm_status_text(hrm_status status);

/* This thread's message of the last failing call, without a newline; "" before the first failure. Calls that succeed
 * leave it alone. Never NULL; valid until the next failing call on this thread. */
HRM_API const char *hrm_last_error(void);

typedef enum hrm_log_level {
    HRM_LOG_DEBUG = 0,
    HRM_LOG_INFO = 1,
    HRM_LOG_WARN = 2,
    HRM_LOG_ERROR = 3,
    HRM_LOG_FORCE_32 = 0x7fffffff
} hrm_log_level;

/* Receives one message, without a trailing newline, borrowed for the call. It may arrive on any thread, also on several
 * at once. It may not call hrm_set_log_callback. */
typedef void (*hrm_log_fn)(void *user, hrm_log_level level, const char *message);

/* Sets the process-wide log callback; NULL (the default) silences the library, which never prints on its own. Messages
 * below min_level are dropped before they are formatted. When it returns, the previous callback is no longer running.
 */
HRM_API void hrm_set_log_callback(hrm_log_fn callback, void *user, hrm_log_level min_level);

#ifdef __cplusplus
} /* extern "C" */

/* A config with struct_size set and every other field zero: hrm_device_config cfg = HRM_INIT(hrm_device_config); */
template <typename T> inline T hrm_init_config() {
    T value = T();
    value.struct_size = sizeof(T);
    return value;
}
#define HRM_INIT(type) hrm_init_config<type>()
#else
#define HRM_INIT(type) ((type){.struct_size = sizeof(type)})
#endif

#endif
