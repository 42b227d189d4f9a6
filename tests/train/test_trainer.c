/* The trainer, solver and evaluator together on tiny mazes: learning, determinism, averages, files, halting. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hrm/dataset.h>
#include <hrm/model.h>
#include <hrm/trainer.h>

#include "check.h"
#include "data/maze_dataset.h"
#include "helper_recipe.h"
#include "idle_device.h"
#include "ops/kernels.h"
#include "train/dataset.h"

static hrm_device *device;
static hrm_dataset train_set, test_set;

static hrm_trainer *start(const hrm_trainer_config *c) {
    hrm_trainer *t;
    CHECK_OK(hrm_trainer_create(device, c, &train_set, &t));
    return t;
}

static hrm_step_report run(hrm_trainer *t, uint32_t steps) {
    hrm_step_report r = HRM_INIT(hrm_step_report);
    for (uint32_t i = 0; i < steps; i++) CHECK_OK(hrm_trainer_step(t, &r));
    CHECK_OK(hrm_trainer_finish(t, &r));
    return r;
}

static void save(hrm_trainer *t, const char *path) {
    hrm_model *m;
    CHECK_OK(hrm_trainer_get_model(t, &m));
    CHECK_OK(hrm_model_save(m, path, NULL));
}

/* Same seed, same device, same binary: same bytes; another seed: others. */
static void test_same_seed_same_bytes(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    char paths[3][64] = {"a.safetensors", "b.safetensors", "c.safetensors"};
    size_t sizes[3];
    void *bytes[3];
    for (int i = 0; i < 3; i++) {
        c.seed = i == 2 ? 4 : 3;
        hrm_trainer *t = start(&c);
        hrm_step_report r = run(t, c.steps);
        CHECK_EQ(r.step, c.steps);
        CHECK(isfinite(r.loss) && r.loss > 0);
        const char *path = check_temp_path(paths[i]);
        save(t, path);
        bytes[i] = check_read_file(path, &sizes[i]);
        hrm_trainer_destroy(t);
    }
    CHECK_EQ(sizes[0], sizes[1]);
    check_same_bits("checkpoints of the same seed", bytes[0], bytes[1], sizes[0]);
    CHECK(sizes[0] != sizes[2] || memcmp(bytes[0], bytes[2], sizes[0]) != 0);
    for (int i = 0; i < 3; i++) free(bytes[i]);
}

/* A few mazes seen over and over are learnt: the loss falls to a fraction. */
static void test_loss_falls(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    c.steps = 150;
    c.augment = 0;
    c.ema_decay = 0;
    c.lr = 3e-3f;
    c.weight_decay = 0;
    hrm_trainer *t = start(&c);
    float first = run(t, 3).token_loss, last = 0;
    for (int i = 0; i < 10; i++) last += run(t, 14).token_loss / 10;
    CHECK_MSG(last < 0.6f * first, "token loss went from %g to %g", (double)first, (double)last);
    hrm_trainer_destroy(t);
}

/* The reference's recipe: continue target, puzzle embeddings, stablemax, rotary positions only. */
static void test_reference_options_run(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    c.model.halt_rule = HRM_HALT_COMPARE;
    c.model.positions = HRM_POSITIONS_ROPE;
    c.model.puzzle_emb_dim = 40; /* two positions of 32, the second mostly padding */
    c.puzzle_emb_lr = 1e-2f;
    c.puzzle_emb_weight_decay = 0.1f;
    c.halt_exploration = 0.5f;
    c.q_loss_weight = 0.5f;
    hrm_trainer *t = start(&c);
    hrm_step_report r = run(t, 12);
    CHECK(isfinite(r.loss) && r.q_continue_loss > 0);
    save(t, check_temp_path("reference.safetensors"));
    hrm_trainer_destroy(t);
    hrm_model *m;
    CHECK_OK(hrm_model_load(device, check_temp_path("reference.safetensors"), &m));
    hrm_model_config config;
    CHECK_OK(hrm_model_get_config(m, &config));
    CHECK_EQ(config.puzzle_emb_dim, 40);
    CHECK_EQ(config.halt_rule, HRM_HALT_COMPARE);
    hrm_model_destroy(m);
}

