#ifndef HRM_SHARED_RANDOM_H
#define HRM_SHARED_RANDOM_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
