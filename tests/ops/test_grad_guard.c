/* The gradient's guard against its double reference, and what it keeps the optimizers from doing. */
#include "helper_gpu.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/act.h"
#include "ops/optim.h"
#include "ref/optim.h"

enum { CHUNK = HRM_GRAD_CHUNK };

typedef struct setup {
    hrm_grad_guard_args args;
    struct hrm_step_block block;
} setup;

static setup make_setup(const float *grad, uint64_t tensor_count, uint64_t count, float outlier_z) {
    static const struct hrm_grad_guard_state fresh; /* zero */
    const uint64_t chunks = hrm_grad_guard_get_chunks(count);
    CHECK_EQ(chunks, (count + CHUNK - 1) / CHUNK);
    setup s = {.block = {.step = 1, .live_rows = 7, .skip = 0xabcd, .rng_seed_hi = 0x1234}};
    s.args = (hrm_grad_guard_args){.grad = helper_gpu_f32(grad, tensor_count),
                                   .partial = helper_gpu_f32(NULL, chunks),
                                   .state = helper_gpu_u32(&fresh, sizeof fresh / 4),
                                   .report = helper_gpu_u32(NULL, sizeof(struct hrm_grad_guard_report) / 4),
                                   .step_block = helper_gpu_u32(&s.block, sizeof s.block / 4),
                                   .count = count,
                                   .outlier_z = outlier_z};
    return s;
}

static hrm_tensor make_metrics(float loss) {
    struct hrm_step_metrics metrics = {.loss = loss};
    return helper_gpu_u32(&metrics, sizeof metrics / 4);
}

static struct hrm_grad_guard_report read_report(const setup *s) {
    struct hrm_grad_guard_report report;
    memcpy(&report, helper_gpu_read(s->args.report), sizeof report);
    return report;
}

/* The report, and that state and step block say the same. */
static struct hrm_grad_guard_report read_all(const setup *s) {
    const struct hrm_grad_guard_report report = read_report(s);
    struct hrm_grad_guard_state state;
    struct hrm_step_block block, want = s->block;
    memcpy(&state, helper_gpu_read(s->args.state), sizeof state);
    memcpy(&block, helper_gpu_read(s->args.step_block), sizeof block);
    CHECK_EQ(state.seen, report.seen);
    CHECK_EQ(state.skipped_total, report.skipped_total);
    CHECK_EQ(state.bad_step, report.bad_step);
    CHECK_EQ(state.bad_chunk, report.bad_chunk);
    CHECK_EQ(state.bad_loss, report.bad_loss);
    CHECK_EQ(state.overflowed_total, report.overflowed_total);
    CHECK_EQ(report.loss_scale_log2, s->block.loss_scale_log2);
    want.skip = report.skipped;
    check_same_bits("step block", &block, &want, sizeof block);
    return report;
}

