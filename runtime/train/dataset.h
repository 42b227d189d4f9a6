/* The object behind hrm_dataset: one opened split. */
#ifndef HRM_TRAIN_DATASET_H
#define HRM_TRAIN_DATASET_H

#include <hrm/dataset.h>

#include "data/puzzle_set.h"

struct hrm_dataset {
    hrm_puzzle_set set;
};

static inline const hrm_puzzle_set *hrm_dataset_get_set(const hrm_dataset *dataset) {
    return &dataset->set;
}

#endif
