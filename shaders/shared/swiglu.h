#ifndef HRM_SHARED_SWIGLU_H
#define HRM_SHARED_SWIGLU_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
