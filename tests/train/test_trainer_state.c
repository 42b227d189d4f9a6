/* A run that is saved and continued is the same run, bit for bit; other readers see a plain model; what is no saved run
 * is refused by name. */
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
#include "model/config.h"
#include "ops/kernels.h"
#include "ops/matmul.h"
#include "ops/select.h"
#include "train/dataset.h"

static hrm_device *device;
static hrm_dataset train_set, other_set;

/* The demo's recipe, tiny: a moving average, early steps, symmetries. */
static hrm_trainer_config demo_recipe(void) {
    hrm_trainer_config c = tiny_recipe();
    c.early_steps = 4;
    c.seed = UINT64_MAX - 5;
    return c;
}

/* The reference's, tiny: a continue target, puzzle embeddings, no average, its own order of batches. */
static hrm_trainer_config reference_recipe(void) {
    hrm_trainer_config c = demo_recipe();
    c.model.halt_rule = HRM_HALT_COMPARE;
    c.model.positions = HRM_POSITIONS_ROPE;
    c.model.puzzle_emb_dim = 32;
    c.puzzle_emb_lr = 1e-2f;
    c.halt_exploration = 0.5f;
    c.ema_decay = 0;
    c.explore_once = 0;
    c.early_segments = c.early_steps = 0;
    c.batches = HRM_BATCHES_REFERENCE;
    c.epochs_per_pass = 1;
    return c;
}

static void run(hrm_trainer *t, uint32_t steps) {
    hrm_step_report report = HRM_INIT(hrm_step_report);
    for (uint32_t i = 0; i < steps; i++) CHECK_OK(hrm_trainer_step(t, &report));
    CHECK_OK(hrm_trainer_finish(t, &report));
    CHECK_EQ(report.step, hrm_trainer_get_step(t));
}

static const char *temp(const char *name, char path[512]) {
    snprintf(path, 512, "%s", check_temp_path(name));
    return path;
}

