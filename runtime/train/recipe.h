/* Recipes: presets, and a trainer config checked and completed from a data set. */
#ifndef HRM_TRAIN_RECIPE_H
#define HRM_TRAIN_RECIPE_H

#include <hrm/trainer.h>

#include "data/puzzle_set.h"

/* Copies `in`, takes vocabulary, length, grid and identifiers from the set where the model config leaves them 0, and
 * checks every field and that model and set fit. Errors: INVALID_ARGUMENT (names the field). */
hrm_status hrm_recipe_resolve(const hrm_trainer_config *in, const hrm_puzzle_set *set, hrm_trainer_config *out);

#endif
