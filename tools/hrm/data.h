/* The commands below `hrm data`: one file for each kind of puzzle, and the report on a finished folder. */
#ifndef HRM_TOOL_DATA_H
#define HRM_TOOL_DATA_H

#include "cli.h"

int cli_data_maze(int argc, char **argv);
int cli_data_sudoku(int argc, char **argv);
int cli_data_info(int argc, char **argv);

/* What building from CSV files takes. */
typedef struct cli_csv {
    const char *train_path, *test_path;
    uint32_t subsample, min_rating;
} cli_csv;

/* Option rows shared by both kinds, for a table of cli_option. */
#define CLI_CSV_OPTIONS(csv)                                                                                           \
    {.name = "csv",                                                                                                    \
     .kind = CLI_TEXT,                                                                                                 \
     .value = &(csv).train_path,                                                                                       \
     .metavar = "FILE",                                                                                                \
     .help = "build the training split from this file (columns q, a and rating) instead of making puzzles"},           \
        {.name = "test-csv",                                                                                           \
         .kind = CLI_TEXT,                                                                                             \
         .value = &(csv).test_path,                                                                                    \
         .metavar = "FILE",                                                                                            \
         .help = "build the test split from this file; every row of it, without copies"},                              \
        {.name = "subsample",                                                                                          \
         .kind = CLI_U32,                                                                                              \
         .value = &(csv).subsample,                                                                                    \
         .max = 2147483646,                                                                                            \
         .zero = "all",                                                                                                \
         .help = "so many random rows of --csv"},                                                                      \
    {                                                                                                                  \
        .name = "min-difficulty", .kind = CLI_U32, .value = &(csv).min_rating, .max = 2147483646, .zero = "all",       \
        .help = "only rows of the CSV files whose rating is at least this"                                             \
    }

/* Where a data set goes and what both ways of getting one share: rows for a table of cli_option. */
#define CLI_DATA_OPTIONS(out_path, config)                                                                             \
    {.name = "out",                                                                                                    \
     .letter = 'o',                                                                                                    \
     .kind = CLI_TEXT,                                                                                                 \
     .value = &(out_path),                                                                                             \
     .metavar = "DIR",                                                                                                 \
     .required = true,                                                                                                 \
     .help = "folder to write (created when missing)"},                                                                \
        {.name = "seed",                                                                                               \
         .kind = CLI_U64,                                                                                              \
         .value = &(config).seed,                                                                                      \
         .help = "the same seed gives the same puzzles everywhere"},                                                   \
    {                                                                                                                  \
        .name = "threads", .kind = CLI_U32, .value = &(config).threads, .max = 1024, .zero = "one per processor",      \
        .help = "threads that work; the result does not depend on them"                                                \
    }

hrm_csv_config cli_csv_config(const cli_csv *csv, hrm_puzzle_kind kind, uint64_t seed, uint32_t threads);

/* Builds from CSV files, shows progress and what was made. Returns an exit code. */
int cli_data_build_csv(const char *out, const hrm_csv_config *config);

/* Brackets making puzzles: a bar while it lasts (pass cli_data_show_progress to the library), then what was made, or
 * the library's error. Returns an exit code. */
typedef struct cli_data_making {
    const char *out, *noun; /* "maze" */
    uint32_t train_count, test_count, width, height;
    double start;
} cli_data_making;
void cli_data_begin(cli_data_making *making);
bool cli_data_show_progress(void *user, uint64_t done, uint64_t total);
int cli_data_end(const cli_data_making *making, hrm_status status);

#endif
