/* How a training run is looked after: what is logged, evaluated and saved when. Unlike the recipe it does not change
 * what is learnt.
 *
 * Promises: one table row per option serves parsing, help, and the run's record (options.json), from which a resumed
 * run takes what was not given anew. */
#ifndef HRM_TOOL_TRAIN_OPTIONS_H
#define HRM_TOOL_TRAIN_OPTIONS_H

#include "recipe.h"

typedef enum cli_best_by {
    CLI_BEST_BY_TASK = 0,
    CLI_BEST_BY_EXACT = 1,
    CLI_BEST_BY_TOKEN = 2,
} cli_best_by;

/* X(option, kind, field, least, most, what 0 means, help) */
#define CLI_TRAIN_OPTIONS(X)                                                                                           \
    X("log-every", U32, log_every, 1, 1e9, NULL, "steps per line of metrics.jsonl and row of summary.csv")             \
    X("print-every", U32, print_every, 1, 1e9, "10 times --log-every",                                                 \
      "steps per line of progress where the output is no terminal")                                                    \
    X("eval-every", U32, eval_every, 0, 4e9, "never",                                                                  \
      "steps between tests on the unseen puzzles; the averaged weights are tested where there are any")                \
    X("eval-limit", U32, eval_limit, 0, 4e9, "all", "unseen puzzles used in those tests")                              \
    X("eval-live", FLAG, eval_live, 0, 0, NULL, "test the live weights too, beside their average: twice the time")     \
    X("best-by", CHOICE, best_by, 0, 0, NULL,                                                                          \
      "what makes a test the best so far: solved by the puzzle's own rules, right in every cell, or cells right")      \
    X("patience", U32, patience, 0, 1e9, "no limit", "stop after so many tests in a row that were not the best")       \
    X("save-every", U32, save_every, 0, 4e9, "by time only", "steps between checkpoints (checkpoints/last)")           \
    X("save-minutes", F32, save_minutes, 0, 1e6, "off", "minutes between checkpoints")                                 \
    X("checkpoint-every", U32, checkpoint_every, 0, 4e9, "never",                                                      \
      "steps between checkpoints that stay (checkpoints/step-N)")                                                      \
    X("keep", U32, keep, 0, 1e9, "all", "how many of those stay: the newest")

enum { CLI_TRAIN_ROWS = 12 };

typedef struct cli_train_options {
    const char *data, *out, *resume;
    double time;
    bool overwrite, plan, overfit;
    uint32_t log_every, print_every, eval_every, eval_limit, best_by, patience, save_every, checkpoint_every, keep;
    float save_minutes;
    bool eval_live;
    struct {
#define CLI_TRAIN_GIVEN(option, kind, field, least, most, zero, text) bool field;
        CLI_TRAIN_OPTIONS(CLI_TRAIN_GIVEN)
#undef CLI_TRAIN_GIVEN
    } given;
    json_t *command; /* the command line, an array */
    char recorded_data[4096];
    cli_recipe recipe;
} cli_train_options;

extern const cli_choice cli_best_by_choices[];

/* The defaults. */
void cli_train_options_init(cli_train_options *options);

/* Writes the rows of CLI_TRAIN_OPTIONS, at most CLI_TRAIN_ROWS, without an end row. Returns their number. */
size_t cli_train_options_rows(cli_train_options *options, cli_option *rows);

/* What a run records; NULL without memory. */
json_t *cli_train_options_to_json(const cli_train_options *options);

/* Takes from the record of the run in `run` what was not given anew; a run without one keeps the defaults. False after
 * printing an error. */
bool cli_train_options_recall(cli_train_options *options, const char *run);

#endif
