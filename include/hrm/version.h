/* Versions: HRM_VERSION_* is the headers', hrm_version() the library's. */
#ifndef HRM_VERSION_H
#define HRM_VERSION_H

#include <stdint.h>

#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HRM_VERSION_MAJOR 0
#define HRM_VERSION_MINOR 1
#define HRM_VERSION_PATCH 0
#define HRM_VERSION_STRING "0.1.0"

/* Version of the library as major << 22 | minor << 12 | patch. Free-threaded. */
HRM_API uint32_t hrm_version(void);
/* "0.1.0" and so on; static storage. Free-threaded. */
HRM_API const char *hrm_version_string(void);
/* The revision of the source tree that the library was built from: "67a97a4f01", with "-dirty" behind it when tracked
 * files had changed; "unknown" when it was not built in a git checkout; or what the builder set (HRM_SOURCE_REVISION).
 * Static storage. Free-threaded. */
HRM_API const char *hrm_build_revision(void);

#ifdef __cplusplus
}
#endif

#endif
