#ifndef HRM_SHARED_OPTIM_H
#define HRM_SHARED_OPTIM_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
