#include "recipe.h"

#include <string.h>

const cli_choice cli_preset_choices[] = {{"demo", HRM_TASK_MAZE_DEMO},
                                         {"sudoku-demo", HRM_TASK_SUDOKU_DEMO},
                                         {"sudoku-extreme-1k", HRM_TASK_SUDOKU},
                                         {"maze-hard-1k", HRM_TASK_MAZE_HARD},
                                         {"arc-1", HRM_TASK_ARC_1},
                                         {"arc-2", HRM_TASK_ARC_2},
                                         {NULL, 0}};
static const cli_choice positions_choices[] = {
    {"rope", HRM_POSITIONS_ROPE}, {"learned", HRM_POSITIONS_LEARNED}, {"both", HRM_POSITIONS_BOTH}, {NULL, 0}};
static const cli_choice halt_choices[] = {{"compare", HRM_HALT_COMPARE}, {"positive", HRM_HALT_POSITIVE}, {NULL, 0}};
static const cli_choice loss_choices[] = {{"stablemax", HRM_LOSS_STABLEMAX}, {"softmax", HRM_LOSS_SOFTMAX}, {NULL, 0}};

static const cli_choice augment_choices[] = {
    {"none", HRM_AUGMENT_NONE}, {"dihedral", HRM_AUGMENT_DIHEDRAL}, {"sudoku", HRM_AUGMENT_SUDOKU}, {NULL, 0}};
static const cli_choice batches_choices[] = {
    {"full", HRM_BATCHES_FULL}, {"reference", HRM_BATCHES_REFERENCE}, {NULL, 0}};

static const cli_choice gradient_choices[] = {
    {"one-step", HRM_GRADIENT_ONE_STEP}, {"full-cycle", HRM_GRADIENT_FULL_CYCLE}, {NULL, 0}};
static const cli_choice puzzle_table_choices[] = {
    {"auto", HRM_PUZZLE_TABLE_AUTO}, {"device", HRM_PUZZLE_TABLE_DEVICE}, {"host", HRM_PUZZLE_TABLE_HOST}, {NULL, 0}};

/* Reads the config file over the preset. The data set is opened only for a file that counts in epochs: ARC's takes a
 * while. */
static hrm_status load_config(cli_recipe *recipe, const char *data) {
    hrm_dataset *train_set = NULL;
    hrm_status status = hrm_trainer_config_load(recipe->config_path, NULL, &recipe->config, &recipe->eval_every);
    if (status != HRM_ERR_INVALID_ARGUMENT || !data) return status;
    status = hrm_dataset_open(data, "train", &train_set);
    if (status == HRM_OK)
        status = hrm_trainer_config_load(recipe->config_path, train_set, &recipe->config, &recipe->eval_every);
    hrm_dataset_close(train_set);
    return status;
}

bool cli_recipe_init(cli_recipe *recipe, int argc, char **argv) {
    memset(recipe, 0, sizeof *recipe);
    const char *name = cli_peek(argc, argv, "preset");
    recipe->preset = HRM_TASK_MAZE_DEMO;
    for (const cli_choice *c = cli_preset_choices; name && c->name; c++) /* a wrong name is reported by the parser */
        if (strcmp(c->name, name) == 0) recipe->preset = c->value;
    hrm_trainer_config *c = &recipe->config;
    *c = HRM_INIT(hrm_trainer_config);
    recipe->config_path = cli_peek(argc, argv, "config");
    hrm_status status = hrm_trainer_config_preset((hrm_task)recipe->preset, c);
    if (status == HRM_OK && recipe->config_path) status = load_config(recipe, cli_peek(argc, argv, "data"));
    if (status != HRM_OK) {
        cli_fail_last();
        return false;
    }
    recipe->positions = c->model.positions ? (uint32_t)c->model.positions : HRM_POSITIONS_ROPE;
    recipe->halt = c->model.halt_rule ? (uint32_t)c->model.halt_rule : HRM_HALT_COMPARE;
    recipe->loss = (uint32_t)c->loss;
    recipe->augment = (uint32_t)c->augment;
    recipe->batches = (uint32_t)c->batches;
    recipe->gradient = (uint32_t)c->gradient;
    recipe->puzzle_table = (uint32_t)c->puzzle_table;
    recipe->precision = (uint32_t)c->precision;
    recipe->explore_once = c->explore_once != 0;
    recipe->recompute = c->recompute != 0;
    return true;
}

