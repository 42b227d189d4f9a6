/* The recorded single operations of training: token losses, BCE on logits, start values, both optimizers; and the
 * halting decisions, losses and metrics of every recorded training step, from its logits. Shapes come from the tensors,
 * rates from what the manifest says of them.
 *
 * Tolerances are ten times the recorded fp32 noise, or a stated floor where less or none is recorded. */
#include "helper_golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/act.h"
#include "ops/grid.h"
#include "ops/kernels.h"
#include "ops/loss.h"
#include "ops/optim.h"
#include "shared/step_block.h"

static hrm_tensor upload_block(const struct hrm_step_block *block) {
    return helper_gpu_u32(block, sizeof *block / 4);
}

static double get_largest(const float *x, uint64_t count) {
    double largest = 0.0;
    for (uint64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)x[i]));
    return largest;
}

/* ---- losses -------------------------------------------------------------------------------------------------------
 */

/* Token losses are recorded per token: each token becomes a row of one label. */
static void visit_token_loss(const helper_golden *golden, void *user) {
    const hrm_token_loss_kind kind = *(const hrm_token_loss_kind *)user;
    const hrm_safetensors_tensor *logits_shape = helper_golden_need(golden, "logits");
    const hrm_safetensors_tensor *labels_shape = helper_golden_need(golden, "labels");
    if (!logits_shape || !labels_shape) return;
    const uint64_t n = logits_shape->count, vocab = helper_golden_width(logits_shape), tokens = n / vocab;
    hrm_token_loss_args args = {.logits = helper_gpu_f32(helper_golden_f32(golden, "logits", n), n),
                                .labels = helper_gpu_u32(helper_golden_u32(golden, "labels", tokens), tokens),
                                .grad_logits = helper_gpu_f32(NULL, n),
                                .row_loss = helper_gpu_f32(NULL, tokens),
                                .row_labelled = helper_gpu_u32(NULL, tokens),
                                .row_correct = helper_gpu_u32(NULL, tokens),
                                .row_exact = helper_gpu_u32(NULL, tokens),
                                .step_block = upload_block(&(struct hrm_step_block){.live_rows = (uint32_t)tokens}),
                                .batch = (uint32_t)tokens,
                                .seq = 1,
                                .vocab = (uint32_t)vocab,
                                .kind = kind,
                                .grad_scale = 1.0f};
    hrm_token_loss(helper_gpu_begin(), args);
    helper_gpu_run();
    /* Stablemax is recorded from fp64; softmax's values are fp32 themselves: an ulp or two of the largest logits (~10),
     * whose difference a loss is. */
    const double floor = kind == HRM_TOKEN_LOSS_SOFTMAX ? 2e-6 : 1e-7;
    helper_golden_check_part(golden, "loss", 0, helper_gpu_read(args.row_loss), tokens, floor, 5e-7);
    const float *dloss = helper_golden_f32(golden, "dloss", tokens);
    if (!dloss) return;
    float *grad = helper_gpu_read(args.grad_logits);
    for (uint64_t i = 0; i < n; i++) grad[i] *= dloss[i / vocab];
    /* a slope is at most 1, to a few units of 2^-23 */
    helper_golden_check_part(golden, "dlogits", 0, grad, n, 3e-7 * fmax(1.0, get_largest(dloss, tokens)), 1e-6);
}

static void test_stablemax_ce(void **state) {
    (void)state;
    helper_golden_each("stablemax_ce", visit_token_loss, &(hrm_token_loss_kind){HRM_TOKEN_LOSS_STABLEMAX});
}

static void test_softmax_ce(void **state) {
    (void)state;
    helper_golden_each("softmax_ce", visit_token_loss, &(hrm_token_loss_kind){HRM_TOKEN_LOSS_SOFTMAX});
}

