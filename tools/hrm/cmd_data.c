/* hrm data: data sets, made from nothing, built from published files, or described. */
#include <string.h>

#include "data.h"
#include "interrupt.h"

static const struct kind {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} kinds[] = {
    {"maze", cli_data_maze, "mazes: random, perfect or with one shortest path; or from Maze-Hard's CSV files"},
    {"sudoku", cli_data_sudoku, "Sudoku of any difficulty; or from Sudoku-Extreme's CSV files"},
    {"info", cli_data_info, "describe a folder and check every number in it"},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

void cli_data_begin(cli_data_making *making) {
    const uint64_t total = (uint64_t)making->train_count + making->test_count;
    cli_listen(cli_global.verbose);
    cli_interrupt_catch();
    making->start = cli_now();
    cli_progress_begin(cli_global.quiet ? CLI_PROGRESS_NONE : CLI_PROGRESS_LINES, "data", making->noun, total);
}

/* The library's error, or that the user stopped it. */
static int fail_making(const char *out, hrm_status status) {
    if (status != HRM_ERR_CANCELLED || !cli_interrupt_code()) return cli_fail_last();
    cli_error("interrupted before %s was complete", out);
    return cli_interrupt_code();
}

int cli_data_end(const cli_data_making *m, hrm_status status) {
    cli_progress_end();
    if (status != HRM_OK) return fail_making(m->out, status);
    if (!cli_global.quiet)
        printf("%s: %u %ss to train on and %u to test with, %u x %u cells, in %.1f s\n", m->out, m->train_count,
               m->noun, m->test_count, m->width, m->height, cli_now() - m->start);
    return CLI_OK;
}

bool cli_data_show_progress(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)total;
    cli_progress_update(done, "%s", "");
    return !cli_interrupt_code();
}

static bool show_csv_progress(void *user, uint64_t done, uint64_t total) {
    uint64_t *shown = user;
    if (*shown != total) { /* how many there will be is known once the file has been read */
        cli_progress_end();
        cli_progress_begin(cli_global.quiet ? CLI_PROGRESS_NONE : CLI_PROGRESS_LINES, "puzzles", "puzzle", total);
        *shown = total;
    }
    cli_progress_update(done, "%s", "");
    return !cli_interrupt_code();
}

hrm_csv_config cli_csv_config(const cli_csv *csv, hrm_puzzle_kind kind, uint64_t seed, uint32_t threads) {
    hrm_csv_config config = HRM_INIT(hrm_csv_config);
    config.kind = kind;
    config.train_path = csv->train_path;
    config.test_path = csv->test_path;
    config.subsample = csv->subsample;
    config.min_rating = csv->min_rating;
    config.seed = seed;
    config.threads = threads;
    return config;
}

int cli_data_build_csv(const char *out, const hrm_csv_config *config) {
    hrm_csv_report report = HRM_INIT(hrm_csv_report);
    uint64_t shown = 0;
    const double start = cli_now();
    cli_listen(cli_global.verbose);
    cli_interrupt_catch();
    hrm_status status = hrm_csv_dataset_create(config, out, show_csv_progress, &shown, &report);
    cli_progress_end();
    if (status != HRM_OK) return fail_making(out, status);
    const double seconds = cli_now() - start;
    if (!cli_global.quiet)
        printf("%s: %u puzzles in %u groups to train on, %u to test with, %u x %u cells, from %llu rows, in %.1f s\n",
               out, report.train_examples, report.train_groups, report.test_examples, report.side, report.side,
               (unsigned long long)report.rows_read, seconds);
    return CLI_OK;
}

static void print_kinds(void) {
    printf("usage: hrm data KIND [options]\n\nMakes, builds or checks data sets.\n\nKinds:\n");
    for (int i = 0; i < KIND_COUNT; i++) printf("  %-8s%s\n", kinds[i].name, kinds[i].about);
    printf("\n'hrm data KIND --help' explains each.\n\nExamples:\n"
           "  hrm data maze --out data --unique\n"
           "  hrm data sudoku --out data --level medium\n"
           "  hrm data sudoku --csv train.csv --test-csv test.csv --out data --subsample 1000\n"
           "  hrm data info data\n");
}

int cli_cmd_data(int argc, char **argv) {
    const char *names[KIND_COUNT + 1] = {NULL};
    char command[32];
    for (int i = 0; i < KIND_COUNT; i++) {
        names[i] = kinds[i].name;
        if (argc == 0 || strcmp(argv[0], kinds[i].name) != 0) continue;
        snprintf(command, sizeof command, "data %s", kinds[i].name);
        cli_set_command(command);
        return kinds[i].run(argc - 1, argv + 1);
    }
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        print_kinds();
        return CLI_OK;
    }
    if (argc == 0 || argv[0][0] == '-')
        return cli_usage("which kind of puzzle? Write: hrm data maze --out DIR, or hrm data sudoku --out DIR");
    const char *near = cli_nearest(argv[0], names);
    if (near) return cli_usage("there is no '%s'; did you mean '%s'?", argv[0], near);
    return cli_usage("there is no '%s'; 'hrm data --help' lists what there is", argv[0]);
}
