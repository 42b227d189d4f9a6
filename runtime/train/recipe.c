#include "train/recipe.h"

#include <string.h>

#include "base/config_copy.h"
#include "data/sudoku.h"
#include "model/config.h"
#include "train/dataset.h"

/* Found by experiment for 6x6 mazes. What matters, in this order: both kinds of positions; rows that make room quickly
 * (two segments per puzzle while nothing is solved yet, a light Q loss); many narrow heads and a small batch; a rate
 * that falls only at the end. Small Sudokus learn with the same. */
static void set_demo(hrm_trainer_config *c) {
    c->model.h_layers = c->model.l_layers = 2;
    c->model.h_cycles = 1;
    c->model.l_cycles = 2;
    c->model.positions = HRM_POSITIONS_BOTH;
    c->model.halt_rule = HRM_HALT_POSITIVE;
    c->model.halt_max_segments = 8;
    c->batch = 32;
    c->lr = 1e-3f;
    c->lr_min_ratio = 0.1f;
    c->lr_warmup_steps = 50;
    c->lr_decay_start = 0.5f;
    c->weight_decay = 0.1f;
    c->halt_exploration = 0.25f;
    c->explore_once = 1;
    c->early_segments = 2;
    c->q_loss_weight = 0.05f;
    c->ema_decay = 0.99f;
}

hrm_status hrm_trainer_config_preset(hrm_task task, hrm_trainer_config *config) {
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    c.model = HRM_INIT(hrm_model_config);
    c.beta1 = 0.9f;
    c.beta2 = 0.95f;
    switch (task) {
    case HRM_TASK_MAZE_DEMO:
        set_demo(&c);
        c.model.hidden_size = 96;
        c.model.num_heads = 6;
        c.steps = 2000;
        c.early_steps = 850;
        c.augment = HRM_AUGMENT_DIHEDRAL;
        break;
    case HRM_TASK_SUDOKU_DEMO:
        set_demo(&c);
        c.model.hidden_size = 128;
        c.model.num_heads = 8;
        c.steps = 3000;
        c.early_steps = 1000;
        c.augment = HRM_AUGMENT_SUDOKU;
        break;
    case HRM_TASK_MAZE_HARD:
    case HRM_TASK_SUDOKU:
        /* The paper's recipe: 27M parameters, batch 768, constant rate after 2,000 steps, 20,000 epochs of 1,000
         * puzzles, evaluated every 2,000. Copies are drawn while training instead of 1,000 times over on disk; mazes
         * are not augmented there. */
        c.augment = task == HRM_TASK_SUDOKU ? HRM_AUGMENT_SUDOKU : HRM_AUGMENT_NONE;
        c.batches = HRM_BATCHES_REFERENCE;
        c.epochs_per_pass = 2000;
        c.model.puzzle_emb_dim = 512;
        c.batch = 768;
        c.steps = 26041;
        c.lr = 1e-4f;
        c.lr_min_ratio = 1.0f;
        c.lr_warmup_steps = 2000;
        c.weight_decay = 1.0f;
        c.puzzle_emb_lr = 1e-4f;
        c.puzzle_emb_weight_decay = 1.0f;
        c.halt_exploration = 0.1f;
        c.q_loss_weight = 0.5f;
        break;
    default:
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer preset: there is no task %d", (int)task);
    }
    *config = c;
    return HRM_OK;
}

/* name, least, most; NaN fails every comparison. */
#define HRM_RECIPE_FLOATS(X)                                                                                           \
    X(lr, 0, 10)                                                                                                       \
    X(lr_min_ratio, 0, 1)                                                                                              \
    X(lr_decay_start, 0, 1)                                                                                            \
    X(beta1, 0, 0.999999)                                                                                              \
    X(beta2, 0, 0.999999)                                                                                              \
    X(weight_decay, 0, 1000)                                                                                           \
    X(puzzle_emb_lr, 0, 10)                                                                                            \
    X(puzzle_emb_weight_decay, 0, 1000)                                                                                \
    X(halt_exploration, 0, 1)                                                                                          \
    X(q_loss_weight, 0, 100)                                                                                           \
    X(ema_decay, 0, 0.9999999)

