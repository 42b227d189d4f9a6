#ifndef HRM_SHARED_EMBED_H
#define HRM_SHARED_EMBED_H
#ifdef __STDC__
#include "shared/common.h"
#endif
#endif
