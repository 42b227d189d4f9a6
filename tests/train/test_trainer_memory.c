/* However little memory a run is given, it is the same run: batches in parts, recomputed activations, a puzzle table on
 * the host; and what is planned is what is taken. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/trainer.h>

#include "check.h"
#include "data/maze_dataset.h"
#include "gpu/device.h"
#include "helper_recipe.h"
#include "io/safetensors.h"
#include "ops/kernels.h"
#include "train/dataset.h"

static hrm_device_open_info info;
static hrm_device *device;
static hrm_dataset train_set, large_set, boards;

/* Everything a step can have: a continue target, exploration, puzzle embeddings, an average. */
static hrm_trainer_config full_recipe(void) {
    hrm_trainer_config c = tiny_recipe();
    c.model.halt_rule = HRM_HALT_COMPARE;
    c.model.puzzle_emb_dim = 40; /* two positions of 32, the second mostly padding */
    c.model.h_cycles = c.model.l_cycles = 2;
    c.puzzle_emb_lr = 1e-2f;
    c.puzzle_emb_weight_decay = 0.1f;
    c.halt_exploration = 0.5f;
    c.explore_once = 0;
    c.q_loss_weight = 0.5f;
    return c;
}

static const char *run_and_save(const hrm_trainer_config *c, uint32_t steps, const char *name) {
    hrm_trainer *t;
    hrm_step_report r = HRM_INIT(hrm_step_report);
    CHECK_OK(hrm_trainer_create(device, c, &train_set, &t));
    for (uint32_t i = 0; i < steps; i++) CHECK_OK(hrm_trainer_step(t, &r));
    CHECK_OK(hrm_trainer_finish(t, &r));
    CHECK(isfinite(r.loss));
    const char *path = check_temp_path(name);
    CHECK_OK(hrm_trainer_save(t, path, NULL));
    hrm_trainer_destroy(t);
    return path;
}

/* Tensors of two saved runs: the same names; u32 the same, f32 within `tolerance` of the tensor's largest value (0: the
 * same bits). */
static void compare_runs(const char *path_a, const char *path_b, double tolerance) {
    hrm_safetensors *a, *b;
    CHECK_OK(hrm_safetensors_open(path_a, &a));
    CHECK_OK(hrm_safetensors_open(path_b, &b));
    CHECK_EQ(hrm_safetensors_count(a), hrm_safetensors_count(b));
    for (size_t i = 0; i < hrm_safetensors_count(a); i++) {
        const hrm_safetensors_tensor *x = hrm_safetensors_get(a, i), *y = hrm_safetensors_get(b, i);
        CHECK_STR(x->name, y->name);
        CHECK_EQ(x->count, y->count);
        if (strcmp(x->name, "hrm.guard") == 0 && tolerance > 0) continue; /* norms among counters */
        if (tolerance <= 0 || x->dtype == HRM_ST_U32) {
            check_same_bits(x->name, x->data, y->data, x->count * 4);
            continue;
        }
        const float *u = (const float *)x->data, *v = (const float *)y->data;
        double largest = 0, apart = 0;
        for (uint64_t k = 0; k < x->count; k++) {
            largest = fmax(largest, fabs((double)u[k]));
            apart = fmax(apart, fabs((double)u[k] - (double)v[k]));
        }
        CHECK_MSG(apart <= tolerance * fmax(largest, 1e-6), "%s differs by %g, its largest value is %g", x->name, apart,
                  largest);
    }
    hrm_safetensors_close(a);
    hrm_safetensors_close(b);
}

/* Counters, flags, puzzles in flight and exploration draws are those of the whole batch exactly; weights, moments and
 * states to rounding. One step: Adam's first update is nearly the gradient's sign, which rounding may turn where a
 * gradient is rounding itself, so the weights are left out by a rate of 0. */
static void test_parts_are_the_whole(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    c.lr = 0;
    c.puzzle_emb_lr = 0;
    char whole[512];
    c.micro_batch = 8;
    snprintf(whole, sizeof whole, "%s", run_and_save(&c, 6, "whole.safetensors"));
    static const uint32_t sizes[] = {4, 3, 1}; /* 3: the last part is padded */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        c.micro_batch = sizes[i];
        /* f32 sums over 8 rows in another order: a few times 2^-24 of the largest term, squared in the second moment */
        compare_runs(run_and_save(&c, 6, "parts.safetensors"), whole, 2e-5);
    }
}

