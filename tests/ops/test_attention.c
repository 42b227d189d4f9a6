/* Attention: every family of kernels against the double reference, forward and backward. */
#include "helper_gpu.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gpu/device_private.h"
#include "ops/attention.h"
#include "ref/attention.h"

/* Inputs of unit variance. A score has up to 128 products, p an exponential of a difference up to ~16, for which a
 * device may be off by 3 + 2 * 16 units in the last place (2^-23 each: 4e-6); o and the gradients sum up to 900 such
 * terms. */
#define TOLERANCE 2e-5

/* One problem: host copies, tensors, references. */
typedef struct problem {
    ref_attention_shape shape;
    size_t n_o, n_qkv, n_lse;
    float *qkv, *grad_o;
    double *o, *lse, *delta, *grad_qkv;
    hrm_tensor t_qkv, t_o, t_lse, t_grad_o, t_delta, t_grad_qkv;
    hrm_dtype d_qkv, d_o, d_grad_o, d_grad_qkv;
} problem;

static problem make_problem(size_t batch, size_t heads, size_t seq, size_t head_dim) {
    problem p = {.shape = {batch, seq, heads, head_dim}};
    p.n_o = batch * seq * heads * head_dim;
    p.n_qkv = 3 * p.n_o;
    p.n_lse = batch * heads * seq;
    p.qkv = helper_gpu_host_f32(p.n_qkv);
    p.grad_o = helper_gpu_host_f32(p.n_o);
    helper_gpu_random(p.qkv, p.n_qkv, 1.0, 1);
    helper_gpu_random(p.grad_o, p.n_o, 1.0, 2);
    return p;
}

static void make_reference(problem *p) {
    double *qkv = helper_gpu_widen(p->qkv, p->n_qkv), *grad_o = helper_gpu_widen(p->grad_o, p->n_o);
    p->o = helper_gpu_host_f64(p->n_o);
    p->lse = helper_gpu_host_f64(p->n_lse);
    p->delta = helper_gpu_host_f64(p->n_lse);
    p->grad_qkv = helper_gpu_host_f64(p->n_qkv);
    ref_attention_fwd(p->shape, qkv, p->o, p->lse);
    ref_attention_bwd(p->shape, qkv, p->o, p->lse, grad_o, p->delta, p->grad_qkv);
}

static void upload(problem *p) {
    p->t_qkv = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->d_qkv, p->n_qkv), p->qkv);
    p->t_grad_o = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->d_grad_o, p->n_o), p->grad_o);
    p->t_o = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->d_o, p->n_o), NULL);
    p->t_lse = helper_gpu_f32(NULL, p->n_lse);
    p->t_delta = helper_gpu_f32(NULL, p->n_lse);
    p->t_grad_qkv = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->d_grad_qkv, p->n_qkv), NULL);
}

static void record_fwd(const problem *p, hrm_attention_family family) {
    hrm_attention_fwd(helper_gpu_begin(), (hrm_attention_fwd_args){.qkv = p->t_qkv,
                                                                   .o = p->t_o,
                                                                   .lse = p->t_lse,
                                                                   .batch = p->shape.batch,
                                                                   .seq = p->shape.seq,
                                                                   .heads = (uint32_t)p->shape.heads,
                                                                   .head_dim = (uint32_t)p->shape.head_dim,
                                                                   .family = family});
}

static void record_bwd(const problem *p, hrm_attention_family family) {
    hrm_attention_bwd(helper_gpu_begin(), (hrm_attention_bwd_args){.qkv = p->t_qkv,
                                                                   .o = p->t_o,
                                                                   .lse = p->t_lse,
                                                                   .grad_o = p->t_grad_o,
                                                                   .delta = p->t_delta,
                                                                   .grad_qkv = p->t_grad_qkv,
                                                                   .batch = p->shape.batch,
                                                                   .seq = p->shape.seq,
                                                                   .heads = (uint32_t)p->shape.heads,
                                                                   .head_dim = (uint32_t)p->shape.head_dim,
                                                                   .family = family});
}

static void run_both(const problem *p, hrm_attention_family family) {
    record_fwd(p, family);
    record_bwd(p, family);
    helper_gpu_run();
}

