/* The recorded single operations of tests/golden/ops that loss, act, optim and random cover, found through their
 * manifest, and the halting decisions of tests/golden/tiny_sudoku where that folder is present.
 *
 * Tolerances are ten times the recorded fp32 noise, or a stated floor where none is recorded. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/safetensors.h"
#include "ops/act.h"
#include "ops/grid.h"
#include "ops/kernels.h"
#include "ops/loss.h"
#include "ops/optim.h"
#include "shared/step_block.h"

static struct {
    json_t *manifest;
    hrm_safetensors *file;
} golden;

static void open_golden(const char *folder, const char *file) {
    CHECK_OK(hrm_json_load(check_path(check_env_golden_dir(folder), "manifest.json"), &golden.manifest));
    CHECK_OK(hrm_safetensors_open(check_path(check_env_golden_dir(folder), file), &golden.file));
}

static int close_golden(void **state) {
    json_decref(golden.manifest);
    hrm_safetensors_close(golden.file);
    golden.manifest = NULL;
    golden.file = NULL;
    return helper_gpu_teardown(state);
}

static const hrm_safetensors_tensor *find(const char *group, const char *name) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", group, name);
    const hrm_safetensors_tensor *t = hrm_safetensors_find(golden.file, key);
    if (!t) check_fail_at(__FILE__, __LINE__, "the golden file has no %s", key);
    return t;
}

static float *load_f32(const char *group, const char *name, size_t *n) {
    const hrm_safetensors_tensor *t = find(group, name);
    float *x = helper_gpu_host_f32(t->count);
    CHECK_OK(hrm_safetensors_copy_f32(t, x, t->count));
    if (n) *n = t->count;
    return x;
}

/* Integers of any width as u32; a label of -100 becomes HRM_LABEL_IGNORED. */
static uint32_t *load_u32(const char *group, const char *name, size_t *n) {
    const hrm_safetensors_tensor *t = find(group, name);
    int64_t *wide = malloc(sizeof *wide * t->count);
    if (!wide) abort();
    CHECK_OK(hrm_safetensors_copy_i64(t, wide, t->count));
    uint32_t *x = helper_gpu_host_u32(t->count);
    for (size_t i = 0; i < t->count; i++) x[i] = wide[i] == -100 ? HRM_LABEL_IGNORED : (uint32_t)wide[i];
    free(wide);
    if (n) *n = t->count;
    return x;
}

/* Ten times the noise the manifest records for a tensor, but no less than `floor`. */
static double tolerance(const char *group, const char *name, double floor) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", group, name);
    const json_t *entry = json_object_get(json_object_get(golden.manifest, "noise"), key);
    return fmax(floor, 10.0 * json_number_value(json_object_get(entry, "max_abs_diff_fp64")));
}

/* What the manifest says of a tensor: learning rates and the like are only there. */
static const char *meaning(const char *group, const char *name) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", group, name);
    const json_t *files = json_object_get(golden.manifest, "files");
    const json_t *tensors = json_object_get(json_object_get(files, "ops.safetensors"), "tensors");
    const char *text = json_string_value(json_object_get(json_object_get(tensors, key), "meaning"));
    if (!text) check_fail_at(__FILE__, __LINE__, "the manifest does not describe %s", key);
    return text;
}

static double number_after(const char *text, const char *word) {
    const char *at = strstr(text, word);
    if (!at) check_fail_at(__FILE__, __LINE__, "\"%s\" does not say %s", text, word);
    return strtod(at + strlen(word), NULL);
}

static hrm_tensor upload_block(const struct hrm_step_block *block) {
    return helper_gpu_u32(block, sizeof *block / 4);
}

