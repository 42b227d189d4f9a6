/* The model: weights of a Hierarchical Reasoning Model (arXiv 2506.21734) on a device, and solvers that run it.
 * Letters in shapes: B batch, S tokens per puzzle, P puzzle positions, T = P + S, D hidden width, V vocabulary. */
#ifndef HRM_MODEL_H
#define HRM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <hrm/device.h>
#include <hrm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrm_model hrm_model;
typedef struct hrm_solver hrm_solver;

typedef enum hrm_positions {
    HRM_POSITIONS_DEFAULT = 0, /* rope */
    HRM_POSITIONS_ROPE = 1,    /* rotary, as in the reference */
    HRM_POSITIONS_LEARNED = 2, /* learned, added to the embeddings, as in the reference */
    HRM_POSITIONS_BOTH = 3,    /* rotary and learned together (an option of ours; learns mazes much faster) */
} hrm_positions;

/* When a row says it is done. */
typedef enum hrm_halt_rule {
    HRM_HALT_DEFAULT = 0,  /* HRM_HALT_COMPARE */
    HRM_HALT_COMPARE = 1,  /* q_halt > q_continue: the reference, trained with a bootstrapped continue target */
    HRM_HALT_POSITIVE = 2, /* q_halt > 0: no continue target and no second pass while training */
} hrm_halt_rule;

/* Architecture. A field left zero takes the default in brackets; fields without one must be set. */
typedef struct hrm_model_config {
    uint32_t struct_size;
    uint32_t vocab_size;        /* V; tokens are 0 .. V-1 */
    uint32_t seq_len;           /* S */
    uint32_t grid_width;        /* tokens are a grid of this width [sqrt(seq_len) when that is whole, else 0] */
    uint32_t puzzle_emb_dim;    /* values per puzzle embedding; 0: no puzzle positions */
    uint32_t puzzle_count;      /* rows of the puzzle-embedding table [1] */
    uint32_t hidden_size;       /* D [512] */
    uint32_t num_heads;         /* D / num_heads: a multiple of 8, at most 128 [8] */
    uint32_t h_layers;          /* [4] */
    uint32_t l_layers;          /* [4] */
    uint32_t h_cycles;          /* [2] */
    uint32_t l_cycles;          /* [2] */
    float expansion;            /* SwiGLU width = round(expansion * D * 2/3) up to a multiple of 256 [4] */
    float rms_norm_eps;         /* [1e-5] */
    float rope_theta;           /* [10000] */
    hrm_positions positions;    /* [rope] */
    hrm_halt_rule halt_rule;    /* [compare] */
    uint32_t halt_max_segments; /* M_max: segments at which every row halts [16] */
} hrm_model_config;

/* What numbers are kept and multiplied as. F32 is the yardstick: everything is f32. With the other two the weights
 * themselves, sums within products, norms, softmax, losses, the optimizer and the states from block to block stay f32;
 * 16 bits have what lies inside a block (q, k, v, the attention's output, gate, up and their product, and the gradients
 * of these) and a copy of each block's weights that products read. */
typedef enum hrm_precision {
    HRM_PRECISION_F32 = 0,
    HRM_PRECISION_BF16 = 1, /* 8 bits of mantissa, the range of f32 */
    HRM_PRECISION_F16 = 2,  /* 11 bits of mantissa, numbers to 65504: training scales the loss (see hrm_step_report) */
} hrm_precision;

/* Creates a model with fresh weights: truncated normal of 1/sqrt(fan in), from Philox(seed); q head 0 with bias -5;
 * puzzle table 0. Blocks until the weights exist.
 * Errors: INVALID_ARGUMENT (names the field), OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_model_create(hrm_device *device, const hrm_model_config *config, uint64_t seed, hrm_model **out);
/* Destroy solvers and trainers that use it first. NULL is fine. */
HRM_API void hrm_model_destroy(hrm_model *model);

/* What was resolved, defaults filled in. */
HRM_API hrm_status hrm_model_get_config(const hrm_model *model, hrm_model_config *config);
/* Trained values (puzzle table included). */
HRM_API uint64_t hrm_model_get_parameter_count(const hrm_model *model);
/* Bytes of device memory that the model takes, copies of weights in the layouts of kernels included. */
HRM_API uint64_t hrm_model_get_device_bytes(const hrm_model *model);
HRM_API hrm_device *hrm_model_get_device(const hrm_model *model);
/* From now on solvers of the model compute in this precision; a model just created or loaded has HRM_PRECISION_F32,
 * whatever it was trained in. The weights do not change: what is saved is f32 all the same. Blocks until the copies
 * exist. Errors: INVALID_ARGUMENT (no such precision; solvers of the model exist; a model that a trainer owns, which
 * has the trainer's), OUT_OF_DEVICE_MEMORY (the model is as before). */