static void check_norm(uint64_t count, uint64_t behind, double sd) {
    float *grad = helper_gpu_host_f32(count + behind);
    helper_gpu_random(grad, count + behind, sd, count);
    for (uint64_t i = count; i < count + behind; i++) grad[i] = NAN; /* not this range's */
    setup s = make_setup(grad, count + behind, count, 0.0f);
    hrm_grad_guard(helper_gpu_begin(), s.args);
    helper_gpu_run();

    const uint64_t chunks = hrm_grad_guard_get_chunks(count);
    double *squares = helper_gpu_host_f64(chunks), *wide = helper_gpu_widen(grad, count);
    for (uint64_t i = 0; i < count; i++) squares[i / CHUNK] += wide[i] * wide[i];
    ref_grad_guard guard = {0};
    const ref_grad_guard_result want = ref_grad_guard_step(&guard, 1, count, wide, 0.0, 0.0);
    /* Positive terms: 8 roundings down a column, its squares', 2 across it, 7 across columns, of half an ulp each;
     * half of that in the root, and its own. */
    const float *partial = helper_gpu_read(s.args.partial);
    check_close_f32("partial", partial, squares, chunks, 0.0, 18 * 6e-8);
    const struct hrm_grad_guard_report report = read_all(&s);
    check_close_f32("norm", &report.norm, &want.norm, 1, 0.0, 1.2e-6);
    CHECK(report.z == 0.0f);
    CHECK_EQ(report.skipped + report.bad_step + report.bad_chunk + report.bad_loss + report.skipped_total, 0);
    CHECK_EQ(report.seen, 1);
    float ring;
    memcpy(&ring, (uint32_t *)helper_gpu_read(s.args.state) + 8, 4);
    check_same_bits("the ring's first", &ring, &report.norm, 4);

    helper_gpu_run_again();
    check_same_bits("partial, again", helper_gpu_read(s.args.partial), partial, chunks * 4);
    const struct hrm_grad_guard_report again = read_all(&s);
    check_same_bits("norm, again", &again.norm, &report.norm, 4);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_norm(void **state) {
    (void)state;
    const uint64_t counts[] = {1, 2, 3, 4, 5, 127, 513, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_norm(counts[i], 0, 1e-3);
        check_norm(counts[i], 3, 1e3);
    }
    check_norm(257 * CHUNK, CHUNK, 1.0); /* more chunks than invocations that add them up */
    if (!helper_gpu_is_slow()) check_norm(5000011, 1, 1e-6);
}

/* A zero at the end may be counted or not: the wide row and the scalar row for short chunks add in the same order. */
static void test_rows_agree(void **state) {
    (void)state;
    enum { N = 3 * CHUNK };
    float *grad = helper_gpu_host_f32(N);
    helper_gpu_random(grad, N, 1.0, 1);
    grad[N - 1] = 0.0f;
    setup whole = make_setup(grad, N, N, 0.0f), part = make_setup(grad, N, N - 1, 0.0f);
    hrm_grad_guard(helper_gpu_begin(), whole.args);
    hrm_grad_guard(helper_gpu_begin(), part.args);
    helper_gpu_run();
    check_same_bits("partial", helper_gpu_read(part.args.partial), helper_gpu_read(whole.args.partial), 12);
    check_same_bits("report", helper_gpu_read(part.args.report), helper_gpu_read(whole.args.report),
                    sizeof(struct hrm_grad_guard_report));
}

/* 420 steps: steady with some spread, single outliers, the ring full and around, then a lasting change of scale. */
static void check_sequence(float outlier_z, bool expect_skips) {
    enum { N = 1000, STEPS = 420, JUMP = 300 };
    float *unit = helper_gpu_host_f32(N), *grad = helper_gpu_host_f32(N);
    double *wide = helper_gpu_host_f64(N);
    helper_gpu_random(unit, N, 1.0, 1);
    setup s = make_setup(unit, N, N, outlier_z);
    ref_grad_guard guard = {0};
    uint32_t singles = 0, jump_skips = 0, accepted = 0;
    for (uint32_t step = 1; step <= STEPS; step++) {
        double scale = 1.0 + 0.1 * sin(1.7 * step * step); /* fixed: no z comes near outlier_z by chance of the seed */
        if (step == 10 || step == 60 || step == 200 || step == 201) scale *= 3.0;
        if (step >= JUMP) scale *= 8.0;
        for (int i = 0; i < N; i++) grad[i] = (float)scale * unit[i];
        for (int i = 0; i < N; i++) wide[i] = grad[i];
        const ref_grad_guard_result want = ref_grad_guard_step(&guard, step, N, wide, 0.0, (double)outlier_z);
        s.block.step = step;
        helper_gpu_write(s.args.step_block, &s.block);
        helper_gpu_write(s.args.grad, grad);
        if (step == 1) {
            hrm_grad_guard(helper_gpu_begin(), s.args);
            helper_gpu_run();
        } else {
            helper_gpu_run_again();
        }
        const struct hrm_grad_guard_report got = want.skip || step % 20 == 0 ? read_all(&s) : read_report(&s);
        check_close_f32("norm", &got.norm, &want.norm, 1, 0.0, 1.2e-6);
        /* norms are good to 1e-6 of themselves, their spread is a tenth of that */
        check_close_f32("z", &got.z, &want.z, 1, 5e-5, 5e-5);
        CHECK_MSG(got.skipped == want.skip, "step %" PRIu32 ", z %g (%g): skipped %" PRIu32, step, (double)got.z,
                  want.z, got.skipped);
        CHECK_EQ(got.skipped_total, guard.skipped_total);
        CHECK_EQ(got.seen, guard.seen);
        CHECK_EQ(got.bad_step, 0);
        CHECK(step > HRM_GRAD_GUARD_LEAST || (got.z == 0.0f && !got.skipped));
        if (step < JUMP) singles += got.skipped;
        if (step >= JUMP) jump_skips += got.skipped;
        if (step >= STEPS - 50) accepted += !got.skipped;
    }
    /* the outlier of step 10 came too early to be judged; 60, 200 and 201 did not */
    CHECK_EQ(singles, expect_skips ? 3 : 0);
    CHECK(expect_skips ? jump_skips > 0 && jump_skips < 40 : jump_skips == 0);
    CHECK_EQ(accepted, 51);
    struct hrm_grad_guard_state state;
    memcpy(&state, helper_gpu_read(s.args.state), sizeof state);
    for (uint32_t i = 0; i < HRM_GRAD_GUARD_RING; i++)
        check_close_f32("ring", &state.ring[i], &guard.ring[i], 1, 0.0, 1.2e-6);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_sequence(void **state) {
    (void)state;
    check_sequence(4.0f, true);
    check_sequence(0.0f, false); /* off: z is reported all the same */
}

/* No spread: no z-score, however the norm rounds. */
static void test_equal_norms(void **state) {
    (void)state;
    enum { N = 77 };
    float *grad = helper_gpu_host_f32(N);
    helper_gpu_random(grad, N, 0.37, 1);
    setup s = make_setup(grad, N, N, 1.0f);
    hrm_grad_guard(helper_gpu_begin(), s.args);
    helper_gpu_run();
    for (int step = 2; step <= 150; step++) {
        helper_gpu_run_again();
        const struct hrm_grad_guard_report got = read_report(&s);
        CHECK(got.z == 0.0f);
        CHECK_EQ(got.skipped, 0);
    }
    CHECK_EQ(read_all(&s).seen, 150);
}

/* One bad element at a time, in first, last and short chunks; of two the first is named. */
static void test_bad_gradient(void **state) {
    (void)state;
    enum { N = 3 * CHUNK + 9 };
    const uint64_t places[] = {0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 4000, 3 * CHUNK - 1, 3 * CHUNK, N - 1};
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY, 2e19f, -3e38f, 1e16f};
    float *grad = helper_gpu_host_f32(N);
    helper_gpu_random(grad, N, 1.0, 1);
    static const struct hrm_grad_guard_state fresh; /* zero */
    setup s = make_setup(grad, N, N, 0.0f);
    hrm_grad_guard(helper_gpu_begin(), s.args);
    helper_gpu_run();
    CHECK_EQ(read_all(&s).bad_step, 0);
    uint32_t step = 1;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            const float kept = grad[places[p]], kept_last = grad[N - 1];
            grad[places[p]] = bad[k];
            if (k % 2) grad[N - 1] = NAN; /* another one, in the last chunk */
            s.block.step = ++step;
            helper_gpu_write(s.args.step_block, &s.block);
            helper_gpu_write(s.args.state, &fresh);
            helper_gpu_write(s.args.grad, grad);
            helper_gpu_run_again();
            const struct hrm_grad_guard_report got = read_all(&s);
            CHECK_MSG(got.bad_step == step && got.bad_chunk == places[p] / CHUNK && got.bad_loss == 0 &&
                          isnan(got.norm),
                      "%g at element %" PRIu64 ": step %" PRIu32 ", chunk %" PRIu32 ", norm %g", (double)bad[k],
                      places[p], got.bad_step, got.bad_chunk, (double)got.norm);
            CHECK_EQ(got.skipped, 1);
            CHECK_EQ(got.skipped_total + got.seen, 0);
            grad[N - 1] = kept_last;
            grad[places[p]] = kept;
        }

    /* large, but nothing overflows: as good as any other */
    for (int i = 0; i < N; i++) grad[i] = 1e13f;
    helper_gpu_write(s.args.grad, grad);
    helper_gpu_write(s.args.state, &fresh);
    helper_gpu_run_again();
    const struct hrm_grad_guard_report got = read_all(&s);
    const double want = 1e13 * sqrt(N);
    check_close_f32("norm", &got.norm, &want, 1, 0.0, 1.2e-6);
    CHECK_EQ(got.bad_step, 0);
}