/* The continue column of the halting loss. */
static void visit_bce(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_need(golden, "x");
    if (!shape || !helper_golden_need(golden, "target")) return;
    const uint64_t n = shape->count;
    const float *x = helper_golden_f32(golden, "x", n), *target = helper_golden_f32(golden, "target", n);
    float *q = helper_gpu_host_f32(2 * n), *dx = helper_gpu_host_f32(n);
    for (uint64_t i = 0; i < n; i++) q[2 * i + 1] = x[i];
    hrm_q_loss_args args = {.q = helper_gpu_f32(q, 2 * n),
                            .row_exact = helper_gpu_u32(helper_gpu_host_u32(n), n),
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
    for (uint64_t i = 0; i < n; i++) dx[i] = grad_q[2 * i + 1];
    /* recorded in fp32: (1 - t) x + log(...) to an ulp or two of x, which may cancel; the slope to 2^-23 */
    const double floor = fmax(2e-7, 1.2e-7 * get_largest(x, n));
    helper_golden_check_part(golden, "loss", 0, helper_gpu_read(args.row_q_continue_loss), n, floor, 5e-7);
    helper_golden_check_part(golden, "dx", 0, dx, n, 3e-7, 0.0);
}

static void test_bce_logits(void **state) {
    (void)state;
    helper_golden_each("bce_logits", visit_bce, NULL);
}

/* ---- start values -------------------------------------------------------------------------------------------------
 */

/* The recorded uniforms through our inverse: y = clamp(sqrt 2 * base * erfinv(u), +-2 base), one tensor "std_<number>"
 * for each deviation. */
static void visit_trunc_normal(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *shape = helper_golden_need(golden, "u");
    if (!shape) return;
    const uint64_t n = shape->count;
    hrm_tensor x = helper_gpu_f32(helper_golden_f32(golden, "u", n), n), out = helper_gpu_f32(NULL, n);
    struct hrm_math_eval_params params = {.count = (uint32_t)n, .function = HRM_MATH_ERFINV};
    hrm_dispatch dispatch = {
        .kernel = HRM_KERNEL_math_eval, .binding_count = 3, .push = &params, .push_bytes = sizeof params};
    dispatch.bindings[0] = dispatch.bindings[1] = hrm_tensor_get_span(&x);
    dispatch.bindings[2] = hrm_tensor_get_span(&out);
    hrm_grid_1d(helper_gpu_get_device(), (n + 63) / 64, dispatch.groups);
    hrm_recorder_dispatch(helper_gpu_begin(), &dispatch);
    helper_gpu_run();
    const float *inverse = helper_gpu_read(out);
    float *y = helper_gpu_host_f32(n);
    const size_t group = strlen(golden->group);
    for (size_t k = 0; k < hrm_safetensors_count(golden->file); k++) {
        const char *name = hrm_safetensors_get(golden->file, k)->name;
        if (strncmp(name, golden->group, group) != 0 || strncmp(name + group, "/std_", strlen("/std_")) != 0) continue;
        const double base = strtod(name + group + strlen("/std_"), NULL) / 0.8796256610342398;
        for (uint64_t i = 0; i < n; i++)
            y[i] = (float)fmin(fmax(base * sqrt(2.0) * (double)inverse[i], -2.0 * base), 2.0 * base);
        /* both sides are fp32 inverses good to a few ulp */
        helper_golden_check_part(golden, name + group + 1, 0, y, n, 0.0, 2e-6);
    }
}

static void test_trunc_normal(void **state) {
    (void)state;
    helper_golden_each("trunc_normal", visit_trunc_normal, NULL);
}

/* ---- optimizers ---------------------------------------------------------------------------------------------------
 */

typedef struct adam_rates {
    double lr, weight_decay, beta1, beta2;
} adam_rates;

/* "lr 0.001, weight decay 0.1, betas 0.9 0.95" */
static bool find_adam_rates(const helper_golden *golden, adam_rates *r) {
    static const char *const leaves[] = {"p0", "grads", "p", "m", "v"};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        const char *text = helper_golden_meaning(golden, leaves[i]), *betas = strstr(text, "betas ");
        if (!betas || !helper_golden_number_after(text, "lr ", &r->lr)) continue;
        if (!helper_golden_number_after(text, "weight decay ", &r->weight_decay)) continue;
        char *end;
        r->beta1 = strtod(betas + strlen("betas "), &end);
        r->beta2 = strtod(end + strspn(end, ", "), NULL);
        return true;
    }
    return false;
}

