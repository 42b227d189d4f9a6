/* hrm data maze: a data set of generated mazes. */
#include <string.h>

#include "cli.h"

static bool show_progress(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)total;
    cli_progress_update(done, "%s", "");
    return true;
}

static int make_mazes(int argc, char **argv) {
    const char *out = NULL;
    uint32_t side = 6, width = 0, height = 0;
    bool side_given = false, unique = false;
    hrm_maze_config config = HRM_INIT(hrm_maze_config);
    config.min_path = 5;
    config.wall_density = 0.35f;
    config.train_count = 20000;
    config.test_count = 1000;
    const cli_option table[] = {
        {.name = "out",
         .letter = 'o',
         .kind = CLI_TEXT,
         .value = &out,
         .metavar = "DIR",
         .required = true,
         .help = "folder to write (created when missing)"},
        {.name = "size",
         .kind = CLI_U32,
         .value = &side,
         .min = 2,
         .max = 255,
         .given = &side_given,
         .help = "cells on each side"},
        {.name = "width",
         .kind = CLI_U32,
         .value = &width,
         .min = 2,
         .max = 255,
         .zero = "--size",
         .help = "columns, when not square"},
        {.name = "height",
         .kind = CLI_U32,
         .value = &height,
         .min = 2,
         .max = 255,
         .zero = "--size",
         .help = "rows, when not square"},
        {.name = "walls",
         .kind = CLI_F32,
         .value = &config.wall_density,
         .min = 0.001,
         .max = 0.9,
         .help = "chance of a wall, per cell"},
        {.name = "min-path",
         .kind = CLI_U32,
         .value = &config.min_path,
         .min = 1,
         .max = 65025,
         .help = "least number of moves from start to goal"},
        {.name = "unique",
         .kind = CLI_FLAG,
         .value = &unique,
         .help = "only mazes with exactly one shortest path, so that the answer is never a matter of taste"},
        {.name = "train",
         .kind = CLI_U32,
         .value = &config.train_count,
         .min = 1,
         .max = 100000000,
         .help = "mazes to learn from"},
        {.name = "test",
         .kind = CLI_U32,
         .value = &config.test_count,
         .min = 1,
         .max = 100000000,
         .help = "mazes to test on; none of them, nor a rotation or reflection, is among those to learn from"},
        {.name = "seed",
         .kind = CLI_U64,
         .value = &config.seed,
         .help = "the same seed gives the same mazes everywhere"},
        {.help = NULL},
    };
    const cli_spec spec = {
        .command = "data maze",
        .about = "Makes random mazes with their solutions: one part to train on, one to test with. A maze is a grid of "
                 "walls, free cells, a start and a goal; the solution is a shortest way from start to goal.",
        .options = table,
        .globals = cli_global_options,
        .examples = "  hrm data maze --out data --unique\n"
                    "  hrm data maze --out big --size 10 --walls 0.3 --min-path 12 --train 50000 --seed 7\n",
    };
    int operands;
    cli_parsed parsed = cli_parse(&spec, argc, argv, &operands);
    if (parsed != CLI_PARSED) return cli_parsed_exit(parsed);
    config.width = width ? width : side;
    config.height = height ? height : side;
    config.unique = unique;
    if (side_given && width && height)
        return cli_usage("--size means nothing beside --width and --height; leave it out");
    cli_listen(cli_global.verbose);
    uint64_t total = (uint64_t)config.train_count + config.test_count;
    double start = cli_now();
    cli_progress_begin(cli_global.quiet ? CLI_PROGRESS_NONE : CLI_PROGRESS_LINES, "mazes", "maze", total);
    hrm_status status = hrm_maze_dataset_create(&config, out, show_progress, NULL);
    cli_progress_end();
    if (status != HRM_OK) return cli_fail_last();
    if (!cli_global.quiet)
        printf("%s: %u mazes to train on and %u to test with, %u x %u cells, in %.1f s\n", out, config.train_count,
               config.test_count, config.width, config.height, cli_now() - start);
    return CLI_OK;
}

int cli_cmd_data(int argc, char **argv) {
    static const char *const kinds[] = {"maze", NULL};
    if (argc > 0 && strcmp(argv[0], "maze") == 0) {
        cli_set_command("data maze");
        return make_mazes(argc - 1, argv + 1);
    }
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) return make_mazes(argc, argv);
    if (argc == 0 || argv[0][0] == '-') return cli_usage("which kind of puzzle? Write: hrm data maze --out DIR");
    const char *near = cli_nearest(argv[0], kinds);
    return cli_usage("unknown kind of puzzle '%s'; %s 'maze'%s", argv[0], near ? "did you mean" : "there is",
                     near ? "?" : "");
}
