/* Token losses, argmax and the halting head against their double references. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/loss.h"
#include "ref/loss.h"
#include "shared/step_block.h"

static hrm_tensor step_block(uint32_t live_rows) {
    struct hrm_step_block block = {.live_rows = live_rows};
    return helper_gpu_u32(&block, sizeof block / 4);
}

static uint32_t argmax_f32(const float *x, uint32_t n) {
    double wide[256];
    for (uint32_t i = 0; i < n; i++) wide[i] = (double)x[i];
    return ref_argmax(wide, n);
}

/* Central differences of the row losses' sum against the reference's gradient. */
static void test_reference_gradient(void **state) {
    (void)state;
    for (int softmax = 0; softmax < 2; softmax++) {
        const ref_token_loss_shape shape = {
            .batch = 2, .seq = 3, .puzzle_len = 1, .vocab = 5, .live_rows = 2, .softmax = softmax, .grad_scale = 0.5};
        enum { N = 2 * 4 * 5 };
        float start[N];
        helper_gpu_random(start, N, 2.0, 1);
        double x[N], grad[N], loss[2];
        for (int i = 0; i < N; i++) x[i] = start[i];
        const uint32_t labels[] = {0, HRM_LABEL_IGNORED, 4, 2, 2, 1};
        uint32_t labelled[2], correct[2], exact[2];
        ref_token_loss(&shape, x, labels, loss, labelled, correct, exact, grad);
        for (int i = 0; i < N; i++) {
            const double h = 1e-5, kept = x[i];
            double side[2];
            for (int s = 0; s < 2; s++) {
                x[i] = kept + (s ? h : -h);
                ref_token_loss(&shape, x, labels, loss, labelled, correct, exact, NULL);
                side[s] = loss[0] + loss[1];
            }
            x[i] = kept;
            double slope = (side[1] - side[0]) / (2.0 * h) * shape.grad_scale;
            CHECK_MSG(fabs(slope - grad[i]) < 1e-8, "softmax %d, logit %d: difference %g, gradient %g", softmax, i,
                      slope, grad[i]);
        }
    }
}

typedef struct loss_case {
    uint32_t batch, seq, puzzle_len, vocab, padding;
    double sd; /* of the logits */
} loss_case;