void cli_recipe_finish(cli_recipe *recipe) {
    recipe->config.model.positions = (hrm_positions)recipe->positions;
    recipe->config.model.halt_rule = (hrm_halt_rule)recipe->halt;
    recipe->config.loss = (hrm_loss_kind)recipe->loss;
    recipe->config.augment = (hrm_augment)recipe->augment;
    recipe->config.batches = (hrm_batches)recipe->batches;
    recipe->config.gradient = (hrm_gradient)recipe->gradient;
    recipe->config.puzzle_table = (hrm_puzzle_table)recipe->puzzle_table;
    recipe->config.precision = (hrm_precision)recipe->precision;
    recipe->config.explore_once = recipe->explore_once;
    recipe->config.recompute = recipe->recompute;
}

/* ---- one row per field: option, kind, config field, least, most, what 0 means, help ---- */

#define RECIPE_RUN(X)                                                                                                  \
    X("steps", U32, steps, 1, 4e9, NULL, "optimizer steps; the learning-rate schedule ends there")                     \
    X("batch", U32, batch, 1, 65535, NULL, "puzzles that one step learns from")                                        \
    X("seed", U64, seed, 0, 0, NULL, "the same seed on the same device gives the same model, bit for bit")

#define RECIPE_MODEL(X)                                                                                                \
    X("hidden", U32, model.hidden_size, 8, 16384, "512", "width: values per cell")                                     \
    X("heads", U32, model.num_heads, 1, 1024, "8", "attention heads; width / heads is a multiple of 8, at most 128")   \
    X("h-layers", U32, model.h_layers, 1, 64, "4", "blocks in the slow, planning module")                              \
    X("l-layers", U32, model.l_layers, 1, 64, "4", "blocks in the fast, detailed module")                              \
    X("h-cycles", U32, model.h_cycles, 1, 64, "2", "slow steps per segment")                                           \
    X("l-cycles", U32, model.l_cycles, 1, 64, "2", "fast steps per slow step")                                         \
    X("expansion", F32, model.expansion, 0.01, 64, "4", "width of the feed-forward layers, as a multiple")             \
    X("max-segments", U32, model.halt_max_segments, 1, 65535, "16",                                                    \
      "rounds of thinking at which a puzzle is taken as done")                                                         \
    X("puzzle-emb-dim", U32, model.puzzle_emb_dim, 0, 65536, NULL,                                                     \
      "values of the embedding each puzzle identifier has; 0: none")                                                   \
    X("rms-norm-eps", F32, model.rms_norm_eps, 1e-12, 1, "1e-05", "added to the mean square in norms")                 \
    X("rope-theta", F32, model.rope_theta, 1, 1e9, "10000", "base of the rotary frequencies")