static void check_same_files(const char *a, const char *b) {
    size_t size_a, size_b;
    void *bytes_a = check_read_file(a, &size_a), *bytes_b = check_read_file(b, &size_b);
    CHECK_EQ(size_a, size_b);
    check_same_bits("saved runs", bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

static void check_resume(hrm_trainer_config c) {
    char whole[512], part[512], joined[512];
    temp("whole.safetensors", whole), temp("part.safetensors", part), temp("joined.safetensors", joined);
    hrm_trainer *t;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    run(t, c.steps);
    CHECK_OK(hrm_trainer_save(t, whole, NULL));
    hrm_trainer_destroy(t);
    static const uint32_t stops[] = {0, 1, 3, 5, 11, 12};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
        run(t, stops[i]);
        CHECK_OK(hrm_trainer_save(t, part, NULL));
        hrm_trainer_destroy(t);
        CHECK_OK(hrm_trainer_resume(device, part, &train_set, &t));
        CHECK_EQ(hrm_trainer_get_step(t), stops[i]);
        run(t, c.steps - stops[i]);
        CHECK_OK(hrm_trainer_save(t, joined, NULL));
        hrm_trainer_destroy(t);
        check_same_files(joined, whole);
    }
}

static void test_resume_is_exact(void **state) {
    (void)state;
    check_resume(demo_recipe());
    check_resume(reference_recipe());
}

/* Saved again at once, nothing moved; and the recipe came back as it was. */
static void test_saving_twice_gives_the_same(void **state) {
    (void)state;
    char first[512], second[512];
    hrm_trainer_config c = demo_recipe(), before = HRM_INIT(hrm_trainer_config), after = HRM_INIT(hrm_trainer_config);
    hrm_trainer *t;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    run(t, 4);
    const char *notes[] = {"a note", "its value", NULL};
    CHECK_OK(hrm_trainer_save(t, temp("first.safetensors", first), notes));
    CHECK_OK(hrm_trainer_get_config(t, &before));
    hrm_trainer_destroy(t);
    CHECK_OK(hrm_trainer_resume(device, first, &train_set, &t));
    CHECK_OK(hrm_trainer_get_config(t, &after));
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    CHECK_OK(hrm_trainer_save(t, temp("second.safetensors", second), notes));
    hrm_trainer_destroy(t);
    check_same_files(second, first);
}

/* The state is further tensors and metadata: the model is what hrm_model_save writes. */
static void test_others_see_a_model(void **state) {
    (void)state;
    char run_path[512], model_path[512], stripped[512];
    uint64_t hashes[3];
    hrm_trainer_config c = demo_recipe();
    hrm_trainer *t;
    hrm_model *m;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    run(t, 3);
    CHECK_OK(hrm_trainer_save(t, temp("run.safetensors", run_path), NULL));
    CHECK_OK(hrm_trainer_get_model(t, &m));
    CHECK_OK(hrm_model_save(m, temp("model.safetensors", model_path), NULL));
    hrm_trainer_destroy(t);
    hrm_checkpoint *saved, *plain, *weights;
    hrm_checkpoint_info info = HRM_INIT(hrm_checkpoint_info);
    CHECK_OK(hrm_checkpoint_open(run_path, NULL, &saved));
    CHECK_OK(hrm_checkpoint_get_info(saved, &info));
    CHECK_STR(info.problem, "");
    CHECK(info.state_tensors > 10 && strstr(info.state, "\"step\":3"));
    hrm_convert_config convert = HRM_INIT(hrm_convert_config);
    convert.kind = HRM_CHECKPOINT_SAFETENSORS;
    convert.weights_only = 1;
    CHECK_OK(hrm_checkpoint_convert(saved, &convert, temp("stripped.safetensors", stripped)));
    CHECK_OK(hrm_checkpoint_open(model_path, NULL, &plain));
    CHECK_OK(hrm_checkpoint_open(stripped, NULL, &weights));
    CHECK_OK(hrm_checkpoint_get_info(weights, &info));
    CHECK_EQ(info.state_tensors, 0);
    CHECK_STR(info.state, "");
    CHECK_OK(hrm_checkpoint_hash(saved, &hashes[0]));
    CHECK_OK(hrm_checkpoint_hash(plain, &hashes[1]));
    CHECK_OK(hrm_checkpoint_hash(weights, &hashes[2]));
    CHECK_EQ(hashes[0], hashes[1]);
    CHECK_EQ(hashes[0], hashes[2]);
    hrm_checkpoint_close(saved);
    hrm_checkpoint_close(plain);
    hrm_checkpoint_close(weights);
    check_same_files(stripped, model_path);
}

/* Copies a file of tensors, leaving one out, changing one's shape, and replacing the state. */
static void spoil(const char *from, const char *to, const char *left_out, const char *reshaped, const char *new_state) {
    hrm_safetensors *file;
    hrm_safetensors_writer *writer;
    CHECK_OK(hrm_safetensors_open(from, &file));
    CHECK_OK(hrm_safetensors_writer_create(&writer));
    for (size_t i = 0; i < hrm_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        hrm_safetensors_metadata_at(file, i, &key, &value);
        if (strcmp(key, "hrm.checksum") == 0) continue; /* such a file is not checked */
        if (new_state && strcmp(key, "hrm.trainer") == 0) value = new_state;
        CHECK_OK(hrm_safetensors_writer_set_metadata(writer, key, value));
    }
    for (size_t i = 0; i < hrm_safetensors_count(file); i++) {
        const hrm_safetensors_tensor *t = hrm_safetensors_get(file, i);
        const bool flat = reshaped && strcmp(t->name, reshaped) == 0;
        if (left_out && strcmp(t->name, left_out) == 0) continue;
        CHECK_OK(hrm_safetensors_writer_add(writer, t->name, t->dtype, flat ? 1 : t->rank, flat ? &t->count : t->shape,
                                            t->data));
    }
    CHECK_OK(hrm_safetensors_writer_write(writer, to));
    hrm_safetensors_writer_destroy(writer);
    hrm_safetensors_close(file);
}

static void test_bad_states(void **state) {
    (void)state;
    char good[512], bad[512], model_path[512];
    hrm_trainer_config c = demo_recipe();
    hrm_trainer *t;
    hrm_model *m;
    CHECK_OK(hrm_trainer_create(device, &c, &train_set, &t));
    run(t, 2);
    CHECK_OK(hrm_trainer_save(t, temp("good.safetensors", good), NULL));
    CHECK_OK(hrm_trainer_get_model(t, &m));
    CHECK_OK(hrm_model_save(m, temp("model.safetensors", model_path), NULL));
    hrm_trainer_destroy(t);
    temp("bad.safetensors", bad);

    CHECK_STATUS(hrm_trainer_resume(device, model_path, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("no training state");
    CHECK(t == NULL);
    CHECK_STATUS(hrm_trainer_resume(device, check_temp_path("missing"), &train_set, &t), HRM_ERR_IO);
    CHECK_STATUS(hrm_trainer_resume(device, good, &other_set, &t), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("other data");

    spoil(good, bad, "hrm.first_moment.lm_head.weight", NULL, NULL);
    CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("hrm.first_moment.lm_head.weight");
    spoil(good, bad, "model.inner.lm_head.weight", NULL, NULL);
    CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("lm_head.weight is missing");
    spoil(good, bad, NULL, "hrm.carry.z_H", NULL);
    CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("tensor hrm.carry.z_H is");

    /* a flipped bit, a torn end */
    size_t size;
    unsigned char *bytes = check_read_file(good, &size);
    bytes[size * 3 / 4] ^= 4;
    check_write_file(bad, bytes, size);
    CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
    CHECK_ERROR_HAS("is damaged: its checksum is");
    bytes[size * 3 / 4] ^= 4;
    check_write_file(bad, bytes, size * 3 / 4);
    CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
    free(bytes);

    static const struct {
        const char *state, *message;
    } cases[] = {
        {"", "training state"},
        {"[]", "not as hrm writes it"},
        {"{\"step\":-1}", "not as hrm writes it"},
        {"{\"step\":2,\"recipe\":{},\"data\":{\"pass\":0,\"cursor\":0,\"hash\":\"0123456789abcdef\"}}",
         "\"model\" is missing"},
        {"{\"step\":2,\"recipe\":{\"speed\":1},\"data\":{\"pass\":0,\"cursor\":0,\"hash\":\"0123456789abcdef\"}}",
         "unknown key \"speed\""},
        {"{\"step\":2,\"recipe\":{},\"data\":{\"pass\":0,\"cursor\":0,\"hash\":\"short\"}}", "not as hrm writes it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoil(good, bad, NULL, NULL, cases[i].state);
        CHECK_STATUS(hrm_trainer_resume(device, bad, &train_set, &t), HRM_ERR_FORMAT);
        CHECK_ERROR_HAS(cases[i].message);
        CHECK_ERROR_HAS("bad.safetensors");
        CHECK(t == NULL);
    }
}

/* ---- kernels ---- */

typedef struct choice {
    const char *key;
    char row[40], how[40];
} choice;

static void find_choice(void *user, const char *key, const char *row, double gflops, const char *how) {
    choice *c = user;
    (void)gflops;
    if (strcmp(key, c->key) != 0) return;
    snprintf(c->row, sizeof c->row, "%s", row);
    snprintf(c->how, sizeof c->how, "%s", how);
}

static hrm_device *open_without_cache(void) {
    hrm_device *d;
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table(), .cache_dir = ""};
    CHECK_OK(hrm_device_open(&info, &d));
    return d;
}

/* What was chosen for one shape is part of the run, beside the defaults: a device that knows nothing of it computes the
 * same bits. */
static void test_kernels_by_shape(void **state) {
    (void)state;
    char part[512], whole[512], joined[512];
    hrm_trainer_config c = demo_recipe();
    hrm_dims dims;
    hrm_trainer *t;
    temp("part.safetensors", part), temp("whole.safetensors", whole), temp("joined.safetensors", joined);
    hrm_device *first = open_without_cache(), *second = NULL;
    CHECK_OK(hrm_trainer_create(first, &c, &train_set, &t));
    CHECK_OK(hrm_trainer_get_config(t, &c));
    dims = hrm_model_config_get_dims(&c.model);
    hrm_trainer_destroy(t);

    /* the input gradient of the attention's output layer, by a family that is not the default */
    hrm_matmul_problem p = {
        .form = HRM_MATMUL_NN, .rows = (uint64_t)c.micro_batch * dims.T, .out = dims.D, .in = dims.D};
    hrm_matmul_family by_default, other = HRM_MATMUL_AUTO;
    CHECK_OK(hrm_matmul_choose(first, HRM_MATMUL_NN, &by_default));
    for (int f = HRM_MATMUL_AUTO + 1; f < HRM_MATMUL_FAMILY_COUNT; f++)
        if (f != (int)by_default && hrm_matmul_family_serves(first, (hrm_matmul_family)f, &p))
            other = (hrm_matmul_family)f;
    CHECK(other != HRM_MATMUL_AUTO); /* every device has two */
    hrm_select_key key = {.op = "matmul_nn", .rank = 3, .shape = {hrm_select_bucket(p.rows), p.out, p.in}};
    char text[HRM_SELECT_KEY];
    hrm_select_write_key(&key, text);
    CHECK_OK(hrm_select_force(first, text, hrm_matmul_family_name(other)));

    CHECK_OK(hrm_trainer_create(first, &c, &train_set, &t));
    run(t, 2);
    CHECK_OK(hrm_trainer_save(t, part, NULL));
    run(t, 3);
    CHECK_OK(hrm_trainer_save(t, whole, NULL));
    hrm_trainer_destroy(t);

    second = open_without_cache();
    CHECK_OK(hrm_trainer_resume(second, part, &train_set, &t));
    choice found = {.key = text};
    CHECK_OK(hrm_select_visit_used(second, find_choice, &found));
    CHECK_STR(found.row, hrm_matmul_family_name(other));
    CHECK_STR(found.how, "recorded");
    run(t, 3);
    CHECK_OK(hrm_trainer_save(t, joined, NULL));
    hrm_trainer_destroy(t);
    check_same_files(joined, whole);
    hrm_device_close(first);
    hrm_device_close(second);
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    hrm_maze_dataset_config mazes = {.maze = hrm_maze_generator_config_default(), .train_count = 40, .test_count = 40};
    CHECK_OK(hrm_maze_dataset_build(&mazes, NULL, NULL, &train_set.set, &other_set.set));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume_is_exact),
                                       cmocka_unit_test(test_saving_twice_gives_the_same),
                                       cmocka_unit_test(test_others_see_a_model), cmocka_unit_test(test_bad_states),
                                       cmocka_unit_test(test_kernels_by_shape)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_puzzle_set_deinit(&train_set.set);
    hrm_puzzle_set_deinit(&other_set.set);
    hrm_device_close(device);
    return failed;
}