/* The first failure is kept and every later update is skipped; a bad loss alone names no chunk. */
static void check_latch(float bad_loss, bool bad_gradient) {
    enum { N = CHUNK + 40, STEPS = 45, BAD = 40 };
    float *grad = helper_gpu_host_f32(N);
    helper_gpu_random(grad, N, 1.0, 1);
    setup s = make_setup(grad, N, N, 3.0f);
    s.args.metrics = make_metrics(2.5f);
    hrm_grad_guard(helper_gpu_begin(), s.args);
    helper_gpu_run();
    for (uint32_t step = 2; step <= STEPS; step++) {
        if (step == BAD && bad_gradient) grad[N - 1] = NAN;
        if (step == BAD + 1) {
            helper_gpu_random(grad, N, 1.0, 1);    /* all is well again */
            if (!bad_gradient) grad[0] = INFINITY; /* or goes wrong elsewhere */
        }
        s.block.step = step;
        helper_gpu_write(s.args.step_block, &s.block);
        helper_gpu_write(s.args.grad, grad);
        struct hrm_step_metrics metrics = {.loss = step == BAD ? bad_loss : 1.0f};
        helper_gpu_write(s.args.metrics, &metrics);
        helper_gpu_run_again();
        const struct hrm_grad_guard_report got = read_all(&s);
        if (step < BAD) {
            CHECK_EQ(got.skipped + got.bad_step + got.bad_chunk + got.bad_loss, 0);
            CHECK_EQ(got.seen, step);
            continue;
        }
        CHECK_EQ(got.skipped, 1);
        CHECK_EQ(got.skipped_total, 0);
        CHECK_EQ(got.bad_step, BAD);
        CHECK_EQ(got.bad_chunk, bad_gradient ? 1 : HRM_GRAD_GUARD_NONE);
        CHECK_EQ(got.bad_loss, !isfinite(bad_loss));
        CHECK_EQ(got.seen, BAD - 1);
        CHECK(got.z == 0.0f);
        CHECK_EQ(isnan(got.norm) != 0, step == BAD ? bad_gradient : !bad_gradient);
    }
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_latch(void **state) {
    (void)state;
    check_latch(NAN, false);
    check_latch(-NAN, false);
    check_latch(INFINITY, false);
    check_latch(-INFINITY, true);
    check_latch(0.5f, true);
}

/* ---- the scale of the loss ---- */

/* Drives the guard as a trainer does: the next step's block has the scale of the state. */
typedef struct scaled {
    setup s;
    float *grad; /* of the loss, not scaled */
    uint64_t count;
    uint32_t step;
    struct hrm_grad_guard_state state;
} scaled;

static struct hrm_grad_guard_report step_scaled(scaled *r, float factor) {
    float *grad = helper_gpu_host_f32(r->count);
    for (uint64_t i = 0; i < r->count; i++) grad[i] = factor * ldexpf(r->grad[i], (int)r->state.loss_scale_log2);
    r->s.block.step = ++r->step;
    r->s.block.loss_scale_log2 = r->state.loss_scale_log2;
    helper_gpu_write(r->s.args.step_block, &r->s.block);
    helper_gpu_write(r->s.args.grad, grad);
    helper_gpu_run_again();
    const struct hrm_grad_guard_report report = read_all(&r->s);
    memcpy(&r->state, helper_gpu_read(r->s.args.state), sizeof r->state);
    return report;
}

static scaled start_scaled(uint32_t growth, uint32_t scale_log2, float outlier_z) {
    enum { N = CHUNK + 77 };
    scaled r = {.grad = helper_gpu_host_f32(N), .count = N, .state.loss_scale_log2 = scale_log2};
    helper_gpu_random(r.grad, N, 1e-3, 1);
    r.s = make_setup(r.grad, N, N, outlier_z);
    r.s.args.metrics = make_metrics(1.0f);
    r.s.args.scale_growth = growth;
    hrm_grad_guard(helper_gpu_begin(), r.s.args);
    helper_gpu_run();
    helper_gpu_write(r.s.args.state, &r.state);
    return r;
}

/* Overflows halve the scale and skip the step, `growth` good steps double it, and norms are those of the loss: none of
 * it shows in the ring. */
static void test_loss_scale(void **state) {
    (void)state;
    enum { GROWTH = 7, STEPS = 100, FIRST = 16 };
    scaled r = start_scaled(GROWTH, FIRST, 3.0f);
    double norm = 0;
    for (uint64_t i = 0; i < r.count; i++) norm += (double)r.grad[i] * (double)r.grad[i];
    norm = sqrt(norm);
    uint32_t scale = FIRST, good = 0, overflows = 0, outliers = 0, seen = 0;
    for (uint32_t step = 1; step <= STEPS; step++) {
        const bool bad = step <= 3 || step == 20 || step == 21 || step == 60;
        const bool outlier = step == 90; /* is no overflow */
        const struct hrm_grad_guard_report got = step_scaled(&r, bad       ? INFINITY
                                                                 : outlier ? 50.0f
                                                                           : 1.0f + 0.01f * (float)(step % 3));
        CHECK_EQ(got.loss_scale_log2, scale);
        CHECK_EQ(got.overflowed, bad);
        CHECK_EQ(got.skipped, bad || outlier);
        CHECK_EQ(got.bad_step + got.bad_loss, 0);
        overflows += bad;
        outliers += outlier;
        seen += !bad;
        good = bad ? 0 : good + 1;
        if (bad) scale--;
        if (good == GROWTH) scale++, good = 0;
        CHECK_EQ(r.state.loss_scale_log2, scale);
        CHECK_EQ(r.state.good_steps, good);
        CHECK_EQ(got.overflowed_total, overflows);
        CHECK_EQ(got.skipped_total, outliers);
        CHECK_EQ(got.seen, seen);
        const double want = bad ? 0 : norm * (outlier ? 50 : 1 + 0.01 * (step % 3));
        check_close_f32("norm", &got.norm, &want, 1, 0.0, 1.2e-6);
    }
}

/* The scale stops at its largest; at 1 nothing is left to take back, and a fixed one is not taken back at all; a bad
 * loss is never an overflow. */
static void test_loss_scale_ends(void **state) {
    (void)state;
    scaled r = start_scaled(1, HRM_LOSS_SCALE_MOST_LOG2 - 2, 0.0f);
    for (uint32_t step = 1; step <= 5; step++) step_scaled(&r, 1.0f);
    CHECK_EQ(r.state.loss_scale_log2, HRM_LOSS_SCALE_MOST_LOG2);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);

    r = start_scaled(100, 2, 0.0f);
    for (uint32_t step = 1; step <= 2; step++) CHECK_EQ(step_scaled(&r, NAN).bad_step, 0);
    CHECK_EQ(r.state.loss_scale_log2, 0);
    struct hrm_grad_guard_report got = step_scaled(&r, NAN);
    CHECK_EQ(got.bad_step, 3);
    CHECK_EQ(got.overflowed, 0);
    CHECK(isnan(got.norm));
    CHECK_EQ(step_scaled(&r, 1.0f).bad_step, 3); /* and so it stays */
    CHECK_EQ(r.state.overflowed_total, 2);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);

    r = start_scaled(0, 10, 0.0f);
    got = step_scaled(&r, 1.0f);
    CHECK_EQ(r.state.good_steps, 0);
    got = step_scaled(&r, INFINITY);
    CHECK_EQ(got.bad_step, 2);
    CHECK_EQ(r.state.loss_scale_log2, 10);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);

    r = start_scaled(100, 10, 0.0f);
    helper_gpu_write(r.s.args.metrics, &(struct hrm_step_metrics){.loss = NAN});
    got = step_scaled(&r, INFINITY);
    CHECK_EQ(got.bad_step, 1);
    CHECK_EQ(got.bad_loss, 1);
    CHECK_EQ(got.overflowed, 0);
    CHECK_EQ(r.state.loss_scale_log2, 10);
}

