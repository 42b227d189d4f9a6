/* A recipe that trains in milliseconds a step: the demo's, tiny, on 6x6 mazes. */
#ifndef HRM_TESTS_TRAIN_HELPER_RECIPE_H
#define HRM_TESTS_TRAIN_HELPER_RECIPE_H

#include <hrm/trainer.h>

/* 12 steps of 8 rows, at most 3 segments, a moving average, seed 3. */
hrm_trainer_config tiny_recipe(void);

/* Every field anywhere in its range; the model's may be 0 for the default, vocabulary and length too. */
hrm_trainer_config random_recipe(uint64_t seed);

/* The same in every field, floats bit by bit. */
void check_same_recipe(const hrm_trainer_config *got, const hrm_trainer_config *want);

#endif
