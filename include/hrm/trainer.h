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
    HRM_TASK_MAZE_HARD = 1,   /* the paper's 27M model and recipe for 1,000 30x30 mazes (Maze-Hard) */
    HRM_TASK_SUDOKU = 2,      /* the paper's recipe for Sudoku-Extreme-1k */
    HRM_TASK_SUDOKU_DEMO = 3, /* small Sudoku on a CPU in minutes */
    HRM_TASK_ARC_1 = 4,       /* the paper's recipe for ARC-AGI-1, 1,000 variants of each task on disk */
    HRM_TASK_ARC_2 = 5,       /* the same for ARC-AGI-2 */
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

/* Through which calls of the recurrence the gradient flows, within one segment. */
typedef enum hrm_gradient {
    HRM_GRADIENT_ONE_STEP = 0,   /* the last call of each module: HRM's approximation */
    HRM_GRADIENT_FULL_CYCLE = 1, /* every call of the last H cycle, as HRM's successor TRM does: more memory */
} hrm_gradient;

/* Where the puzzle embeddings live while training. */
typedef enum hrm_puzzle_table {
    HRM_PUZZLE_TABLE_AUTO = 0,   /* on the device where it can bind the table, else on the host */
    HRM_PUZZLE_TABLE_DEVICE = 1, /* refused where the device cannot bind it */
    HRM_PUZZLE_TABLE_HOST = 2,   /* in host memory; only the rows of the puzzles in flight move. The same numbers */
} hrm_puzzle_table;

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
    hrm_gradient gradient;
    uint32_t micro_batch;  /* rows computed at once: a step's batch is cut into parts of this size, gradients add up,
                              and halting, losses and puzzle embeddings are those of the whole batch. 0: as few parts
                              as fit the memory, chosen at creation and from then on part of the config */
    uint32_t recompute;    /* 1: saves only each block's input and computes the rest again in the backward pass: about
                              a fifth more work, far less memory, the same bits */
    uint64_t memory_limit; /* bytes of device memory that micro_batch 0 plans for; 0: what the device has free */
    hrm_puzzle_table puzzle_table;
    float outlier_z; /* skip the update of a step whose gradient norm lies more than this many standard deviations
                        above the mean of the last steps (see hrm_step_report); 0: never */
    uint32_t fixed_batches;  /* train on the first so many batches again and again: 1 checks that a model can learn one
                                batch by heart; 0: off */
    hrm_precision precision; /* of what lies inside the blocks; evaluation while training uses it too */
} hrm_trainer_config;

HRM_API hrm_status hrm_trainer_config_preset(hrm_task task, hrm_trainer_config *config);

/* Steps without an overflow after which f16's loss scale is doubled. */
#define HRM_LOSS_SCALE_GROWTH 1000

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
    double flops;      /* estimated work of one step */
    float grad_norm;   /* Euclidean norm of the dense weights' gradient */
    float grad_norm_z; /* its distance from the mean of the last steps (at most 128, at least 32), in standard
                          deviations; 0 while there are fewer */
    uint32_t skipped;  /* 1: the update was skipped as an outlier (outlier_z): the weights are as before the step */
    uint32_t skipped_total; /* such steps of the whole run so far */
    double device_seconds;  /* from the step's first to its last work on the device; -1 without timestamps */
    double idle_seconds;    /* that the device waited before it for the host; -1 likewise, and for the first step after
                               the trainer's creation, hrm_trainer_finish, a save or an evaluation */
    /* f16 holds small gradients only if the loss is multiplied, by a power of two that is halved after each overflow
     * and doubled after HRM_LOSS_SCALE_GROWTH steps without one. All other figures are of the loss itself. */
    float loss_scale;          /* of this step; 1 in other precisions */
    uint32_t overflowed;       /* 1: a gradient did not fit f16 at this scale: the update was skipped, the weights are
                                  as before the step, and grad_norm is 0 */
    uint32_t overflowed_total; /* such steps of the whole run so far */
} hrm_step_report;

/* The data set is borrowed and must outlive the trainer. Blocks while programs are recorded.
 * Errors: INVALID_ARGUMENT (names the field), OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_trainer_create(hrm_device *device, const hrm_trainer_config *config,
                                      const hrm_dataset *train_set, hrm_trainer **out);
HRM_API void hrm_trainer_destroy(hrm_trainer *trainer);
HRM_API hrm_status hrm_trainer_get_config(const hrm_trainer *trainer, hrm_trainer_config *config);

/* ---- what a run will need ---- */

/* Device memory by how long it lives. */
#define HRM_TRAINER_LIFETIMES(X)                                                                                       \
    X(WEIGHTS, 0, "weights")                                                                                           \
    X(PACKED, 1, "weights, packed for the kernels")                                                                    \
    X(GRADIENTS, 2, "gradients")                                                                                       \
    X(OPTIMIZER, 3, "optimizer and averages")                                                                          \
    X(CARRY, 4, "puzzles in flight")                                                                                   \
    X(SAVED, 5, "saved activations")                                                                                   \
    X(SCRATCH, 6, "scratch")                                                                                           \
    X(IO, 7, "batches and metrics")
enum { HRM_TRAINER_LIFETIME_COUNT = 8 };

