#include <hrm/version.h>

uint32_t hrm_version(void) {
    return (uint32_t)HRM_VERSION_MAJOR << 22 | (uint32_t)HRM_VERSION_MINOR << 12 | (uint32_t)HRM_VERSION_PATCH;
}

const char *hrm_version_string(void) {
    return HRM_VERSION_STRING;
}