static hrm_adam_atan2_args make_adam(hrm_tensor grad, hrm_tensor block, uint64_t count, bool with_ema) {
    float *p = helper_gpu_host_f32(count), *m = helper_gpu_host_f32(count), *v = helper_gpu_host_f32(count);
    helper_gpu_random(p, count, 1.0, 11);
    helper_gpu_random(m, count, 1.0, 12);
    helper_gpu_random(v, count, 1.0, 13);
    for (uint64_t i = 0; i < count; i++) v[i] *= v[i];
    hrm_adam_atan2_args args = {.param = helper_gpu_f32(p, count),
                                .grad = grad,
                                .m = helper_gpu_f32(m, count),
                                .v = helper_gpu_f32(v, count),
                                .step_block = block,
                                .count = count,
                                .beta1 = 0.9,
                                .beta2 = 0.95,
                                .weight_decay = 1.0f};
    if (with_ema) args.ema = helper_gpu_f32(m, count);
    return args;
}

static hrm_sign_sgd_args make_sign_sgd(hrm_tensor block, uint32_t batch, uint32_t rows, uint32_t dim) {
    float *table = helper_gpu_host_f32((size_t)rows * dim), *grad = helper_gpu_host_f32((size_t)batch * dim);
    uint32_t *ids = helper_gpu_host_u32(batch);
    helper_gpu_random(table, (size_t)rows * dim, 1.0, 21);
    helper_gpu_random(grad, (size_t)batch * dim, 1.0, 22);
    helper_gpu_random_u32(ids, batch, rows, 23);
    return (hrm_sign_sgd_args){.table = helper_gpu_f32_2d(table, rows, dim),
                               .grad = helper_gpu_f32_2d(grad, batch, dim),
                               .ids = helper_gpu_u32(ids, batch),
                               .step_block = block,
                               .batch = batch,
                               .dim = dim,
                               .weight_decay = 0.1f};
}

