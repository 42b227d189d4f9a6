/* The recipe of a training run as command-line options: every field of hrm_trainer_config and of the model's config
 * that a data set does not decide.
 *
 * Promises: a preset fills every field first, a config file (--config) replaces what it names, options override both,
 * wherever they stand; one table row per field serves parsing and help. */
#ifndef HRM_TOOL_RECIPE_H
#define HRM_TOOL_RECIPE_H

#include "cli.h"

enum { CLI_RECIPE_ROWS = 64 };

typedef struct cli_recipe {
    hrm_trainer_config config;
    const char *config_path; /* of --config, or NULL */
    uint32_t eval_every;     /* steps between two evaluations, where the config file says so; else 0 */
    /* enumerations and flags as the option parser sees them; cli_recipe_finish copies them into the config */
    uint32_t preset, positions, halt, loss, augment, batches, gradient, puzzle_table, precision;
    bool explore_once, recompute;
    bool given; /* any of the options was used */
} cli_recipe;

extern const cli_choice cli_preset_choices[]; /* hrm_task by name */

/* Fills the recipe from the preset (the demo's without one) and the config file named in the arguments. Where the file
 * counts in epochs, the training split of the folder that --data names is opened to make steps of them. False after
 * printing an error. */
bool cli_recipe_init(cli_recipe *recipe, int argc, char **argv);

/* Writes the option rows, at most CLI_RECIPE_ROWS, end row included. Returns their number without the end row. */
size_t cli_recipe_options(cli_recipe *recipe, cli_option *rows);

void cli_recipe_finish(cli_recipe *recipe);

#endif
