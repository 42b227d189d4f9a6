#ifndef HRM_SHARED_RMS_NORM_H
#define HRM_SHARED_RMS_NORM_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
