/* Recipes from files: ours come back exactly; the reference's say what they say there; every mistake is named with its
 * place. Needs no device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hrm/trainer.h>

#include "check.h"
#include "helper_recipe.h"
#include "train/dataset.h"
#include "train/recipe.h"

static hrm_dataset sudoku, arc;

static const char *write_text(const char *name, const char *text) {
    const char *path = check_temp_path(name);
    check_write_file(path, text, strlen(text));
    return path;
}

static hrm_trainer_config preset(hrm_task task) {
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    CHECK_OK(hrm_trainer_config_preset(task, &c));
    return c;
}

/* ---- ours ---- */

static void random_recipes_come_back_exactly(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        const hrm_trainer_config c = random_recipe(check_seed() + i);
        hrm_trainer_config back = preset(HRM_TASK_MAZE_DEMO);
        uint32_t every = 123;
        char *text = hrm_trainer_config_to_json(&c);
        CHECK(text != NULL);
        CHECK_OK(hrm_trainer_config_load(write_text("config.json", text), NULL, &back, &every));
        check_same_recipe(&back, &c);
        CHECK_EQ(back.struct_size, sizeof back);
        CHECK_EQ(back.model.struct_size, sizeof back.model);
        CHECK_EQ(every, 123);
        free(text);
    }
}

static void only_what_is_named_is_replaced(void **state) {
    (void)state;
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO), want = c;
    CHECK_OK(hrm_trainer_config_load(
        write_text("some.json", "{\"lr\": 2E-3, \"gradient\": \"full-cycle\", \"recompute\": true, \"seed\": -1,\n"
                                "\"model\": {\"hidden_size\": 64, \"positions\": \"learned\", \"expansion\": 3}}"),
        NULL, &c, NULL));
    want.lr = 2e-3f;
    want.gradient = HRM_GRADIENT_FULL_CYCLE;
    want.recompute = 1;
    want.seed = UINT64_MAX;
    want.model.hidden_size = 64;
    want.model.positions = HRM_POSITIONS_LEARNED;
    want.model.expansion = 3;
    check_same_recipe(&c, &want);

    c = want; /* an older program's smaller struct: what lies behind it stays */
    c.struct_size = (uint32_t)offsetof(hrm_trainer_config, gradient);
    CHECK_OK(hrm_trainer_config_load(write_text("old.json", "{\"gradient\": 0, \"batch\": 3}"), NULL, &c, NULL));
    want.batch = 3;
    CHECK_EQ(c.struct_size, offsetof(hrm_trainer_config, gradient));
    check_same_recipe(&c, &want);
}

/* What fails leaves config and eval_every as they were. */
static void check_refused(const char *name, const char *text, hrm_status code, const char *problem) {
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
    const hrm_trainer_config before = c;
    uint32_t every = 123;
    hrm_status status = hrm_trainer_config_load(write_text(name, text), &sudoku, &c, &every);
    CHECK_MSG(status == code, "%s: %s gave %s: %s", name, text, hrm_status_name(status), hrm_last_error());
    CHECK_MSG(strstr(hrm_last_error(), problem) != NULL, "%s gave \"%s\", not \"%s\"", text, hrm_last_error(), problem);
    check_same_recipe(&c, &before);
    CHECK_EQ(every, 123);
}

