/* Adam-atan2 and sign-SGD against their double references. */
#include "helper_gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/optim.h"
#include "ref/optim.h"

static hrm_tensor upload_block(const struct hrm_step_block *block) {
    return helper_gpu_u32(block, sizeof *block / 4);
}

static void check_adam(size_t n, uint64_t step, bool with_ema, float ema_decay) {
    const double lr = 1e-3, beta1 = (double)0.9f, beta2 = (double)0.95f;
    float *p = helper_gpu_host_f32(n), *g = helper_gpu_host_f32(n), *m = helper_gpu_host_f32(n);
    float *v = helper_gpu_host_f32(n), *ema = helper_gpu_host_f32(n);
    helper_gpu_random(p, n, 1.0, 1);
    helper_gpu_random(g, n, 1e-3, 2);
    helper_gpu_random(m, n, 1e-3, 3);
    helper_gpu_random(v, n, 1e-3, 4);
    helper_gpu_random(ema, n, 1.0, 5);
    for (size_t i = 0; i < n; i++) {
        v[i] *= v[i];
        if (i % 5 == 1) g[i] = m[i] = v[i] = 0.0f; /* a token that never occurs */
        if (i % 5 == 2) g[i] *= 1e-8f, m[i] *= 1e-8f, v[i] *= 1e-16f;
        if (i % 5 == 3) m[i] = v[i] = 0.0f; /* a first step */
    }
    double *wp = helper_gpu_widen(p, n), *wm = helper_gpu_widen(m, n), *wv = helper_gpu_widen(v, n);
    double *we = helper_gpu_widen(ema, n);
    ref_adam_atan2_step how = {
        .step = step, .lr = lr, .beta1 = beta1, .beta2 = beta2, .weight_decay = 0.1, .ema_decay = (double)ema_decay};
    ref_adam_atan2(&how, n, helper_gpu_widen(g, n), wp, wm, wv, with_ema ? we : NULL);

    struct hrm_step_block block = {.ema_decay = ema_decay};
    hrm_adam_atan2_set_step(&block, step, lr, beta1, beta2);
    CHECK_EQ(block.step, step);
    hrm_adam_atan2_args args = {.param = helper_gpu_f32(p, n),
                                .grad = helper_gpu_f32(g, n),
                                .m = helper_gpu_f32(m, n),
                                .v = helper_gpu_f32(v, n),
                                .step_block = upload_block(&block),
                                .count = n,
                                .beta1 = 0.9f,
                                .beta2 = 0.95f,
                                .weight_decay = 0.1f};
    if (with_ema) args.ema = helper_gpu_f32(ema, n);
    hrm_adam_atan2(helper_gpu_begin(), args);
    helper_gpu_run();
    /* m and v: three roundings of terms of the same size as the largest input. p: its own three roundings (1.2e-7 each
     * of ~4), and the step, at most pi/2 * lr / (1 - beta1), to a few ulp. */
    check_close_f32("m", (float *)helper_gpu_read(args.m), wm, n, 1e-9, 3e-7);
    check_close_f32("v", (float *)helper_gpu_read(args.v), wv, n, 1e-30, 5e-7);
    check_close_f32("p", (float *)helper_gpu_read(args.param), wp, n, 2e-8, 2e-7);
    if (with_ema) check_close_f32("ema", (float *)helper_gpu_read(args.ema), we, n, 3e-7, 2e-7);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_adam(void **state) {
    (void)state;
    const size_t sizes[] = {1, 3, 4, 7, 256, 1001, 65536 + 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_adam(sizes[i], 1, false, 0.0f);
        check_adam(sizes[i], 7, true, 0.99f);
    }
    check_adam(64, 20000, true, 0.0f);
}

/* Whole ranges and their parts give the same bits; tensors may be longer than count. */
static void test_adam_parts(void **state) {
    (void)state;
    enum { N = 70, CUT = 64 };
    float *p = helper_gpu_host_f32(N), *g = helper_gpu_host_f32(N), *zero = helper_gpu_host_f32(N);
    helper_gpu_random(p, N, 1.0, 1);
    helper_gpu_random(g, N, 1.0, 2);
    struct hrm_step_block block = {0};
    hrm_adam_atan2_set_step(&block, 1, 1e-3, 0.9, 0.95);
    hrm_adam_atan2_args whole = {.param = helper_gpu_f32(p, N),
                                 .grad = helper_gpu_f32(g, N),
                                 .m = helper_gpu_f32(zero, N),
                                 .v = helper_gpu_f32(zero, N),
                                 .step_block = upload_block(&block),
                                 .count = N,
                                 .beta1 = 0.9f,
                                 .beta2 = 0.95f,
                                 .weight_decay = 1.0f};
    hrm_adam_atan2_args part = whole;
    part.param = helper_gpu_f32(p, N);
    part.m = helper_gpu_f32(zero, N);
    part.v = helper_gpu_f32(zero, N);
    part.count = CUT;
    hrm_adam_atan2(helper_gpu_begin(), whole);
    hrm_adam_atan2(helper_gpu_begin(), part);
    helper_gpu_run();
    const float *got = helper_gpu_read(part.param);
    check_same_bits("the first part", got, helper_gpu_read(whole.param), CUT * 4);
    check_same_bits("behind it", got + CUT, p + CUT, (N - CUT) * 4);
}

/* The scale of the loss is taken back: a scaled gradient moves everything to the same bits. */
static void check_adam_scale(uint64_t n, bool with_ema) {
    float *p = helper_gpu_host_f32(n), *g = helper_gpu_host_f32(n), *v = helper_gpu_host_f32(n);
    helper_gpu_random(p, n, 1.0, 1);
    helper_gpu_random(g, n, 1e-4, 2);
    helper_gpu_random(v, n, 1e-4, 3);
    for (uint64_t i = 0; i < n; i++) v[i] *= v[i];
    struct hrm_step_block block = {.ema_decay = 0.9f};
    hrm_adam_atan2_set_step(&block, 5, 1e-3, 0.9, 0.95);
    hrm_adam_atan2_args args[2];
    for (int k = 0; k < 2; k++) {
        block.loss_scale_log2 = k ? 19 : 0;
        for (uint64_t i = 0; k && i < n; i++) g[i] = ldexpf(g[i], 19);
        args[k] = (hrm_adam_atan2_args){.param = helper_gpu_f32(p, n),
                                        .grad = helper_gpu_f32(g, n),
                                        .m = helper_gpu_f32(p, n),
                                        .v = helper_gpu_f32(v, n),
                                        .step_block = upload_block(&block),
                                        .count = n,
                                        .beta1 = 0.9,
                                        .beta2 = 0.95,
                                        .weight_decay = 0.1f};
        if (with_ema) args[k].ema = helper_gpu_f32(p, n);
        hrm_adam_atan2(helper_gpu_begin(), args[k]);
    }
    helper_gpu_run();
    check_same_bits("p", helper_gpu_read(args[1].param), helper_gpu_read(args[0].param), n * 4);
    check_same_bits("m", helper_gpu_read(args[1].m), helper_gpu_read(args[0].m), n * 4);
    check_same_bits("v", helper_gpu_read(args[1].v), helper_gpu_read(args[0].v), n * 4);
    CHECK(memcmp(helper_gpu_read(args[0].m), p, n * 4) != 0);
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_adam_scale(void **state) {
    (void)state;
    const uint64_t sizes[] = {1, 64, 1003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_adam_scale(sizes[i], false);
        check_adam_scale(sizes[i], true);
    }
}

/* Gradients whose square is below the smallest f32: the step must not jump to its largest possible size. */
static void test_adam_tiny_gradients(void **state) {
    (void)state;
    enum { N = 8 };
    const float g[N] = {0.0f, 1e-20f, -1e-20f, 1e-25f, 1e-30f, -1e-35f, 1e-19f, 2e-38f}, zero[N] = {0};
    struct hrm_step_block block = {0};
    hrm_adam_atan2_set_step(&block, 1, 1e-3, 0.9, 0.95);
    hrm_adam_atan2_args args = {.param = helper_gpu_f32(zero, N),
                                .grad = helper_gpu_f32(g, N),
                                .m = helper_gpu_f32(zero, N),
                                .v = helper_gpu_f32(zero, N),
                                .step_block = upload_block(&block),
                                .count = N,
                                .beta1 = 0.9f,
                                .beta2 = 0.95f};
    hrm_adam_atan2(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *p = helper_gpu_read(args.param);
    CHECK(p[0] == 0.0f);
    for (int i = 0; i < N; i++) {
        CHECK_MSG(fabsf(p[i]) <= 1.001e-3f, "gradient %g moves by %g", (double)g[i], (double)p[i]);
        CHECK_MSG(p[i] * g[i] <= 0.0f, "gradient %g moves by %g", (double)g[i], (double)p[i]);
    }
}

static void check_sign_sgd(uint32_t batch, uint32_t live_rows, uint32_t table_rows, uint32_t dim) {
    const size_t n = (size_t)table_rows * dim;
    float *table = helper_gpu_host_f32(n), *grad = helper_gpu_host_f32((size_t)batch * dim);
    uint32_t *ids = helper_gpu_host_u32(batch);
    helper_gpu_random(table, n, 1.0, 1);
    helper_gpu_random(grad, (size_t)batch * dim, 1.0, 2);
    helper_gpu_random_u32(ids, batch, table_rows, 3);
    for (size_t i = 0; i < (size_t)batch * dim; i += 7) grad[i] = 0.0f;
    if (batch > 3) {
        ids[3] = table_rows; /* no such row */
        ids[2] = ids[0];     /* gradients that cancel exactly */
        for (uint32_t e = 0; e < dim; e++) grad[2 * dim + e] = -grad[e];
    }
    const double lr = (double)0.01f;
    double *want = helper_gpu_widen(table, n);
    ref_sign_sgd(batch, live_rows, table_rows, dim, lr, 0.1, helper_gpu_widen(grad, (size_t)batch * dim), ids, want);
    struct hrm_step_block block = {.live_rows = live_rows, .puzzle_lr = 0.01f};
    hrm_sign_sgd_args args = {.table = helper_gpu_f32_2d(table, table_rows, dim),
                              .grad = helper_gpu_f32_2d(grad, batch, dim),
                              .ids = helper_gpu_u32(ids, batch),
                              .step_block = upload_block(&block),
                              .batch = batch,
                              .dim = dim,
                              .weight_decay = 0.1f};
    hrm_sign_sgd(helper_gpu_begin(), args);
    helper_gpu_run();
    const float *got = helper_gpu_read(args.table);
    check_close_f32("table", got, want, n, 5e-9, 2e-7); /* three roundings; a wrong sign would be 0.02 off */
    for (uint32_t row = 0; row < table_rows; row++) {
        bool touched = false;
        for (uint32_t b = 0; b < batch && b < live_rows; b++) touched = touched || ids[b] == row;
        if (!touched)
            check_same_bits("a row that is not named", got + (size_t)row * dim, table + (size_t)row * dim, dim * 4);
    }
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
}

static void test_sign_sgd(void **state) {
    (void)state;
    check_sign_sgd(1, 1, 1, 1);
    check_sign_sgd(8, 8, 6, 48);
    check_sign_sgd(9, 5, 30, 67);
    check_sign_sgd(200, 190, 40, 16);
    check_sign_sgd(32, 32, 1000, 512);
}

static void test_refused_arguments(void **state) {
    (void)state;
    hrm_tensor t = helper_gpu_f32(NULL, 4);
    hrm_adam_atan2(helper_gpu_begin(), (hrm_adam_atan2_args){.param = t, .grad = t, .m = t, .v = t});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "adam_atan2: count is 0");
    hrm_adam_atan2(helper_gpu_begin(), (hrm_adam_atan2_args){.param = t, .grad = t, .m = t, .v = t, .count = 5});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "adam_atan2: tensor grad has 4 elements");
    hrm_sign_sgd(helper_gpu_begin(), (hrm_sign_sgd_args){.table = t, .grad = t, .batch = 1, .dim = 3});
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "sign_sgd: batch 1 of rows of 3");
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_adam), HELPER_GPU_TEST(test_adam_parts), HELPER_GPU_TEST(test_adam_scale),
                HELPER_GPU_TEST(test_adam_tiny_gradients), HELPER_GPU_TEST(test_sign_sgd),
                HELPER_GPU_TEST(test_refused_arguments))
