/* Recipes: presets, a trainer config checked and completed from a data set, and its form in files. */
#ifndef HRM_TRAIN_RECIPE_H
#define HRM_TRAIN_RECIPE_H

#include <hrm/trainer.h>

#include <jansson.h>

#include "data/puzzle_set.h"

/* Copies `in`, takes vocabulary, length, grid and identifiers from the set where the model config leaves them 0, and
 * checks every field and that model and set fit. Errors: INVALID_ARGUMENT (names the field). */
hrm_status hrm_recipe_resolve(const hrm_trainer_config *in, const hrm_puzzle_set *set, hrm_trainer_config *out);

/* One object, a key per field, the architecture as hrm_model_config_to_json has it under "model"; exact: reads back to
 * the same config. NULL: no memory. */
json_t *hrm_recipe_to_json(const hrm_trainer_config *config);
/* Errors: FORMAT (a key is missing or of the wrong kind; unknown keys are refused by name). */
hrm_status hrm_recipe_from_json(const json_t *object, hrm_trainer_config *out);

#endif
