/* What a solver of a model would need; the solver itself is public (hrm/model.h). */
#ifndef HRM_MODEL_SOLVER_H
#define HRM_MODEL_SOLVER_H

#include "gpu/program.h"
#include "model/weights.h"

/* Device memory of a solver for max_batch rows. The model may be one without memory. Errors: INVALID_ARGUMENT (a tensor
 * would be larger than the device can bind). */
hrm_status hrm_solver_plan(hrm_model *model, uint32_t max_batch, uint64_t *bytes);

/* From now on segments are recorded with timestamps around every command: slower, for benchmarks. Call it before the
 * first run; after one, hrm_solver_read_profile visits the times of the newest segment of the largest batch solved. */
void hrm_solver_set_profile(hrm_solver *solver);
hrm_status hrm_solver_read_profile(hrm_solver *solver, void (*visit)(void *user, const hrm_label_time *time),
                                   void *user);

#endif
