#ifndef HRM_SHARED_ROPE_H
#define HRM_SHARED_ROPE_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