static void check_all(const problem *p, hrm_attention_family family, double tolerance) {
    char name[128];
    const ref_attention_shape *s = &p->shape;
    const struct {
        const char *what;
        hrm_tensor tensor;
        const double *want;
        size_t n;
    } parts[] = {{"o", p->t_o, p->o, p->n_o},
                 {"lse", p->t_lse, p->lse, p->n_lse},
                 {"delta", p->t_delta, p->delta, p->n_lse},
                 {"grad_qkv", p->t_grad_qkv, p->grad_qkv, p->n_qkv}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(name, sizeof name, "%s %s batch %zu heads %zu seq %zu head_dim %zu", hrm_attention_family_name(family),
                 parts[i].what, s->batch, s->heads, s->seq, s->head_dim);
        check_close_f32(name, helper_gpu_read(parts[i].tensor), parts[i].want, parts[i].n, tolerance, tolerance);
    }
}

static unsigned mesa_version(void) {
    unsigned version = 0;
    if (sscanf(hrm_device_get_adapter(helper_gpu_get_device())->driver_info, "Mesa %u", &version) != 1) version = 0;
    return version;
}

/* Every family this device can run, AUTO included; except uniform addresses on the Mesa versions that take up to 44 s
 * to compile one such kernel (25.0; 22.3 takes one). */
static uint32_t list_families(hrm_attention_family *families) {
    uint32_t n = 0;
    for (int f = HRM_ATTENTION_AUTO; f < HRM_ATTENTION_FAMILY_COUNT; f++) {
        if (f == HRM_ATTENTION_UNIFORM && mesa_version() > 22 && mesa_version() < 26) continue;
        if (f != HRM_ATTENTION_COOPMAT && /* has a test of its own: its factors are 16-bit */
            hrm_attention_family_is_usable(helper_gpu_get_device(), (hrm_attention_family)f))
            families[n++] = (hrm_attention_family)f;
    }
    return n;
}

/* Families that a Mesa this old would never choose: broadcasts run at a thirtieth of the shuffles, and uniform
 * addresses take up to 44 s to compile. They must be right all the same, in one head width. */
static bool is_unfit(hrm_attention_family family) {
    return (family == HRM_ATTENTION_UNIFORM && mesa_version() < 26) ||
           (family == HRM_ATTENTION_BROADCAST && mesa_version() < 24);
}

static bool takes_shape(hrm_attention_family family, const ref_attention_shape *s) {
    if (is_unfit(family)) return s->head_dim == 8;
    return !helper_gpu_is_slow() || s->batch * s->heads * s->seq * s->seq * s->head_dim <= 1u << 20;
}

static void check_shape(size_t batch, size_t heads, size_t seq, size_t head_dim) {
    hrm_attention_family families[HRM_ATTENTION_FAMILY_COUNT];
    uint32_t count = list_families(families);
    problem p = make_problem(batch, heads, seq, head_dim);
    make_reference(&p);
    for (uint32_t i = 0; i < count; i++) {
        if (!takes_shape(families[i], &p.shape)) continue;
        upload(&p);
        run_both(&p, families[i]);
        check_all(&p, families[i], TOLERANCE);
    }
}

static void test_friendly(void **state) {
    (void)state;
    check_shape(2, 2, 64, 32);
}

static void test_demo_and_paper(void **state) {
    (void)state;
    check_shape(3, 3, 37, 32);
    check_shape(1, 2, 81, 64);
    check_shape(1, 1, 82, 64);
}

static void test_small_seq(void **state) {
    (void)state;
    check_shape(1, 1, 1, 8);
    check_shape(3, 2, 1, 32);
    check_shape(2, 3, 5, 32);
    check_shape(2, 1, 7, 64);
    check_shape(1, 3, 16, 32);
    check_shape(1, 1, 17, 32);
}

static void test_head_widths(void **state) {
    (void)state;
    static const size_t widths[] = {8, 24, 40, 64, 96, 128};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) check_shape(2, 1, 33, widths[i]);
}