static void json_needs_no_yaml(void **state) {
    (void)state;
    check_refused("a.json", "{\"lr\": 3", HRM_ERR_FORMAT, "a.json:");
    check_refused("a.json", "{\"rate\": 3}", HRM_ERR_FORMAT, "rate is 3; there is no such key");
    check_refused("a.json", "{\"lr\": \"fast\"}", HRM_ERR_FORMAT, "lr is \"fast\"; it must be a number from 0 to 10");
    check_refused("a.json", "{\"lr\": null}", HRM_ERR_FORMAT, "lr is null; it must be a number");
    check_refused("a.json", "{\"lr\": 11}", HRM_ERR_FORMAT, "lr is 11; it must be a number from 0 to 10");
    check_refused("a.json", "{\"batch\": 0}", HRM_ERR_FORMAT, "batch is 0; it must be a whole number from 1 to 65535");
    check_refused("a.json", "{\"batch\": true}", HRM_ERR_FORMAT, "batch is true; it must be a whole number");
    check_refused("a.json", "{\"steps\": 1.5}", HRM_ERR_FORMAT, "steps is 1.5; it must be a whole number");
    check_refused("a.json", "{\"memory_limit\": -1}", HRM_ERR_FORMAT, "memory_limit is -1; it must be a whole number");
    check_refused("a.json", "{\"recompute\": 2}", HRM_ERR_FORMAT, "recompute is 2; it must be true or false");
    check_refused("a.json", "{\"gradient\": \"all\"}", HRM_ERR_FORMAT, "it must be one-step or full-cycle");
    check_refused("a.json", "{\"puzzle_table\": 3}", HRM_ERR_FORMAT, "it must be auto, device or host");
    check_refused("a.json", "{\"model\": 3}", HRM_ERR_FORMAT, "model is 3; it must be a mapping");
    check_refused("a.json", "{\"model\": {\"width\": 3}}", HRM_ERR_FORMAT, "model.width is 3; there is no such key");
    check_refused("a.json", "{\"model\": {\"seq_len\": -1}}", HRM_ERR_FORMAT, "model.seq_len is -1; it must be");
    check_refused("a.json", "{\"batch\": 3, \"global_batch_size\": 3}", HRM_ERR_FORMAT,
                  "global_batch_size is 3; batch says the same thing");
    check_refused("a.json", "{\"x\": \"a\\nb\"}", HRM_ERR_FORMAT, "x is \"a\\nb\"; there is no such key");
    char *long_text = malloc((1 << 20) + 3);
    CHECK(long_text != NULL);
    memset(long_text, ' ', (1 << 20) + 2);
    long_text[0] = '{', long_text[1 << 20] = '}', long_text[(1 << 20) + 1] = '\0';
    check_refused("a.json", long_text, HRM_ERR_FORMAT, "1048577 bytes are no recipe");
    free(long_text);
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
    CHECK_STATUS(hrm_trainer_config_load(check_temp_path("none"), NULL, &c, NULL), HRM_ERR_IO);
    c.struct_size = 0;
    CHECK_STATUS(hrm_trainer_config_load(write_text("a.json", "{}"), NULL, &c, NULL), HRM_ERR_INVALID_ARGUMENT);
}

#if HRM_HAVE_TORCH

/* ---- the reference's ---- */

/* The facts of its config/cfg_pretrain.yaml and config/arch/hrm_v1.yaml. */
static const char pretrain[] = "defaults:\n  - arch: hrm_v1\n  - _self_\n\nhydra:\n  output_subdir: null\n\n"
                               "data_path: data/arc-aug-1000\nglobal_batch_size: 768\n\nepochs: 100000\n"
                               "eval_interval: 10000\ncheckpoint_every_eval: True\n\nlr: 1e-4\nlr_min_ratio: 1.0\n"
                               "lr_warmup_steps: 2000\n\nbeta1: 0.9\nbeta2: 0.95\nweight_decay: 0.1\n"
                               "puzzle_emb_weight_decay: 0.1\n\npuzzle_emb_lr: 1e-2\n";
static const char arch_v1[] =
    "name: hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1\nloss:\n  name: losses@ACTLossHead\n"
    "  loss_type: stablemax_cross_entropy\n\nhalt_exploration_prob: 0.1\nhalt_max_steps: 16\n\n"
    "H_cycles: 2\nL_cycles: 2\n\nH_layers: 4\nL_layers: 4\n\nhidden_size: 512\n"
    "num_heads: 8  # min(2, hidden_size // 64)\nexpansion: 4\n\n"
    "puzzle_emb_ndim: ${.hidden_size}\n\npos_encodings: rope\n";

/* Lines with `find` replaced; all of the text with find NULL. */
static const char *edit(const char *text, const char *find, const char *put, char out[2048]) {
    const char *at = find ? strstr(text, find) : text;
    CHECK(at != NULL);
    snprintf(out, 2048, "%.*s%s%s", (int)(at - text), text, find ? put : "", at + (find ? strlen(find) : 0));
    return out;
}

