/* A training run of the command: what its parts share. The parts: train_loop.c (steps until an end), train_eval.c
 * (tests, the best, patience), train_save.c (checkpoints and the final model), train_resume.c (what to continue from),
 * train_record.c (what the run says about itself), train_plan.c (what it would need). */
#ifndef HRM_TOOL_TRAIN_H
#define HRM_TOOL_TRAIN_H

#include "run_folder.h"
#include "run_log.h"
#include "train_options.h"
#include "train_window.h"

/* The best test so far. */
typedef struct cli_train_best {
    uint32_t step;      /* 0: no test yet */
    double value;       /* by --best-by */
    double cells;       /* share of right cells: decides between equal values */
    uint32_t stale;     /* tests since */
    uint32_t evaluated; /* the step of the last test */
} cli_train_best;

typedef enum cli_train_end {
    CLI_TRAIN_GOES_ON = 0,
    CLI_TRAIN_STEPS,
    CLI_TRAIN_TIME,
    CLI_TRAIN_PATIENCE,
    CLI_TRAIN_INTERRUPTED,
    CLI_TRAIN_LEARNT,
} cli_train_end;

typedef struct cli_train {
    const cli_train_options *options;
    hrm_dataset *train_set, *test_set;
    hrm_device *device;
    hrm_trainer *trainer;
    hrm_trainer_config config; /* resolved */
    cli_run_folder folder;
    cli_run_log log;
    char source[CLI_RUN_PATH];        /* the run that is continued, "" for a new one */
    hrm_step_report last;             /* the newest figures */
    cli_train_window window;          /* since the last step line */
    cli_train_window shown;           /* fading, for the progress */
    cli_train_window total;           /* of this process */
    cli_train_best best, best_before; /* and what to fall back to when a new best cannot be saved */
    hrm_evaluation evaluation;        /* the last test of this process */
    bool dirty;                       /* something changed since the newest checkpoint */
    bool learnt;                      /* the last window: --overfit-one-batch */
    uint32_t first;                   /* steps done before this process */
    uint32_t saved;                   /* step of the newest checkpoint, 0: none */
    bool save_failed;                 /* the newest attempt: its step is not `saved` */
    double start;                     /* of this process, on cli_now's clock */
    double before;                    /* seconds of the run before this process */
    double eval_seconds;              /* of this process, spent on tests */
    double last_save, last_outlier;
    uint32_t paced_step; /* pace is measured from this step and time: the first step compiles the kernels */
    double paced_from;
} cli_train;

/* ---- train_loop.c ---- */

/* Trains as the options say, to an exit code. */
int cli_train_run(cli_train_options *options);
/* Takes in the figures of every step that was queued. False after printing an error. */
bool cli_train_sync(cli_train *t);
/* Prints the library's error, and where to go on from; returns false. */
bool cli_train_fail(const cli_train *t, hrm_status status);
/* Seconds of the whole run, tests and earlier processes included. */
double cli_train_seconds(const cli_train *t);
/* Seconds per step of this process, tests left out; the first left out where there are more. */
double cli_train_get_pace(const cli_train *t);
/* Whether the run has come to an end of its own: not by a signal or for lack of time. */
cli_train_end cli_train_find_end(const cli_train *t);

/* ---- train_eval.c ---- */

/* True when the present step is to be tested and has not been. */
bool cli_train_eval_is_due(const cli_train *t);
/* Tests the model and notes whether it is the best. False after printing an error. */
bool cli_train_evaluate(cli_train *t);

/* ---- train_save.c ---- */

/* True when the present step or the clock asks for a checkpoint. */
bool cli_train_save_is_due(const cli_train *t);
bool cli_train_clock_asks_to_save(const cli_train *t);
/* Saves. A failure is said and tried again later; false (after printing an error) only when training cannot go on. */
bool cli_train_save(cli_train *t);
/* The final checkpoint, and model.safetensors when `with_model`. False after printing an error. */
bool cli_train_save_end(cli_train *t, bool with_model);

/* ---- train_resume.c ---- */

/* Finds the run that --resume names: t->source, and options that were not given. False after printing an error. */
bool cli_train_find_source(cli_train *t, cli_train_options *options);
/* True when the run is continued in its own folder. */
bool cli_train_goes_on_in_place(const cli_train *t);
/* Continues from the newest checkpoint that is whole. False after printing an error. */
bool cli_train_resume(cli_train *t);
/* A checkpoint's note "hrm.run": log window and best; to be freed, NULL without memory. */
char *cli_train_make_note(const cli_train *t);

/* ---- train_record.c ---- */

/* Writes config.json, environment.json, options.json and the first line of the log. False after printing an error. */
bool cli_train_record_start(cli_train *t);
/* The last line of the log, and the table: printed, and table.txt. False after printing an error. */
bool cli_train_record_end(cli_train *t, cli_train_end end);

/* ---- train_plan.c ---- */

/* --plan, to an exit code. */
int cli_train_plan(const cli_train_options *options);

#endif
