/* hrm train: the command and its options. The run itself: train.h. */
#include <string.h>

#include "train.h"

/* What belongs to one start of the command, not to the run. */
static size_t own_rows(cli_train_options *o, cli_option *rows) {
    size_t n = 0;
    rows[n++] = (cli_option){.name = "data",
                             .kind = CLI_TEXT,
                             .value = &o->data,
                             .metavar = "DIR",
                             .help = "folder of a data set (hrm data); with --resume: the run's"};
    rows[n++] = (cli_option){.name = "out",
                             .letter = 'o',
                             .kind = CLI_TEXT,
                             .value = &o->out,
                             .metavar = "RUN",
                             .help = "folder for the run: model.safetensors, checkpoints/, metrics.jsonl, summary.csv, "
                                     "config.json, environment.json, table.txt"};
    rows[n++] = (cli_option){.name = "overwrite",
                             .kind = CLI_FLAG,
                             .value = &o->overwrite,
                             .help = "replace the run that --out holds; other files there stay"};
    rows[n++] =
        (cli_option){.name = "resume",
                     .kind = CLI_TEXT,
                     .value = &o->resume,
                     .metavar = "RUN",
                     .help = "continue a run in its folder, or in --out, with its recipe, on the same data: the "
                             "result is the same, bit for bit, as if it had never stopped. Also a checkpoint's "
                             "file; then --out names the folder"};
    rows[n++] =
        (cli_option){.name = "time",
                     .kind = CLI_DURATION,
                     .value = &o->time,
                     .help = "stop after this time of training (6m, 90s, 1h30m), even if steps are left; all is "
                             "saved"};
    rows[n++] = (cli_option){.name = "plan",
                             .kind = CLI_FLAG,
                             .value = &o->plan,
                             .help = "only show what the run would need: parameters, memory, work and time on this "
                                     "device"};
    rows[n++] = (cli_option){.name = "overfit-one-batch",
                             .kind = CLI_FLAG,
                             .value = &o->overfit,
                             .help = "a check of model and rates: train on the first batch alone until it is learnt by "
                                     "heart; fails when the steps do not suffice"};
    return n;
}

/* What the table of options cannot say. CLI_OK, or an exit code after printing an error. */
static int check_options(cli_train_options *o) {
    if (!o->data && !o->resume) return cli_usage("--data DIR is missing; 'hrm train --help' has examples");
    if (!o->out && !o->resume && !o->plan) return cli_usage("--out RUN is missing; 'hrm train --help' has examples");
    if (o->resume && (o->recipe.given || o->overfit))
        return cli_usage(
            "--resume keeps the recipe of the run: steps, batch, rates, precision and model cannot be changed; --time, "
            "--patience and the options about logs, tests and checkpoints can");
    if (o->resume && o->plan)
        return cli_usage("--plan is for a new run; %s has its plan in environment.json", o->resume);
    if (o->overfit) o->recipe.config.fixed_batches = 1;
    return CLI_OK;
}

static json_t *copy_command(int argc, char **argv) {
    json_t *words = json_pack("[s, s]", "hrm", "train");
    for (int i = 0; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        json_array_append_new(words, word ? word : json_string("?")); /* what is not UTF-8 is no JSON */
    }
    return words;
}

static int train(const cli_spec *spec, cli_train_options *options, int argc, char **argv) {
    int operands;
    const cli_parsed parsed = cli_parse(spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    cli_recipe_finish(&options->recipe);
    const int code = check_options(options);
    if (code != CLI_OK) return code;
    return options->plan ? cli_train_plan(options) : cli_train_run(options);
}

int cli_cmd_train(int argc, char **argv) {
    enum { OWN_ROWS = 8 };
    cli_train_options options;
    cli_option table[OWN_ROWS + 1 + CLI_TRAIN_ROWS + CLI_RECIPE_ROWS];
    cli_train_options_init(&options);
    if (!cli_recipe_init(&options.recipe, argc, argv)) return CLI_FAILED;
    options.eval_every = options.recipe.eval_every;
    size_t n = own_rows(&options, table);
    n += cli_train_options_rows(&options, table + n);
    table[n++] = (cli_option){.kind = CLI_GROUP, .help = "Recipe"};
    cli_recipe_options(&options.recipe, table + n);
    const cli_spec spec = {
        .command = "train",
        .about = "Trains a model from scratch on the puzzles of a data set. It learns by showing the model puzzles and "
                 "nudging its weights towards the solutions; each step works on a batch of puzzles, for one segment "
                 "(round of thinking) each.\n\nCtrl-C stops after the present step and saves everything, --resume goes "
                 "on; pressing it twice stops at once, and the newest checkpoint stays. The defaults, in brackets, are "
                 "those of the preset.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm data maze --out data --unique && hrm train --data data --out run\n"
                    "  hrm train --data data --out run --time 6m --seed 1 --eval-every 250 --eval-limit 200\n"
                    "  hrm train --resume run                                     goes on where it stopped\n"
                    "  hrm train --data data --plan                               memory and time, without training\n"
                    "  hrm train --preset sudoku-demo --data boards --out run     (hrm data sudoku --out boards)\n"
                    "  hrm train --help --preset sudoku-demo                      the defaults of another preset\n",
    };
    options.command = copy_command(argc, argv);
    const int code = train(&spec, &options, argc, argv);
    json_decref(options.command);
    return code;
}