/* A moment of one step: a few fp32 roundings of itself and of the largest gradient of that element so far, which it may
 * nearly cancel. power: 1 for the first moment, 2 for the second. */
static void check_moment(const helper_golden *golden, const char *leaf, uint64_t step, const float *got,
                         const float *largest, uint64_t n, int power) {
    const float *want = helper_golden_f32(golden, leaf, 0);
    if (!want) return;
    CHECK_MSG(helper_golden_find(golden, leaf)->count >= step * n, "%s/%s is too short", golden->group, leaf);
    want += (step - 1) * n;
    for (uint64_t i = 0; i < n; i++) {
        const double scale = pow((double)largest[i], power), off = fabs((double)got[i] - (double)want[i]);
        const double allowed = 1e-6 * fabs((double)want[i]) + (power == 1 ? 2e-7 : 1e-12) * scale + 1e-38;
        CHECK_MSG(off <= allowed, "%s/%s of %s, step %u: element %u is %.9g, expected %.9g", golden->group, leaf,
                  golden->folder, (unsigned)step, (unsigned)i, (double)got[i], (double)want[i]);
    }
    helper_golden_count();
}

static void visit_adam(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *before = helper_golden_need(golden, "p0"), *all = helper_golden_need(golden, "grads");
    adam_rates rates;
    if (!before || !all) return;
    if (!find_adam_rates(golden, &rates)) {
        helper_golden_skip(golden, "the manifest does not say lr, weight decay and betas");
        return;
    }
    const uint64_t n = before->count, steps = all->count / n;
    const float *grads = helper_golden_f32(golden, "grads", n * steps);
    float *largest = helper_gpu_host_f32(n); /* of each element's gradients so far */
    hrm_adam_atan2_args args = {.param = helper_gpu_f32(helper_golden_f32(golden, "p0", n), n),
                                .grad = helper_gpu_f32(NULL, n),
                                .m = helper_gpu_f32(helper_gpu_host_f32(n), n),
                                .v = helper_gpu_f32(helper_gpu_host_f32(n), n),
                                .ema = helper_gpu_f32(NULL, n),
                                .step_block = helper_gpu_u32(NULL, sizeof(struct hrm_step_block) / 4),
                                .count = n,
                                .beta1 = rates.beta1,
                                .beta2 = rates.beta2,
                                .weight_decay = (float)rates.weight_decay};
    hrm_adam_atan2(helper_gpu_begin(), args);
    for (uint64_t step = 1; step <= steps; step++) {
        struct hrm_step_block block = {.ema_decay = 0.0f};
        hrm_adam_atan2_set_step(&block, step, rates.lr, rates.beta1, rates.beta2);
        helper_gpu_write(args.step_block, &block);
        helper_gpu_write(args.grad, grads + (step - 1) * n);
        if (step == 1)
            helper_gpu_run();
        else
            helper_gpu_run_again();
        const uint64_t at = (step - 1) * n;
        const float *got = helper_gpu_read(args.param);
        for (uint64_t i = 0; i < n; i++) largest[i] = fmaxf(largest[i], fabsf(grads[at + i]));
        /* A few roundings of p in every step so far, and of the moments, which move an update by as much of lr; a wrong
         * form of the update is off by parts of lr. */
        helper_golden_check_part(golden, "p", at, got, n, 2e-5 * rates.lr + 1e-8, 1.5e-7 * (double)(step + 1));
        check_moment(golden, "m", step, helper_gpu_read(args.m), largest, n, 1);
        check_moment(golden, "v", step, helper_gpu_read(args.v), largest, n, 2);
        check_same_bits("an average with decay 0", helper_gpu_read(args.ema), got, n * 4);
    }
}