static void test_long(void **state) {
    (void)state;
    if (!helper_gpu_is_slow()) check_shape(1, 1, 900, 16);
}

/* Inputs are rounded before the reference sees them. o is rounded once; delta, the gradients' other ingredient, sums
 * head_dim products of grad_o and the o that was stored: each is off by up to a rounding of o, of size 1 or so, and the
 * sum, at random, by its root. The gradients inherit that, p times, and are rounded themselves. */
static void check_16bit(size_t batch, size_t heads, size_t seq, size_t head_dim, const hrm_dtype types[4]) {
    problem p = make_problem(batch, heads, seq, head_dim);
    p.d_qkv = types[0], p.d_o = types[1], p.d_grad_o = types[2], p.d_grad_qkv = types[3];
    helper_gpu_round(p.d_qkv, p.qkv, p.n_qkv);
    helper_gpu_round(p.d_grad_o, p.grad_o, p.n_o);
    make_reference(&p);
    upload(&p);
    run_both(&p, HRM_ATTENTION_TILES);
    double of_o = hrm_dtype_is_16bit(p.d_o) ? helper_gpu_rounding(p.d_o) : 0;
    double of_grad = hrm_dtype_is_16bit(p.d_grad_qkv) ? helper_gpu_rounding(p.d_grad_qkv) : 0;
    double of_delta = TOLERANCE + of_o * 4 * sqrt((double)head_dim);
    check_close_f32("o", helper_gpu_read_any(p.t_o), p.o, p.n_o, TOLERANCE, TOLERANCE + of_o);
    check_close_f32("lse", helper_gpu_read(p.t_lse), p.lse, p.n_lse, TOLERANCE, TOLERANCE);
    check_close_f32("delta", helper_gpu_read(p.t_delta), p.delta, p.n_lse, of_delta, TOLERANCE);
    check_close_f32("grad_qkv", helper_gpu_read_any(p.t_grad_qkv), p.grad_qkv, p.n_qkv, of_delta, TOLERANCE + of_grad);
}

static void test_16bit(void **state) {
    (void)state;
    static const hrm_dtype types[][4] = {{HRM_BF16_T, HRM_BF16_T, HRM_BF16_T, HRM_BF16_T},
                                         {HRM_F16_T, HRM_F16_T, HRM_F16_T, HRM_F16_T},
                                         {HRM_BF16_T, HRM_F32_T, HRM_F32_T, HRM_F32_T},
                                         {HRM_F32_T, HRM_F16_T, HRM_F32_T, HRM_BF16_T}};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        check_16bit(2, 2, 37, 32, types[t]);
        check_16bit(1, 2, 5, 8, types[t]);
        check_16bit(1, 1, 33, 128, types[t]);
    }
}

/* 16-bit outputs are the f32 ones, rounded to nearest even: the same bits as rounding on the host. */
static void test_16bit_rounding(void **state) {
    (void)state;
    for (hrm_dtype dtype = HRM_BF16_T; dtype <= HRM_F16_T; dtype++) {
        problem p = make_problem(2, 2, 21, 40);
        upload(&p);
        run_both(&p, HRM_ATTENTION_TILES);
        float *o = helper_gpu_read(p.t_o), *grad = helper_gpu_read(p.t_grad_qkv);
        helper_gpu_round(dtype, o, p.n_o);
        helper_gpu_round(dtype, grad, p.n_qkv);
        p.d_grad_qkv = dtype;
        upload(&p);
        run_both(&p, HRM_ATTENTION_TILES);
        check_same_bits("grad_qkv rounded", helper_gpu_read_any(p.t_grad_qkv), grad, p.n_qkv * sizeof(float));
        p.d_o = dtype;
        upload(&p);
        record_fwd(&p, HRM_ATTENTION_TILES);
        helper_gpu_run();
        check_same_bits("o rounded", helper_gpu_read_any(p.t_o), o, p.n_o * sizeof(float));
    }
}

