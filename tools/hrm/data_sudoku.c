/* hrm data sudoku: a data set of generated Sudokus, or one from the published CSV files. */
#include "data.h"

static const cli_choice level_choices[] = {
    {"easy", HRM_SUDOKU_LEVEL_EASY}, {"medium", HRM_SUDOKU_LEVEL_MEDIUM}, {"hard", HRM_SUDOKU_LEVEL_HARD}, {NULL, 0}};

typedef struct sudoku_options {
    const char *out;
    uint32_t level, copies;
    bool making_given;
    cli_csv csv;
    hrm_sudoku_config config;
} sudoku_options;

static int make_sudokus(sudoku_options *o) {
    hrm_sudoku_config *c = &o->config;
    c->level = (hrm_sudoku_level)o->level;
    cli_data_making making = {o->out, "puzzle", c->train_count, c->test_count, c->side, c->side, 0};
    cli_data_begin(&making);
    return cli_data_end(&making, hrm_sudoku_dataset_create(c, o->out, cli_data_show_progress, NULL));
}

static int build_sudokus(const sudoku_options *o) {
    hrm_csv_config config = cli_csv_config(&o->csv, HRM_PUZZLE_SUDOKU, o->config.seed, o->config.threads);
    config.copies = o->copies;
    return cli_data_build_csv(o->out, &config);
}

int cli_data_sudoku(int argc, char **argv) {
    sudoku_options options = {.level = HRM_SUDOKU_LEVEL_EASY, .config = HRM_INIT(hrm_sudoku_config)};
    hrm_sudoku_config *config = &options.config;
    config->side = 9;
    config->train_count = 1000;
    config->test_count = 1000;
    const cli_option table[] = {
        CLI_DATA_OPTIONS(options.out, *config),
        {.kind = CLI_GROUP, .help = "Making puzzles"},
        {.name = "side",
         .kind = CLI_U32,
         .value = &config->side,
         .min = 4,
         .max = 9,
         .given = &options.making_given,
         .help = "rows and columns: 9 (boxes 3 x 3), 4 (2 x 2), 6 (3 x 2) or 8 (4 x 2)"},
        {.name = "level",
         .kind = CLI_CHOICE,
         .value = &options.level,
         .choices = level_choices,
         .given = &options.making_given,
         .help = "easy: no guess is needed; medium: 1 to 19 wrong guesses of an exact solver; hard: 20 or more (found "
                 "by search, slower). docs/sudoku.md defines it"},
        {.name = "min-givens",
         .kind = CLI_U32,
         .value = &config->min_givens,
         .max = 81,
         .zero = "the level's",
         .given = &options.making_given,
         .help = "fewest cells that are filled in"},
        {.name = "max-givens",
         .kind = CLI_U32,
         .value = &config->max_givens,
         .max = 81,
         .zero = "the level's",
         .given = &options.making_given,
         .help = "most cells that are filled in"},
        {.name = "train",
         .kind = CLI_U32,
         .value = &config->train_count,
         .min = 1,
         .max = 100000000,
         .given = &options.making_given,
         .help = "puzzles to learn from; hrm train draws transformed copies of them as it goes (--augment sudoku)"},
        {.name = "test",
         .kind = CLI_U32,
         .value = &config->test_count,
         .min = 1,
         .max = 100000000,
         .given = &options.making_given,
         .help = "puzzles to test on; none is a transformed copy of one to learn from"},
        {.kind = CLI_GROUP, .help = "Building from CSV files (Sudoku-Extreme)"},
        CLI_CSV_OPTIONS(options.csv),
        {.name = "num-aug",
         .kind = CLI_U32,
         .value = &options.copies,
         .max = 100000,
         .help = "store so many transformed copies behind each training puzzle; hrm train can draw them as it goes "
                 "instead"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "data sudoku",
        .about = "Makes Sudokus with exactly one solution, or takes them from published files: one part to train on, "
                 "one to test with. The folder has the layout of the PyTorch implementation.",
        .options = table,
        .globals = cli_global_options,
        .examples =
            "  hrm data sudoku --out data --level medium --train 1000 --test 1000\n"
            "  hrm data sudoku --out small --side 4 --min-givens 4 --max-givens 10\n"
            "  hrm data sudoku --csv train.csv --test-csv test.csv --out data --subsample 1000 --num-aug 1000\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    const bool from_csv = options.csv.train_path || options.csv.test_path;
    if (from_csv && options.making_given)
        return cli_usage(
            "--side, --level, --train and the like belong to making puzzles; --csv takes them from the file");
    if (from_csv) return build_sudokus(&options);
    if (options.csv.subsample || options.csv.min_rating || options.copies)
        return cli_usage("--subsample, --min-difficulty and --num-aug belong to --csv; without it puzzles are made");
    return make_sudokus(&options);
}
