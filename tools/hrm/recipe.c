#include "recipe.h"

#include <string.h>

static const cli_choice preset_choices[] = {{"demo", HRM_TASK_MAZE_DEMO},
                                            {"maze-hard", HRM_TASK_MAZE_HARD},
                                            {"sudoku", HRM_TASK_SUDOKU},
                                            {"sudoku-demo", HRM_TASK_SUDOKU_DEMO},
                                            {NULL, 0}};
static const cli_choice positions_choices[] = {
    {"rope", HRM_POSITIONS_ROPE}, {"learned", HRM_POSITIONS_LEARNED}, {"both", HRM_POSITIONS_BOTH}, {NULL, 0}};
static const cli_choice halt_choices[] = {{"compare", HRM_HALT_COMPARE}, {"positive", HRM_HALT_POSITIVE}, {NULL, 0}};
static const cli_choice loss_choices[] = {{"stablemax", HRM_LOSS_STABLEMAX}, {"softmax", HRM_LOSS_SOFTMAX}, {NULL, 0}};

static const cli_choice augment_choices[] = {
    {"none", HRM_AUGMENT_NONE}, {"dihedral", HRM_AUGMENT_DIHEDRAL}, {"sudoku", HRM_AUGMENT_SUDOKU}, {NULL, 0}};
static const cli_choice batches_choices[] = {
    {"full", HRM_BATCHES_FULL}, {"reference", HRM_BATCHES_REFERENCE}, {NULL, 0}};

static const char *choice_name(const cli_choice *choices, uint32_t value) {
    for (; choices->name; choices++)
        if (choices->value == value) return choices->name;
    return "?";
}

bool cli_recipe_init(cli_recipe *recipe, int argc, char **argv) {
    memset(recipe, 0, sizeof *recipe);
    const char *name = cli_peek(argc, argv, "preset");
    recipe->preset = HRM_TASK_MAZE_DEMO;
    for (const cli_choice *c = preset_choices; name && c->name; c++) /* a wrong name is reported by the parser */
        if (strcmp(c->name, name) == 0) recipe->preset = c->value;
    hrm_trainer_config *c = &recipe->config;
    *c = HRM_INIT(hrm_trainer_config);
    if (hrm_trainer_config_preset((hrm_task)recipe->preset, c) != HRM_OK) {
        cli_fail_last();
        return false;
    }
    recipe->positions = c->model.positions ? (uint32_t)c->model.positions : HRM_POSITIONS_ROPE;
    recipe->halt = c->model.halt_rule ? (uint32_t)c->model.halt_rule : HRM_HALT_COMPARE;
    recipe->loss = (uint32_t)c->loss;
    recipe->augment = (uint32_t)c->augment;
    recipe->batches = (uint32_t)c->batches;
    recipe->explore_once = c->explore_once != 0;
    return true;
}

void cli_recipe_finish(cli_recipe *recipe) {
    recipe->config.model.positions = (hrm_positions)recipe->positions;
    recipe->config.model.halt_rule = (hrm_halt_rule)recipe->halt;
    recipe->config.loss = (hrm_loss_kind)recipe->loss;
    recipe->config.augment = (hrm_augment)recipe->augment;
    recipe->config.batches = (hrm_batches)recipe->batches;
    recipe->config.explore_once = recipe->explore_once;
}

/* ---- one row per field: option, kind, config field, least, most, what 0 means, help, what the log calls it ---- */

#define RECIPE_RUN(X)                                                                                                  \
    X("steps", U32, steps, 1, 4e9, NULL, "optimizer steps; the learning-rate schedule ends there", steps)              \
    X("batch", U32, batch, 1, 65535, NULL, "puzzles computed together in a step", batch)                               \
    X("seed", U64, seed, 0, 0, NULL, "the same seed on the same device gives the same model, bit for bit", seed)