HRM_API hrm_status hrm_model_set_precision(hrm_model *model, hrm_precision precision);
HRM_API hrm_precision hrm_model_get_precision(const hrm_model *model);

/* Reads a model file: safetensors with the reference's tensor names (prefixes `_orig_mod.`, `model.`, `inner.`
 * optional) and the architecture in the metadata (key "hrm.config"), or a checkpoint of the PyTorch implementation with
 * its all_config.yaml beside it. hrm_checkpoint_open and _load (hrm/checkpoint.h) take what neither says. Blocks.
 * Errors: IO, FORMAT (names tensor or key), OUT_OF_DEVICE_MEMORY. */
HRM_API hrm_status hrm_model_load(hrm_device *device, const char *path, hrm_model **out);
/* Writes one: temporary file, fsync, rename; an existing file is replaced whole or left untouched. `notes` are
 * key, value, key, value, ..., NULL for the metadata, or NULL. Blocks. Errors: IO. */
HRM_API hrm_status hrm_model_save(const hrm_model *model, const char *path, const char *const *notes);

/* ---- solving --------------------------------------------------------------------------------------------------------
 */

typedef enum hrm_halting {
    HRM_HALTING_ADAPTIVE = 0, /* a row leaves when its Q head says so, at the latest after max_segments */
    HRM_HALTING_FIXED = 1,    /* every row runs exactly max_segments, as the reference evaluates */
} hrm_halting;

typedef struct hrm_solver_config {
    uint32_t struct_size;
    uint32_t max_batch;    /* rows computed together [64, or fewer when memory is short] */
    uint32_t max_segments; /* [the model's halt_max_segments] */
    hrm_halting halting;
    float confidence; /* adaptive halting: how sure of its answer a row must be to leave, 0.5 to 0.999999; the trained
                         rule is 0.5 [0.5] */
} hrm_solver_config;

/* How one puzzle went. */
typedef struct hrm_solution {
    uint32_t segments; /* segments run, from 1 */
    uint32_t halted;   /* 1: the Q head stopped it; 0: max_segments was reached */
    float q_halt;      /* logits of the last segment */
    float q_continue;
} hrm_solution;

/* The model is borrowed and must outlive the solver; several solvers may share one. */
HRM_API hrm_status hrm_solver_create(hrm_model *model, const hrm_solver_config *config, hrm_solver **out);
HRM_API void hrm_solver_destroy(hrm_solver *solver);

/* Called after each segment for each puzzle still being solved: its index in the call's inputs, the segment number
 * (from 1), the decoded answer [S] (valid during the call) and the Q logits. Return false to stop the run (CANCELLED).
 */
typedef bool (*hrm_solver_observer)(void *user, uint32_t puzzle, uint32_t segment, const uint32_t *answer, float q_halt,
                                    float q_continue);
HRM_API void hrm_solver_set_observer(hrm_solver *solver, hrm_solver_observer observer, void *user);

/* Solves any number of puzzles. Rows whose puzzle is done are refilled from those waiting; when none waits, the batch
 * shrinks, so that finished puzzles cost nothing. A puzzle's answer does not depend on its neighbours.
 *   tokens      [count, S] u32, each < V; borrowed for the call
 *   puzzle_ids  [count] u32, each < puzzle_count, or NULL for 0
 *   answers     [count, S] u32, caller storage; complete only on HRM_OK
 *   solutions   [count], or NULL
 * Blocks until done; one call at a time per device.
 * Errors: INVALID_ARGUMENT (token or id out of range), DEVICE (destroy the device), CANCELLED (by the observer).
 * Source: HRM paper, adaptive computation time; reference models/hrm/hrm_act_v1.py. */
HRM_API hrm_status hrm_solver_run(hrm_solver *solver, const uint32_t *tokens, const uint32_t *puzzle_ids,
                                  uint32_t count, uint32_t *answers, hrm_solution *solutions);

#ifdef __cplusplus
}
#endif

#endif
