#ifndef HRM_SHARED_ELEMENTWISE_H
#define HRM_SHARED_ELEMENTWISE_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
