/* Halting, carry reset, halting-logit losses, metrics and row moves. What is exact is compared bit for bit. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/act.h"
#include "ref/act.h"
#include "shared/step_block.h"

static hrm_tensor step_block(struct hrm_step_block block) {
    return helper_gpu_u32(&block, sizeof block / 4);
}

static void check_reset(uint32_t batch, uint32_t positions, uint32_t seq, uint32_t hidden, bool with_labels) {
    const size_t n = (size_t)batch * positions * hidden, tokens = (size_t)batch * seq;
    float *z[2], *init[2];
    for (int i = 0; i < 2; i++) {
        z[i] = helper_gpu_host_f32(n), init[i] = helper_gpu_host_f32(hidden);
        helper_gpu_random(z[i], n, 1.0, 10u + (unsigned)i);
        helper_gpu_random(init[i], hidden, 1.0, 20u + (unsigned)i);
    }
    uint32_t *halted = helper_gpu_host_u32(batch), *words[4], *fresh[4];
    helper_gpu_random_u32(halted, batch, 3, 1);             /* 0, 1 and 2: any non-zero flag counts */
    const size_t sizes[4] = {tokens, tokens, batch, batch}; /* tokens, labels, ids, steps */
    for (unsigned i = 0; i < 4; i++) {
        words[i] = helper_gpu_host_u32(sizes[i]), fresh[i] = helper_gpu_host_u32(sizes[i]);
        helper_gpu_random_u32(words[i], sizes[i], UINT32_MAX, 30 + i);
        if (i < 3) helper_gpu_random_u32(fresh[i], sizes[i], UINT32_MAX, 40 + i);
    }
    hrm_act_reset_args args = {.halted = helper_gpu_u32(halted, batch),
                               .h_init = helper_gpu_f32(init[0], hidden),
                               .l_init = helper_gpu_f32(init[1], hidden),
                               .z_h = helper_gpu_f32_3d(z[0], batch, positions, hidden),
                               .z_l = helper_gpu_f32_3d(z[1], batch, positions, hidden),
                               .steps = helper_gpu_u32(words[3], batch),
                               .tokens = helper_gpu_u32_2d(words[0], batch, seq),
                               .puzzle_ids = helper_gpu_u32(words[2], batch),
                               .new_tokens = helper_gpu_u32_2d(fresh[0], batch, seq),
                               .new_puzzle_ids = helper_gpu_u32(fresh[2], batch)};
    if (with_labels) {
        args.labels = helper_gpu_u32_2d(words[1], batch, seq);
        args.new_labels = helper_gpu_u32_2d(fresh[1], batch, seq);
    }
    hrm_act_reset(helper_gpu_begin(), args);
    helper_gpu_run();
    for (size_t b = 0; b < batch; b++) {
        if (halted[b] == 0) continue;
        for (size_t i = 0; i < (size_t)positions * hidden; i++)
            for (int k = 0; k < 2; k++) z[k][b * positions * hidden + i] = init[k][i % hidden];
        memcpy(words[0] + b * seq, fresh[0] + b * seq, 4 * seq);
        memcpy(words[1] + b * seq, fresh[1] + b * seq, 4 * seq);
        words[2][b] = fresh[2][b];
        words[3][b] = 0;
    }
    check_same_bits("z_h", helper_gpu_read(args.z_h), z[0], n * 4);
    check_same_bits("z_l", helper_gpu_read(args.z_l), z[1], n * 4);
    check_same_bits("tokens", helper_gpu_read(args.tokens), words[0], tokens * 4);
    if (with_labels) check_same_bits("labels", helper_gpu_read(args.labels), words[1], tokens * 4);
    check_same_bits("puzzle_ids", helper_gpu_read(args.puzzle_ids), words[2], batch * 4);
    check_same_bits("steps", helper_gpu_read(args.steps), words[3], batch * 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_reset(void **state) {
    (void)state;
    check_reset(1, 1, 1, 1, true);
    check_reset(7, 3, 2, 5, true);
    check_reset(6, 17, 16, 64, false);
    check_reset(33, 82, 81, 128, true);
}

static void check_halt(const ref_act_halt_rule *rule, bool recorded) {
    const uint32_t batch = rule->batch;
    float *q = helper_gpu_host_f32(2 * batch), *uniform = helper_gpu_host_f32(batch);
    uint32_t *steps = helper_gpu_host_u32(batch), *halted = helper_gpu_host_u32(batch);
    uint32_t *least = helper_gpu_host_u32(batch);
    helper_gpu_random(q, 2 * batch, 1.0, 1);
    helper_gpu_random_u32(steps, batch, rule->max_steps + 1, 2);
    helper_gpu_random_u32(least, batch, rule->max_steps + 2, 3);
    for (uint32_t b = 0; b < batch; b++) {
        uniform[b] = (float)(b % 10) / 10.0f;
        if (b % 11 == 3) q[2 * b] = q[2 * b + 1]; /* equal: does not halt */
        if (b % 11 == 4) q[2 * b] = 0.0f;
    }
    hrm_act_halt_args args = {.q = helper_gpu_f32_2d(q, batch, 2),
                              .steps = helper_gpu_u32(steps, batch),
                              .halted = helper_gpu_u32(NULL, batch),
                              .step_block =
                                  step_block((struct hrm_step_block){.step = rule->step,
                                                                     .rng_seed_lo = (uint32_t)rule->seed,
                                                                     .rng_seed_hi = (uint32_t)(rule->seed >> 32),
                                                                     .live_rows = rule->live_rows,
                                                                     .first_row = rule->first_row / 3}),
                              .batch = batch,
                              .first_row = rule->first_row - rule->first_row / 3,
                              .max_steps = rule->max_steps,
                              .mode = rule->mode,
                              .has_continue = rule->has_continue,
                              .draw_once = rule->draw_once,
                              .exploration = rule->exploration,
                              .margin = rule->margin};
    if (recorded) {
        args.explore_uniform = helper_gpu_f32(uniform, batch);
        args.explore_min_steps = helper_gpu_u32(least, batch);
    }
    hrm_act_halt(helper_gpu_begin(), args);
    helper_gpu_run();
    ref_act_halt(rule, q, recorded ? uniform : NULL, recorded ? least : NULL, steps, halted);
    check_same_bits("steps", helper_gpu_read(args.steps), steps, batch * 4);
    check_same_bits("halted", helper_gpu_read(args.halted), halted, batch * 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_halt(void **state) {
    (void)state;
    const uint32_t max_steps[] = {1, 2, 4, 16};
    for (size_t i = 0; i < 4; i++)
        for (uint32_t mode = HRM_ACT_TRAIN; mode <= HRM_ACT_ADAPTIVE; mode++)
            for (int bits = 0; bits < 4; bits++) {
                ref_act_halt_rule rule = {.batch = 131,
                                          .live_rows = 129,
                                          .max_steps = max_steps[i],
                                          .mode = mode,
                                          .has_continue = bits & 1,
                                          .exploration = 0.4f,
                                          .margin = bits & 1 ? 0.5f : 0.0f,
                                          .seed = UINT64_C(0x123456789abcdef0),
                                          .step = 77};
                check_halt(&rule, bits & 2);
            }
    /* rows of a larger batch draw by their number in it; exploring never and always */
    ref_act_halt_rule part = {
        .batch = 9, .first_row = 1000, .live_rows = 1005, .max_steps = 16, .exploration = 1.0f, .seed = 3, .step = 1};
    check_halt(&part, false);
    part.exploration = 0.0f;
    check_halt(&part, false);
    part = (ref_act_halt_rule){
        .batch = 131, .live_rows = 131, .max_steps = 8, .draw_once = true, .exploration = 0.5f, .seed = 5, .step = 40};
    check_halt(&part, false);
}

/* A row that always wants to stop, explored always and drawn once: it stops exactly at its draw, and every number of
 * segments from 2 to the most comes up. */
static void test_halt_draw_once(void **state) {
    (void)state;
    enum { BATCH = 200, MOST = 6 };
    float *q = helper_gpu_host_f32(2 * BATCH);
    uint32_t *stopped = helper_gpu_host_u32(BATCH), *seen = helper_gpu_host_u32(MOST + 1);
    for (uint32_t b = 0; b < BATCH; b++) q[2 * b] = 5.0f;
    hrm_act_halt_args args = {.q = helper_gpu_f32_2d(q, BATCH, 2),
                              .steps = helper_gpu_u32(stopped, BATCH),
                              .halted = helper_gpu_u32(stopped, BATCH),
                              .step_block =
                                  step_block((struct hrm_step_block){.step = 10, .rng_seed_lo = 9, .live_rows = BATCH}),
                              .batch = BATCH,
                              .max_steps = MOST,
                              .mode = HRM_ACT_TRAIN,
                              .draw_once = true,
                              .exploration = 1.0f};
    for (uint32_t segment = 1; segment <= MOST; segment++) {
        struct hrm_step_block block = {.step = 10 + segment, .rng_seed_lo = 9, .live_rows = BATCH};
        helper_gpu_write(args.step_block, &block);
        hrm_act_halt(helper_gpu_begin(), args);
        helper_gpu_run();
        const uint32_t *halted = helper_gpu_read(args.halted);
        for (uint32_t b = 0; b < BATCH; b++) {
            CHECK_MSG(!stopped[b] || halted[b], "row %u stopped after %u segments, then went on", b, stopped[b]);
            if (halted[b] && !stopped[b]) stopped[b] = segment;
        }
    }
    for (uint32_t b = 0; b < BATCH; b++) seen[stopped[b]]++;
    for (uint32_t segment = 2; segment <= MOST; segment++) CHECK(seen[segment] > BATCH / MOST / 2);
    CHECK_EQ(seen[0] + seen[1], 0);
}

static void check_q_losses(uint32_t batch, uint32_t live_rows, bool with_target, double sd) {
    float *q = helper_gpu_host_f32(2 * batch), *next = helper_gpu_host_f32(2 * batch);
    uint32_t *exact = helper_gpu_host_u32(batch), *steps = helper_gpu_host_u32(batch);
    helper_gpu_random(q, 2 * batch, sd, 1);
    helper_gpu_random(next, 2 * batch, sd, 2);
    helper_gpu_random_u32(exact, batch, 2, 3);
    helper_gpu_random_u32(steps, batch, 5, 4);
    double *target = helper_gpu_host_f64(batch), *halt = helper_gpu_host_f64(batch);
    double *go_on = helper_gpu_host_f64(batch), *grad = helper_gpu_host_f64(2 * batch);
    ref_q_target(batch, 4, helper_gpu_widen(next, 2 * batch), steps, target);

    hrm_tensor t_target = helper_gpu_f32(NULL, batch);
    hrm_q_target(helper_gpu_begin(), (hrm_q_target_args){.q = helper_gpu_f32_2d(next, batch, 2),
                                                         .steps = helper_gpu_u32(steps, batch),
                                                         .target = t_target,
                                                         .batch = batch,
                                                         .max_steps = 4});
    hrm_q_loss_args args = {.q = helper_gpu_f32_2d(q, batch, 2),
                            .row_exact = helper_gpu_u32(exact, batch),
                            .grad_q = helper_gpu_f32_2d(NULL, batch, 2),
                            .row_q_halt_loss = helper_gpu_f32(NULL, batch),
                            .row_q_continue_loss = helper_gpu_f32(NULL, batch),
                            .step_block = step_block((struct hrm_step_block){.live_rows = live_rows}),
                            .batch = batch,
                            .q_weight = 0.5f,
                            .grad_scale = 0.125f};
    if (with_target) args.target_continue = t_target;
    hrm_q_loss(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *got_target = helper_gpu_read(t_target);
    check_close_f32("target", got_target, target, batch, 1e-37, 3e-7); /* sigmoid: 2.5 ulp, and division */
    /* against the f32 targets that the kernel read */
    ref_q_loss(batch, live_rows, helper_gpu_widen(q, 2 * batch), exact,
               with_target ? helper_gpu_widen(got_target, batch) : NULL, 0.0625, halt, go_on, grad);
    /* Losses are sums of positive terms. sigmoid(x) - target cancels: 2^-23 absolute, times the weight. Results below
     * 1e-37 may be flushed. */
    check_close_f32("halt loss", (float *)helper_gpu_read(args.row_q_halt_loss), halt, batch, 1e-37, 5e-7);
    check_close_f32("continue loss", (float *)helper_gpu_read(args.row_q_continue_loss), go_on, batch, 1e-37, 5e-7);
    check_close_f32("grad_q", (float *)helper_gpu_read(args.grad_q), grad, 2 * batch, 0.0625 * 2e-7, 5e-7);

    /* The last row alone, as part of a larger batch: the same bits. */
    const uint32_t b = batch - 1;
    hrm_q_loss_args one = args;
    one.q = helper_gpu_f32_2d(q + 2 * (size_t)b, 1, 2);
    one.row_exact = helper_gpu_u32(exact + b, 1);
    one.grad_q = helper_gpu_f32_2d(NULL, 1, 2);
    one.row_q_halt_loss = helper_gpu_f32(NULL, 1);
    one.row_q_continue_loss = helper_gpu_f32(NULL, 1);
    one.step_block = step_block((struct hrm_step_block){.live_rows = live_rows, .first_row = b / 2});
    if (with_target) one.target_continue = helper_gpu_f32(got_target + b, 1);
    one.batch = 1;
    one.first_row = b - b / 2;
    hrm_q_loss(helper_gpu_begin(), one);
    helper_gpu_run();
    check_same_bits("halt loss of a row alone", helper_gpu_read(one.row_q_halt_loss),
                    (float *)helper_gpu_read(args.row_q_halt_loss) + b, 4);
    check_same_bits("grad_q of a row alone", helper_gpu_read(one.grad_q),
                    (float *)helper_gpu_read(args.grad_q) + 2 * (size_t)b, 8);

    /* With a scale, a power of two: the gradient's bits moved, and the same losses. What a device may flush is left
     * out. */
    hrm_q_loss_args scaled = args;
    scaled.grad_q = helper_gpu_f32_2d(NULL, batch, 2);
    scaled.row_q_halt_loss = helper_gpu_f32(NULL, batch);
    scaled.step_block = step_block((struct hrm_step_block){.live_rows = live_rows, .loss_scale_log2 = 20});
    hrm_q_loss(helper_gpu_begin(), scaled);
    helper_gpu_run();
    const float *plain_grad = helper_gpu_read(args.grad_q), *scaled_grad = helper_gpu_read(scaled.grad_q);
    for (uint32_t i = 0; i < 2 * batch; i++)
        CHECK_MSG(fabsf(plain_grad[i]) < 1e-30f || scaled_grad[i] == ldexpf(plain_grad[i], 20),
                  "grad_q[%u] is %g and %g", i, (double)plain_grad[i], (double)scaled_grad[i]);
    check_same_bits("halt loss with a scale", helper_gpu_read(scaled.row_q_halt_loss),
                    helper_gpu_read(args.row_q_halt_loss), batch * 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_q_losses(void **state) {
    (void)state;
    check_q_losses(1, 1, true, 1.0);
    check_q_losses(67, 60, true, 3.0);
    check_q_losses(67, 67, false, 3.0);
    check_q_losses(300, 300, true, 60.0);
}

static void test_reference_gradient(void **state) {
    (void)state;
    for (double x = -6.0; x < 6.0; x += 0.37)
        for (double t = 0.0; t <= 1.0; t += 0.25) {
            double h = 1e-5, slope = (ref_bce(x + h, t) - ref_bce(x - h, t)) / (2.0 * h);
            CHECK_MSG(fabs(slope - ref_bce_slope(x, t)) < 1e-9, "bce(%g, %g): %g, %g", x, t, slope,
                      ref_bce_slope(x, t));
        }
}

static void check_metrics(uint32_t batch, uint32_t live_rows) {
    float *q = helper_gpu_host_f32(2 * batch), *loss[3];
    uint32_t *flags[5]; /* halted, steps, labelled, correct, exact */
    helper_gpu_random(q, 2 * batch, 1.0, 1);
    for (unsigned i = 0; i < 3; i++) {
        loss[i] = helper_gpu_host_f32(batch);
        helper_gpu_random(loss[i], batch, 2.0, 2 + i);
        for (uint32_t b = 0; b < batch; b++) loss[i][b] = b < live_rows ? fabsf(loss[i][b]) : 0.0f;
    }
    const uint32_t below[5] = {2, 17, 82, 82, 2};
    for (unsigned i = 0; i < 5; i++) {
        flags[i] = helper_gpu_host_u32(batch);
        helper_gpu_random_u32(flags[i], batch, below[i], 10 + i);
    }
    for (uint32_t b = 0; b < batch; b++) {
        if (b % 5 == 0) flags[2][b] = 0;
        if (flags[3][b] > flags[2][b]) flags[3][b] = flags[2][b];
        if (b % 7 == 0) q[2 * b] = 0.0f; /* counts as "halt" in the metric */
    }
    hrm_act_metrics_args args = {.q = helper_gpu_f32_2d(q, batch, 2),
                                 .halted = helper_gpu_u32(flags[0], batch),
                                 .steps = helper_gpu_u32(flags[1], batch),
                                 .row_labelled = helper_gpu_u32(flags[2], batch),
                                 .row_correct = helper_gpu_u32(flags[3], batch),
                                 .row_exact = helper_gpu_u32(flags[4], batch),
                                 .row_loss = helper_gpu_f32(loss[0], batch),
                                 .row_q_halt_loss = helper_gpu_f32(loss[1], batch),
                                 .row_q_continue_loss = helper_gpu_f32(loss[2], batch),
                                 .metrics = helper_gpu_u32(NULL, sizeof(struct hrm_step_metrics) / 4),
                                 .step_block = step_block((struct hrm_step_block){.live_rows = live_rows}),
                                 .batch = batch,
                                 .q_weight = 0.5f};
    hrm_act_metrics(helper_gpu_begin(), args);
    helper_gpu_run();
    struct hrm_step_metrics got, again;
    memcpy(&got, helper_gpu_read(args.metrics), sizeof got);
    const ref_metrics_rows rows = {.halted = flags[0],
                                   .steps = flags[1],
                                   .labelled = flags[2],
                                   .correct = flags[3],
                                   .exact = flags[4],
                                   .q = helper_gpu_widen(q, 2 * batch),
                                   .row_loss = helper_gpu_widen(loss[0], batch),
                                   .halt_loss = helper_gpu_widen(loss[1], batch),
                                   .continue_loss = helper_gpu_widen(loss[2], batch)};
    const ref_metrics want = ref_act_metrics(batch, live_rows, 0.5, &rows);
    CHECK_EQ(got.count, want.count);
    CHECK_EQ(got.exact, want.exact);
    CHECK_EQ(got.q_halt_correct, want.q_halt_correct);
    CHECK_EQ(got.steps, want.steps);
    CHECK_EQ(got.rows, want.rows);
    CHECK_EQ(got.halted, want.halted);
    const float sums[] = {got.accuracy, got.lm_loss, got.q_halt_loss, got.q_continue_loss, got.loss};
    const double wants[] = {want.accuracy, want.lm_loss, want.q_halt_loss, want.q_continue_loss, want.loss};
    check_close_f32("sums", sums, wants, 5, 0.0, 1e-6); /* seven roundings of positive terms in the tree */
    helper_gpu_run_again();
    memcpy(&again, helper_gpu_read(args.metrics), sizeof again);
    check_same_bits("a second run", &again, &got, sizeof got);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_metrics(void **state) {
    (void)state;
    check_metrics(1, 1);
    check_metrics(6, 4);
    check_metrics(768, 768);
}

static void check_gather(uint32_t src_rows, uint32_t rows, uint32_t row_elements) {
    uint32_t *src = helper_gpu_host_u32((size_t)src_rows * row_elements), *index = helper_gpu_host_u32(rows);
    uint32_t *want = helper_gpu_host_u32((size_t)rows * row_elements);
    helper_gpu_random_u32(src, (size_t)src_rows * row_elements, UINT32_MAX, 1);
    helper_gpu_random_u32(index, rows, src_rows, 2);
    if (rows > 2) index[rows - 1] = src_rows;
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t k = 0; k < row_elements; k++)
            want[(size_t)i * row_elements + k] =
                index[i] < src_rows ? src[(size_t)index[i] * row_elements + k] : UINT32_MAX;
    hrm_tensor dst = helper_gpu_u32_2d(NULL, rows, row_elements);
    hrm_gather_rows(helper_gpu_begin(), (hrm_gather_rows_args){.src = helper_gpu_u32_2d(src, src_rows, row_elements),
                                                               .dst = dst,
                                                               .index = helper_gpu_u32(index, rows),
                                                               .rows = rows,
                                                               .row_elements = row_elements});
    helper_gpu_run();
    check_same_bits("gathered rows", helper_gpu_read(dst), want, (size_t)rows * row_elements * 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_gather(void **state) {
    (void)state;
    check_gather(1, 1, 1);
    check_gather(5, 9, 3);
    check_gather(33, 24, 81);
    check_gather(16, 12, 17 * 64);
}

static void test_refused_arguments(void **state) {
    (void)state;
    hrm_tensor q = helper_gpu_f32(NULL, 4), words = helper_gpu_u32(NULL, 2);
    hrm_act_halt_args args = {.q = q, .steps = words, .halted = words, .step_block = words, .batch = 2, .max_steps = 0};
    hrm_act_halt(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "act_halt: max_steps 0");
    args.max_steps = 2;
    hrm_act_halt(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "act_halt: tensor step_block has 2 elements");
    args.explore_uniform = q;
    hrm_act_halt(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "a pair or not at all");
    hrm_gather_rows(helper_gpu_begin(), (hrm_gather_rows_args){.src = q, .dst = q, .rows = 1, .row_elements = 3});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "gather_rows: 1 rows of 3 from 4");
    hrm_act_reset(helper_gpu_begin(),
                  (hrm_act_reset_args){.halted = words, .tokens = words, .labels = words, .steps = words});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "labels and new_labels go together");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_reset), HELPER_GPU_TEST(test_halt), HELPER_GPU_TEST(test_halt_draw_once),
                HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_q_losses), HELPER_GPU_TEST(test_metrics),
                HELPER_GPU_TEST(test_gather), HELPER_GPU_TEST(test_refused_arguments))
