#include "train/recipe.h"

#include <inttypes.h>
#include <string.h>

#include "base/config_copy.h"
#include "data/sudoku.h"
#include "model/config.h"
#include "train/dataset.h"
#include "train/recipe_fields.h"

const hrm_word hrm_loss_words[] = {{"stablemax", HRM_LOSS_STABLEMAX}, {"softmax", HRM_LOSS_SOFTMAX}, {NULL, 0}};
const hrm_word hrm_augment_words[] = {
    {"none", HRM_AUGMENT_NONE}, {"dihedral", HRM_AUGMENT_DIHEDRAL}, {"sudoku", HRM_AUGMENT_SUDOKU}, {NULL, 0}};
const hrm_word hrm_batches_words[] = {{"full", HRM_BATCHES_FULL}, {"reference", HRM_BATCHES_REFERENCE}, {NULL, 0}};
const hrm_word hrm_gradient_words[] = {
    {"one-step", HRM_GRADIENT_ONE_STEP}, {"full-cycle", HRM_GRADIENT_FULL_CYCLE}, {NULL, 0}};
const hrm_word hrm_precision_words[] = {
    {"f32", HRM_PRECISION_F32}, {"bf16", HRM_PRECISION_BF16}, {"f16", HRM_PRECISION_F16}, {NULL, 0}};
const hrm_word hrm_puzzle_table_words[] = {
    {"auto", HRM_PUZZLE_TABLE_AUTO}, {"device", HRM_PUZZLE_TABLE_DEVICE}, {"host", HRM_PUZZLE_TABLE_HOST}, {NULL, 0}};

/* ---- presets ---- */

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

/* What the paper's recipes share: 27M parameters (the model's own defaults), batch 768, a rate that stays after 2,000
 * steps, the reference's batches. Source: the reference's config/cfg_pretrain.yaml and config/arch/hrm_v1.yaml. */
static void set_paper(hrm_trainer_config *c) {
    c->batches = HRM_BATCHES_REFERENCE;
    c->model.puzzle_emb_dim = 512;
    c->batch = 768;
    c->lr = 1e-4f;
    c->lr_min_ratio = 1.0f;
    c->lr_warmup_steps = 2000;
    c->halt_exploration = 0.1f;
    c->q_loss_weight = 0.5f;
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
        /* 20,000 epochs of 1,000 puzzles, evaluated every 2,000; decay and puzzle rate as the reference's README gives
         * them for both. Sudoku's copies are drawn while training instead of 1,000 times over on disk; mazes are not
         * augmented there. */
        set_paper(&c);
        c.augment = task == HRM_TASK_SUDOKU ? HRM_AUGMENT_SUDOKU : HRM_AUGMENT_NONE;
        c.epochs_per_pass = 2000;
        c.steps = 26041;
        c.weight_decay = 1.0f;
        c.puzzle_emb_lr = 1e-4f;
        c.puzzle_emb_weight_decay = 1.0f;
        break;
    case HRM_TASK_ARC_1:
    case HRM_TASK_ARC_2:
        /* cfg_pretrain.yaml as it stands: 100,000 epochs, evaluated every 10,000, the copies on disk. An epoch takes
         * all pairs of one variant of each task, so steps = epochs * pairs / batch: ARC-AGI-1   400 training, 400
         * evaluation and 160 ConceptARC tasks (960 in the paper). 518,071 is the last step of the ARC Prize's published
         * run on exactly that data (arc_v1_public), 4.14 pairs a task ARC-AGI-2   1,000 training tasks with 3,232 +
         * 1,076 pairs and the 359 demonstrations of 120 evaluation tasks (1,120 tasks in the paper; no ConceptARC in
         * the reference's command): 4,667 pairs A config file's `epochs` gives the exact number for a data set at hand.
         */
        set_paper(&c);
        c.epochs_per_pass = 10000;
        c.steps = task == HRM_TASK_ARC_1 ? 518071 : 607682;
        c.weight_decay = 0.1f;
        c.puzzle_emb_lr = 1e-2f;
        c.puzzle_emb_weight_decay = 0.1f;
        break;
    default:
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer preset: there is no task %d", (int)task);
    }
    *config = c;
    return HRM_OK;
}

