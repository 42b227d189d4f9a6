/* What keeps a long run healthy: a step that is not finite stops it and is explained, outliers are skipped and counted,
 * one batch can be learnt by heart, and every step's figures are given once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/checkpoint.h>
#include <hrm/trainer.h>

#include "check.h"
#include "data/maze_dataset.h"
#include "gpu/device.h"
#include "helper_recipe.h"
#include "io/safetensors.h"
#include "io/safetensors_writer.h"
#include "ops/kernels.h"
#include "train/dataset.h"

static hrm_device *device;
static hrm_dataset train_set;

static hrm_trainer *start(const hrm_trainer_config *c) {
    hrm_trainer *t;
    CHECK_OK(hrm_trainer_create(device, c, &train_set, &t));
    return t;
}

/* Copies a saved run with one value of one tensor replaced by NaN. */
static void poison(const char *from, const char *to, const char *tensor, uint64_t index) {
    hrm_safetensors *file;
    hrm_safetensors_writer *writer;
    float *changed = NULL;
    CHECK_OK(hrm_safetensors_open(from, &file));
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    for (size_t i = 0; i < hrm_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        hrm_safetensors_metadata_at(file, i, &key, &value);
        if (strcmp(key, "hrm.checksum") != 0) CHECK_OK(hrm_safetensors_writer_set_metadata(writer, key, value));
    }
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        const void *data = t->data;
        if (strcmp(t->name, tensor) == 0) {
            changed = malloc(t->count * sizeof *changed);
            memcpy(changed, t->data, t->count * sizeof *changed);
            changed[index] = NAN;
            data = changed;
        }
        CHECK_OK(hrm_safetensors_writer_add(writer, t->name, t->dtype, t->rank, t->shape, data));
    }
    CHECK(changed != NULL);
    CHECK_OK(hrm_safetensors_writer_write(writer, to));
    hrm_safetensors_writer_destroy(writer);
    hrm_safetensors_close(file);
    free(changed);
}

static hrm_status step_until_bad(hrm_trainer *t) {
    hrm_status status = HRM_OK;
    for (int i = 0; i < 6 && status == HRM_OK; i++) status = hrm_trainer_step(t, NULL);
    if (status == HRM_OK) status = hrm_trainer_finish(t, NULL);
    return status;
}