static void check_token_loss(const loss_case *c, bool softmax) {
    const uint64_t n = (uint64_t)c->batch * (c->puzzle_len + c->seq) * c->vocab, tokens = (uint64_t)c->batch * c->seq;
    float *logits = helper_gpu_host_f32(n);
    uint32_t *labels = helper_gpu_host_u32(tokens);
    helper_gpu_random(logits, n, c->sd, n);
    helper_gpu_random_u32(labels, tokens, c->vocab, n + 1);
    for (uint64_t i = 0; i < tokens; i++) {
        const float *x = logits + (i / c->seq * (c->puzzle_len + c->seq) + c->puzzle_len + i % c->seq) * c->vocab;
        if (i % 4 == 1) labels[i] = HRM_LABEL_IGNORED;
        if (i % 4 == 2) /* right answers, so that some rows count as exact */
            labels[i] = argmax_f32(x, c->vocab);
        if (i / c->seq == 1 && c->batch > 2) labels[i] = HRM_LABEL_IGNORED; /* a row without labels */
        if (i / c->seq == 2) labels[i] = argmax_f32(x, c->vocab);           /* an exact row */
    }
    ref_token_loss_shape shape = {.batch = c->batch,
                                  .seq = c->seq,
                                  .puzzle_len = c->puzzle_len,
                                  .vocab = c->vocab,
                                  .live_rows = c->batch - c->padding,
                                  .softmax = softmax,
                                  .grad_scale = 1.0 / 7.0};
    double *loss = helper_gpu_host_f64(c->batch), *grad = helper_gpu_host_f64(n);
    uint32_t *stats[3];
    for (int i = 0; i < 3; i++) stats[i] = helper_gpu_host_u32(c->batch);
    ref_token_loss(&shape, helper_gpu_widen(logits, n), labels, loss, stats[0], stats[1], stats[2], grad);

    hrm_token_loss_args args = {.logits = helper_gpu_f32(logits, n),
                                .labels = helper_gpu_u32(labels, tokens),
                                .grad_logits = helper_gpu_f32(NULL, n),
                                .row_loss = helper_gpu_f32(NULL, c->batch),
                                .row_labelled = helper_gpu_u32(NULL, c->batch),
                                .row_correct = helper_gpu_u32(NULL, c->batch),
                                .row_exact = helper_gpu_u32(NULL, c->batch),
                                .step_block = step_block(shape.live_rows),
                                .batch = c->batch,
                                .seq = c->seq,
                                .puzzle_len = c->puzzle_len,
                                .vocab = c->vocab,
                                .kind = softmax ? HRM_TOKEN_LOSS_SOFTMAX : HRM_TOKEN_LOSS_STABLEMAX,
                                .grad_scale = 1.0f / 7.0f};
    hrm_token_loss(helper_gpu_begin(), args);
    hrm_token_loss_args no_grad = args;
    no_grad.grad_logits = (hrm_tensor){0};
    no_grad.row_loss = helper_gpu_f32(NULL, c->batch);
    hrm_token_loss(helper_gpu_begin(), no_grad);
    helper_gpu_run();

    /* About ten roundings and divisions, none of which cancels: 1e-6 of the value. exp(x - max) adds |x - max| * 2^-24
     * of relative error in terms that are themselves small by then, hence the absolute part for softmax. */
    const float *got = helper_gpu_read(args.row_loss);
    check_close_f32("row_loss", got, loss, c->batch, softmax ? 1e-9 : 1e-30, 1e-6);
    check_close_f32("grad_logits", (float *)helper_gpu_read(args.grad_logits), grad, n, softmax ? 1e-9 : 1e-12, 2e-6);
    check_same_bits("row_labelled", helper_gpu_read(args.row_labelled), stats[0], c->batch * 4);
    check_same_bits("row_correct", helper_gpu_read(args.row_correct), stats[1], c->batch * 4);
    check_same_bits("row_exact", helper_gpu_read(args.row_exact), stats[2], c->batch * 4);
    check_same_bits("row_loss without gradient", helper_gpu_read(no_grad.row_loss), got, c->batch * 4);

    /* The last live row alone, as part of a larger batch: the same bits. */
    const uint32_t b = shape.live_rows - 1, row = (c->puzzle_len + c->seq) * c->vocab;
    hrm_token_loss_args one = args;
    one.logits = helper_gpu_f32(logits + (uint64_t)b * row, row);
    one.labels = helper_gpu_u32(labels + (uint64_t)b * c->seq, c->seq);
    one.grad_logits = helper_gpu_f32(NULL, row);
    one.row_loss = helper_gpu_f32(NULL, 1);
    one.row_labelled = helper_gpu_u32(NULL, 1);
    one.row_correct = helper_gpu_u32(NULL, 1);
    one.row_exact = helper_gpu_u32(NULL, 1);
    one.batch = 1;
    one.first_row = b;
    hrm_token_loss(helper_gpu_begin(), one);
    helper_gpu_run();
    check_same_bits("row_loss of a row alone", helper_gpu_read(one.row_loss), got + b, 4);
    check_same_bits("grad_logits of a row alone", helper_gpu_read(one.grad_logits),
                    (float *)helper_gpu_read(args.grad_logits) + (uint64_t)b * row, row * 4);

    /* Where the part begins may come from the step block; one row further on there is only padding. */
    hrm_token_loss_args moved = one;
    moved.row_loss = helper_gpu_f32(NULL, 1);
    moved.first_row = b - b / 2;
    struct hrm_step_block block = {.live_rows = shape.live_rows, .first_row = b / 2};
    moved.step_block = helper_gpu_u32(&block, sizeof block / 4);
    hrm_token_loss(helper_gpu_begin(), moved);
    helper_gpu_run();
    check_same_bits("row_loss of a part of the batch", helper_gpu_read(moved.row_loss), got + b, 4);
    block.first_row++;
    helper_gpu_write(moved.step_block, &block);
    helper_gpu_run_again();
    CHECK(*(float *)helper_gpu_read(moved.row_loss) == 0.0f);
    CHECK_EQ(*(uint32_t *)helper_gpu_read(moved.row_exact), 0);
}