/* Guard and optimizers in one program. A skipped step changes no bit of theirs; one that is not is the same to the bit
 * as without a guard. */
static void check_optimizers(uint64_t count, bool with_ema) {
    enum { BATCH = 7, ROWS = 5, DIM = 19, TENSORS = 5 };
    const uint32_t table = ROWS * DIM;
    float *grad = helper_gpu_host_f32(count);
    helper_gpu_random(grad, count, 1.0, 1);
    setup s = make_setup(grad, count, count, 0.0f);
    s.block.live_rows = BATCH;
    s.block.puzzle_lr = 0.01f;
    s.block.ema_decay = 0.9f;
    s.block.skip = 0;
    hrm_adam_atan2_set_step(&s.block, 3, 1e-3, 0.9, 0.95);
    helper_gpu_write(s.args.step_block, &s.block);

    hrm_tensor free_block = helper_gpu_u32(&s.block, sizeof s.block / 4);
    const hrm_adam_atan2_args adam[2] = {make_adam(s.args.grad, s.args.step_block, count, with_ema),
                                         make_adam(s.args.grad, free_block, count, with_ema)};
    const hrm_sign_sgd_args sgd[2] = {make_sign_sgd(s.args.step_block, BATCH, ROWS, DIM),
                                      make_sign_sgd(free_block, BATCH, ROWS, DIM)};
    hrm_tensor tensors[2][TENSORS];
    const void *before[TENSORS], *after[TENSORS];
    const uint64_t bytes[TENSORS] = {4 * count, 4 * count, 4 * count, 4 * table, with_ema ? 4 * count : 0};
    for (int k = 0; k < 2; k++) {
        tensors[k][0] = adam[k].param, tensors[k][1] = adam[k].m, tensors[k][2] = adam[k].v;
        tensors[k][3] = sgd[k].table, tensors[k][4] = adam[k].ema;
    }
    const int used = with_ema ? TENSORS : TENSORS - 1;
    for (int i = 0; i < used; i++) before[i] = helper_gpu_read(tensors[0][i]);

    hrm_grad_guard(helper_gpu_begin(), s.args);
    for (int k = 0; k < 2; k++) {
        hrm_adam_atan2(helper_gpu_begin(), adam[k]);
        hrm_sign_sgd(helper_gpu_begin(), sgd[k]);
    }
    helper_gpu_run();
    CHECK_EQ(read_all(&s).skipped, 0);
    for (int i = 0; i < used; i++) {
        after[i] = helper_gpu_read(tensors[0][i]);
        CHECK(memcmp(after[i], before[i], bytes[i]) != 0);
        check_same_bits("with and without a guard", after[i], helper_gpu_read(tensors[1][i]), bytes[i]);
    }
    grad[count - 1] = NAN;
    helper_gpu_write(s.args.grad, grad);
    helper_gpu_run_again();
    CHECK_EQ(read_all(&s).skipped, 1);
    for (int i = 0; i < used; i++)
        check_same_bits("a skipped step", helper_gpu_read(tensors[0][i]), after[i], bytes[i]);
    for (int i = 0; i < used; i++) CHECK(memcmp(helper_gpu_read(tensors[1][i]), after[i], bytes[i]) != 0);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_skip(void **state) {
    (void)state;
    const uint64_t counts[] = {1, 64, 1003, CHUNK, 5 * CHUNK + 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_optimizers(counts[i], false);
        check_optimizers(counts[i], true);
    }
}

static void test_refused_arguments(void **state) {
    (void)state;
    float zero[12] = {0};
    setup s = make_setup(zero, 8, 8, 0.0f);
    hrm_grad_guard_args args = s.args;
    args.count = 0;
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_guard: count is 0");
    args = s.args, args.outlier_z = NAN;
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "outlier_z is nan, must be >= 0");
    args = s.args, args.count = 9;
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_guard: tensor grad has 8 elements");
    args = s.args, args.partial = (hrm_tensor){0};
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_guard: tensor partial is not set");
    args = s.args, args.metrics = args.state;
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_guard: tensor metrics has 136 elements");
    args = s.args, args.state = args.report;
    hrm_grad_guard(helper_gpu_begin(), args);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_guard: tensor state has 12 elements");
}