/* Without lse the outputs are the same bits, and nothing else is written. */
static void test_without_lse(void **state) {
    (void)state;
    hrm_attention_family families[HRM_ATTENTION_FAMILY_COUNT];
    uint32_t count = list_families(families);
    for (uint32_t i = 0; i < count; i++) {
        problem p = make_problem(2, 2, 9, is_unfit(families[i]) ? 8 : 32);
        upload(&p);
        record_fwd(&p, families[i]);
        helper_gpu_run();
        float *with = helper_gpu_read(p.t_o);
        p.t_o = helper_gpu_f32(NULL, p.n_o);
        p.t_lse = (hrm_tensor){0};
        record_fwd(&p, families[i]);
        helper_gpu_run();
        check_same_bits(hrm_attention_family_name(families[i]), helper_gpu_read(p.t_o), with, p.n_o * sizeof(float));
    }
}

/* Scores in the thousands: exp alone would overflow; one key takes nearly all. An f32 score of size S is off by about
 * S * 2^-22, and so, relatively, is every p. */
static void test_large_scores(void **state) {
    (void)state;
    hrm_attention_family families[HRM_ATTENTION_FAMILY_COUNT];
    uint32_t count = list_families(families);
    for (uint32_t i = 0; i < count; i++) {
        if (is_unfit(families[i])) continue;
        problem p = make_problem(1, 2, 37, 32);
        for (size_t at = 0; at < p.n_qkv; at++)
            if (at / (p.n_qkv / (p.shape.seq * 3)) % 3 < 2) p.qkv[at] *= 40.0f;
        make_reference(&p);
        double largest = 0;
        for (size_t at = 0; at < p.n_lse; at++) largest = fmax(largest, fabs(p.lse[at]));
        CHECK_MSG(largest > 3000, "largest score is only %g", largest);
        upload(&p);
        run_both(&p, families[i]);
        check_close_f32("o", helper_gpu_read(p.t_o), p.o, p.n_o, largest / (1 << 21), 0);
        check_close_f32("lse", helper_gpu_read(p.t_lse), p.lse, p.n_lse, largest / (1 << 21), 0);
        /* gradients of q and k carry the other operand's factor of 40, and sum 37 terms */
        check_close_f32("grad_qkv", helper_gpu_read(p.t_grad_qkv), p.grad_qkv, p.n_qkv, largest / (1 << 21) * 40 * 10,
                        0);
    }
}

/* Scores near 1e30 of either sign: whatever the rounding, o stays a mean of v and nothing becomes NaN or infinite. */
static void test_huge_scores(void **state) {
    (void)state;
    hrm_attention_family families[HRM_ATTENTION_FAMILY_COUNT];
    uint32_t count = list_families(families);
    for (uint32_t i = 0; i < count; i++) {
        if (is_unfit(families[i])) continue;
        for (int sign = -1; sign <= 1; sign += 2) {
            problem p = make_problem(1, 1, 21, 32);
            size_t row = p.n_qkv / p.shape.seq;
            for (size_t at = 0; at < p.n_qkv; at++) {
                if (at % row / 32 == 0) p.qkv[at] = 1e15f * (float)(1 + at / row % 3);
                if (at % row / 32 == 1) p.qkv[at] = (float)sign * 1e14f * (float)(1 + at / row % 5);
            }
            float lowest = INFINITY, highest = -INFINITY;
            for (size_t at = 0; at < p.n_qkv; at++) {
                if (at % row / 32 != 2) continue;
                lowest = fminf(lowest, p.qkv[at]);
                highest = fmaxf(highest, p.qkv[at]);
            }
            upload(&p);
            run_both(&p, families[i]);
            const float *o = helper_gpu_read(p.t_o), *lse = helper_gpu_read(p.t_lse);
            const float *grad = helper_gpu_read(p.t_grad_qkv);
            for (size_t at = 0; at < p.n_o; at++)
                CHECK_MSG(o[at] >= lowest * 1.001f && o[at] <= highest * 1.001f, "o[%zu] = %g", at, (double)o[at]);
            for (size_t at = 0; at < p.n_lse; at++) CHECK_MSG(isfinite(lse[at]), "lse[%zu] = %g", at, (double)lse[at]);
            for (size_t at = 0; at < p.n_qkv; at++)
                CHECK_MSG(isfinite(grad[at]), "grad_qkv[%zu] = %g", at, (double)grad[at]);
        }
    }
}

