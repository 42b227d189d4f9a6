/* Presets hold what is published; every field is checked and named; a recipe's JSON is exact, also that of the version
 * before some fields existed. Needs no device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/trainer.h>

#include "check.h"
#include "helper_recipe.h"
#include "model/config.h"
#include "train/dataset.h"
#include "train/recipe.h"

static hrm_dataset mazes;

static void presets_hold_what_is_published(void **state) {
    (void)state;
    static const struct {
        hrm_task task;
        uint32_t steps, epochs_per_pass;
        float weight_decay, puzzle_emb_lr;
        hrm_augment augment;
    } rows[] = {
        {HRM_TASK_MAZE_HARD, 26041, 2000, 1.0f, 1e-4f, HRM_AUGMENT_NONE},
        {HRM_TASK_SUDOKU, 26041, 2000, 1.0f, 1e-4f, HRM_AUGMENT_SUDOKU},
        {HRM_TASK_ARC_1, 518071, 10000, 0.1f, 1e-2f, HRM_AUGMENT_NONE},
        {HRM_TASK_ARC_2, 607682, 10000, 0.1f, 1e-2f, HRM_AUGMENT_NONE},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
        CHECK_OK(hrm_trainer_config_preset(rows[r].task, &c));
        CHECK_EQ(c.struct_size, sizeof c);
        CHECK_EQ(c.steps, rows[r].steps);
        CHECK_EQ(c.batch, 768);
        CHECK_EQ(c.epochs_per_pass, rows[r].epochs_per_pass);
        CHECK_EQ(c.batches, HRM_BATCHES_REFERENCE);
        CHECK_EQ(c.augment, rows[r].augment);
        CHECK_EQ(c.lr_warmup_steps, 2000);
        CHECK_EQ(c.model.puzzle_emb_dim, 512);
        CHECK(c.lr == 1e-4f && c.lr_min_ratio == 1 && c.beta1 == 0.9f && c.beta2 == 0.95f);
        CHECK(c.weight_decay == rows[r].weight_decay && c.puzzle_emb_weight_decay == rows[r].weight_decay);
        CHECK(c.puzzle_emb_lr == rows[r].puzzle_emb_lr);
        CHECK(c.halt_exploration == 0.1f && c.q_loss_weight == 0.5f && c.ema_decay == 0 && c.explore_once == 0);
    }
    /* what came later is off in every one */
    for (int task = HRM_TASK_MAZE_DEMO; task <= HRM_TASK_ARC_2; task++) {
        hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
        CHECK_OK(hrm_trainer_config_preset((hrm_task)task, &c));
        CHECK(c.gradient == HRM_GRADIENT_ONE_STEP && c.micro_batch == 0 && c.recompute == 0 && c.memory_limit == 0);
        CHECK(c.puzzle_table == HRM_PUZZLE_TABLE_AUTO && c.outlier_z == 0 && c.fixed_batches == 0);
    }
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    c.batch = 5;
    CHECK_STATUS(hrm_trainer_config_preset((hrm_task)6, &c), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("there is no task 6");
    CHECK_EQ(c.batch, 5);
}