static hrm_status check_augment(const hrm_trainer_config *c, const hrm_puzzle_set *set) {
    hrm_sudoku_shape shape;
    switch (c->augment) {
    case HRM_AUGMENT_NONE:
        return HRM_OK;
    case HRM_AUGMENT_DIHEDRAL:
        if (hrm_dataset_find_kind(set) == HRM_PUZZLE_SUDOKU && hrm_sudoku_shape_from_cells(set->seq_len, &shape) &&
            shape.box_width != shape.box_height)
            return hrm_fail(
                HRM_ERR_INVALID_ARGUMENT,
                "trainer config: augment (dihedral) turns boxes of %u x %u cells into %u x %u, which are no "
                "Sudoku's. Set it to sudoku or none",
                shape.box_width, shape.box_height, shape.box_height, shape.box_width);
        if (set->grid_width > 0 && set->grid_width == set->grid_height) return HRM_OK;
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: augment (dihedral) needs a square grid; the data set's is %u x %u. Set it to "
                        "none",
                        set->grid_width, set->grid_height);
    case HRM_AUGMENT_SUDOKU:
        if (hrm_dataset_find_kind(set) == HRM_PUZZLE_SUDOKU) return HRM_OK; /* 4 x 4 mazes have as many tokens */
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: augment (sudoku) needs boards of Sudoku; the data set has %u tokens of %u "
                        "kinds. Set it to dihedral or none",
                        set->seq_len, set->vocab_size);
    default:
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: augment is %d; it must be 0 (none), 1 (dihedral) or 2 (sudoku)",
                        (int)c->augment);
    }
}

hrm_status hrm_recipe_resolve(const hrm_trainer_config *in, const hrm_puzzle_set *set, hrm_trainer_config *out) {
    hrm_trainer_config c;
    hrm_status status = hrm_config_copy(in, &c, sizeof c, "hrm_trainer_config");
    if (status != HRM_OK) return status;
    hrm_model_config *m = &c.model;
    if (m->vocab_size == 0) m->vocab_size = set->vocab_size;
    if (m->seq_len == 0) m->seq_len = set->seq_len;
    if (m->grid_width == 0) m->grid_width = set->grid_width;
    if (m->puzzle_count == 0) m->puzzle_count = set->identifier_count;
    status = hrm_model_config_resolve(m, m);
    if (status != HRM_OK) return status;
    if (m->vocab_size < set->vocab_size || m->seq_len != set->seq_len || m->puzzle_count < set->identifier_count)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "trainer: the model takes %u tokens of %u kinds and %u puzzle ids, the data set has %u, %u and %u",
            m->seq_len, m->vocab_size, m->puzzle_count, set->seq_len, set->vocab_size, set->identifier_count);
    if (c.batch < 1 || c.batch > 65535)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: batch is %u; it must be 1 to 65535", c.batch);
    if (c.steps < 1) return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: steps is 0; it must be at least 1");
#define X(field, least, most)                                                                                          \
    if (!((double)c.field >= (least) && (double)c.field <= (most)))                                                    \
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: %s is %g; it must be %g to %g", #field,             \
                        (double)c.field, (double)(least), (double)(most));
    HRM_RECIPE_FLOATS(X)
#undef X
    if (c.early_segments > m->halt_max_segments)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: early_segments is %u; it must be at most halt_max_segments, %u",
                        c.early_segments, m->halt_max_segments);
    if (c.loss > HRM_LOSS_SOFTMAX)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: loss is %d; it must be 0 (stablemax) or 1 (softmax)",
                        (int)c.loss);
    status = check_augment(&c, set);
    if (status != HRM_OK) return status;
    if (c.batches > HRM_BATCHES_REFERENCE || (c.batches == HRM_BATCHES_REFERENCE && c.epochs_per_pass == 0))
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: batches is %d with epochs_per_pass %u; it must be 0 (full), or 1 (reference) "
                        "with at least 1",
                        (int)c.batches, c.epochs_per_pass);
    *out = c;
    return HRM_OK;
}
