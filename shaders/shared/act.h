#ifndef HRM_SHARED_ACT_H
#define HRM_SHARED_ACT_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