static void every_field_is_checked(void **state) {
    (void)state;
    const hrm_puzzle_set *set = hrm_dataset_get_set(&mazes);
    hrm_trainer_config good = tiny_recipe(), out = {0};
    CHECK_OK(hrm_recipe_resolve(&good, set, &out));
    CHECK_EQ(out.model.vocab_size, 6);
    CHECK_EQ(out.micro_batch, 0);
#define REFUSED(field, wrong, message)                                                                                 \
    do {                                                                                                               \
        hrm_trainer_config c = good;                                                                                   \
        c.field = wrong;                                                                                               \
        out.batch = 77;                                                                                                \
        CHECK_STATUS(hrm_recipe_resolve(&c, set, &out), HRM_ERR_INVALID_ARGUMENT);                                     \
        CHECK_ERROR_HAS(message);                                                                                      \
        CHECK_EQ(out.batch, 77);                                                                                       \
    } while (0)
    REFUSED(batch, 0, "trainer config: batch is 0; it must be 1 to 65535");
    REFUSED(batch, 65536, "batch is 65536; it must be 1 to 65535");
    REFUSED(steps, 0, "steps is 0; it must be 1 to 4294967295");
    REFUSED(lr, NAN, "lr is nan; it must be 0 to 10");
    REFUSED(lr, -1e-3f, "lr is -0.001; it must be 0 to 10");
    REFUSED(beta2, 1, "beta2 is 1; it must be 0 to 0.999999");
    REFUSED(q_loss_weight, 101, "q_loss_weight is 101; it must be 0 to 100");
    REFUSED(explore_once, 2, "explore_once is 2; it must be 0 or 1");
    REFUSED(early_segments, 4, "early_segments is 4; it must be at most halt_max_segments, 3");
    REFUSED(loss, (hrm_loss_kind)2, "loss is 2; it must be 0 (stablemax) or 1 (softmax)");
    REFUSED(augment, (hrm_augment)3, "augment is 3; it must be 0 (none), 1 (dihedral) or 2 (sudoku)");
    REFUSED(augment, HRM_AUGMENT_SUDOKU, "augment (sudoku) needs boards of Sudoku");
    REFUSED(batches, (hrm_batches)2, "batches is 2; it must be 0 (full) or 1 (reference)");
    REFUSED(batches, HRM_BATCHES_REFERENCE, "batches is 1 (reference) with epochs_per_pass 0");
    REFUSED(gradient, (hrm_gradient)2, "gradient is 2; it must be 0 (one-step) or 1 (full-cycle)");
    REFUSED(micro_batch, 9, "micro_batch is 9; it must be at most batch, 8, or 0");
    REFUSED(micro_batch, 65536, "micro_batch is 65536; it must be 0 to 65535");
    REFUSED(recompute, 2, "recompute is 2; it must be 0 or 1");
    REFUSED(memory_limit, UINT64_MAX, "memory_limit is 18446744073709551615; it must be 0 to 9223372036854775807");
    REFUSED(puzzle_table, (hrm_puzzle_table)3, "puzzle_table is 3; it must be 0 (auto), 1 (device) or 2 (host)");
    REFUSED(outlier_z, 0.5f, "outlier_z is 0.5; it must be 0 (never skip a step) or 1 to 1000");
    REFUSED(outlier_z, -1, "outlier_z is -1; it must be 0 to 1000");
    REFUSED(outlier_z, NAN, "outlier_z is nan");
    REFUSED(fixed_batches, (1u << 20) + 1, "fixed_batches is 1048577; it must be 0 to 1048576");
    REFUSED(model.num_heads, 5, "num_heads 5");
    REFUSED(model.seq_len, 90, "the model takes 90 tokens");
    REFUSED(struct_size, 0, "struct_size is 0");
#undef REFUSED
    good.gradient = HRM_GRADIENT_FULL_CYCLE;
    good.micro_batch = 8;
    good.recompute = 1;
    good.memory_limit = INT64_MAX;
    good.puzzle_table = HRM_PUZZLE_TABLE_HOST;
    good.outlier_z = 1;
    good.fixed_batches = 1u << 20;
    CHECK_OK(hrm_recipe_resolve(&good, set, &out));
    CHECK_EQ(out.fixed_batches, 1u << 20);
}

/* ---- JSON ---- */

/* Through text, as a checkpoint's metadata has it. */
static hrm_status read_back(const char *text, hrm_trainer_config *out) {
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CHECK_MSG(object != NULL, "no JSON: %s", text);
    hrm_status status = hrm_recipe_from_json(object, out);
    json_decref(object);
    return status;
}

static void random_recipes_come_back_exactly(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        hrm_trainer_config c = random_recipe(check_seed() + i), back;
        c.model.vocab_size = 11; /* a checkpoint's model is resolved */
        c.model.seq_len = 36;
        c.model.grid_width = 12;
        c.model.hidden_size = 64;
        c.model.num_heads = 4;
        CHECK_OK(hrm_model_config_resolve(&c.model, &c.model));
        for (size_t digits = 9; digits <= 17; digits += 8) {
            json_t *object = hrm_recipe_to_json(&c);
            char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(digits));
            memset(&back, 0, sizeof back);
            CHECK_OK(read_back(text, &back));
            check_same_recipe(&back, &c);
            json_decref(object);
            free(text);
        }
    }
}

/* What version 0.1.0 wrote: numbers for words, floats with 17 digits, no key of what came later. */
static const char old_recipe[] =
    "{\"model\":{\"vocab_size\":6,\"seq_len\":36,\"hidden_size\":32,\"num_heads\":2,\"h_layers\":1,\"l_layers\":1,"
    "\"h_cycles\":1,\"l_cycles\":2,\"puzzle_count\":1,\"halt_max_segments\":4,\"expansion\":4,\"rms_norm_eps\":"
    "9.99999975e-06,\"rope_theta\":10000,\"grid_width\":6,\"puzzle_emb_dim\":0,\"positions\":3,\"halt_rule\":2},"
    "\"batch\":8,\"steps\":25,\"seed\":-6,\"lr\":0.0010000000474974513,\"lr_min_ratio\":0.10000000149011612,"
    "\"lr_warmup_steps\":50,\"lr_decay_start\":0.5,\"beta1\":0.89999997615814209,\"beta2\":0.94999998807907104,"
    "\"weight_decay\":0.10000000149011612,\"puzzle_emb_lr\":0.0,\"puzzle_emb_weight_decay\":0.0,"
    "\"halt_exploration\":0.25,\"explore_once\":1,\"early_segments\":2,\"early_steps\":850,"
    "\"q_loss_weight\":0.05000000074505806,\"ema_decay\":0.99000000953674316,\"loss\":0,\"augment\":1,\"batches\":0,"
    "\"epochs_per_pass\":0}";

