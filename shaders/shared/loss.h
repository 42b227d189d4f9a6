#ifndef HRM_SHARED_LOSS_H
#define HRM_SHARED_LOSS_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