#define RECIPE_LEARNING(X)                                                                                             \
    X("lr", F32, lr, 0, 10, NULL, "learning rate of the dense weights (Adam-atan2)")                                   \
    X("lr-min-ratio", F32, lr_min_ratio, 0, 1, NULL, "the rate falls along a cosine to this share of it; 1: constant") \
    X("warmup", U32, lr_warmup_steps, 0, 0, NULL, "steps in which the rate rises from 0")                              \
    X("lr-decay-start", F32, lr_decay_start, 0, 1, NULL, "share of the steps before the cosine begins")                \
    X("beta1", F32, beta1, 0, 0.999999, NULL, "Adam: memory of the mean gradient")                                     \
    X("beta2", F32, beta2, 0, 0.999999, NULL, "Adam: memory of the mean squared gradient")                             \
    X("weight-decay", F32, weight_decay, 0, 1000, NULL, "pull of the dense weights towards 0")                         \
    X("puzzle-lr", F32, puzzle_emb_lr, 0, 10, NULL, "learning rate of the puzzle embeddings (sign-SGD)")               \
    X("puzzle-weight-decay", F32, puzzle_emb_weight_decay, 0, 1000, NULL, "pull of the puzzle embeddings towards 0")   \
    X("exploration", F32, halt_exploration, 0, 1, NULL,                                                                \
      "chance that a puzzle must think for a random least number of segments")                                         \
    X("early-segments", U32, early_segments, 0, 65535, "off",                                                          \
      "most segments per puzzle during the first --early-steps: fresh puzzles while nothing is solved yet")            \
    X("early-steps", U32, early_steps, 0, 0, NULL, "steps that --early-segments holds for")                            \
    X("q-weight", F32, q_loss_weight, 0, 100, NULL, "weight of the loss that teaches when to stop")                    \
    X("epochs-per-pass", U32, epochs_per_pass, 0, 0, NULL,                                                             \
      "--batches reference: epochs drawn together (its eval_interval); their short last batch is dropped")             \
    X("ema", F32, ema_decay, 0, 0.9999999, NULL,                                                                       \
      "decay of the moving average of the weights, which is what is evaluated and saved; 0: none")                     \
    X("outlier-z", F32, outlier_z, 0, 1000, "never",                                                                   \
      "skip the update of a step whose gradient norm lies more than so many standard deviations above the mean of "    \
      "the last steps")                                                                                                \
    X("fixed-batches", U32, fixed_batches, 0, 1048576, "off",                                                          \
      "train on the first so many batches again and again; 1 shows whether a model can learn a batch by heart")

#define RECIPE_MEMORY(X)                                                                                               \
    X("micro-batch", U32, micro_batch, 0, 65535, "auto",                                                               \
      "puzzles computed at once: a batch is cut into parts of this size, and their gradients add up to the whole "     \
      "batch's. auto: as many as fit")                                                                                 \
    X("memory", SIZE, memory_limit, 0, 0, "what is free", "device memory that --micro-batch auto plans for")

#define OPTION_ROW(option, option_kind, field, least, most, when_zero, text)                                           \
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
                     .choices = cli_preset_choices,
                     .help = "the recipe to start from; the options below override it. demo: small mazes on a "
                             "processor in minutes; sudoku-demo: small Sudoku likewise; the others: the paper's "
                             "27M-parameter recipes for Sudoku-Extreme, Maze-Hard and ARC-AGI"};
    rows[n++] = (cli_option){.name = "config",
                             .kind = CLI_TEXT,
                             .value = &recipe->config_path,
                             .metavar = "FILE",
                             .help = "a recipe in YAML or JSON over the preset's: the config.json of a run, or the "
                                     "cfg_pretrain.yaml, arch file or all_config.yaml of the PyTorch implementation. "
                                     "Options override it"};
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
    rows[n++] = (cli_option){.name = "gradient",
                             .kind = CLI_CHOICE,
                             .value = &recipe->gradient,
                             .choices = gradient_choices,
                             .help = "what of a segment the gradient passes through: the last call of each module, as "
                                     "in the paper, or every call of the last slow step, which takes more memory"};
    rows[n++] = (cli_option){.kind = CLI_GROUP, .help = "Memory"};
    RECIPE_MEMORY(OPTION_ROW)
    rows[n++] =
        (cli_option){.name = "precision",
                     .kind = CLI_CHOICE,
                     .value = &recipe->precision,
                     .choices = cli_precision_choices,
                     .help = "numbers inside the blocks: 16 bits take half the memory there, and are fast where "
                             "a device multiplies them so. Weights, sums, norms, losses and the optimizer stay "
                             "f32. f16 scales the loss by itself; bf16 need not"};
    rows[n++] = (cli_option){.name = "recompute",
                             .kind = CLI_FLAG,
                             .value = &recipe->recompute,
                             .negatable = true,
                             .help = "compute activations again in the backward pass instead of keeping them: far less "
                                     "memory, about a fifth more work, the same bits"};
    rows[n++] =
        (cli_option){.name = "puzzle-table",
                     .kind = CLI_CHOICE,
                     .value = &recipe->puzzle_table,
                     .choices = puzzle_table_choices,
                     .help = "where the puzzle embeddings live while training; auto: on the device where it can "
                             "bind the table, else in host memory"};
    for (size_t i = 0; i < n; i++) rows[i].given = &recipe->given;
    rows[n] = (cli_option){.help = NULL};
    return n;
}