/* A batch row gives the same bits alone, and among other rows whatever they hold; so does running again. */
static void test_rows_are_independent(void **state) {
    (void)state;
    hrm_attention_family families[HRM_ATTENTION_FAMILY_COUNT];
    uint32_t count = list_families(families);
    for (uint32_t i = 0; i < count; i++) {
        size_t head_dim = is_unfit(families[i]) ? 8 : 32;
        problem p = make_problem(3, 2, 21, head_dim);
        size_t row_o = p.n_o / 3, row_lse = p.n_lse / 3;
        upload(&p);
        run_both(&p, families[i]);
        float *o = helper_gpu_read(p.t_o), *lse = helper_gpu_read(p.t_lse), *grad = helper_gpu_read(p.t_grad_qkv);
        helper_gpu_run_again();
        check_same_bits("o again", helper_gpu_read(p.t_o), o, p.n_o * sizeof(float));
        check_same_bits("grad again", helper_gpu_read(p.t_grad_qkv), grad, p.n_qkv * sizeof(float));

        problem one = make_problem(1, 2, 21, head_dim);
        memcpy(one.qkv, p.qkv + 3 * row_o, 3 * row_o * sizeof(float));
        memcpy(one.grad_o, p.grad_o + row_o, row_o * sizeof(float));
        upload(&one);
        run_both(&one, families[i]);
        check_same_bits("o alone", helper_gpu_read(one.t_o), o + row_o, row_o * sizeof(float));
        check_same_bits("lse alone", helper_gpu_read(one.t_lse), lse + row_lse, row_lse * sizeof(float));
        check_same_bits("grad alone", helper_gpu_read(one.t_grad_qkv), grad + 3 * row_o, 3 * row_o * sizeof(float));

        helper_gpu_random(p.qkv, 3 * row_o, 5.0, 7);
        helper_gpu_random(p.grad_o + 2 * row_o, row_o, 5.0, 8);
        upload(&p);
        run_both(&p, families[i]);
        check_same_bits("o, others changed", (float *)helper_gpu_read(p.t_o) + row_o, o + row_o, row_o * sizeof(float));
        check_same_bits("grad, others changed", (float *)helper_gpu_read(p.t_grad_qkv) + 3 * row_o, grad + 3 * row_o,
                        3 * row_o * sizeof(float));
    }
}

/* More than `range` bytes of qkv. One token: o is v; p is 1, so that only v has a gradient, which is o's. */
static void run_slices(uint64_t range, bool backward) {
    size_t heads = 64, head_dim = 64, row = heads * head_dim;
    problem p = {.shape = {range / (3 * row * 4) + 33, 1, heads, head_dim}};
    p.n_o = p.shape.batch * row;
    p.n_qkv = 3 * p.n_o;
    p.n_lse = p.shape.batch * heads;
    p.qkv = helper_gpu_host_f32(p.n_qkv);
    for (size_t i = 0; i < p.n_qkv; i++) p.qkv[i] = (float)(i * 2654435761u % 1009) / 512.0f - 1.0f;
    p.t_qkv = helper_gpu_f32(p.qkv, p.n_qkv);
    p.t_o = helper_gpu_f32(NULL, p.n_o);
    if (backward) {
        p.grad_o = helper_gpu_host_f32(p.n_o);
        helper_gpu_random(p.grad_o, p.n_o, 1.0, 2);
        p.t_lse = helper_gpu_f32(NULL, p.n_lse);
        p.t_delta = helper_gpu_f32(NULL, p.n_lse);
        p.t_grad_o = helper_gpu_f32(p.grad_o, p.n_o);
        p.t_grad_qkv = helper_gpu_f32(NULL, p.n_qkv);
    }
    record_fwd(&p, HRM_ATTENTION_AUTO);
    if (backward) record_bwd(&p, HRM_ATTENTION_AUTO);
    helper_gpu_run();
    const float *o = helper_gpu_read(p.t_o), *grad = backward ? helper_gpu_read(p.t_grad_qkv) : NULL;
    for (size_t b = 0; b < p.shape.batch; b++) {
        const size_t v = (b * 3 + 2) * row;
        check_close_f32("o of one token", o + b * row, p.qkv + v, row, 1e-6, 1e-6);
        if (backward) check_close_f32("grad v of one token", grad + v, p.grad_o + b * row, row, 1e-5, 1e-5);
    }
}