#define RECIPE_MODEL(X)                                                                                                \
    X("hidden", U32, model.hidden_size, 8, 16384, "512", "width: values per cell", hidden_size)                        \
    X("heads", U32, model.num_heads, 1, 1024, "8", "attention heads; width / heads is a multiple of 8, at most 128",   \
      num_heads)                                                                                                       \
    X("h-layers", U32, model.h_layers, 1, 64, "4", "blocks in the slow, planning module", h_layers)                    \
    X("l-layers", U32, model.l_layers, 1, 64, "4", "blocks in the fast, detailed module", l_layers)                    \
    X("h-cycles", U32, model.h_cycles, 1, 64, "2", "slow steps per segment", h_cycles)                                 \
    X("l-cycles", U32, model.l_cycles, 1, 64, "2", "fast steps per slow step", l_cycles)                               \
    X("expansion", F32, model.expansion, 0.01, 64, "4", "width of the feed-forward layers, as a multiple", expansion)  \
    X("max-segments", U32, model.halt_max_segments, 1, 65535, "16",                                                    \
      "rounds of thinking at which a puzzle is taken as done", halt_max_segments)                                      \
    X("puzzle-emb-dim", U32, model.puzzle_emb_dim, 0, 65536, NULL,                                                     \
      "values of the embedding each puzzle identifier has; 0: none", puzzle_emb_dim)                                   \
    X("rms-norm-eps", F32, model.rms_norm_eps, 1e-12, 1, "1e-05", "added to the mean square in norms", rms_norm_eps)   \
    X("rope-theta", F32, model.rope_theta, 1, 1e9, "10000", "base of the rotary frequencies", rope_theta)

#define RECIPE_LEARNING(X)                                                                                             \
    X("lr", F32, lr, 0, 10, NULL, "learning rate of the dense weights (Adam-atan2)", lr)                               \
    X("lr-min-ratio", F32, lr_min_ratio, 0, 1, NULL, "the rate falls along a cosine to this share of it; 1: constant", \
      lr_min_ratio)                                                                                                    \
    X("warmup", U32, lr_warmup_steps, 0, 0, NULL, "steps in which the rate rises from 0", lr_warmup_steps)             \
    X("lr-decay-start", F32, lr_decay_start, 0, 1, NULL, "share of the steps before the cosine begins",                \
      lr_decay_start)                                                                                                  \
    X("beta1", F32, beta1, 0, 0.999999, NULL, "Adam: memory of the mean gradient", beta1)                              \
    X("beta2", F32, beta2, 0, 0.999999, NULL, "Adam: memory of the mean squared gradient", beta2)                      \
    X("weight-decay", F32, weight_decay, 0, 1000, NULL, "pull of the dense weights towards 0", weight_decay)           \
    X("puzzle-lr", F32, puzzle_emb_lr, 0, 10, NULL, "learning rate of the puzzle embeddings (sign-SGD)",               \
      puzzle_emb_lr)                                                                                                   \
    X("puzzle-weight-decay", F32, puzzle_emb_weight_decay, 0, 1000, NULL, "pull of the puzzle embeddings towards 0",   \
      puzzle_emb_weight_decay)                                                                                         \
    X("exploration", F32, halt_exploration, 0, 1, NULL,                                                                \
      "chance that a puzzle must think for a random least number of segments", halt_exploration)                       \
    X("early-segments", U32, early_segments, 0, 65535, "off",                                                          \
      "most segments per puzzle during the first --early-steps: fresh puzzles while nothing is solved yet",            \
      early_segments)                                                                                                  \
    X("early-steps", U32, early_steps, 0, 0, NULL, "steps that --early-segments holds for", early_steps)               \
    X("q-weight", F32, q_loss_weight, 0, 100, NULL, "weight of the loss that teaches when to stop", q_loss_weight)     \
    X("epochs-per-pass", U32, epochs_per_pass, 0, 0, NULL,                                                             \
      "--batches reference: epochs drawn together (its eval_interval); their short last batch is dropped",             \
      epochs_per_pass)                                                                                                 \
    X("ema", F32, ema_decay, 0, 0.9999999, NULL,                                                                       \
      "decay of the moving average of the weights, which is what is evaluated and saved; 0: none", ema_decay)

#define OPTION_ROW(option, option_kind, field, least, most, when_zero, text, log_name)                                 \
    rows[n++] = (cli_option){.name = option,                                                                           \
                             .kind = CLI_##option_kind,                                                                \
                             .value = &recipe->config.field,                                                           \
                             .min = least,                                                                             \
                             .max = most,                                                                              \
                             .zero = when_zero,                                                                        \
                             .help = text};

