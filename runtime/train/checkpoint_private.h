/* The object behind hrm_checkpoint, for the files that implement it: checkpoint.c (reading), convert.c (writing). */
#ifndef HRM_TRAIN_CHECKPOINT_PRIVATE_H
#define HRM_TRAIN_CHECKPOINT_PRIVATE_H

#include <hrm/checkpoint.h>

#include "io/tensor_file.h"
#include "model/params.h"
#include "train/architecture.h"

struct hrm_checkpoint {
    hrm_tensor_file *file;
    uint64_t file_bytes;
    hrm_architecture architecture;
    hrm_param_list list; /* of the architecture; empty when there is a problem */
    size_t *param_index; /* [list.count] which tensor of the file each parameter is */
    hrm_status problem_status;
    char problem[512]; /* "" when the file holds all weights of an HRM */
    char *path;
};

/* HRM_OK, or the checkpoint's problem as an error. */
hrm_status hrm_checkpoint_check(const hrm_checkpoint *checkpoint);

#endif
