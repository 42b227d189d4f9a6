/* Training: deep supervision with a detached carry that stays on the device, Q-learned halting, Adam-atan2. */
#ifndef HRM_TRAINER_H
#define HRM_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include <hrm/dataset.h>
#include <hrm/device.h>
#include <hrm/model.h>
#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrm_trainer hrm_trainer;

typedef enum hrm_loss_kind {
    HRM_LOSS_STABLEMAX = 0, /* the reference's default */
    HRM_LOSS_SOFTMAX = 1,
} hrm_loss_kind;

typedef enum hrm_task {
    HRM_TASK_MAZE_DEMO = 0,   /* small mazes on a CPU in minutes: the README's demo */
    HRM_TASK_MAZE_HARD = 1,   /* the paper's 27M model and recipe for 30x30 mazes */
    HRM_TASK_SUDOKU = 2,      /* the paper's recipe for Sudoku-Extreme-1k */
    HRM_TASK_SUDOKU_DEMO = 3, /* small Sudoku on a CPU in minutes */
} hrm_task;

/* What is done to each puzzle as it is drawn: every epoch sees other copies, and no augmented data set is needed. */
typedef enum hrm_augment {
    HRM_AUGMENT_NONE = 0,
    HRM_AUGMENT_DIHEDRAL = 1, /* one of the 8 symmetries of a square grid: mazes */
    HRM_AUGMENT_SUDOKU = 2,   /* digits, bands, rows, stacks, columns, transposition: Sudoku */
} hrm_augment;

/* In which order puzzles are drawn. Either way each group (an original puzzle and its augmented copies) gives one
 * randomly drawn puzzle per epoch, groups in a fresh random order. */
typedef enum hrm_batches {
    HRM_BATCHES_FULL = 0,      /* a batch that an epoch does not fill is filled from the next: nothing is dropped */
    HRM_BATCHES_REFERENCE = 1, /* exactly the reference's batches (NumPy's Philox), its dropped short batch included */
} hrm_batches;

/* A recipe. Start from hrm_trainer_config_preset: here 0 means 0. */
typedef struct hrm_trainer_config {
    uint32_t struct_size;
    hrm_model_config model; /* vocab, seq_len, grid_width, puzzle_count come from the data set when 0 */
    uint32_t batch;         /* rows per step */
    uint32_t steps;         /* optimizer steps of the whole run (the schedule ends there) */
    uint64_t seed;
    float lr;                 /* dense weights */
    float lr_min_ratio;       /* the cosine ends at lr * this; 1 = constant */
    uint32_t lr_warmup_steps; /* linear */
    float lr_decay_start;     /* share of the steps before the cosine begins; 0 = right after the warm-up, as the
                                 reference */
    float beta1, beta2;
    float weight_decay;
    float puzzle_emb_lr;
    float puzzle_emb_weight_decay;
    float halt_exploration;  /* chance that a row must run a random least number of segments */
    uint32_t explore_once;   /* 1: that number is drawn once per puzzle, as the paper describes; 0: anew at every
                                segment, as the reference does, which rarely lets a row reach the last segments */
    uint32_t early_segments; /* in the first early_steps steps every row halts after this many segments: while nothing
                                is solved yet, rows then make room for fresh puzzles; 0 = off */
    uint32_t early_steps;
    float q_loss_weight; /* 0.5 in the reference */
    float ema_decay;     /* 0: no moving average; else evaluation and checkpoints use the averaged weights */
    hrm_loss_kind loss;
    hrm_augment augment;
    hrm_batches batches;
    uint32_t epochs_per_pass; /* HRM_BATCHES_REFERENCE: epochs drawn together (its eval_interval); the short batch at
                                 the end of them is dropped */
} hrm_trainer_config;

HRM_API hrm_status hrm_trainer_config_preset(hrm_task task, hrm_trainer_config *config);

/* What a step reported: sums over the rows that halted in it and have labels, as the reference logs them. */
typedef struct hrm_step_report {
    uint32_t struct_size;
    uint32_t step;         /* the step these figures are of; 0: none has finished yet */
    uint32_t count;        /* rows that halted */
    float accuracy;        /* mean share of right tokens of those rows (0 when count is 0) */
    float exact_accuracy;  /* share of those rows that were right in every token */
    float q_halt_accuracy; /* share of those rows where (q_halt >= 0) == exact */
    float segments;        /* mean segments of those rows */
    float loss;            /* whole loss / batch */
    float token_loss;      /* its parts / batch */
    float q_halt_loss;
    float q_continue_loss;
    float lr;
    double flops; /* estimated work of one step */
} hrm_step_report;

