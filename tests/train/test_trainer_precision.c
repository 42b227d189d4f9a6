/* Training in 16 bits: it learns as f32 does, takes less memory, is continued bit for bit; and f16's scale of the loss
 * falls when gradients overflow, without harm, and is no cure for what is wrong with the weights. */
#include <math.h>
#include <stddef.h>
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
#include "shared/optim.h"
#include "train/dataset.h"

static hrm_device *device;
static hrm_dataset train_set;

static const hrm_precision precisions[] = {HRM_PRECISION_BF16, HRM_PRECISION_F16};
enum { PRECISIONS = 2 };

/* Everything a step can have: a continue target, puzzle embeddings, an average, parts. */
static hrm_trainer_config full_recipe(hrm_precision precision) {
    hrm_trainer_config c = tiny_recipe();
    c.model.halt_rule = HRM_HALT_COMPARE;
    c.model.puzzle_emb_dim = 32;
    c.puzzle_emb_lr = 1e-2f;
    c.halt_exploration = 0.5f;
    c.early_segments = c.early_steps = 0;
    c.micro_batch = 3;
    c.precision = precision;
    return c;
}

static const char *temp(const char *name, char path[512]) {
    snprintf(path, 512, "%s", check_temp_path(name));
    return path;
}

static hrm_step_report run(hrm_trainer *t, uint32_t steps) {
    hrm_step_report r = HRM_INIT(hrm_step_report);
    for (uint32_t i = 0; i < steps; i++) CHECK_OK(hrm_trainer_step(t, NULL));
    CHECK_OK(hrm_trainer_finish(t, &r));
    CHECK_EQ(r.step, hrm_trainer_get_step(t));
    return r;
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

static void check_same_files(const char *a, const char *b) {
    size_t size_a, size_b;
    void *bytes_a = check_read_file(a, &size_a), *bytes_b = check_read_file(b, &size_b);
    CHECK_EQ(size_a, size_b);
    check_same_bits("saved runs", bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

/* Copies a saved run with another scale of the loss, and with every value of the tensors whose name ends in `end`
 * multiplied by `factor`. */
typedef struct change {
    uint32_t scale_log2; /* 0: leave it */
    const char *end;
    float factor;
} change;

static void copy_changed(const char *from, const char *to, const change *how) {
    enum { MOST = 128 };
    hrm_safetensors *file;
    hrm_safetensors_writer *writer;
    void *changed[MOST];
    uint32_t count = 0;
    CHECK_OK(hrm_safetensors_open(from, &file));
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    for (size_t i = 0; i < hrm_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        hrm_safetensors_metadata_at(file, i, &key, &value);
        if (strcmp(key, "hrm.checksum") != 0) CHECK_OK(hrm_safetensors_writer_set_metadata(writer, key, value));
    }
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        const size_t length = strlen(t->name), end = how->end ? strlen(how->end) : 0;
        const bool scales = how->scale_log2 && strcmp(t->name, "hrm.guard") == 0;
        const bool grows = end && length > end && strcmp(t->name + length - end, how->end) == 0;
        void *data = malloc(t->count * 4);
        CHECK(data && count < MOST);
        memcpy(data, t->data, t->count * 4);
        changed[count++] = data;
        if (scales) ((uint32_t *)data)[offsetof(struct hrm_grad_guard_state, loss_scale_log2) / 4] = how->scale_log2;
        for (uint64_t k = 0; grows && k < t->count; k++) ((float *)data)[k] *= how->factor;
        CHECK_OK(hrm_safetensors_writer_add(writer, t->name, t->dtype, t->rank, t->shape, data));
    }
    hrm_safetensors_close(file);
    CHECK_OK(hrm_safetensors_writer_write(writer, to));
    hrm_safetensors_writer_destroy(writer);
    while (count) free(changed[--count]);
}

/* Its scale is the largest there is, and its gradients are a thousand times those of a fresh model. */
static const change overflowing = {HRM_LOSS_SCALE_MOST_LOG2, "lm_head.weight", 1e3f};

/* ---- tests ---- */

/* The first loss is of the same weights: apart by what 16 bits round. Then both learn the one batch. */
static void test_learns_like_f32(void **state) {
    (void)state;
    float first[PRECISIONS + 1], last[PRECISIONS + 1];
    for (int i = 0; i <= PRECISIONS; i++) {
        hrm_trainer_config c = full_recipe(i ? precisions[i - 1] : HRM_PRECISION_F32);
        hrm_trainer *t;
        c.fixed_batches = 1;
        c.steps = 60;
        c.lr = 3e-3f;
        CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
        hrm_step_report r = run(t, 1);
        first[i] = r.token_loss;
        CHECK(r.loss_scale == (c.precision == HRM_PRECISION_F16 ? 65536.0f : 1.0f));
        r = run(t, 59);
        last[i] = r.token_loss;
        CHECK_EQ(r.skipped_total, 0);
        CHECK(isfinite(r.grad_norm));
        hrm_trainer_destroy(t);
        printf("precision %d: token loss %g, after 60 steps %g\n", i, (double)first[i], (double)last[i]);
    }
    for (int i = 1; i <= PRECISIONS; i++) {
        CHECK_MSG(first[i] != first[0] && fabsf(first[i] - first[0]) < 0.01f * first[0], "first losses %g and %g",
                  (double)first[i], (double)first[0]);
        CHECK_MSG(last[i] < 0.7f * first[i] && fabsf(last[i] - last[0]) < 0.3f * last[0], "last losses %g and %g",
                  (double)last[i], (double)last[0]);
    }
}

/* Saved activations and scratch of a model whose weights are few beside them: well below f32's. */
static void test_memory(void **state) {
    (void)state;
    hrm_training_plan plans[PRECISIONS + 1];
    for (int i = 0; i <= PRECISIONS; i++) {
        hrm_trainer_config c = full_recipe(i ? precisions[i - 1] : HRM_PRECISION_F32);
        c.micro_batch = c.batch = 64;
        plans[i] = HRM_INIT(hrm_training_plan);
        CHECK_OK(hrm_trainer_plan(device, &c, &train_set, false, &plans[i]));
    }
    enum { WEIGHTS = 0, OPTIMIZER = 3, SAVED = 5, SCRATCH = 6 }; /* HRM_TRAINER_LIFETIMES */
    for (int i = 1; i <= PRECISIONS; i++) {
        CHECK_EQ(plans[i].bytes[WEIGHTS], plans[0].bytes[WEIGHTS]);
        CHECK(plans[i].bytes[SAVED] * 4 < plans[0].bytes[SAVED] * 3);
        CHECK(plans[i].bytes[SCRATCH] * 10 < plans[0].bytes[SCRATCH] * 9);
        CHECK(plans[i].device_bytes < plans[0].device_bytes);
        CHECK(plans[i].evaluation_bytes < plans[0].evaluation_bytes);
    }
    CHECK_EQ(plans[1].device_bytes, plans[2].device_bytes);
}

/* Stopped anywhere, between overflows too, it is the same run; the precision is the saved one. */
static void test_resume_is_exact(void **state) {
    (void)state;
    char start[512], whole[512], part[512];
    for (int i = 0; i < PRECISIONS; i++) {
        const hrm_trainer_config c = full_recipe(precisions[i]);
        hrm_trainer_config resumed = HRM_INIT(hrm_trainer_config);
        hrm_trainer *t;
        CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
        CHECK_OK(hrm_trainer_save(t, temp("start.safetensors", start), NULL));
        hrm_trainer_destroy(t);
        if (precisions[i] == HRM_PRECISION_F16) copy_changed(start, start, &overflowing);
        CHECK_OK(hrm_trainer_resume(device, start, &train_set, &t));
        const hrm_step_report r = run(t, c.steps);
        if (precisions[i] == HRM_PRECISION_F16) CHECK(r.overflowed_total > 3 && r.overflowed_total < c.steps - 1);
        CHECK_OK(hrm_trainer_save(t, temp("whole.safetensors", whole), NULL));
        hrm_trainer_destroy(t);
        for (uint32_t stop = 1; stop < c.steps; stop += 3) {
            CHECK_OK(hrm_trainer_resume(device, start, &train_set, &t));
            run(t, stop);
            CHECK_OK(hrm_trainer_save(t, temp("part.safetensors", part), NULL));
            hrm_trainer_destroy(t);
            CHECK_OK(hrm_trainer_resume(device, part, &train_set, &t));
            CHECK_OK(hrm_trainer_get_config(t, &resumed));
            CHECK_EQ(resumed.precision, precisions[i]);
            run(t, c.steps - stop);
            CHECK_OK(hrm_trainer_save(t, part, NULL));
            hrm_trainer_destroy(t);
            check_same_files(part, whole);
        }
    }
}

/* From a scale far too large: step by step it is halved and no weight moves, then training goes on. */
static void test_overflow(void **state) {
    (void)state;
    enum { FIRST = HRM_LOSS_SCALE_MOST_LOG2, STEPS = 40 };
    char start[512], high[512];
    hrm_trainer_config c = full_recipe(HRM_PRECISION_F16);
    hrm_trainer *t;
    c.steps = STEPS;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    CHECK_OK(hrm_trainer_save(t, temp("start.safetensors", start), NULL));
    hrm_trainer_destroy(t);
    copy_changed(start, temp("high.safetensors", high), &overflowing);
    CHECK_OK(hrm_trainer_resume(device, high, &train_set, &t));
    uint64_t before = hash_live(t);
    uint32_t scale = FIRST, overflows = 0, good = 0;
    for (uint32_t step = 1; step <= STEPS; step++) {
        const hrm_step_report r = run(t, 1);
        const uint64_t after = hash_live(t);
        CHECK(r.loss_scale == ldexpf(1, (int)scale));
        CHECK(isfinite(r.loss) && r.loss > 0);
        CHECK_EQ(r.skipped, 0);
        CHECK_EQ(after == before, r.overflowed);
        overflows += r.overflowed;
        CHECK_EQ(r.overflowed_total, overflows);
        CHECK(r.overflowed ? r.grad_norm == 0.0f : r.grad_norm > 0 && r.grad_norm < 1e6f);
        if (r.overflowed) scale--;
        good += !r.overflowed;
        before = after;
    }
    printf("the scale fell from 2^%d to 2^%u\n", FIRST, scale);
    CHECK(overflows > 3 && good > 8 && scale > 4);
    hrm_trainer_destroy(t);

    /* what no run has is not taken for a scale */
    copy_changed(start, high, &(change){.scale_log2 = HRM_LOSS_SCALE_MOST_LOG2 + 1});
    CHECK_STATUS(hrm_trainer_resume(device, high, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("loss scale of 2^25");
}

/* Activations past 65504 make the loss no number: no scale helps, and the run stops at once. bf16 has room for them. */
static void test_weights_past_f16(void **state) {
    (void)state;
    char good[512], bad[512];
    for (int i = 0; i < PRECISIONS; i++) {
        hrm_trainer_config c = full_recipe(precisions[i]);
        hrm_trainer *t;
        CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
        CHECK_OK(hrm_trainer_save(t, temp("good.safetensors", good), NULL));
        hrm_trainer_destroy(t);
        copy_changed(good, temp("bad.safetensors", bad), &(change){0, "mlp.gate_up_proj.weight", 1e6f});
        CHECK_OK(hrm_trainer_resume(device, bad, &train_set, &t));
        hrm_status status = hrm_trainer_step(t, NULL);
        if (status == HRM_OK) status = hrm_trainer_finish(t, NULL);
        if (precisions[i] == HRM_PRECISION_F16) {
            CHECK_STATUS(status, HRM_ERR_NOT_FINITE);
            CHECK_ERROR_HAS("step 1: the loss is not a number");
            CHECK_ERROR_HAS("65504");
        } else {
            CHECK_OK(status);
        }
        hrm_trainer_destroy(t);
    }
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    hrm_puzzle_set none;
    hrm_maze_dataset_config mazes = {.maze = hrm_maze_generator_config_default(), .train_count = 40, .test_count = 0};
    CHECK_OK(hrm_maze_dataset_build(&mazes, NULL, NULL, &train_set.set, &none));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns_like_f32), cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_resume_is_exact), cmocka_unit_test(test_overflow),
                                       cmocka_unit_test(test_weights_past_f16)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_puzzle_set_deinit(&train_set.set);
    hrm_device_close(device);
    return failed;
}
