/* Timestamps around the commands of a program recorded with profiling. Private to gpu/ (public part: program.h). */
#ifndef HRM_GPU_PROFILE_H
#define HRM_GPU_PROFILE_H

#include "gpu/program_private.h"

hrm_status hrm_profile_init(hrm_program *program);
/* Called while piece `index` is recorded; they do nothing without profiling. Every command is followed by a barrier, so
 * that the time between two timestamps is one command's. */
void hrm_profile_begin_piece(hrm_program *program, uint32_t index);
void hrm_profile_end_command(hrm_program *program, uint32_t index, uint32_t command);

#endif