/* The tensor is named, the weights stay what they were, and the trainer does nothing more. */
static void test_not_finite_is_named(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    char good[512], bad[512];
    hrm_trainer *t = start(&c);
    for (int i = 0; i < 3; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    snprintf(good, sizeof good, "%s", check_temp_path("good.safetensors"));
    snprintf(bad, sizeof bad, "%s", check_temp_path("bad.safetensors"));
    CHECK_OK(hrm_trainer_save(t, good, NULL));
    hrm_trainer_destroy(t);
    static const struct {
        const char *tensor, *named;
        uint64_t index;
    } cases[] = {{"hrm.live.L_level.layers.0.mlp.down_proj.weight", "weight L_level.layers.0.mlp.down_proj.weight", 77},
                 {"hrm.live.lm_head.weight", "weight lm_head.weight", 5},
                 {"hrm.carry.z_L", "", 40}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        poison(good, bad, cases[i].tensor, cases[i].index);
        CHECK_OK(hrm_trainer_resume(device, bad, &train_set, &t));
        CHECK_STATUS(step_until_bad(t), HRM_ERR_NOT_FINITE);
        CHECK_ERROR_HAS("step 4");
        CHECK_ERROR_HAS(cases[i].named);
        CHECK_STATUS(hrm_trainer_step(t, NULL), HRM_ERR_NOT_FINITE);
        CHECK_STATUS(hrm_trainer_save(t, bad, NULL), HRM_ERR_NOT_FINITE);
        hrm_trainer_destroy(t);
    }
    /* and a sound run is not stopped */
    CHECK_OK(hrm_trainer_resume(device, good, &train_set, &t));
    CHECK_OK(step_until_bad(t));
    hrm_trainer_destroy(t);
}

static uint64_t hash_live(hrm_trainer *t) {
    hrm_model *m;
    hrm_checkpoint *file;
    uint64_t hash;
    const char *path = check_temp_path("live.safetensors");
    CHECK_OK(hrm_trainer_get_model_of(t, HRM_MODEL_LIVE, &m));
    CHECK_OK(hrm_model_save(m, path, NULL));
    CHECK_OK(hrm_checkpoint_open(path, NULL, &file));
    CHECK_OK(hrm_checkpoint_hash(file, &hash));
    hrm_checkpoint_close(file);
    return hash;
}

/* Beyond the bar the weights stay as they are, and only then; a norm's distance is what the norms before it say. */
static void test_outliers_are_skipped(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    c.steps = 72;
    c.outlier_z = 1.0f;
    c.lr = 1e-6f; /* norms stay what they are, up to the batches' chance */
    c.lr_warmup_steps = 0;
    hrm_trainer *t = start(&c);
    double norms[72], skipped = 0;
    uint64_t before = hash_live(t);
    for (uint32_t step = 1; step <= c.steps; step++) {
        hrm_step_report r = HRM_INIT(hrm_step_report);
        CHECK_OK(hrm_trainer_step(t, NULL));
        CHECK_OK(hrm_trainer_finish(t, &r));
        CHECK_EQ(r.step, step);
        CHECK(isfinite(r.grad_norm) && r.grad_norm > 0);
        norms[step - 1] = (double)r.grad_norm;
        double mean = 0, variance = 0, z = 0;
        const uint32_t n = step - 1;
        for (uint32_t i = 0; i < n; i++) mean += norms[i] / n;
        for (uint32_t i = 0; i < n; i++) variance += (norms[i] - mean) * (norms[i] - mean) / (n - 1);
        if (n >= 32) z = (norms[step - 1] - mean) / sqrt(variance);
        CHECK_MSG(fabs(z - (double)r.grad_norm_z) < 1e-3 * (1 + fabs(z)), "z is %g, expected %g", (double)r.grad_norm_z,
                  z);
        CHECK_EQ(r.skipped, r.grad_norm_z > c.outlier_z);
        skipped += r.skipped;
        CHECK_EQ(r.skipped_total, (uint32_t)skipped);
        const uint64_t after = hash_live(t);
        CHECK_EQ(after == before, r.skipped);
        before = after;
    }
    CHECK_MSG(skipped > 0 && skipped < 36, "%g of 72 steps were skipped", skipped);
    hrm_trainer_destroy(t);
}

/* One batch again and again is learnt by heart; continued, the run is where it was in the batches. */
static void test_fixed_batches(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    c.augment = HRM_AUGMENT_DIHEDRAL;
    c.fixed_batches = 1;
    c.steps = 400;
    c.ema_decay = 0;
    c.lr = 3e-3f;
    c.weight_decay = 0;
    c.early_segments = 0;
    c.model.halt_max_segments = 2;
    hrm_trainer *t = start(&c);
    hrm_step_report r = HRM_INIT(hrm_step_report);
    uint32_t exact = 0, count = 0;
    for (uint32_t step = 1; step <= c.steps; step++) {
        CHECK_OK(hrm_trainer_step(t, &r));
        if (step <= 380 || r.step == 0) continue;
        count += r.count;
        exact += (uint32_t)(r.exact_accuracy * (float)r.count + 0.5f);
    }
    CHECK_MSG(count > 0 && exact * 10 >= count * 9, "%u of %u rows of one batch were learnt", exact, count);
    hrm_trainer_destroy(t);

    c.fixed_batches = 3;
    c.steps = 11;
    char whole[512], part[512];
    snprintf(whole, sizeof whole, "%s", check_temp_path("whole.safetensors"));
    snprintf(part, sizeof part, "%s", check_temp_path("part.safetensors"));
    t = start(&c);
    for (int i = 0; i < 11; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    CHECK_OK(hrm_trainer_save(t, whole, NULL));
    hrm_trainer_destroy(t);
    t = start(&c);
    for (int i = 0; i < 5; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    CHECK_OK(hrm_trainer_save(t, part, NULL));
    hrm_trainer_destroy(t);
    CHECK_OK(hrm_trainer_resume(device, part, &train_set, &t));
    for (int i = 5; i < 11; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    CHECK_OK(hrm_trainer_save(t, part, NULL));
    hrm_trainer_destroy(t);
    size_t size_a, size_b;
    void *a = check_read_file(whole, &size_a), *b = check_read_file(part, &size_b);
    CHECK_EQ(size_a, size_b);
    check_same_bits("continued within the fixed batches", a, b, size_a);
    free(a);
    free(b);
}

/* Whenever it is asked, each step's figures come once, in order. */
static void test_every_report_comes_once(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    hrm_trainer *t = start(&c);
    uint32_t seen = 0;
    for (uint32_t step = 1; step <= 12; step++) {
        hrm_step_report r = HRM_INIT(hrm_step_report);
        CHECK_OK(hrm_trainer_step(t, &r));
        CHECK(r.step == seen || r.step == seen + 1);
        seen = r.step;
        if (step % 5 && step != 12) continue;
        for (;;) {
            CHECK_OK(hrm_trainer_next_report(t, &r));
            if (r.step == 0) break;
            CHECK_EQ(r.step, seen + 1);
            CHECK(r.loss > 0);
            seen = r.step;
        }
        CHECK_EQ(seen, step);
        CHECK_OK(hrm_trainer_finish(t, &r));
        CHECK_EQ(r.step, step);
        /* The device was at work, and idled no longer than the whole test takes. */
        CHECK(r.device_seconds == -1 || (r.device_seconds > 0 && r.device_seconds < 600));
        CHECK(r.idle_seconds == -1 || (r.idle_seconds >= 0 && r.idle_seconds < 600));
    }
    hrm_trainer_destroy(t);
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    hrm_puzzle_set none;
    hrm_maze_dataset_config mazes = {.maze = hrm_maze_generator_config_default(), .train_count = 40, .test_count = 0};
    CHECK_OK(hrm_maze_dataset_build(&mazes, NULL, NULL, &train_set.set, &none));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_finite_is_named), cmocka_unit_test(test_outliers_are_skipped),
        cmocka_unit_test(test_fixed_batches), cmocka_unit_test(test_every_report_comes_once)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_puzzle_set_deinit(&train_set.set);
    hrm_device_close(device);
    return failed;
}
