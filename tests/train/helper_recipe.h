/* A recipe that trains in milliseconds a step: the demo's, tiny, on 6x6 mazes. */
#ifndef HRM_TESTS_TRAIN_HELPER_RECIPE_H
#define HRM_TESTS_TRAIN_HELPER_RECIPE_H

#include <hrm/trainer.h>

/* 12 steps of 8 rows, at most 3 segments, a moving average, seed 3. */
hrm_trainer_config tiny_recipe(void);

#endif