/* ---- checking ---- */

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
        return HRM_OK; /* not reached: check_fields knows the words */
    }
}

static hrm_status fail_word(const char *field, int value, const hrm_word *words) {
    char list[160];
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: %s is %d; it must be %s", field, value,
                    hrm_word_list(words, true, list, sizeof list));
}

static hrm_status check_whole(const char *field, uint64_t value, uint64_t least, uint64_t most) {
    if (value >= least && value <= most) return HRM_OK;
    return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: %s is %" PRIu64 "; it must be %" PRIu64 " to %" PRIu64,
                    field, value, least, most);
}

/* NaN fails every comparison. */
static hrm_status check_fields(const hrm_trainer_config *c) {
    hrm_status status;
#define U(field, type, least, most) HRM_TRY(check_whole(#field, c->field, least, most));
#define F(field, least, most)                                                                                          \
    if (!((double)c->field >= (least) && (double)c->field <= (most)))                                                  \
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: %s is %g; it must be %g to %g", #field,             \
                        (double)c->field, (double)(least), (double)(most));
#define B(field)                                                                                                       \
    if (c->field > 1)                                                                                                  \
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT, "trainer config: %s is %u; it must be 0 or 1", #field, c->field);
#define W(field, type)                                                                                                 \
    if (!hrm_word_find(hrm_##field##_words, (uint32_t)c->field))                                                       \
        return fail_word(#field, (int)c->field, hrm_##field##_words);
    HRM_RECIPE_FIELDS(U, F, B, W)
#undef U
#undef F
#undef B
#undef W
    if (c->outlier_z > 0 && c->outlier_z < 1)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: outlier_z is %g; it must be 0 (never skip a step) or 1 to 1000",
                        (double)c->outlier_z);
    if (c->micro_batch > c->batch)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: micro_batch is %u; it must be at most batch, %u, or 0 for as much as fits",
                        c->micro_batch, c->batch);
    if (c->batches == HRM_BATCHES_REFERENCE && c->epochs_per_pass == 0)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: batches is 1 (reference) with epochs_per_pass 0; it must be at least 1");
fail:
    return status;
}

hrm_status hrm_recipe_resolve(const hrm_trainer_config *in, const hrm_puzzle_set *set, hrm_trainer_config *out) {
    hrm_status status;
    hrm_trainer_config c;
    HRM_TRY(hrm_config_copy(in, &c, sizeof c, "hrm_trainer_config"));
    hrm_model_config *m = &c.model;
    if (m->vocab_size == 0) m->vocab_size = set->vocab_size;
    if (m->seq_len == 0) m->seq_len = set->seq_len;
    if (m->grid_width == 0) m->grid_width = set->grid_width;
    if (m->puzzle_count == 0) m->puzzle_count = set->identifier_count;
    HRM_TRY(hrm_model_config_resolve(m, m));
    if (m->vocab_size < set->vocab_size || m->seq_len != set->seq_len || m->puzzle_count < set->identifier_count)
        return hrm_fail(
            HRM_ERR_INVALID_ARGUMENT,
            "trainer: the model takes %u tokens of %u kinds and %u puzzle ids, the data set has %u, %u and %u",
            m->seq_len, m->vocab_size, m->puzzle_count, set->seq_len, set->vocab_size, set->identifier_count);
    HRM_TRY(check_fields(&c));
    if (c.early_segments > m->halt_max_segments)
        return hrm_fail(HRM_ERR_INVALID_ARGUMENT,
                        "trainer config: early_segments is %u; it must be at most halt_max_segments, %u",
                        c.early_segments, m->halt_max_segments);
    HRM_TRY(check_augment(&c, set));
    *out = c;
fail:
    return status;
}
