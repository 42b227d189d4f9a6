#ifndef HRM_SHARED_ATTENTION_H
#define HRM_SHARED_ATTENTION_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