/* A scale of the loss is a power of two: the gradient's bits are those without it, moved, and nothing else changes. */
static void check_loss_scale(bool softmax) {
    enum { B = 5, S = 81, V = 11, N = B * S * V, LOG2 = 17 };
    float *logits = helper_gpu_host_f32(N);
    uint32_t *labels = helper_gpu_host_u32(B * S);
    helper_gpu_random(logits, N, 3.0, 1);
    helper_gpu_random_u32(labels, B * S, V, 2);
    struct hrm_step_block block = {.live_rows = B, .loss_scale_log2 = LOG2};
    hrm_token_loss_args args = {.logits = helper_gpu_f32(logits, N),
                                .labels = helper_gpu_u32(labels, B * S),
                                .grad_logits = helper_gpu_f32(NULL, N),
                                .row_loss = helper_gpu_f32(NULL, B),
                                .row_labelled = helper_gpu_u32(NULL, B),
                                .row_correct = helper_gpu_u32(NULL, B),
                                .row_exact = helper_gpu_u32(NULL, B),
                                .step_block = step_block(B),
                                .batch = B,
                                .seq = S,
                                .vocab = V,
                                .kind = softmax ? HRM_TOKEN_LOSS_SOFTMAX : HRM_TOKEN_LOSS_STABLEMAX,
                                .grad_scale = 1.0f / 7.0f};
    hrm_token_loss_args scaled = args;
    scaled.grad_logits = helper_gpu_f32(NULL, N);
    scaled.row_loss = helper_gpu_f32(NULL, B);
    scaled.step_block = helper_gpu_u32(&block, sizeof block / 4);
    hrm_token_loss(helper_gpu_begin(), args);
    hrm_token_loss(helper_gpu_begin(), scaled);
    helper_gpu_run();
    float *want = helper_gpu_read(args.grad_logits);
    for (int i = 0; i < N; i++) {
        CHECK(fabsf(want[i]) > 1e-30f); /* far from where a device may flush it */
        want[i] = ldexpf(want[i], LOG2);
    }
    check_same_bits("scaled gradient", helper_gpu_read(scaled.grad_logits), want, N * 4);
    check_same_bits("loss", helper_gpu_read(scaled.row_loss), helper_gpu_read(args.row_loss), B * 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_loss_scale(void **state) {
    (void)state;
    check_loss_scale(false);
    check_loss_scale(true);
}

static void test_token_loss(void **state) {
    (void)state;
    const loss_case cases[] = {
        {1, 1, 0, 1, 0, 3.0},   {1, 1, 0, 2, 0, 3.0},   {4, 5, 1, 11, 1, 3.0},   {3, 130, 2, 6, 0, 3.0},
        {2, 9, 0, 256, 0, 5.0}, {5, 81, 1, 11, 2, 30.}, {2, 17, 3, 13, 0, 0.02}, {3, 900, 16, 6, 1, 2.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int softmax = 0; softmax < 2; softmax++) {
            printf("    case %zu %s\n", i, softmax ? "softmax" : "stablemax");
            check_token_loss(&cases[i], softmax);
            CHECK_EQ(helper_gpu_teardown(NULL), 0); /* each case has many tensors */
        }
}

/* Losses near 0 and far from it keep their relative accuracy; huge logits stay finite. */
static void test_token_loss_extremes(void **state) {
    (void)state;
    enum { ROWS = 6, V = 4 };
    const float logits[ROWS][V] = {{1e6f, -1e6f, -1e6f, -1e6f},    {-1e6f, 1e6f, 0.0f, 0.0f},
                                   {80.0f, -20.0f, 0.0f, 1.0f},    {0.0f, 0.0f, 0.0f, 0.0f},
                                   {-0.0f, -1e-30f, 1e-30f, 0.0f}, {-1e4f, -1e4f, -1e4f, -1e4f}};
    const uint32_t labels[ROWS] = {0, 0, 0, 3, 1, 2};
    for (int softmax = 0; softmax < 2; softmax++) {
        ref_token_loss_shape shape = {
            .batch = ROWS, .seq = 1, .vocab = V, .live_rows = ROWS, .softmax = softmax, .grad_scale = 1.0};
        double loss[ROWS], grad[ROWS * V];
        uint32_t labelled[ROWS], correct[ROWS], exact[ROWS];
        ref_token_loss(&shape, helper_gpu_widen(logits[0], ROWS * V), labels, loss, labelled, correct, exact, grad);
        hrm_token_loss_args args = {.logits = helper_gpu_f32(logits[0], ROWS * V),
                                    .labels = helper_gpu_u32(labels, ROWS),
                                    .grad_logits = helper_gpu_f32(NULL, ROWS * V),
                                    .row_loss = helper_gpu_f32(NULL, ROWS),
                                    .row_labelled = helper_gpu_u32(NULL, ROWS),
                                    .row_correct = helper_gpu_u32(NULL, ROWS),
                                    .row_exact = helper_gpu_u32(NULL, ROWS),
                                    .step_block = step_block(ROWS),
                                    .batch = ROWS,
                                    .seq = 1,
                                    .vocab = V,
                                    .kind = softmax ? HRM_TOKEN_LOSS_SOFTMAX : HRM_TOKEN_LOSS_STABLEMAX,
                                    .grad_scale = 1.0f};
        hrm_token_loss(helper_gpu_begin(), args);
        helper_gpu_run();
        /* 3e-16: where the double reference itself cancels (its loss of row 0 is good to that) */
        check_close_f32("row_loss", (float *)helper_gpu_read(args.row_loss), loss, ROWS, 3e-16, 1e-6);
        check_close_f32("grad_logits", (float *)helper_gpu_read(args.grad_logits), grad, ROWS * V, 3e-16, 2e-6);
        check_same_bits("row_correct", helper_gpu_read(args.row_correct), correct, sizeof correct);
    }
}

static void test_token_loss_bad_label(void **state) {
    (void)state;
    const float logits[] = {1.0f, 2.0f, 3.0f, 1.0f, 2.0f, 3.0f};
    const uint32_t labels[] = {3, 2};
    hrm_token_loss_args args = {.logits = helper_gpu_f32(logits, 6),
                                .labels = helper_gpu_u32(labels, 2),
                                .grad_logits = helper_gpu_f32(NULL, 6),
                                .row_loss = helper_gpu_f32(NULL, 2),
                                .row_labelled = helper_gpu_u32(NULL, 2),
                                .row_correct = helper_gpu_u32(NULL, 2),
                                .row_exact = helper_gpu_u32(NULL, 2),
                                .step_block = step_block(2),
                                .batch = 2,
                                .seq = 1,
                                .vocab = 3,
                                .grad_scale = 1.0f};
    hrm_token_loss(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *loss = helper_gpu_read(args.row_loss);
    CHECK(isnan(loss[0]) && isfinite(loss[1]));
}

static void test_argmax(void **state) {
    (void)state;
    enum { B = 3, P = 2, S = 37, V = 7 };
    float *logits = helper_gpu_host_f32(B * (P + S) * V);
    helper_gpu_random(logits, B * (P + S) * V, 1.0, 3);
    for (int i = 0; i < B * (P + S) * V; i++) logits[i] = roundf(logits[i] * 2.0f); /* many ties */
    logits[(P + 1) * V + 4] = (float)NAN;
    logits[(P + 1) * V + 6] = (float)NAN;
    logits[(P + 2) * V] = -(float)NAN;
    for (int v = 0; v < V; v++) logits[(P + 3) * V + v] = -(float)INFINITY;
    hrm_tensor preds = helper_gpu_u32_2d(NULL, B, S);
    hrm_argmax(helper_gpu_begin(), (hrm_argmax_args){.logits = helper_gpu_f32_3d(logits, B, P + S, V),
                                                     .preds = preds,
                                                     .batch = B,
                                                     .seq = S,
                                                     .puzzle_len = P,
                                                     .vocab = V});
    helper_gpu_run();
    const uint32_t *got = helper_gpu_read(preds);
    for (uint32_t b = 0; b < B; b++)
        for (uint32_t i = 0; i < S; i++) {
            CHECK_EQ(got[b * S + i], argmax_f32(logits + ((size_t)b * (P + S) + P + i) * V, V));
        }
}

static void check_q_head(uint32_t batch, uint32_t seq, uint32_t hidden) {
    const uint64_t n = (uint64_t)batch * seq * hidden;
    float *z = helper_gpu_host_f32(n), *weight = helper_gpu_host_f32(2 * hidden), bias[2] = {0.25f, -5.0f};
    float *grad_q = helper_gpu_host_f32(2 * batch), *grad_z = helper_gpu_host_f32(n);
    helper_gpu_random(z, n, 1.0, 1);
    helper_gpu_random(weight, 2 * hidden, 1.0, 2);
    helper_gpu_random(grad_q, 2 * batch, 1.0, 3);
    helper_gpu_random(grad_z, n, 1.0, 4);
    double *q = helper_gpu_host_f64(2 * batch), *want_z = helper_gpu_widen(grad_z, n);
    double *want_weight = helper_gpu_host_f64(2 * hidden), want_bias[2];
    double *zd = helper_gpu_widen(z, n), *wd = helper_gpu_widen(weight, 2 * hidden);
    ref_q_head_fwd(batch, seq, hidden, zd, wd, helper_gpu_widen(bias, 2), q);
    ref_q_head_bwd(batch, seq, hidden, zd, wd, helper_gpu_widen(grad_q, 2 * batch), want_z, want_weight, want_bias);

    hrm_tensor tz = helper_gpu_f32_3d(z, batch, seq, hidden), tw = helper_gpu_f32_2d(weight, 2, hidden);
    hrm_tensor tq = helper_gpu_f32_2d(NULL, batch, 2), tgz = helper_gpu_f32_3d(grad_z, batch, seq, hidden);
    hrm_tensor tgw = helper_gpu_f32_2d(NULL, 2, hidden), tgb = helper_gpu_f32(NULL, 2);
    hrm_q_head_fwd(helper_gpu_begin(), (hrm_q_head_fwd_args){.z = tz,
                                                             .weight = tw,
                                                             .bias = helper_gpu_f32(bias, 2),
                                                             .q = tq,
                                                             .batch = batch,
                                                             .seq = seq,
                                                             .hidden = hidden});
    hrm_q_head_bwd(helper_gpu_begin(), (hrm_q_head_bwd_args){.z = tz,
                                                             .weight = tw,
                                                             .grad_q = helper_gpu_f32_2d(grad_q, batch, 2),
                                                             .grad_z = tgz,
                                                             .grad_weight = tgw,
                                                             .grad_bias = tgb,
                                                             .batch = batch,
                                                             .seq = seq,
                                                             .hidden = hidden});
    helper_gpu_run();
    const float *got = helper_gpu_read(tq);
    for (uint32_t i = 0; i < 2 * batch; i++) {
        double magnitude = fabs((double)bias[i % 2]);
        for (uint32_t d = 0; d < hidden; d++)
            magnitude += fabs(zd[(uint64_t)(i / 2) * seq * hidden + d] * wd[i % 2 * hidden + d]);
        /* hidden / 64 roundings in an invocation, six in the tree, a product and the bias: hidden up to 512 */
        CHECK_MSG(fabs((double)got[i] - q[i]) <= 16.0 * 0x1p-24 * magnitude, "q[%u] is %.9g, expected %.17g", i,
                  (double)got[i], q[i]);
    }
    check_close_f32("grad_z", (float *)helper_gpu_read(tgz), want_z, n, 1e-6, 1e-6); /* three roundings of ~5 */
    /* products rounded once each, their sum compensated: 2^-24 of the sum of magnitudes (~ batch) */
    check_close_f32("grad_weight", (float *)helper_gpu_read(tgw), want_weight, 2 * hidden, 3e-7 * batch, 1e-6);
    check_close_f32("grad_bias", (float *)helper_gpu_read(tgb), want_bias, 2, 1e-7, 1e-6);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_q_head(void **state) {
    (void)state;
    check_q_head(1, 1, 1);
    check_q_head(3, 4, 5);
    check_q_head(5, 1, 67);
    check_q_head(2, 82, 512);
    check_q_head(70, 2, 64);
}

/* A padding row's gradient is 0: whatever its state holds must not reach the weights. */
static void test_q_head_skips_zero_rows(void **state) {
    (void)state;
    const float z[] = {1.0f, 2.0f, (float)NAN, (float)INFINITY}, grad_q[] = {1.0f, -1.0f, 0.0f, 0.0f};
    const float weight[] = {1.0f, 1.0f, 1.0f, 1.0f}, zero[4] = {0};
    hrm_tensor tgw = helper_gpu_f32_2d(NULL, 2, 2);
    hrm_q_head_bwd(helper_gpu_begin(), (hrm_q_head_bwd_args){.z = helper_gpu_f32(z, 4),
                                                             .weight = helper_gpu_f32(weight, 4),
                                                             .grad_q = helper_gpu_f32(grad_q, 4),
                                                             .grad_z = helper_gpu_f32(zero, 4),
                                                             .grad_weight = tgw,
                                                             .grad_bias = helper_gpu_f32(NULL, 2),
                                                             .batch = 2,
                                                             .seq = 1,
                                                             .hidden = 2});
    helper_gpu_run();
    const float want[] = {1.0f, 2.0f, -1.0f, -2.0f};
    check_same_bits("grad_weight", helper_gpu_read(tgw), want, sizeof want);
}

static void test_refused_arguments(void **state) {
    (void)state;
    hrm_tensor logits = helper_gpu_f32(NULL, 12), preds = helper_gpu_u32(NULL, 4);
    hrm_argmax_args args = {.logits = logits, .preds = preds, .batch = 2, .seq = 2, .vocab = 4};
    hrm_argmax(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "argmax: tensor logits has 12 elements");
    args.vocab = 0;
    hrm_argmax(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "argmax: batch 2");
    args.vocab = 3;
    args.preds = logits;
    hrm_argmax(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "preds is f32");
    hrm_q_head_fwd(helper_gpu_begin(), (hrm_q_head_fwd_args){.batch = 1, .seq = 1, .hidden = 1});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "q_head_fwd: tensor z is not set");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_token_loss),
                HELPER_GPU_TEST(test_loss_scale), HELPER_GPU_TEST(test_token_loss_extremes),
                HELPER_GPU_TEST(test_token_loss_bad_label), HELPER_GPU_TEST(test_argmax), HELPER_GPU_TEST(test_q_head),
                HELPER_GPU_TEST(test_q_head_skips_zero_rows), HELPER_GPU_TEST(test_refused_arguments))