/* Token losses are recorded per token: each token becomes a row of one label. */
static void check_token_loss(const char *group, hrm_token_loss_kind kind) {
    open_golden("ops", "ops.safetensors");
    size_t tokens, n;
    float *logits = load_f32(group, "logits", &n);
    uint32_t *labels = load_u32(group, "labels", &tokens);
    const uint32_t rows = (uint32_t)tokens, vocab = (uint32_t)(n / tokens);
    hrm_token_loss_args args = {.logits = helper_gpu_f32(logits, n),
                                .labels = helper_gpu_u32(labels, tokens),
                                .grad_logits = helper_gpu_f32(NULL, n),
                                .row_loss = helper_gpu_f32(NULL, tokens),
                                .row_labelled = helper_gpu_u32(NULL, tokens),
                                .row_correct = helper_gpu_u32(NULL, tokens),
                                .row_exact = helper_gpu_u32(NULL, tokens),
                                .step_block = upload_block(&(struct hrm_step_block){.live_rows = rows}),
                                .batch = rows,
                                .seq = 1,
                                .vocab = vocab,
                                .kind = kind,
                                .grad_scale = 1.0f};
    hrm_token_loss(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *loss = helper_gpu_read(args.row_loss), *dloss = load_f32(group, "dloss", NULL);
    float *grad = helper_gpu_read(args.grad_logits);
    for (size_t i = 0; i < n; i++) grad[i] *= dloss[i / vocab];
    /* no noise recorded; softmax's recorded values are fp32 themselves: an ulp of the largest loss (~10) */
    double floor = kind == HRM_TOKEN_LOSS_SOFTMAX ? 2e-6 : 1e-7;
    check_close_f32("loss", loss, load_f32(group, "loss", NULL), tokens, tolerance(group, "loss", floor), 5e-7);
    check_close_f32("dlogits", grad, load_f32(group, "dlogits", NULL), n, tolerance(group, "dlogits", 3e-7), 1e-6);
}

static void test_stablemax_ce(void **state) {
    (void)state;
    check_token_loss("stablemax_ce", HRM_TOKEN_LOSS_STABLEMAX);
}

static void test_softmax_ce(void **state) {
    (void)state;
    check_token_loss("softmax_ce", HRM_TOKEN_LOSS_SOFTMAX);
}

static void test_bce_logits(void **state) {
    (void)state;
    open_golden("ops", "ops.safetensors");
    size_t n;
    const float *x = load_f32("bce_logits", "x", &n), *target = load_f32("bce_logits", "target", NULL);
    float *q = helper_gpu_host_f32(2 * n);
    uint32_t *exact = helper_gpu_host_u32(n);
    for (size_t i = 0; i < n; i++) q[2 * i + 1] = x[i];
    hrm_q_loss_args args = {.q = helper_gpu_f32(q, 2 * n),
                            .row_exact = helper_gpu_u32(exact, n),
                            .target_continue = helper_gpu_f32(target, n),
                            .grad_q = helper_gpu_f32(NULL, 2 * n),
                            .row_q_halt_loss = helper_gpu_f32(NULL, n),
                            .row_q_continue_loss = helper_gpu_f32(NULL, n),
                            .step_block = upload_block(&(struct hrm_step_block){.live_rows = (uint32_t)n}),
                            .batch = (uint32_t)n,
                            .q_weight = 1.0f,
                            .grad_scale = 1.0f};
    hrm_q_loss(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *grad_q = helper_gpu_read(args.grad_q);
    float *dx = helper_gpu_host_f32(n);
    for (size_t i = 0; i < n; i++) dx[i] = grad_q[2 * i + 1];
    /* recorded in fp32: (1 - t) x + log(...) to an ulp or two; the slope to 2^-23 */
    check_close_f32("loss", (float *)helper_gpu_read(args.row_q_continue_loss), load_f32("bce_logits", "loss", NULL), n,
                    tolerance("bce_logits", "loss", 2e-7), 5e-7);
    check_close_f32("dx", dx, load_f32("bce_logits", "dx", NULL), n, tolerance("bce_logits", "dx", 3e-7), 0.0);
}

/* A linear layer with bias and two outputs is what the halting head is. */
static void test_linear_bias(void **state) {
    (void)state;
    open_golden("ops", "ops.safetensors");
    const char *group = "linear_bias";
    const hrm_safetensors_tensor *shape = find(group, "x");
    const uint32_t batch = (uint32_t)shape->shape[0], hidden = (uint32_t)shape->shape[1];
    const size_t n = (size_t)batch * hidden;
    float *zero = helper_gpu_host_f32(n);
    hrm_tensor z = helper_gpu_f32(load_f32(group, "x", NULL), n);
    hrm_tensor weight = helper_gpu_f32(load_f32(group, "w", NULL), 2 * hidden);
    hrm_tensor q = helper_gpu_f32(NULL, 2 * batch), dz = helper_gpu_f32(zero, n);
    hrm_tensor dw = helper_gpu_f32(NULL, 2 * hidden), db = helper_gpu_f32(NULL, 2);
    hrm_q_head_fwd(helper_gpu_begin(), (hrm_q_head_fwd_args){.z = z,
                                                             .weight = weight,
                                                             .bias = helper_gpu_f32(load_f32(group, "b", NULL), 2),
                                                             .q = q,
                                                             .batch = batch,
                                                             .seq = 1,
                                                             .hidden = hidden});
    hrm_q_head_bwd(helper_gpu_begin(),
                   (hrm_q_head_bwd_args){.z = z,
                                         .weight = weight,
                                         .grad_q = helper_gpu_f32(load_f32(group, "dy", NULL), 2 * batch),
                                         .grad_z = dz,
                                         .grad_weight = dw,
                                         .grad_bias = db,
                                         .batch = batch,
                                         .seq = 1,
                                         .hidden = hidden});
    helper_gpu_run();
    const struct {
        const char *name;
        hrm_tensor got;
    } results[] = {{"y", q}, {"dx", dz}, {"dw", dw}, {"db", db}};
    for (size_t i = 0; i < 4; i++) {
        size_t count;
        const float *want = load_f32(group, results[i].name, &count);
        check_close_f32(results[i].name, (float *)helper_gpu_read(results[i].got), want, count,
                        tolerance(group, results[i].name, 2e-7), 0.0);
    }
}

/* The recorded uniforms through our inverse: y = clamp(sqrt 2 * base * erfinv(u), +-2 base). */
static void test_trunc_normal(void **state) {
    (void)state;
    open_golden("ops", "ops.safetensors");
    size_t n;
    const float *u = load_f32("trunc_normal", "u", &n);
    hrm_tensor x = helper_gpu_f32(u, n), out = helper_gpu_f32(NULL, n);
    struct hrm_math_eval_params params = {.count = (uint32_t)n, .function = HRM_MATH_ERFINV};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_math_eval, .binding_count = 3, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = dispatch.bindings[1] = hrm_tensor_get_span(&x);
    dispatch.bindings[2] = hrm_tensor_get_span(&out);
    hrm_grid_1d(helper_gpu_get_device(), (n + 63) / 64, dispatch.groups);
    hrm_recorder_dispatch(helper_gpu_begin(), &dispatch);
    helper_gpu_run();
    const float *inverse = helper_gpu_read(out);
    const char *const names[] = {"std_1.0", "std_0.125"};
    for (size_t k = 0; k < 2; k++) {
        const double base = strtod(names[k] + strlen("std_"), NULL) / 0.8796256610342398;
        float *y = helper_gpu_host_f32(n);
        for (size_t i = 0; i < n; i++)
            y[i] = (float)fmin(fmax(base * sqrt(2.0) * (double)inverse[i], -2.0 * base), 2.0 * base);
        /* both sides are fp32 inverses good to a few ulp */
        check_close_f32(names[k], y, load_f32("trunc_normal", names[k], NULL), n, 0.0, 2e-6);
    }
}

static void check_adam(const char *group) {
    open_golden("ops", "ops.safetensors");
    const char *text = meaning(group, "p0");
    const double lr = number_after(text, "lr "), weight_decay = number_after(text, "weight decay ");
    char *end;
    const double beta1 = strtod(strstr(text, "betas ") + strlen("betas "), &end), beta2 = strtod(end, NULL);
    size_t n, all;
    const float *p0 = load_f32(group, "p0", &n), *grads = load_f32(group, "grads", &all);
    const float *p = load_f32(group, "p", NULL), *m = load_f32(group, "m", NULL), *v = load_f32(group, "v", NULL);
    hrm_adam_atan2_args args = {.param = helper_gpu_f32(p0, n),
                                .grad = helper_gpu_f32(NULL, n),
                                .m = helper_gpu_f32(helper_gpu_host_f32(n), n),
                                .v = helper_gpu_f32(helper_gpu_host_f32(n), n),
                                .ema = helper_gpu_f32(NULL, n),
                                .step_block = helper_gpu_u32(NULL, sizeof(struct hrm_step_block) / 4),
                                .count = n,
                                .beta1 = (float)beta1,
                                .beta2 = (float)beta2,
                                .weight_decay = (float)weight_decay};
    hrm_adam_atan2(helper_gpu_begin(), args);
    for (size_t step = 1; step <= all / n; step++) {
        struct hrm_step_block block = {.ema_decay = 0.0f};
        hrm_adam_atan2_set_step(&block, step, lr, beta1, beta2);
        helper_gpu_write(args.step_block, &block);
        helper_gpu_write(args.grad, grads + (step - 1) * n);
        if (step == 1)
            helper_gpu_run();
        else
            helper_gpu_run_again();
        const size_t at = (step - 1) * n;
        const float *got = helper_gpu_read(args.param);
        /* A few fp32 roundings on either side, of 0.9 m and 0.1 g where these nearly cancel in m; lr is at most 1e-3,
         * and a wrong form of the update is off by 1e-5. */
        check_close_f32("p", got, p + at, n, tolerance(group, "p", 2e-8), 4e-7);
        check_close_f32("m", (float *)helper_gpu_read(args.m), m + at, n, tolerance(group, "m", 2e-7), 1e-6);
        check_close_f32("v", (float *)helper_gpu_read(args.v), v + at, n, tolerance(group, "v", 1e-12), 1e-6);
        check_same_bits("an average with decay 0", helper_gpu_read(args.ema), got, n * 4);
    }
}

static void test_adam_a(void **state) {
    (void)state;
    check_adam("adam_a");
}

static void test_adam_b(void **state) {
    (void)state;
    check_adam("adam_b");
}

static void test_sign_sgd(void **state) {
    (void)state;
    open_golden("ops", "ops.safetensors");
    const char *text = meaning("sign_sgd", "weights_after");
    text = strstr(text, ", lr "); /* behind the formula, which names lr as well */
    CHECK(text != NULL);
    const double lr = number_after(text, ", lr "), weight_decay = number_after(text, " wd ");
    size_t n, batch, grads;
    const float *before = load_f32("sign_sgd", "weights_before", &n), *grad = load_f32("sign_sgd", "grads", &grads);
    const uint32_t *ids = load_u32("sign_sgd", "ids", &batch);
    const uint32_t dim = (uint32_t)(grads / batch);
    struct hrm_step_block block = {.live_rows = (uint32_t)batch, .puzzle_lr = (float)lr};
    hrm_sign_sgd_args args = {.table = helper_gpu_f32(before, n),
                              .grad = helper_gpu_f32(grad, grads),
                              .ids = helper_gpu_u32(ids, batch),
                              .step_block = upload_block(&block),
                              .batch = (uint32_t)batch,
                              .dim = dim,
                              .weight_decay = (float)weight_decay};
    hrm_sign_sgd(helper_gpu_begin(), args);
    helper_gpu_run();
    check_close_f32("weights_after", (float *)helper_gpu_read(args.table), load_f32("sign_sgd", "weights_after", NULL),
                    n, tolerance("sign_sgd", "weights_after", 2e-8), 3e-7);
}

/* ---- tiny_sudoku: everything between the recorded logits and the recorded decisions, losses and metrics
 * -------------- */

static double metric(const json_t *step, const char *name) {
    const json_t *value = json_object_get(json_object_get(step, "metrics_sums"), name);
    if (!json_is_number(value)) check_fail_at(__FILE__, __LINE__, "the manifest has no metric %s", name);
    return json_number_value(value);
}

static void check_recorded_step(const json_t *step) {
    size_t batch, tokens, n;
    const float *logits = load_f32("out", "logits", &n);
    const uint32_t *labels = load_u32("cur", "labels", &tokens), *in_steps = load_u32("in", "steps", &batch);
    const uint32_t *in_halted = load_u32("in", "halted", NULL);
    const float *halt = load_f32("out", "q_halt_logits", NULL), *go_on = load_f32("out", "q_continue_logits", NULL);
    const json_t *arch = json_object_get(json_object_get(golden.manifest, "config"), "arch");
    const uint32_t B = (uint32_t)batch, seq = (uint32_t)(tokens / batch), vocab = (uint32_t)(n / tokens);
    float *q = helper_gpu_host_f32(2 * batch);
    uint32_t *steps = helper_gpu_host_u32(batch);
    for (size_t b = 0; b < batch; b++) {
        q[2 * b] = halt[b], q[2 * b + 1] = go_on[b];
        steps[b] = in_halted[b] ? 0 : in_steps[b];
    }
    struct hrm_step_block block = {.step = 1, .live_rows = B};
    hrm_tensor t_block = upload_block(&block), t_q = helper_gpu_f32(q, 2 * batch);
    hrm_tensor t_steps = helper_gpu_u32(steps, batch), t_halted = helper_gpu_u32(NULL, batch);
    hrm_act_halt(
        helper_gpu_begin(),
        (hrm_act_halt_args){.q = t_q,
                            .steps = t_steps,
                            .halted = t_halted,
                            .step_block = t_block,
                            .explore_uniform = helper_gpu_f32(load_f32("rand", "uniform", NULL), batch),
                            .explore_min_steps = helper_gpu_u32(load_u32("rand", "min_steps", NULL), batch),
                            .batch = B,
                            .max_steps = (uint32_t)json_integer_value(json_object_get(arch, "halt_max_steps")),
                            .mode = HRM_ACT_TRAIN,
                            .has_continue = true,
                            .exploration = (float)json_number_value(json_object_get(arch, "halt_exploration_prob"))});
    hrm_token_loss_args loss = {.logits = helper_gpu_f32(logits, n),
                                .labels = helper_gpu_u32(labels, tokens),
                                .row_loss = helper_gpu_f32(NULL, batch),
                                .row_labelled = helper_gpu_u32(NULL, batch),
                                .row_correct = helper_gpu_u32(NULL, batch),
                                .row_exact = helper_gpu_u32(NULL, batch),
                                .step_block = t_block,
                                .batch = B,
                                .seq = seq,
                                .vocab = vocab,
                                .grad_scale = 1.0f};
    hrm_token_loss(helper_gpu_begin(), loss);
    hrm_q_loss_args q_loss = {.q = t_q,
                              .row_exact = loss.row_exact,
                              .target_continue = helper_gpu_f32(load_f32("out", "target_q_continue", NULL), batch),
                              .grad_q = helper_gpu_f32(NULL, 2 * batch),
                              .row_q_halt_loss = helper_gpu_f32(NULL, batch),
                              .row_q_continue_loss = helper_gpu_f32(NULL, batch),
                              .step_block = t_block,
                              .batch = B,
                              .q_weight = 0.5f,
                              .grad_scale = 1.0f};
    hrm_q_loss(helper_gpu_begin(), q_loss);
    hrm_tensor t_metrics = helper_gpu_u32(NULL, sizeof(struct hrm_step_metrics) / 4);
    hrm_act_metrics(helper_gpu_begin(), (hrm_act_metrics_args){.q = t_q,
                                                               .halted = t_halted,
                                                               .steps = t_steps,
                                                               .row_labelled = loss.row_labelled,
                                                               .row_correct = loss.row_correct,
                                                               .row_exact = loss.row_exact,
                                                               .row_loss = loss.row_loss,
                                                               .row_q_halt_loss = q_loss.row_q_halt_loss,
                                                               .row_q_continue_loss = q_loss.row_q_continue_loss,
                                                               .metrics = t_metrics,
                                                               .step_block = t_block,
                                                               .batch = B,
                                                               .q_weight = 0.5f});
    helper_gpu_run();
    check_same_bits("steps", helper_gpu_read(t_steps), load_u32("out", "steps", NULL), batch * 4);
    check_same_bits("halted", helper_gpu_read(t_halted), load_u32("out", "halted", NULL), batch * 4);
    struct hrm_step_metrics got;
    memcpy(&got, helper_gpu_read(t_metrics), sizeof got);
    CHECK_EQ(got.count, (uint64_t)metric(step, "count"));
    CHECK_EQ(got.exact, (uint64_t)metric(step, "exact_accuracy"));
    CHECK_EQ(got.q_halt_correct, (uint64_t)metric(step, "q_halt_accuracy"));
    CHECK_EQ(got.steps, (uint64_t)metric(step, "steps"));
    const float sums[] = {got.accuracy, got.lm_loss, got.q_halt_loss, got.q_continue_loss, got.loss};
    const double wants[] = {metric(step, "accuracy"), metric(step, "lm_loss"), metric(step, "q_halt_loss"),
                            metric(step, "q_continue_loss"), json_number_value(json_object_get(step, "loss"))};
    check_close_f32("metrics", sums, wants, 5, 1e-6, 1e-6); /* the q losses were summed in fp32 */
}

static void test_tiny_sudoku(void **state) {
    (void)state;
    const char *folder = check_env_golden_dir("tiny_sudoku");
    FILE *probe = fopen(check_path(folder, "manifest.json"), "rb");
    if (!probe) skip();
    fclose(probe);
    for (int k = 1; k <= 6; k++) {
        char file[32];
        snprintf(file, sizeof file, "step%d.safetensors", k);
        open_golden("tiny_sudoku", file);
        check_recorded_step(json_array_get(json_object_get(golden.manifest, "steps"), (size_t)k - 1));
        CHECK_EQ(close_golden(NULL), 0);
    }
}

#define GOLDEN_TEST(function) cmocka_unit_test_teardown(function, close_golden)
HELPER_GPU_MAIN(GOLDEN_TEST(test_stablemax_ce), GOLDEN_TEST(test_softmax_ce), GOLDEN_TEST(test_bce_logits),
                GOLDEN_TEST(test_linear_bias), GOLDEN_TEST(test_trunc_normal), GOLDEN_TEST(test_adam_a),
                GOLDEN_TEST(test_adam_b), GOLDEN_TEST(test_sign_sgd), GOLDEN_TEST(test_tiny_sudoku))
