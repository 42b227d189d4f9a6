/* Data sets from the published CSV files, Sudoku-Extreme and Maze-Hard, and from others of their form. Columns, in any
 * order and letter case: those of puzzle_columns.h, and rating; others are ignored.
 *
 * Promises: every question and answer is checked, and the first wrong one refused with file:line; rows are read from
 * the mapped file and written as they come, so memory does not grow with the file; the result depends on the CSV and
 * the options alone, not on the number of threads; without random options it is byte for byte what the reference's
 * scripts write (tokens always as uint8). Each example is a puzzle of its own, each row of the CSV with its copies a
 * group. Rows come in the order of the file, a subsample too.
 * Tokens: Sudoku digit + 1, a blank ('.' or '0') 1; mazes "# SGo" 1 to 5.
 * Source: the reference's dataset/build_sudoku_dataset.py and dataset/build_maze_dataset.py. */
#ifndef HRM_DATA_CSV_DATASET_H
#define HRM_DATA_CSV_DATASET_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define HRM_CSV_DATASET_MAX_COPIES 100000u

typedef enum hrm_csv_dataset_puzzle { HRM_CSV_DATASET_SUDOKU, HRM_CSV_DATASET_MAZE } hrm_csv_dataset_puzzle;

typedef struct hrm_csv_dataset_config {
    hrm_csv_dataset_puzzle puzzle;
    uint32_t subsample; /* this many rows, drawn without replacement; 0, or as many as there are: all */
    uint32_t copies;    /* Sudoku: randomly transformed copies behind each original (the reference's num_aug) */
    bool symmetries;    /* mazes: all 8 symmetries of each, the original first (the reference's aug) */
    bool by_rating;     /* leave out rows with rating < min_rating; the column is read only then */
    int64_t min_rating;
    uint64_t seed;    /* of the subsample and the copies */
    uint32_t threads; /* 0: as many as there are processors */
} hrm_csv_dataset_config;

typedef struct hrm_csv_dataset_report {
    uint64_t rows_read; /* of the CSV */
    uint32_t groups;    /* rows kept */
    uint32_t examples;  /* rows written */
    uint32_t side;      /* of the grid */
} hrm_csv_dataset_report;

/* Called now and then with examples written so far and in all; false cancels. */
typedef bool (*hrm_csv_dataset_progress_fn)(void *user, uint64_t done, uint64_t total);

/* Builds folder/split from one CSV file. `progress` and `report` may be NULL.
 * Errors: IO (missing, unreadable, no room), FORMAT (file:line and what is wrong), INVALID_ARGUMENT (options that do
 * not fit the puzzle, more than 2^31 - 2 rows, no row left), CANCELLED, OUT_OF_MEMORY.
 * The folder's identifiers.json is written anew by each split. A failure leaves what was there before, except one while
 * the finished files are put in place: then arrays may be left without a dataset.json, which is no data set. */
hrm_status hrm_csv_dataset_build_split(const char *csv_path, const char *folder, const char *split,
                                       const hrm_csv_dataset_config *config, hrm_csv_dataset_progress_fn progress,
                                       void *user, hrm_csv_dataset_report *report);

/* Builds "train" from train_csv and "test" from test_csv as the reference does: the test split is neither subsampled
 * nor augmented. Either path may be NULL: that split is left alone. reports [2] or NULL. */
hrm_status hrm_csv_dataset_build(const char *train_csv, const char *test_csv, const char *folder,
                                 const hrm_csv_dataset_config *config, hrm_csv_dataset_progress_fn progress, void *user,
                                 hrm_csv_dataset_report *reports);

#endif
