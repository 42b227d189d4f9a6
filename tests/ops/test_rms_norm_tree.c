/* RMSNorm as devices without subgroup arithmetic run it. */
#define HELPER_GPU_DISABLE "arithmetic"
#include "test_rms_norm.c"