static void test_parts_learn_alike(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    float losses[2];
    for (int i = 0; i < 2; i++) {
        hrm_trainer *t;
        hrm_step_report r = HRM_INIT(hrm_step_report);
        c.micro_batch = i ? 3 : 8;
        CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
        for (int step = 0; step < 12; step++) CHECK_OK(hrm_trainer_step(t, NULL));
        CHECK_OK(hrm_trainer_finish(t, &r));
        losses[i] = r.loss;
        hrm_trainer_destroy(t);
    }
    CHECK_MSG(fabsf(losses[0] - losses[1]) < 0.02f * losses[0], "losses %g and %g", (double)losses[0],
              (double)losses[1]);
}

/* Computing again gives what was computed: the same bits, with either gradient. */
static void test_recompute_is_the_same(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    for (int full = 0; full < 2; full++) {
        c.gradient = full ? HRM_GRADIENT_FULL_CYCLE : HRM_GRADIENT_ONE_STEP;
        char kept[512];
        c.recompute = 0;
        snprintf(kept, sizeof kept, "%s", run_and_save(&c, 8, "kept.safetensors"));
        c.recompute = 1;
        compare_runs(run_and_save(&c, 8, "recomputed.safetensors"), kept, 0);
    }
}

/* Enough puzzles with identifiers of their own that rows come and go. */
static void test_table_on_the_host(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    char there[512];
    for (uint32_t i = 0; i < train_set.set.puzzle_count; i++) train_set.set.puzzle_identifiers[i] = i % 23;
    const uint32_t before = train_set.set.identifier_count;
    train_set.set.identifier_count = 23;
    c.steps = 60;
    for (int parts = 0; parts < 2; parts++) {
        c.micro_batch = parts ? 3 : 8;
        c.puzzle_table = HRM_PUZZLE_TABLE_DEVICE;
        snprintf(there, sizeof there, "%s", run_and_save(&c, 60, "device.safetensors"));
        c.puzzle_table = HRM_PUZZLE_TABLE_HOST;
        compare_runs(run_and_save(&c, 60, "host.safetensors"), there, 0);
    }
    /* saved in the middle, continued: the same as never stopped */
    hrm_trainer *t;
    char half[512];
    snprintf(half, sizeof half, "%s", run_and_save(&c, 21, "half.safetensors"));
    CHECK_OK(hrm_trainer_resume(device, half, &train_set, &t));
    for (int i = 21; i < 60; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    CHECK_OK(hrm_trainer_save(t, half, NULL));
    hrm_trainer_destroy(t);
    compare_runs(half, there, 0);
    for (uint32_t i = 0; i < train_set.set.puzzle_count; i++) train_set.set.puzzle_identifiers[i] = 0;
    train_set.set.identifier_count = before;
}

/* The plan, made without memory, is what a trainer then has; the driver is asked for hardly more. */
static void test_plan_is_kept(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    c.model.hidden_size = 256;
    c.model.num_heads = 4;
    c.model.h_layers = c.model.l_layers = 2;
    c.batch = 24;
    for (int way = 0; way < 3; way++) {
        c.micro_batch = way == 1 ? 7 : 24;
        c.recompute = way == 2;
        hrm_training_plan planned, taken;
        hrm_trainer *t;
        hrm_device *fresh; /* without memory that others have left */
        CHECK_OK(hrm_device_open(&info, &fresh));
        CHECK_OK(hrm_trainer_plan(fresh, &c, &train_set, false, &planned));
        const uint64_t before = hrm_device_get_allocated_bytes(fresh);
        CHECK_OK(hrm_trainer_create(fresh, &c, &train_set, &t));
        CHECK_OK(hrm_trainer_step(t, NULL));
        CHECK_OK(hrm_trainer_finish(t, NULL));
        CHECK_OK(hrm_trainer_get_plan(t, &taken));
        CHECK_EQ(planned.micro_batches, way == 1 ? 4 : 1);
        for (uint32_t life = 0; life < HRM_TRAINER_LIFETIME_COUNT; life++)
            CHECK_MSG(planned.bytes[life] == taken.bytes[life], "%s: planned %llu, taken %llu",
                      hrm_training_plan_get_lifetime_name(life), (unsigned long long)planned.bytes[life],
                      (unsigned long long)taken.bytes[life]);
        CHECK(fabs(planned.flops - taken.flops) <= 1e-9 * taken.flops);
        const double ratio = (double)(taken.allocated_bytes - before) / (double)planned.device_bytes;
        CHECK_MSG(ratio > 0.9 && ratio < 1.1, "planned %llu bytes, the driver was asked for %.3f of it",
                  (unsigned long long)planned.device_bytes, ratio);
        hrm_trainer_destroy(t);
        hrm_device_close(fresh);
    }
}

static void test_parts_fit_the_limit(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    c.batch = 60;
    c.micro_batch = 60;
    hrm_training_plan whole, planned;
    CHECK_OK(hrm_trainer_plan(device, &c, &train_set, false, &whole));
    c.micro_batch = 0;
    CHECK_OK(hrm_trainer_plan(device, &c, &train_set, false, &planned));
    CHECK_EQ(planned.micro_batch, 60); /* there is room enough */
    c.memory_limit = (whole.device_bytes + whole.evaluation_bytes) * 7 / 10;
    CHECK_OK(hrm_trainer_plan(device, &c, &train_set, false, &planned));
    CHECK(planned.micro_batch < 60 && planned.micro_batches == (60 + planned.micro_batch - 1) / planned.micro_batch);
    CHECK(planned.device_bytes + planned.evaluation_bytes <= c.memory_limit);
    CHECK_EQ(planned.limit_bytes, c.memory_limit);
    hrm_trainer *t;
    hrm_trainer_config chosen;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    CHECK_OK(hrm_trainer_get_config(t, &chosen));
    CHECK_EQ(chosen.micro_batch, planned.micro_batch); /* recorded, and with it saved */
    hrm_trainer_destroy(t);
    c.memory_limit = 13 << 20;
    CHECK_STATUS(hrm_trainer_create(device, &c, &train_set, &t), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK_ERROR_HAS("with one row at a time");
    c.memory_limit = 1 << 20;
    CHECK_STATUS(hrm_trainer_create(device, &c, &train_set, &t), HRM_ERR_OUT_OF_DEVICE_MEMORY);
    CHECK_ERROR_HAS("no device memory is left");
}

/* The paper's models at batch 768, on cards that people have. */
static void test_recipes_fit_small_cards(void **state) {
    (void)state;
    const struct {
        hrm_task task;
        const hrm_dataset *set;
        uint64_t limit;
    } cards[] = {{HRM_TASK_MAZE_HARD, &large_set, 8000000000}, {HRM_TASK_SUDOKU, &boards, 4000000000}};
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        hrm_trainer_config c;
        hrm_training_plan p;
        CHECK_OK(hrm_trainer_config_preset(cards[i].task, &c));
        c.batches = HRM_BATCHES_FULL; /* these sets are too small for the reference's */
        c.memory_limit = cards[i].limit;
        CHECK_OK(hrm_trainer_plan(device, &c, cards[i].set, false, &p));
        CHECK_EQ(p.parameters / 1000000, 27);
        CHECK(p.device_bytes + p.evaluation_bytes <= cards[i].limit && p.micro_batch >= 4);
        printf("task %d: %u parts of %u, %.2f GB, %.1f TFLOP a step\n", (int)cards[i].task, p.micro_batches,
               p.micro_batch, (double)p.device_bytes * 1e-9, p.flops * 1e-12);
    }
}

static void test_plan_tells_the_time(void **state) {
    (void)state;
    hrm_trainer_config c = full_recipe();
    hrm_training_plan p;
    CHECK_OK(hrm_trainer_plan(device, &c, &train_set, true, &p));
    CHECK(p.seconds > 0 && p.flops > 1e6);
    CHECK_OK(hrm_trainer_plan(device, &c, &train_set, false, &p));
    CHECK(p.seconds < 0);
}

static void build(uint32_t size, uint32_t count, hrm_dataset *out) {
    hrm_maze_dataset_config mazes = {
        .maze = hrm_maze_generator_config_default(), .train_count = count, .test_count = 0, .threads = 1};
    hrm_puzzle_set none;
    mazes.maze.width = mazes.maze.height = size;
    CHECK_OK(hrm_maze_dataset_build(&mazes, NULL, NULL, &out->set, &none));
}

int main(void) {
    info.kernels = hrm_kernels_get_table();
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    build(6, 40, &train_set);
    build(30, 2, &large_set);
    CHECK_OK(hrm_puzzle_set_open(&boards.set, check_tree_golden_dir("data/sudoku"), "train"));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts_are_the_whole),
                                       cmocka_unit_test(test_parts_learn_alike),
                                       cmocka_unit_test(test_recompute_is_the_same),
                                       cmocka_unit_test(test_table_on_the_host),
                                       cmocka_unit_test(test_plan_is_kept),
                                       cmocka_unit_test(test_parts_fit_the_limit),
                                       cmocka_unit_test(test_recipes_fit_small_cards),
                                       cmocka_unit_test(test_plan_tells_the_time)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_puzzle_set_deinit(&train_set.set);
    hrm_puzzle_set_deinit(&large_set.set);
    hrm_puzzle_set_deinit(&boards.set);
    hrm_device_close(device);
    return failed;
}