static void test_adam(void **state) {
    (void)state;
    helper_golden_each("adam", visit_adam, NULL);
}

/* "touched rows p = p*(1-lr*wd) - lr*sign(sum of grads), lr 0.01 wd 0.1" */
static void visit_sign_sgd(const helper_golden *golden, void *user) {
    (void)user;
    const hrm_safetensors_tensor *before = helper_golden_need(golden, "weights_before");
    const hrm_safetensors_tensor *grad = helper_golden_need(golden, "grads"), *ids = helper_golden_need(golden, "ids");
    if (!before || !grad || !ids) return;
    const char *text = helper_golden_meaning(golden, "weights_after");
    double lr, weight_decay;
    if (!helper_golden_number_after(text, "lr ", &lr) || !helper_golden_number_after(text, "wd ", &weight_decay)) {
        helper_golden_skip(golden, "the manifest does not say lr and wd");
        return;
    }
    const uint64_t n = before->count, batch = ids->count, dim = grad->count / batch;
    const float *rows = helper_golden_f32(golden, "weights_before", n);
    struct hrm_step_block block = {.live_rows = (uint32_t)batch, .puzzle_lr = (float)lr};
    hrm_sign_sgd_args args = {.table = helper_gpu_f32(rows, n),
                              .grad = helper_gpu_f32(helper_golden_f32(golden, "grads", batch * dim), batch * dim),
                              .ids = helper_gpu_u32(helper_golden_u32(golden, "ids", batch), batch),
                              .step_block = upload_block(&block),
                              .batch = (uint32_t)batch,
                              .dim = (uint32_t)dim,
                              .weight_decay = (float)weight_decay};
    hrm_sign_sgd(helper_gpu_begin(), args);
    helper_gpu_run();
    helper_golden_check_part(golden, "weights_after", 0, helper_gpu_read(args.table), n, 2e-6 * lr, 3e-7);
}

static void test_sign_sgd(void **state) {
    (void)state;
    helper_golden_each("sign_sgd", visit_sign_sgd, NULL);
}

/* ---- training steps: everything between the recorded logits and the recorded decisions, losses and metrics ---------
 */

typedef struct decisions {
    uint64_t batch, tokens, logits;
    hrm_tensor q, steps, halted, block, metrics;
    hrm_token_loss_args loss;
    hrm_q_loss_args q_loss;
    bool replayed; /* the draws of exploration are recorded, or there are none */
} decisions;

static bool lacks_inputs(const helper_golden *golden) {
    static const char *const leaves[] = {"out/logits", "cur/labels",        "in/steps",
                                         "in/halted",  "out/q_halt_logits", "out/q_continue_logits"};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
        if (!helper_golden_need(golden, leaves[i])) return true;
    return false;
}

static void record_halting(const helper_golden *golden, decisions *d, uint32_t max_steps) {
    const double exploration = helper_golden_config(golden, "halt_exploration_prob", 0.0);
    const float *uniform = helper_golden_f32(golden, "rand/uniform", d->batch);
    const uint32_t *min_steps = helper_golden_u32(golden, "rand/min_steps", d->batch);
    d->replayed = (uniform && min_steps) || exploration <= 0.0 || max_steps <= 1;
    if (!uniform) uniform = helper_gpu_host_f32(d->batch);
    if (!min_steps) min_steps = helper_gpu_host_u32(d->batch);
    hrm_act_halt(helper_gpu_begin(), (hrm_act_halt_args){.q = d->q,
                                                         .steps = d->steps,
                                                         .halted = d->halted,
                                                         .step_block = d->block,
                                                         .explore_uniform = helper_gpu_f32(uniform, d->batch),
                                                         .explore_min_steps = helper_gpu_u32(min_steps, d->batch),
                                                         .batch = (uint32_t)d->batch,
                                                         .max_steps = max_steps,
                                                         .mode = HRM_ACT_TRAIN,
                                                         .has_continue = true,
                                                         .exploration = (float)exploration});
}

