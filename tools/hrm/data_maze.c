/* hrm data maze: a data set of generated mazes, or one from the published CSV files. */
#include <string.h>

#include "data.h"

typedef enum maze_preset { PRESET_DEMO, PRESET_HARD, PRESET_UNIQUE, PRESET_PERFECT } maze_preset;

static const cli_choice preset_choices[] = {
    {"demo", PRESET_DEMO}, {"hard", PRESET_HARD}, {"unique", PRESET_UNIQUE}, {"perfect", PRESET_PERFECT}, {NULL, 0}};
static const cli_choice style_choices[] = {{"random", HRM_MAZE_STYLE_RANDOM},
                                           {"perfect", HRM_MAZE_STYLE_PERFECT},
                                           {"repaired", HRM_MAZE_STYLE_REPAIRED},
                                           {"uniform", HRM_MAZE_STYLE_UNIFORM},
                                           {NULL, 0}};

typedef struct maze_options {
    const char *out;
    uint32_t preset, style, side, width, height;
    bool side_given, unique, symmetries;
    bool making_given;
    cli_csv csv;
    hrm_maze_config config;
} maze_options;

/* The preset named in the arguments sets what the help shows and what options then change. */
static void apply_preset(maze_options *o, int argc, char **argv) {
    const char *name = cli_peek(argc, argv, "preset");
    for (const cli_choice *c = preset_choices; name && c->name; c++) /* a wrong name is reported by the parser */
        if (strcmp(c->name, name) == 0) o->preset = c->value;
    o->side = o->preset == PRESET_DEMO ? 6 : HRM_MAZE_HARD_GRID;
    o->config = HRM_INIT(hrm_maze_config);
    o->config.min_path = o->preset == PRESET_DEMO ? 5 : HRM_MAZE_HARD_MIN_PATH;
    o->config.wall_density = 0.35f;
    o->config.train_count = o->preset == PRESET_DEMO ? 20000 : 1000;
    o->config.test_count = 1000;
    o->style = o->preset == PRESET_PERFECT  ? HRM_MAZE_STYLE_PERFECT
               : o->preset == PRESET_UNIQUE ? HRM_MAZE_STYLE_REPAIRED
                                            : HRM_MAZE_STYLE_RANDOM;
}

static int make_mazes(maze_options *o) {
    hrm_maze_config *c = &o->config;
    c->width = o->width ? o->width : o->side;
    c->height = o->height ? o->height : o->side;
    c->unique = o->unique;
    c->style = (hrm_maze_style)o->style;
    cli_data_making making = {o->out, "maze", c->train_count, c->test_count, c->width, c->height, 0};
    cli_data_begin(&making);
    return cli_data_end(&making, hrm_maze_dataset_create(c, o->out, cli_data_show_progress, NULL));
}

static int build_mazes(const maze_options *o) {
    hrm_csv_config config = cli_csv_config(&o->csv, HRM_PUZZLE_MAZE, o->config.seed, o->config.threads);
    config.symmetries = o->symmetries;
    return cli_data_build_csv(o->out, &config);
}

int cli_data_maze(int argc, char **argv) {
    maze_options options = {0};
    apply_preset(&options, argc, argv);
    hrm_maze_config *config = &options.config;
    const cli_option table[] = {
        CLI_DATA_OPTIONS(options.out, *config),
        {.kind = CLI_GROUP, .help = "Making mazes"},
        {.name = "preset",
         .kind = CLI_CHOICE,
         .value = &options.preset,
         .choices = preset_choices,
         .given = &options.making_given,
         .help = "what the options below start from. demo: 6 x 6; hard: the paper's Maze-Hard, 30 x 30 with a shortest "
                 "path of more than 110 moves; unique: the same with exactly one shortest path; perfect: 30 x 30 "
                 "corridors without a loop"},
        {.name = "style",
         .kind = CLI_CHOICE,
         .value = &options.style,
         .choices = style_choices,
         .given = &options.making_given,
         .help =
             "random: each cell is a wall by chance; repaired: random, then walls are added until one shortest path is "
             "left; perfect: one way between any two cells, long corridors; uniform: likewise, many dead ends"},
        {.name = "size",
         .kind = CLI_U32,
         .value = &options.side,
         .min = 2,
         .max = 255,
         .given = &options.side_given,
         .help = "cells on each side"},
        {.name = "width",
         .kind = CLI_U32,
         .value = &options.width,
         .min = 2,
         .max = 255,
         .zero = "--size",
         .given = &options.making_given,
         .help = "columns, when not square"},
        {.name = "height",
         .kind = CLI_U32,
         .value = &options.height,
         .min = 2,
         .max = 255,
         .zero = "--size",
         .given = &options.making_given,
         .help = "rows, when not square"},
        {.name = "walls",
         .kind = CLI_F32,
         .value = &config->wall_density,
         .min = 0.001,
         .max = 0.9,
         .given = &options.making_given,
         .help = "chance of a wall, per cell"},
        {.name = "min-path",
         .kind = CLI_U32,
         .value = &config->min_path,
         .min = 1,
         .max = 65025,
         .given = &options.making_given,
         .help = "least number of moves from start to goal"},
        {.name = "max-path",
         .kind = CLI_U32,
         .value = &config->max_path,
         .max = 65025,
         .zero = "no bound",
         .given = &options.making_given,
         .help = "most moves from start to goal"},
        {.name = "unique",
         .kind = CLI_FLAG,
         .value = &options.unique,
         .given = &options.making_given,
         .help = "only mazes with exactly one shortest path, so that the answer is never a matter of taste; large ones "
                 "need --style repaired"},
        {.name = "train",
         .kind = CLI_U32,
         .value = &config->train_count,
         .min = 1,
         .max = 100000000,
         .given = &options.making_given,
         .help = "mazes to learn from"},
        {.name = "test",
         .kind = CLI_U32,
         .value = &config->test_count,
         .min = 1,
         .max = 100000000,
         .given = &options.making_given,
         .help = "mazes to test on; none of them, nor a rotation or reflection, is among those to learn from"},
        {.kind = CLI_GROUP, .help = "Building from CSV files (Maze-Hard)"},
        CLI_CSV_OPTIONS(options.csv),
        {.name = "symmetries",
         .kind = CLI_FLAG,
         .value = &options.symmetries,
         .help = "store all 8 rotations and reflections of each training maze (the reference's --aug); hrm train can "
                 "draw them as it goes instead"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "data maze",
        .about = "Makes random mazes with their solutions, or takes them from published files: one part to train on, "
                 "one to test with. A maze is a grid of walls, free cells, a start and a goal; the solution is a "
                 "shortest way from start to goal. The folder has the layout of the PyTorch implementation.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm data maze --out data --unique\n"
                    "  hrm data maze --out hard --preset hard\n"
                    "  hrm data maze --out big --size 10 --walls 0.3 --min-path 12 --train 50000 --seed 7\n"
                    "  hrm data maze --csv train.csv --test-csv test.csv --out data\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    if (options.side_given && options.width && options.height)
        return cli_usage("--size means nothing beside --width and --height; leave it out");
    const bool from_csv = options.csv.train_path || options.csv.test_path;
    if (from_csv && (options.making_given || options.side_given))
        return cli_usage("--preset, --style, --size, --walls, --train and the like belong to making puzzles; --csv "
                         "takes them from the file");
    if (from_csv) return build_mazes(&options);
    if (options.csv.subsample || options.csv.min_rating || options.symmetries)
        return cli_usage("--subsample, --min-difficulty and --symmetries belong to --csv; without it mazes are made");
    return make_mazes(&options);
}
