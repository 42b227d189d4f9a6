/* The recipe of a training run as command-line options: every field of hrm_trainer_config and of the model's config
 * that a data set does not decide.
 *
 * Promises: a preset fills every field first, wherever --preset stands; options override it; one table row per field
 * serves parsing, help and the run's log. */
#ifndef HRM_TOOL_RECIPE_H
#define HRM_TOOL_RECIPE_H

#include "cli.h"

enum { CLI_RECIPE_ROWS = 48 };

typedef struct cli_recipe {
    hrm_trainer_config config;
    /* enumerations as the option parser sees them; cli_recipe_finish copies them into the config */
    uint32_t preset, positions, halt, loss, augment, batches;
    bool explore_once;
    bool given; /* any of the options was used */
} cli_recipe;

/* Fills the recipe from the preset named in the arguments, or from the demo's. False after printing an error. */
bool cli_recipe_init(cli_recipe *recipe, int argc, char **argv);

/* Writes the option rows, at most CLI_RECIPE_ROWS, end row included. Returns their number without the end row. */
size_t cli_recipe_options(cli_recipe *recipe, cli_option *rows);

void cli_recipe_finish(cli_recipe *recipe);

/* The resolved config as JSON, field by field. */
json_t *cli_recipe_to_json(const hrm_trainer_config *config);

#endif
