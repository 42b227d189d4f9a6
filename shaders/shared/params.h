/* Every push-constant struct of kernels.def, for the C side. */
#ifndef HRM_SHARED_PARAMS_H
#define HRM_SHARED_PARAMS_H
#include "shared/act.h"
#include "shared/attention.h"
#include "shared/elementwise.h"
#include "shared/embed.h"
#include "shared/loss.h"
#include "shared/matmul.h"
#include "shared/optim.h"
#include "shared/peak.h"
#include "shared/random.h"
#include "shared/rms_norm.h"
#include "shared/rope.h"
#include "shared/swiglu.h"
#endif