typedef struct hrm_training_plan {
    uint32_t struct_size;
    uint32_t micro_batch, micro_batches;        /* rows at once, and how many times per step */
    uint64_t parameters;                        /* trained values, the puzzle table's included */
    uint64_t bytes[HRM_TRAINER_LIFETIME_COUNT]; /* device memory; names: hrm_training_plan_get_lifetime_name */
    uint64_t device_bytes;                      /* their sum */
    uint64_t evaluation_bytes;                  /* more while the model is evaluated, micro_batch puzzles at a time */
    uint64_t allocated_bytes;                   /* what the device's driver was really asked for; 0 in a mere plan */
    uint64_t host_table_bytes;                  /* puzzle embeddings kept in host memory */
    uint64_t limit_bytes;                       /* what micro_batch 0 planned for */
    double flops;                               /* of one step, estimated */
    double seconds;                             /* of one step: measured on a small part; -1 unless asked for */
} hrm_training_plan;

HRM_API const char *hrm_training_plan_get_lifetime_name(uint32_t lifetime);

/* What training with this config would take, without allocating it. `timed`: also runs two steps of a small part of the
 * batch from fresh weights, which needs its memory and some seconds, to tell the time of a whole step; nothing is kept.
 * Errors: as hrm_trainer_create; OUT_OF_DEVICE_MEMORY when not even one row at a time fits. */
HRM_API hrm_status hrm_trainer_plan(hrm_device *device, const hrm_trainer_config *config, const hrm_dataset *train_set,
                                    bool timed, hrm_training_plan *plan);
/* What this trainer has allocated; seconds is -1. */
HRM_API hrm_status hrm_trainer_get_plan(const hrm_trainer *trainer, hrm_training_plan *plan);

/* ---- recipes from files ---- */

/* Reads a recipe from a YAML or JSON file over what `config` holds: fields that the file names are replaced. Known are
 * the fields of hrm_trainer_config (hrm_trainer_config_to_json writes them) and the keys of the PyTorch
 * implementation's cfg_pretrain.yaml, arch file and all_config.yaml; `epochs` and `eval_interval` become steps with the
 * help of `train_set` (or NULL: then they are an error). `eval_every` (or NULL) gets the steps between two evaluations
 * where the file says so, else it is left alone.
 * A file of that implementation also sets what it always does: its order of batches, no augmentation while drawing, no
 * average; fields named by our names override that.
 * Errors: IO, FORMAT (not YAML, an unknown key, a value of the wrong kind or out of range: names file, line and key),
 * UNSUPPORTED (YAML in a build without libyaml; what cannot be done here, such as another architecture),
 * INVALID_ARGUMENT (epochs without a data set). */
HRM_API hrm_status hrm_trainer_config_load(const char *path, const hrm_dataset *train_set, hrm_trainer_config *config,
                                           uint32_t *eval_every);
/* The config as JSON that hrm_trainer_config_load reads back exactly. The caller frees it with free(). NULL without
 * memory. */
HRM_API char *hrm_trainer_config_to_json(const hrm_trainer_config *config);

/* ---- steps ---- */

/* Queues one step and returns; waits only for the step before the previous one, so the device never idles.
 * `report` (or NULL) holds the newest finished step's figures: one or two steps late.
 * Errors: NOT_FINITE (a loss or gradient of a finished step is not a number: the message names the step and the first
 * tensor that went bad; the update of that step and of all after it was not made. In f16 a gradient that overflows is
 * that only once the loss scale has fallen to 1), DEVICE. */
HRM_API hrm_status hrm_trainer_step(hrm_trainer *trainer, hrm_step_report *report);
/* Waits for the oldest step whose figures were not given yet and gives them; report->step is 0 when there is none.
 * Called until then before hrm_trainer_finish, or anything else that waits for queued steps, it gives every step's
 * figures exactly once. Errors: as hrm_trainer_step. */
HRM_API hrm_status hrm_trainer_next_report(hrm_trainer *trainer, hrm_step_report *report);
/* Waits for everything queued; the report is the last step's. */
HRM_API hrm_status hrm_trainer_finish(hrm_trainer *trainer, hrm_step_report *report);
/* The model being trained: the averaged weights when ema_decay > 0, else the live ones. Waits for queued steps. It is
 * owned by the trainer and stays valid, but later steps change it. */
HRM_API hrm_status hrm_trainer_get_model(hrm_trainer *trainer, hrm_model **model);

/* Which weights hrm_trainer_get_model_of gives. */
typedef enum hrm_model_choice {
    HRM_MODEL_AVERAGE = 0, /* the moving average where the run keeps one, else the live weights */
    HRM_MODEL_LIVE = 1,
} hrm_model_choice;
HRM_API hrm_status hrm_trainer_get_model_of(hrm_trainer *trainer, hrm_model_choice choice, hrm_model **model);

/* Writes the model (as hrm_trainer_get_model gives it) and, as further tensors and metadata, all that continuing needs:
 * the live weights where they differ, both moments, the rows in flight, the place in the data, the recipe. Other
 * readers see a plain model file. `notes` as in hrm_model_save. Waits for queued steps. Errors: IO. */
HRM_API hrm_status hrm_trainer_save(hrm_trainer *trainer, const char *path, const char *const *notes);
/* Continues a run saved by hrm_trainer_save, bit for bit on the same device and library, on the same data set. The
 * choice of kernels is the saved run's (on another device one that cannot run there is chosen anew, and logged).
 * Errors: FORMAT (no training state in the file, one that does not fit, or a damaged file: its checksum is wrong),
 * INVALID_ARGUMENT (another data set, or one that was changed). */
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