static void record_losses(const helper_golden *golden, decisions *d, const float *target) {
    const json_t *arch = json_object_get(json_object_get(golden->manifest, "config"), "arch");
    const char *kind = json_string_value(json_object_get(json_object_get(arch, "loss"), "loss_type"));
    const uint64_t batch = d->batch;
    d->loss = (hrm_token_loss_args){
        .logits = helper_gpu_f32(helper_golden_f32(golden, "out/logits", d->logits), d->logits),
        .labels = helper_gpu_u32(helper_golden_u32(golden, "cur/labels", d->tokens), d->tokens),
        .row_loss = helper_gpu_f32(NULL, batch),
        .row_labelled = helper_gpu_u32(NULL, batch),
        .row_correct = helper_gpu_u32(NULL, batch),
        .row_exact = helper_gpu_u32(NULL, batch),
        .step_block = d->block,
        .batch = (uint32_t)batch,
        .seq = (uint32_t)(d->tokens / batch),
        .vocab = (uint32_t)(d->logits / d->tokens),
        .kind = kind && strncmp(kind, "softmax", strlen("softmax")) == 0 ? HRM_TOKEN_LOSS_SOFTMAX
                                                                         : HRM_TOKEN_LOSS_STABLEMAX,
        .grad_scale = 1.0f};
    hrm_token_loss(helper_gpu_begin(), d->loss);
    d->q_loss = (hrm_q_loss_args){.q = d->q,
                                  .row_exact = d->loss.row_exact,
                                  .grad_q = helper_gpu_f32(NULL, 2 * batch),
                                  .row_q_halt_loss = helper_gpu_f32(NULL, batch),
                                  .row_q_continue_loss = helper_gpu_f32(NULL, batch),
                                  .step_block = d->block,
                                  .batch = (uint32_t)batch,
                                  .q_weight = 0.5f,
                                  .grad_scale = 1.0f};
    if (target) d->q_loss.target_continue = helper_gpu_f32(target, batch);
    hrm_q_loss(helper_gpu_begin(), d->q_loss);
}

static void record_metrics(decisions *d) {
    d->metrics = helper_gpu_u32(NULL, sizeof(struct hrm_step_metrics) / 4);
    hrm_act_metrics(helper_gpu_begin(), (hrm_act_metrics_args){.q = d->q,
                                                               .halted = d->halted,
                                                               .steps = d->steps,
                                                               .row_labelled = d->loss.row_labelled,
                                                               .row_correct = d->loss.row_correct,
                                                               .row_exact = d->loss.row_exact,
                                                               .row_loss = d->loss.row_loss,
                                                               .row_q_halt_loss = d->q_loss.row_q_halt_loss,
                                                               .row_q_continue_loss = d->q_loss.row_q_continue_loss,
                                                               .metrics = d->metrics,
                                                               .step_block = d->block,
                                                               .batch = (uint32_t)d->batch,
                                                               .q_weight = 0.5f});
}

static void check_same_u32(const helper_golden *golden, const char *leaf, hrm_tensor got, uint64_t count) {
    const uint32_t *want = helper_golden_u32(golden, leaf, count);
    if (!want) return;
    check_same_bits(leaf, helper_gpu_read(got), want, count * 4);
    helper_golden_count();
}

/* The sums of a step's manifest entry; those it lacks are not compared, nor those that hang on unrecorded draws or,
 * with `known_target` false, on the continue loss. */