static void write_folder(const char *pretrain_text, const char *arch_text) {
    mkdir(check_temp_path("arch"), 0777);
    check_write_file(check_temp_path("cfg.yaml"), pretrain_text, strlen(pretrain_text));
    check_write_file(check_temp_path("arch/hrm_v1.yaml"), arch_text, strlen(arch_text));
}

static void the_reference_s_config_is_the_preset(void **state) {
    (void)state;
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO), want = preset(HRM_TASK_ARC_1);
    uint32_t every = 0;
    write_folder(pretrain, arch_v1);
    CHECK_OK(hrm_trainer_config_load(check_temp_path("cfg.yaml"), &arc, &c, &every));
    /* 9 groups of 5.67 examples on average: int(100000 * 9 * (153 / 27) / 768) */
    CHECK_EQ(arc.set.group_count, 9);
    CHECK_EQ(c.steps, 6640);
    CHECK_EQ(every, 664);
    want.steps = c.steps;
    want.model.hidden_size = 512; /* the preset leaves the defaults 0 */
    want.model.num_heads = 8;
    want.model.h_layers = want.model.l_layers = 4;
    want.model.h_cycles = want.model.l_cycles = 2;
    want.model.halt_max_segments = 16;
    want.model.expansion = 4;
    want.model.positions = HRM_POSITIONS_ROPE;
    want.model.halt_rule = HRM_HALT_COMPARE;
    check_same_recipe(&c, &want);
}