/* HRM_TEST_BENCH=1: speed at the 27M model's size, not a check. */
static void test_speed(void **state) {
    (void)state;
    if (!getenv("HRM_TEST_BENCH")) return;
    enum { N = 27 << 20 };
    setup s = make_setup(helper_gpu_host_f32(N), N, N, 0.0f);
    helper_gpu_report_speed("grad_guard, 27 Mi", 4.0 * N, hrm_grad_guard(helper_gpu_begin(), s.args));
    s = make_setup(helper_gpu_host_f32(CHUNK), CHUNK, CHUNK, 0.0f);
    helper_gpu_report_speed("grad_guard, one chunk", 4.0 * CHUNK, hrm_grad_guard(helper_gpu_begin(), s.args));
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_norm), HELPER_GPU_TEST(test_rows_agree), HELPER_GPU_TEST(test_sequence),
                HELPER_GPU_TEST(test_equal_norms), HELPER_GPU_TEST(test_bad_gradient), HELPER_GPU_TEST(test_latch),
                HELPER_GPU_TEST(test_loss_scale), HELPER_GPU_TEST(test_loss_scale_ends), HELPER_GPU_TEST(test_skip),
                HELPER_GPU_TEST(test_speed), HELPER_GPU_TEST(test_refused_arguments))