/* A saved model answers like the one it was saved from. */
static void test_save_and_load(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    hrm_trainer *t = start(&c);
    run(t, c.steps);
    hrm_model *live, *loaded;
    CHECK_OK(hrm_trainer_get_model(t, &live));
    const char *path = check_temp_path("model.safetensors");
    const char *notes[] = {"note", "a value", NULL};
    CHECK_OK(hrm_model_save(live, path, notes));
    CHECK_OK(hrm_model_load(device, path, &loaded));
    CHECK_EQ(hrm_model_get_parameter_count(live), hrm_model_get_parameter_count(loaded));
    hrm_evaluation_config e = HRM_INIT(hrm_evaluation_config);
    e.solver = HRM_INIT(hrm_solver_config);
    hrm_evaluation a, b;
    uint32_t n = test_set.set.example_count, S = test_set.set.seq_len;
    uint32_t *x = calloc((size_t)n * S, 4), *y = calloc((size_t)n * S, 4);
    CHECK_OK(hrm_evaluate(live, &test_set, &e, &a, x, NULL));
    CHECK_OK(hrm_evaluate(loaded, &test_set, &e, &b, y, NULL));
    check_same_bits("answers", x, y, (size_t)n * S * 4);
    CHECK_EQ(a.count, n);
    CHECK(a.mean_segments >= 1 && a.mean_segments <= 3);
    free(x);
    free(y);
    hrm_model_destroy(loaded);
    hrm_trainer_destroy(t);
}

/* Whatever shares its batch, a puzzle's answer and Q values have the same bits. */
static void test_neighbours_do_not_matter(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    hrm_trainer *t = start(&c);
    run(t, c.steps);
    hrm_model *m;
    CHECK_OK(hrm_trainer_get_model(t, &m));
    uint32_t n = test_set.set.example_count, S = test_set.set.seq_len;
    uint32_t *tokens = calloc((size_t)n * S, 4), *want = calloc((size_t)n * S, 4), *got = calloc((size_t)n * S, 4);
    hrm_solution *want_q = calloc(n, sizeof *want_q), *got_q = calloc(n, sizeof *got_q);
    CHECK_OK(hrm_puzzle_set_read(&test_set.set, 0, n, tokens, NULL, NULL));
    const hrm_halting modes[] = {HRM_HALTING_FIXED, HRM_HALTING_ADAPTIVE};
    const uint32_t batches[] = {1, 7, 16, 33};
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            hrm_solver_config sc = HRM_INIT(hrm_solver_config);
            sc.max_batch = batches[i];
            sc.halting = modes[k];
            hrm_solver *s;
            CHECK_OK(hrm_solver_create(m, &sc, &s));
            CHECK_OK(hrm_solver_run(s, tokens, NULL, n, i ? got : want, i ? got_q : want_q));
            hrm_solver_destroy(s);
            if (i == 0) continue;
            check_same_bits("answers", got, want, (size_t)n * S * 4);
            check_same_bits("Q values", got_q, want_q, n * sizeof *got_q);
        }
    }
    free(tokens);
    free(want);
    free(got);
    free(want_q);
    free(got_q);
    hrm_trainer_destroy(t);
}

static bool stop_at_once(void *user, uint32_t puzzle, uint32_t segment, const uint32_t *answer, float q_halt,
                         float q_continue) {
    (void)user;
    (void)puzzle;
    (void)segment;
    (void)answer;
    (void)q_halt;
    (void)q_continue;
    return false;
}

