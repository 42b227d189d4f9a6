/* HRM_INIT: a config with struct_size set and everything else zero, from C and C++. */
#ifndef HRM_INIT_H
#define HRM_INIT_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
template <class T> static inline T hrm_init_of(void) {
    T t;
    memset(&t, 0, sizeof t);
    t.struct_size = (uint32_t)sizeof t;
    return t;
}
#define HRM_INIT(type) (hrm_init_of<type>())
#else
#define HRM_INIT(type) ((type){.struct_size = (uint32_t)sizeof(type)})
#endif

#endif