static void steps_are_counted_as_there(void **state) {
    (void)state;
    /* lr_schedule.json: total_steps_examples, with groups and mean as in those data sets */
    static const struct {
        uint32_t epochs, groups, puzzles, examples, batch, steps;
    } rows[] = {{20000, 1000, 1000000, 1000000, 384, 52083},
                {20000, 1000, 1000, 1000, 768, 26041},
                {100000, 960, 10000, 34567, 768, 432087},
                {7, 12, 12, 12, 5, 16},
                {1, 768, 768, 768, 768, 1},
                {4294, 1000000, 1, 1, 1, 4294000000u}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hrm_dataset set = {
            .set = {.group_count = rows[r].groups, .puzzle_count = rows[r].puzzles, .example_count = rows[r].examples}};
        char text[160];
        hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
        uint32_t every = 0;
        snprintf(text, sizeof text, "epochs: %u\nglobal_batch_size: %u\n", rows[r].epochs, rows[r].batch);
        CHECK_OK(hrm_trainer_config_load(write_text("steps.yaml", text), &set, &c, &every));
        CHECK_EQ(c.steps, rows[r].steps);
        CHECK_EQ(c.epochs_per_pass, rows[r].epochs); /* without eval_interval: one pass */
        CHECK_EQ(every, 0);
    }
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
    CHECK_STATUS(hrm_trainer_config_load(write_text("steps.yaml", "\nepochs: 7\n"), NULL, &c, NULL),
                 HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("steps.yaml:2: epochs is 7; epochs become steps with the help of a training set");
    CHECK_STATUS(hrm_trainer_config_load(write_text("steps.yaml", "eval_interval: 7\n"), NULL, &c, NULL),
                 HRM_ERR_INVALID_ARGUMENT);
    check_refused("steps.yaml", "epochs: 2\nglobal_batch_size: 768\n", HRM_ERR_FORMAT,
                  "epochs is 2; that is 0 steps of 768 of this data set's 12 groups");
    check_refused("steps.yaml", "epochs: 1000000000\nglobal_batch_size: 1\n", HRM_ERR_FORMAT,
                  "that is 12000000000 steps");
    check_refused("steps.yaml", "epochs: 0\n", HRM_ERR_FORMAT, "epochs is 0; it must be a whole number from 1");
    check_refused("steps.yaml", "epochs: 3\nsteps: 3\n", HRM_ERR_FORMAT,
                  "steps.yaml:2: steps is 3; epochs says the same");
}

static void every_key_of_theirs_is_read(void **state) {
    (void)state;
    hrm_trainer_config c = preset(HRM_TASK_ARC_1);
    uint32_t every = 0;
    /* all_config.yaml, as checkpoints have it beside them */
    CHECK_OK(hrm_trainer_config_load(check_path(check_tree_golden_dir("checkpoint_torch"), "all_config.yaml"), &sudoku,
                                     &c, &every));
    CHECK_EQ(c.batch, 4);
    CHECK_EQ(c.steps, 60000);
    CHECK_EQ(every, 6000);
    CHECK_EQ(c.epochs_per_pass, 2000);
    CHECK(c.lr == 7e-5f && c.puzzle_emb_lr == 7e-5f && c.weight_decay == 1 && c.puzzle_emb_weight_decay == 1);
    CHECK_EQ(c.model.hidden_size, 64);
    CHECK_EQ(c.model.puzzle_emb_dim, 64);
    CHECK_EQ(c.model.num_heads, 2);
    CHECK_EQ(c.model.h_layers, 1);
    /* all others, other values */
    CHECK_OK(hrm_trainer_config_load(
        write_text("all.yaml",
                   "seed: 7\nbeta1: 0.8\nbeta2: 0.9\nlr_min_ratio: 0.1\nlr_warmup_steps: 1e3\nlr: 3e-4\n"
                   "project_name: null\nrun_name: x\ncheckpoint_path: y\neval_save_outputs: [inputs]\n"
                   "data_paths: [a]\nevaluators: []\nfreeze_weights: false\nload_checkpoint: null\nema: true\n"
                   "eval_interval: ~\narch:\n  name: a@HierarchicalReasoningModel_ACTV1\n"
                   "  loss: {name: losses@ACTLossHead, loss_type: softmax_cross_entropy}\n  forward_dtype: float32\n"
                   "  halt_exploration_prob: 0.5\n  halt_max_steps: 8\n  H_cycles: 3\n  L_cycles: 6\n  H_layers: 1\n"
                   "  L_layers: 2\n  hidden_size: 128\n  num_heads: 4\n  expansion: 2.5\n  rms_norm_eps: 1e-6\n"
                   "  rope_theta: 5000\n  puzzle_emb_ndim: ${arch.hidden_size}\n  pos_encodings: learned\n"
                   "  mlp_t: false\n  puzzle_emb_len: 1\n  no_ACT_continue: true\n"
                   "hrm: {positions: 3, seq_len: 81, grid_width: 9}\nmicro_batch: 16\nearly_segments: 3\n"),
        &sudoku, &c, NULL));
    hrm_trainer_config want = c;
    want.seed = 7;
    want.beta1 = 0.8f, want.beta2 = 0.9f;
    want.lr_min_ratio = 0.1f, want.lr_warmup_steps = 1000, want.lr = 3e-4f;
    want.ema_decay = 0.999f;
    want.loss = HRM_LOSS_SOFTMAX;
    want.halt_exploration = 0.5f;
    want.explore_once = 0, want.q_loss_weight = 0.5f;
    want.micro_batch = 16, want.early_segments = 3;
    want.model.halt_max_segments = 8;
    want.model.h_cycles = 3, want.model.l_cycles = 6, want.model.h_layers = 1, want.model.l_layers = 2;
    want.model.hidden_size = want.model.puzzle_emb_dim = 128;
    want.model.num_heads = 4, want.model.expansion = 2.5f;
    want.model.rms_norm_eps = 1e-6f, want.model.rope_theta = 5000;
    want.model.positions = HRM_POSITIONS_BOTH, want.model.halt_rule = HRM_HALT_POSITIVE;
    want.model.seq_len = 81, want.model.grid_width = 9;
    check_same_recipe(&c, &want);
}

/* Over a demo's preset, only an architecture: what belongs to the learning stays. */
static void an_arch_file_stands_alone(void **state) {
    (void)state;
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
    CHECK_OK(hrm_trainer_config_load(write_text("hrm_v1.yaml", arch_v1), NULL, &c, NULL));
    CHECK_EQ(c.model.hidden_size, 512);
    CHECK_EQ(c.model.puzzle_emb_dim, 512);
    CHECK_EQ(c.model.positions, HRM_POSITIONS_ROPE);
    CHECK_EQ(c.model.halt_rule, HRM_HALT_COMPARE);
    CHECK_EQ(c.model.halt_max_segments, 16);
    CHECK_EQ(c.explore_once, 0);
    CHECK(c.halt_exploration == 0.1f && c.q_loss_weight == 0.5f);
    CHECK(c.ema_decay == 0.99f && c.batch == 32 && c.augment == HRM_AUGMENT_DIHEDRAL);
    check_refused("two.yaml", "H_cycles: 2\narch: {L_cycles: 2}\n", HRM_ERR_FORMAT,
                  "two.yaml:1: H_cycles is 2; beside the mapping arch it belongs into that");
}

static void the_defaults_list_is_followed(void **state) {
    (void)state;
    char text[2048];
    hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
    uint32_t every = 0;
    /* the file's own keys win after _self_, and what refers to them follows */
    snprintf(text, sizeof text, "%sarch:\n  hidden_size: 256\n  loss:\n    loss_type: softmax_cross_entropy\n",
             pretrain);
    write_folder(text, arch_v1);
    CHECK_OK(hrm_trainer_config_load(check_temp_path("cfg.yaml"), &sudoku, &c, &every));
    CHECK_EQ(c.model.hidden_size, 256);
    CHECK_EQ(c.model.puzzle_emb_dim, 256);
    CHECK_EQ(c.model.num_heads, 8);
    CHECK_EQ(c.loss, HRM_LOSS_SOFTMAX);
    /* the other order, and none: then the file itself comes first */
    static const char *const lists[] = {"  - _self_\n  - arch: hrm_v1\n", "  - arch: hrm_v1\n",
                                        "  - override hydra/job_logging: none\n  - arch: hrm_v1.yaml\n"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char changed[2048];
        edit(text, "  - arch: hrm_v1\n  - _self_\n", lists[i], changed);
        write_folder(changed, arch_v1);
        CHECK_OK(hrm_trainer_config_load(check_temp_path("cfg.yaml"), &sudoku, &c, &every));
        CHECK_EQ(c.model.hidden_size, 512);
        CHECK_EQ(c.loss, HRM_LOSS_STABLEMAX);
    }
    static const struct {
        const char *put;
        hrm_status code;
        const char *problem;
    } rows[] = {
        {"  - arch: trm\n", HRM_ERR_IO, "cfg.yaml:1: the architecture trm: "},
        {"  - arch: ../hrm_v1\n", HRM_ERR_FORMAT, "defaults.arch is \"../hrm_v1\"; it must be the name of a file"},
        {"  - arch: .hidden\n", HRM_ERR_FORMAT, "it must be the name of a file in the folder arch"},
        {"  - arch: null\n", HRM_ERR_FORMAT, "it must be the name of a file in the folder arch"},
        {"  - other\n", HRM_ERR_UNSUPPORTED, "cfg.yaml:1: defaults is \"other\"; only one \"arch: NAME\""},
        {"  - arch: hrm_v1\n  - arch: hrm_v1\n", HRM_ERR_UNSUPPORTED, "only one \"arch: NAME\""},
        {"  - {arch: hrm_v1, data: x}\n", HRM_ERR_UNSUPPORTED, "only one \"arch: NAME\""},
        {"  arch: hrm_v1\n", HRM_ERR_FORMAT, "it must be a list"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        edit(pretrain, "  - arch: hrm_v1\n  - _self_\n", rows[r].put, text);
        check_refused("cfg.yaml", text, rows[r].code, rows[r].problem);
    }
    check_refused("cfg.yaml", "defaults: [arch: hrm_v1, _self_]\narch: 3\n", HRM_ERR_FORMAT,
                  "cfg.yaml:2: arch is 3; it must be a mapping");
}

static void mistakes_in_the_arch_file_are_placed_there(void **state) {
    (void)state;
    static const struct {
        const char *find, *put;
        hrm_status code;
        const char *problem;
    } rows[] = {
        {"hrm_act_v1@HierarchicalReasoningModel_ACTV1", "trm@TinyRecursiveReasoningModel", HRM_ERR_UNSUPPORTED,
         "hrm_v1.yaml:1: arch.name is \"hrm.trm@TinyRecursiveReasoningModel\"; only the HierarchicalReasoningModel"},
        {"losses@ACTLossHead", "losses@Other", HRM_ERR_UNSUPPORTED,
         "hrm_v1.yaml:3: arch.loss.name is \"losses@Other\"; only the ACTLossHead"},
        {"stablemax_cross_entropy", "mse", HRM_ERR_FORMAT,
         "hrm_v1.yaml:4: arch.loss.loss_type is \"mse\"; it must be stablemax_cross_entropy or softmax_cross_entropy"},
        {"  loss_type: stablemax_cross_entropy", "  kind: x", HRM_ERR_FORMAT,
         "arch.loss.kind is \"x\"; there is no such"},
        {"H_cycles: 2", "H_cycles: two", HRM_ERR_FORMAT,
         "hrm_v1.yaml:9: arch.H_cycles is \"two\"; it must be a whole number from 1 to 256"},
        {"H_layers: 4", "H_layers: 0", HRM_ERR_FORMAT, "arch.H_layers is 0; it must be a whole number from 1 to 256"},
        {"expansion: 4", "expansion: .nan", HRM_ERR_FORMAT, "arch.expansion is \".nan\"; it must be a number"},
        {"halt_exploration_prob: 0.1", "halt_exploration_prob: 2", HRM_ERR_FORMAT, "it must be a number from 0 to 1"},
        {"pos_encodings: rope", "pos_encodings: 1", HRM_ERR_FORMAT,
         "arch.pos_encodings is 1; it must be rope or learned"},
        {"${.hidden_size}", "${.puzzle_emb_ndim}", HRM_ERR_FORMAT, "that chain of keys has no end"},
        {"${.hidden_size}", "${..lr}", HRM_ERR_FORMAT, "only ${.KEY} and ${arch.KEY} are understood"},
        {"${.hidden_size}", "2${.hidden_size}", HRM_ERR_FORMAT, "only ${.KEY} and ${arch.KEY} are understood"},
        {"${.hidden_size}", "${.width}", HRM_ERR_FORMAT, "there is no key width in the architecture"},
        {"${.hidden_size}", "512\nmlp_t: true", HRM_ERR_UNSUPPORTED, "arch.mlp_t is true; feed-forward layers across"},
        {"${.hidden_size}", "512\npuzzle_emb_len: 16", HRM_ERR_UNSUPPORTED,
         "hrm_v1.yaml:20: arch.puzzle_emb_len is 16; there are always puzzle_emb_ndim / hidden_size positions"},
        {"${.hidden_size}", "512\ncausal: null", HRM_ERR_FORMAT, "arch.causal is null; there is no such key"},
        {"loss:", "loss: x\n#", HRM_ERR_FORMAT, "hrm_v1.yaml"},
        {"expansion", "expansion: [", HRM_ERR_FORMAT, "hrm_v1.yaml:"},
    };
    char text[2048];
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        write_folder(pretrain, edit(arch_v1, rows[r].find, rows[r].put, text));
        check_refused("cfg.yaml", pretrain, rows[r].code, rows[r].problem);
    }
    write_folder(pretrain, "- 1\n");
    check_refused("cfg.yaml", pretrain, HRM_ERR_FORMAT, "hrm_v1.yaml: a mapping of keys to values was expected");
    write_folder(pretrain, arch_v1);
    /* a key that both files have stands where the last one is */
    snprintf(text, sizeof text, "%sarch: {num_heads: none}\n", pretrain);
    check_refused("cfg.yaml", text, HRM_ERR_FORMAT, "cfg.yaml:25: arch.num_heads is \"none\"");
}

static void mistakes_are_placed(void **state) {
    (void)state;
    check_refused("b.yaml", "lr: 1e-4\nlrr: 3\n", HRM_ERR_FORMAT, "b.yaml:2: lrr is 3; there is no such key");
    check_refused("b.yaml", "lr: 1e-4\n\nlr: 3\n", HRM_ERR_FORMAT, "b.yaml:3:1: the key \"lr\" occurs twice");
    check_refused("b.yaml", "a: [", HRM_ERR_FORMAT, "b.yaml:2:1: not valid YAML");
    check_refused("b.yaml", "- lr: 3\n", HRM_ERR_FORMAT, "b.yaml: a mapping of keys to values was expected");
    check_refused("b.yaml", "model:\n  hidden_size: wide\n", HRM_ERR_FORMAT, "b.yaml:2: model.hidden_size is \"wide\"");
    check_refused("b.json", "{\"lr\": 1,\n\"beta1\": 2}", HRM_ERR_FORMAT, "b.json:2: beta1 is 2; it must be");
    check_refused("b.yaml", "freeze_weights: true\n", HRM_ERR_UNSUPPORTED, "training the puzzle embeddings alone");
    check_refused("b.yaml", "load_checkpoint: x\n", HRM_ERR_UNSUPPORTED, "a run starts from fresh weights");
    check_refused("b.yaml", "hrm: {width: 3}\n", HRM_ERR_FORMAT, "hrm.width is 3; seq_len, grid_width, positions and");
    check_refused("b.yaml", "hrm: 3\n", HRM_ERR_FORMAT, "hrm is 3; it must be a mapping");
    check_refused("b.yaml", "loss: hinge\n", HRM_ERR_FORMAT, "loss is \"hinge\"; it must be stablemax or softmax");
    check_refused("b.yaml", "lr: !!python/object:os.system {}\n", HRM_ERR_UNSUPPORTED, "b.yaml:1:5: the tag");
    check_refused("b.yaml", "arch: {hidden_size: 64}\nmodel: {hidden_size: 64}\n", HRM_ERR_FORMAT,
                  "model.hidden_size is 64; arch.hidden_size says the same thing");
    check_refused("b.yaml", "ema: 1.5\n", HRM_ERR_FORMAT, "ema is 1.5; it must be true or false");
}

/* No input is more than refused: every truncation, and every fifth bit, of the file and of the arch file (the YAML
 * reader has every bit in its own test). */
static void every_truncation_and_flip_survives(void **state) {
    (void)state;
    const char *const texts[] = {pretrain, arch_v1};
    for (size_t t = 0; t < 2; t++) {
        const size_t size = strlen(texts[t]);
        write_folder(pretrain, arch_v1);
        for (size_t cut = 1; cut <= 9 * size; cut += cut < size ? 1 : 5) {
            char copy[2048];
            memcpy(copy, texts[t], size);
            if (cut > size) copy[(cut - size - 1) / 8] ^= (char)(1 << (cut - size - 1) % 8);
            check_write_file(check_temp_path(t ? "arch/hrm_v1.yaml" : "cfg.yaml"), copy, cut < size ? cut : size);
            hrm_trainer_config c = preset(HRM_TASK_MAZE_DEMO);
            uint32_t every = 0;
            hrm_status status = hrm_trainer_config_load(check_temp_path("cfg.yaml"), &sudoku, &c, &every);
            CHECK(status == HRM_OK || strlen(hrm_last_error()) > 10);
        }
    }
}

#else

static void yaml_says_how_to_get_it(void **state) {
    (void)state;
    check_refused("a.yaml", "lr: 1\n", HRM_ERR_UNSUPPORTED, "configure with -DHRM_TORCH=ON");
}

#endif

static int open_sets(void **state) {
    (void)state;
    CHECK_OK(hrm_puzzle_set_open(&sudoku.set, check_tree_golden_dir("data/sudoku"), "train"));
    CHECK_OK(hrm_puzzle_set_open(&arc.set, check_tree_golden_dir("data/arc"), "train"));
    return 0;
}

static int close_sets(void **state) {
    (void)state;
    hrm_puzzle_set_deinit(&sudoku.set);
    hrm_puzzle_set_deinit(&arc.set);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_recipes_come_back_exactly),
        cmocka_unit_test(only_what_is_named_is_replaced),
        cmocka_unit_test(json_needs_no_yaml),
#if HRM_HAVE_TORCH
        cmocka_unit_test(the_reference_s_config_is_the_preset),
        cmocka_unit_test(steps_are_counted_as_there),
        cmocka_unit_test(every_key_of_theirs_is_read),
        cmocka_unit_test(an_arch_file_stands_alone),
        cmocka_unit_test(the_defaults_list_is_followed),
        cmocka_unit_test(mistakes_in_the_arch_file_are_placed_there),
        cmocka_unit_test(mistakes_are_placed),
        cmocka_unit_test(every_truncation_and_flip_survives),
#else
        cmocka_unit_test(yaml_says_how_to_get_it),
#endif
    };
    return cmocka_run_group_tests(tests, open_sets, close_sets);
}
