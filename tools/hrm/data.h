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

/* Builds from CSV files, shows progress and what was made. Returns an exit code. */
int cli_data_build_csv(const char *out, const hrm_csv_config *config);

/* The bar of making puzzles: pass to the library. */
bool cli_data_show_progress(void *user, uint64_t done, uint64_t total);

#endif