/* The data set is borrowed and must outlive the trainer. Blocks while programs are recorded.
 * Errors: INVALID_ARGUMENT (names the field), OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_trainer_create(hrm_device *device, const hrm_trainer_config *config,
                                      const hrm_dataset *train_set, hrm_trainer **out);
HRM_API void hrm_trainer_destroy(hrm_trainer *trainer);
HRM_API hrm_status hrm_trainer_get_config(const hrm_trainer *trainer, hrm_trainer_config *config);

/* Queues one step and returns; waits only for the step before the previous one, so the device never idles.
 * `report` (or NULL) holds the newest finished step's figures: one or two steps late. */
HRM_API hrm_status hrm_trainer_step(hrm_trainer *trainer, hrm_step_report *report);
/* Waits for everything queued; the report is the last step's (those of a step still queued before it are not given). */
HRM_API hrm_status hrm_trainer_finish(hrm_trainer *trainer, hrm_step_report *report);
/* The model being trained: the averaged weights when ema_decay > 0, else the live ones. Waits for queued steps. It is
 * owned by the trainer and stays valid, but later steps change it. */
HRM_API hrm_status hrm_trainer_get_model(hrm_trainer *trainer, hrm_model **model);

/* Writes the model (as hrm_trainer_get_model gives it) and, as further tensors and metadata, all that continuing needs:
 * the live weights where they differ, both moments, the rows in flight, the place in the data, the recipe. Other
 * readers see a plain model file. `notes` as in hrm_model_save. Waits for queued steps. Errors: IO. */
HRM_API hrm_status hrm_trainer_save(hrm_trainer *trainer, const char *path, const char *const *notes);
/* Continues a run saved by hrm_trainer_save, bit for bit on the same device and library, on the same data set.
 * Errors: FORMAT (no training state in the file, or one that does not fit), INVALID_ARGUMENT (another data set). */
HRM_API hrm_status hrm_trainer_resume(hrm_device *device, const char *path, const hrm_dataset *train_set,
                                      hrm_trainer **out);
/* Steps done so far, those before a resume included. */
HRM_API uint32_t hrm_trainer_get_step(const hrm_trainer *trainer);

/* ---- evaluation
 * ------------------------------------------------------------------------------------------------------ */

typedef struct hrm_evaluation_config {
    uint32_t struct_size;
    hrm_solver_config solver; /* zero: defaults */
    uint32_t limit;           /* first `limit` puzzles only; 0: all */
} hrm_evaluation_config;

typedef struct hrm_evaluation {
    uint32_t struct_size;
    uint32_t count;
    double token_accuracy; /* mean over puzzles of the share of right labelled tokens */
    double exact_accuracy;
    double mean_segments;
    double halted_by_q;                                 /* share of puzzles that the Q head stopped */
    double q_halt_accuracy;                             /* share where (q_halt >= 0) == exact */
    double maze_valid, maze_shortest, maze_mean_excess; /* shares; excess over valid answers; -1 when no mazes */
    double seconds;                                     /* solving, without data preparation */
    hrm_puzzle_kind kind;                               /* what the task's own rules were taken from */
    double task_accuracy; /* share solved by the puzzle's own rules: mazes valid and shortest, Sudoku complete, correct
                             and true to its givens; equals exact_accuracy where no rules are known */
    double sudoku_givens_kept, sudoku_mean_violations; /* share; per puzzle; -1 when no Sudoku */
    double exact_low, exact_high, task_low, task_high; /* 95 % intervals (Wilson) of the two shares */
} hrm_evaluation;

/* Solves a data set and grades it. answers [count, S] and solutions [count] may be NULL. Blocks. */
HRM_API hrm_status hrm_evaluate(hrm_model *model, const hrm_dataset *dataset, const hrm_evaluation_config *config,
                                hrm_evaluation *result, uint32_t *answers, hrm_solution *solutions);

#ifdef __cplusplus
}
#endif

#endif