static void check_metrics(const decisions *d, const json_t *step, bool known_target) {
    struct hrm_step_metrics got;
    memcpy(&got, helper_gpu_read(d->metrics), sizeof got);
    const json_t *sums = json_object_get(step, "metrics_sums");
    const struct {
        const char *name;
        double got;
        const json_t *want;
        bool known;
    } metrics[] = {
        {"count", got.count, json_object_get(sums, "count"), d->replayed},
        {"exact_accuracy", got.exact, json_object_get(sums, "exact_accuracy"), d->replayed},
        {"q_halt_accuracy", got.q_halt_correct, json_object_get(sums, "q_halt_accuracy"), d->replayed},
        {"steps", got.steps, json_object_get(sums, "steps"), d->replayed},
        {"accuracy", (double)got.accuracy, json_object_get(sums, "accuracy"), d->replayed},
        {"lm_loss", (double)got.lm_loss, json_object_get(sums, "lm_loss"), true},
        {"q_halt_loss", (double)got.q_halt_loss, json_object_get(sums, "q_halt_loss"), true},
        {"q_continue_loss", (double)got.q_continue_loss, json_object_get(sums, "q_continue_loss"), known_target},
        {"loss", (double)got.loss, json_object_get(step, "loss"), known_target}};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (!metrics[i].known || !json_is_number(metrics[i].want)) continue;
        const double want = json_number_value(metrics[i].want); /* the q losses were summed in fp32 */
        CHECK_MSG(fabs(metrics[i].got - want) <= 1e-6 + 1e-6 * fabs(want), "%s is %.9g, expected %.9g", metrics[i].name,
                  metrics[i].got, want);
        helper_golden_count();
    }
}

static void visit_step(const helper_golden *golden, void *user) {
    if (lacks_inputs(golden)) return;
    const uint32_t max_steps = (uint32_t)helper_golden_config(golden, "halt_max_steps", 1);
    decisions d = {.logits = helper_golden_find(golden, "out/logits")->count,
                   .tokens = helper_golden_find(golden, "cur/labels")->count,
                   .batch = helper_golden_find(golden, "in/steps")->count};
    const uint32_t *in_steps = helper_golden_u32(golden, "in/steps", d.batch);
    const uint32_t *in_halted = helper_golden_u32(golden, "in/halted", d.batch);
    const float *halt = helper_golden_f32(golden, "out/q_halt_logits", d.batch);
    const float *go_on = helper_golden_f32(golden, "out/q_continue_logits", d.batch);
    const float *target = max_steps > 1 ? helper_golden_f32(golden, "out/target_q_continue", d.batch) : NULL;
    float *q = helper_gpu_host_f32(2 * d.batch);
    uint32_t *steps = helper_gpu_host_u32(d.batch);
    for (uint64_t b = 0; b < d.batch; b++) {
        q[2 * b] = halt[b], q[2 * b + 1] = go_on[b];
        steps[b] = in_halted[b] ? 0 : in_steps[b];
    }
    d.block = upload_block(&(struct hrm_step_block){.step = 1, .live_rows = (uint32_t)d.batch});
    d.q = helper_gpu_f32(q, 2 * d.batch);
    d.steps = helper_gpu_u32(steps, d.batch);
    d.halted = helper_gpu_u32(NULL, d.batch);
    record_halting(golden, &d, max_steps);
    record_losses(golden, &d, target);
    record_metrics(&d);
    helper_gpu_run();
    check_same_u32(golden, "out/steps", d.steps, d.batch);
    if (d.replayed) check_same_u32(golden, "out/halted", d.halted, d.batch);
    check_metrics(&d, user, target || max_steps <= 1);
}

static void test_steps(void **state) {
    (void)state;
    helper_golden_each_step(visit_step);
}

HELPER_GOLDEN_MAIN(HELPER_GPU_TEST(test_stablemax_ce), HELPER_GPU_TEST(test_softmax_ce),
                   HELPER_GPU_TEST(test_bce_logits), HELPER_GPU_TEST(test_trunc_normal), HELPER_GPU_TEST(test_adam),
                   HELPER_GPU_TEST(test_sign_sgd), HELPER_GPU_TEST(test_steps))
