/* Recipes: presets, a trainer config checked and completed from a data set, and its form in files. */
#ifndef HRM_TRAIN_RECIPE_H
#define HRM_TRAIN_RECIPE_H

#include <hrm/trainer.h>

#include <jansson.h>

#include "data/puzzle_set.h"
#include "train/setting.h"

/* Copies `in`, takes vocabulary, length, grid and identifiers from the set where the model config leaves them 0, and
 * checks every field and that model and set fit. Errors: INVALID_ARGUMENT (names the field). */
hrm_status hrm_recipe_resolve(const hrm_trainer_config *in, const hrm_puzzle_set *set, hrm_trainer_config *out);

/* One object, a key per field, the model's below "model"; enumerations as words. Exact: reads back to the same config,
 * when written with at least 9 digits. NULL: no memory, or a number that JSON does not have. */
json_t *hrm_recipe_to_json(const hrm_trainer_config *config);
/* Reads what hrm_recipe_to_json wrote, in this version or an earlier one (numbers for words; fields that were not there
 * yet are 0). The model is resolved. Errors: FORMAT (a key is missing, unknown, of the wrong kind or out of range). */
hrm_status hrm_recipe_from_json(const json_t *object, hrm_trainer_config *out);

/* Sets the field that the setting's value is for. *known tells whether `name` is a field at all; if not, nothing is
 * done. Errors: FORMAT. */
hrm_status hrm_recipe_read_field(const hrm_setting *setting, const char *name, hrm_trainer_config *config, bool *known);
/* The same for the model's fields; 0 stands for the default everywhere. */
hrm_status hrm_recipe_read_model_field(const hrm_setting *setting, const char *name, hrm_model_config *config,
                                       bool *known);

#endif
