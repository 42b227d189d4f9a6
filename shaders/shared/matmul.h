#ifndef HRM_SHARED_MATMUL_H
#define HRM_SHARED_MATMUL_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