static void recipes_of_the_version_before_are_read(void **state) {
    (void)state;
    hrm_trainer_config want, got;
    CHECK_OK(hrm_trainer_config_preset(HRM_TASK_MAZE_DEMO, &want));
    want.model.vocab_size = 6;
    want.model.seq_len = 36;
    want.model.hidden_size = 32;
    want.model.num_heads = 2;
    want.model.h_layers = want.model.l_layers = want.model.h_cycles = 1;
    want.model.halt_max_segments = 4;
    want.batch = 8;
    want.steps = 25;
    want.seed = UINT64_MAX - 5;
    CHECK_OK(hrm_model_config_resolve(&want.model, &want.model));
    CHECK_OK(read_back(old_recipe, &got));
    check_same_recipe(&got, &want);
}

static void strict_about_keys(void **state) {
    (void)state;
    static const struct {
        const char *find, *put, *problem;
    } rows[] = {
        {"\"lr\":", "\"rate\":", "unknown key \"rate\""},
        {"\"batch\":8,", "", "\"batch\" is missing"},
        {"\"epochs_per_pass\":0", "\"batch\":8", "\"epochs_per_pass\" is missing"},
        {"\"batch\":8,", "\"batch\":8.5,", "the recipe: batch is 8.5; it must be a whole number from 1 to 65535"},
        {"\"steps\":25", "\"steps\":4294967296", "steps is 4294967296; it must be a whole number from 1"},
        {"\"loss\":0", "\"loss\":2", "loss is 2; it must be stablemax or softmax"},
        {"\"loss\":0", "\"loss\":\"hinge\"", "loss is \"hinge\"; it must be stablemax or softmax"},
        {"\"lr\":", "\"outlier_z\":\"big\",\"lr\":", "outlier_z is \"big\"; it must be a number from 0 to 1000"},
        {"\"hidden_size\"", "\"width\"", "unknown key \"model.width\""},
        {"\"num_heads\":2", "\"num_heads\":3", "the recipe: model config: hidden_size 32 over num_heads 3"},
        {"\"model\":{", "\"model\":3,\"x\":{", "unknown key \"x\""},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char text[2048];
        const char *at = strstr(old_recipe, rows[r].find);
        CHECK(at != NULL);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - old_recipe), old_recipe, rows[r].put,
                 at + strlen(rows[r].find));
        json_t *object = json_loads(text, 0, NULL); /* the last of two equal keys counts */
        hrm_trainer_config out = {.batch = 77};
        CHECK(object != NULL);
        CHECK_STATUS(hrm_recipe_from_json(object, &out), HRM_ERR_FORMAT);
        CHECK_ERROR_HAS(rows[r].problem);
        CHECK_EQ(out.batch, 77);
        json_decref(object);
    }
}

static void words_stand_for_numbers(void **state) {
    (void)state;
    hrm_trainer_config c = HRM_INIT(hrm_trainer_config);
    CHECK_OK(hrm_trainer_config_preset(HRM_TASK_SUDOKU, &c));
    c.gradient = HRM_GRADIENT_FULL_CYCLE;
    char *text = hrm_trainer_config_to_json(&c);
    CHECK(text != NULL);
    static const char *const parts[] = {"\"lr\": 0.0001,",
                                        "\"beta2\": 0.95,",
                                        "\"gradient\": \"full-cycle\"",
                                        "\"loss\": \"stablemax\"",
                                        "\"augment\": \"sudoku\"",
                                        "\"explore_once\": false",
                                        "\"batches\": \"reference\"",
                                        "\"puzzle_table\": \"auto\"",
                                        "\"positions\": \"default\"",
                                        "\"vocab_size\": 0,"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        CHECK_MSG(strstr(text, parts[i]) != NULL, "%s is not in %s", parts[i], text);
    free(text);
    c.struct_size = 0;
    CHECK(hrm_trainer_config_to_json(&c) == NULL);
}

static int open_mazes(void **state) {
    (void)state;
    CHECK_OK(hrm_puzzle_set_open(&mazes.set, check_tree_golden_dir("data/maze"), "train"));
    return 0;
}

static int close_mazes(void **state) {
    (void)state;
    hrm_puzzle_set_deinit(&mazes.set);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_hold_what_is_published),
        cmocka_unit_test(every_field_is_checked),
        cmocka_unit_test(random_recipes_come_back_exactly),
        cmocka_unit_test(recipes_of_the_version_before_are_read),
        cmocka_unit_test(strict_about_keys),
        cmocka_unit_test(words_stand_for_numbers),
    };
    return cmocka_run_group_tests(tests, open_mazes, close_mazes);
}
