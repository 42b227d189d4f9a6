/* What a solver of a model would need; the solver itself is public (hrm/model.h). */
#ifndef HRM_MODEL_SOLVER_H
#define HRM_MODEL_SOLVER_H

#include "model/weights.h"

/* Device memory of a solver for max_batch rows. The model may be one without memory. Errors: INVALID_ARGUMENT (a tensor
 * would be larger than the device can bind). */
hrm_status hrm_solver_plan(hrm_model *model, uint32_t max_batch, uint64_t *bytes);

#endif