/* More than a storage binding holds: the batch is worked through in slices. */
static void test_slices(void **state) {
    (void)state;
    hrm_adapter *a = &helper_gpu_get_device()->adapter.info;
    const uint64_t range = a->max_storage_range;
    a->max_storage_range = 1 << 20; /* few rows a slice, and done on every device */
    run_slices(a->max_storage_range, true);
    a->max_storage_range = range;
    CHECK_EQ(helper_gpu_teardown(NULL), 0);
    /* qkv, o and what moves them */
    if (range > 1u << 28 || range * 2 > a->device_local_bytes || helper_gpu_is_slow()) {
        print_message("binding range %" PRIu64 ", memory %" PRIu64 ": sliced with a lowered range only\n", range,
                      a->device_local_bytes);
        return;
    }
    run_slices(range, false);
}

static void test_errors(void **state) {
    (void)state;
    problem p = make_problem(1, 1, 4, 16);
    upload(&p);
    p.shape.head_dim = 12;
    record_fwd(&p, HRM_ATTENTION_AUTO);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "head_dim 12");
    p.shape.head_dim = 16;
    p.shape.seq = 5;
    record_fwd(&p, HRM_ATTENTION_AUTO);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "qkv");
    p.shape.seq = 4;
    hrm_tensor lse = p.t_lse;
    p.t_lse = (hrm_tensor){0};
    record_bwd(&p, HRM_ATTENTION_AUTO);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "lse");
    p.t_lse = lse;
    p.t_o.dtype = HRM_BF16_T;
    record_fwd(&p, HRM_ATTENTION_SHUFFLE);
    helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "family shuffle does not serve 16-bit tensors");
    p.t_o.dtype = HRM_F32_T;
    p.t_grad_qkv = p.t_qkv;
    record_bwd(&p, HRM_ATTENTION_AUTO);
    helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "grad_qkv");
}

/* The reference's backward against central differences of its forward. */
static void test_reference_gradient(void **state) {
    (void)state;
    problem p = make_problem(2, 2, 5, 8);
    make_reference(&p);
    double *qkv = helper_gpu_widen(p.qkv, p.n_qkv), *o = helper_gpu_host_f64(p.n_o);
    double *lse = helper_gpu_host_f64(p.n_lse);
    for (size_t i = 0; i < p.n_qkv; i++) {
        const double h = 1e-5;
        double keep = qkv[i], change = 0;
        for (int sign = -1; sign <= 1; sign += 2) {
            qkv[i] = keep + sign * h;
            ref_attention_fwd(p.shape, qkv, o, lse);
            for (size_t n = 0; n < p.n_o; n++) change += sign * o[n] * (double)p.grad_o[n];
        }
        qkv[i] = keep;
        /* h^2 times a third derivative of order 1, and 1e-16 / h of rounding */
        CHECK_MSG(fabs(change / (2 * h) - p.grad_qkv[i]) < 1e-8, "grad_qkv[%zu] = %.12g, differences give %.12g", i,
                  p.grad_qkv[i], change / (2 * h));
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_reference_gradient), HELPER_GPU_TEST(test_friendly),
                HELPER_GPU_TEST(test_demo_and_paper), HELPER_GPU_TEST(test_small_seq),
                HELPER_GPU_TEST(test_head_widths), HELPER_GPU_TEST(test_long), HELPER_GPU_TEST(test_16bit),
                HELPER_GPU_TEST(test_16bit_rounding), HELPER_GPU_TEST(test_without_lse),
                HELPER_GPU_TEST(test_large_scores), HELPER_GPU_TEST(test_huge_scores),
                HELPER_GPU_TEST(test_rows_are_independent), HELPER_GPU_TEST(test_slices), HELPER_GPU_TEST(test_errors))