static void test_bad_input(void **state) {
    (void)state;
    hrm_trainer_config c = tiny_recipe();
    hrm_trainer *t = NULL;
    c.batch = 0;
    CHECK_STATUS(hrm_trainer_create(device, &c, &train_set, &t), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("batch");
    CHECK(t == NULL);
    c = tiny_recipe();
    c.lr = NAN;
    CHECK_STATUS(hrm_trainer_create(device, &c, &train_set, &t), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("lr");
    c = tiny_recipe();
    c.model.seq_len = 49;
    CHECK_STATUS(hrm_trainer_create(device, &c, &train_set, &t), HRM_ERR_INVALID_ARGUMENT);

    hrm_model_config mc = tiny_recipe().model;
    mc.vocab_size = 6;
    mc.seq_len = 36;
    hrm_model *m;
    CHECK_OK(hrm_model_create(device, &mc, 1, &m));
    hrm_solver_config sc = HRM_INIT(hrm_solver_config);
    hrm_solver *s;
    sc.confidence = 0.4f;
    CHECK_STATUS(hrm_solver_create(m, &sc, &s), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("confidence");
    sc.confidence = 0.9f;
    CHECK_OK(hrm_solver_create(m, &sc, &s));
    uint32_t tokens[36] = {0}, answers[36], id = 5;
    tokens[35] = 6;
    CHECK_STATUS(hrm_solver_run(s, tokens, NULL, 1, answers, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_ERROR_HAS("token 35");
    tokens[35] = 1;
    CHECK_STATUS(hrm_solver_run(s, tokens, &id, 1, answers, NULL), HRM_ERR_INVALID_ARGUMENT);
    CHECK_OK(hrm_solver_run(s, tokens, NULL, 0, answers, NULL));
    hrm_solver_set_observer(s, stop_at_once, NULL);
    CHECK_STATUS(hrm_solver_run(s, tokens, NULL, 1, answers, NULL), HRM_ERR_CANCELLED);
    hrm_solver_set_observer(s, NULL, NULL);
    CHECK_OK(hrm_solver_run(s, tokens, NULL, 1, answers, NULL)); /* a cancelled solver goes on working */
    hrm_solver_destroy(s);
    CHECK_STATUS(hrm_model_save(m, "/proc/no/such/model.safetensors", NULL), HRM_ERR_IO);
    hrm_model_destroy(m);
    check_write_file(check_temp_path("junk.safetensors"), "junk", 4);
    CHECK_STATUS(hrm_model_load(device, check_temp_path("junk.safetensors"), &m), HRM_ERR_FORMAT);
    CHECK(m == NULL);
}

/* Solving on such a device ends, with a word on why, although no puzzle ever does. */
static void test_a_device_that_does_nothing(void **state) {
    (void)state;
    hrm_model_config mc = tiny_recipe().model;
    mc.vocab_size = 6;
    mc.seq_len = 36;
    hrm_model *m;
    hrm_solver_config sc = HRM_INIT(hrm_solver_config);
    hrm_solver *s;
    uint32_t tokens[2 * 36] = {0}, answers[2 * 36];
    const uint64_t target = device->submit_target_ns;
    hrm_device_set_submit_target(device, 0); /* no timestamps: reading those never written is an error of ours */
    CHECK_OK(hrm_model_create(device, &mc, 1, &m));
    CHECK_OK(hrm_solver_create(m, &sc, &s));
    CHECK_OK(hrm_solver_run(s, tokens, NULL, 2, answers, NULL));
    idle_device_begin(device);
    hrm_status status = hrm_solver_run(s, tokens, NULL, 2, answers, NULL);
    idle_device_end(device);
    CHECK_STATUS(status, HRM_ERR_DEVICE);
    CHECK_ERROR_HAS("does not compute what it is given: puzzle 0 had");
    CHECK_OK(hrm_solver_run(s, tokens, NULL, 2, answers, NULL)); /* and goes on once the device works */
    hrm_device_set_submit_target(device, target);
    hrm_solver_destroy(s);
    hrm_model_destroy(m);
}

int main(void) {
    hrm_device_open_info info = {.kernels = hrm_kernels_get_table()};
    hrm_status status = hrm_device_open(&info, &device);
    if (status == HRM_ERR_NO_DEVICE) CHECK_SKIP("no Vulkan device: %s", hrm_last_error());
    CHECK_OK(status);
    hrm_maze_dataset_config mazes = {.maze = hrm_maze_generator_config_default(), .train_count = 40, .test_count = 30};
    CHECK_OK(hrm_maze_dataset_build(&mazes, NULL, NULL, &train_set.set, &test_set.set));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),      cmocka_unit_test(test_loss_falls),
        cmocka_unit_test(test_reference_options_run),     cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_neighbours_do_not_matter),  cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_a_device_that_does_nothing)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hrm_puzzle_set_deinit(&train_set.set);
    hrm_puzzle_set_deinit(&test_set.set);
    hrm_device_close(device);
    return failed;
}