size_t cli_recipe_options(cli_recipe *recipe, cli_option *rows) {
    size_t n = 0;
    rows[n++] =
        (cli_option){.name = "preset",
                     .kind = CLI_CHOICE,
                     .value = &recipe->preset,
                     .choices = preset_choices,
                     .help = "the recipe to start from; the options below override it. demo: small mazes on a "
                             "processor in minutes; sudoku-demo: small Sudoku likewise; maze-hard, sudoku: the paper's "
                             "27M-parameter recipes"};
    RECIPE_RUN(OPTION_ROW)
    rows[n++] = (cli_option){.kind = CLI_GROUP, .help = "Model"};
    RECIPE_MODEL(OPTION_ROW)
    rows[n++] = (cli_option){.name = "positions",
                             .kind = CLI_CHOICE,
                             .value = &recipe->positions,
                             .choices = positions_choices,
                             .help = "how the model knows where a cell is"};
    rows[n++] = (cli_option){.name = "halt",
                             .kind = CLI_CHOICE,
                             .value = &recipe->halt,
                             .choices = halt_choices,
                             .help = "when a puzzle is done: q_halt > q_continue as in the paper, or q_halt > 0 "
                                     "(needs no second pass)"};
    rows[n++] = (cli_option){.kind = CLI_GROUP, .help = "Learning"};
    RECIPE_LEARNING(OPTION_ROW)
    rows[n++] = (cli_option){.name = "loss",
                             .kind = CLI_CHOICE,
                             .value = &recipe->loss,
                             .choices = loss_choices,
                             .help = "from scores to probabilities"};
    rows[n++] = (cli_option){.name = "augment",
                             .kind = CLI_CHOICE,
                             .value = &recipe->augment,
                             .choices = augment_choices,
                             .help = "change each puzzle at random as it is drawn, keeping it a puzzle. dihedral: turn "
                                     "and mirror (square grids); sudoku: also digits, rows, columns, bands, stacks"};
    rows[n++] = (cli_option){.name = "batches",
                             .kind = CLI_CHOICE,
                             .value = &recipe->batches,
                             .choices = batches_choices,
                             .help = "order of the puzzles. full: every batch is full and nothing is dropped; "
                                     "reference: exactly the batches of the PyTorch implementation"};
    rows[n++] = (cli_option){.name = "explore-once",
                             .kind = CLI_FLAG,
                             .value = &recipe->explore_once,
                             .negatable = true,
                             .help = "draw that least number of segments once per puzzle, not at every segment"};
    for (size_t i = 0; i < n; i++) rows[i].given = &recipe->given;
    rows[n] = (cli_option){.help = NULL};
    return n;
}

/* ---- as JSON ---- */

/* Floats are written with the digits that read back to the same float. */
static json_t *json_float(float value) {
    char text[32];
    double shortest = (double)value;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        sscanf(text, "%lf", &shortest);
        if ((float)shortest == value) break;
    }
    return json_real(shortest);
}

#define JSON_VALUE_U32(v) json_integer((json_int_t)(v))
#define JSON_VALUE_U64(v) json_integer((json_int_t)(v))
#define JSON_VALUE_F32(v) json_float(v)
#define JSON_ROW(option, option_kind, field, least, most, when_zero, text, log_name)                                   \
    json_object_set_new(o, #log_name, JSON_VALUE_##option_kind(config->field));

json_t *cli_recipe_to_json(const hrm_trainer_config *config) {
    json_t *o = json_object(), *run = o;
    RECIPE_RUN(JSON_ROW)
    RECIPE_LEARNING(JSON_ROW)
    json_object_set_new(o, "loss", json_string(choice_name(loss_choices, (uint32_t)config->loss)));
    json_object_set_new(o, "augment", json_string(choice_name(augment_choices, (uint32_t)config->augment)));
    json_object_set_new(o, "batches", json_string(choice_name(batches_choices, (uint32_t)config->batches)));
    json_object_set_new(o, "explore_once", json_boolean(config->explore_once));
    o = json_object();
    const hrm_model_config *m = &config->model;
    json_object_set_new(o, "vocab_size", json_integer(m->vocab_size));
    json_object_set_new(o, "seq_len", json_integer(m->seq_len));
    json_object_set_new(o, "grid_width", json_integer(m->grid_width));
    json_object_set_new(o, "puzzle_count", json_integer(m->puzzle_count));
    RECIPE_MODEL(JSON_ROW)
    json_object_set_new(o, "positions", json_string(choice_name(positions_choices, (uint32_t)m->positions)));
    json_object_set_new(o, "halt_rule", json_string(choice_name(halt_choices, (uint32_t)m->halt_rule)));
    json_object_set_new(run, "model", o);
    return run;
}
