/* Attention on matrix units against the double reference, forward and backward, with every mix of element types. The
 * reference starts from what the kernels multiply: operands rounded to the type of the matrices.
 *
 * Where a device multiplies any multiples of its granule (VK_NV_cooperative_matrix2), the shapes of other devices'
 * matrix units run too. A device without matrix units must refuse. */
#include "helper_gpu.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gpu/caps.h"
#include "gpu/device_private.h"
#include "gpu/spirv.h"
#include "ops/attention.h"
#include "ops/attention_coopmat.h"
#include "ref/attention.h"
#include "shared/attention.h"
#include "shared/spec_ids.h"

/* What is left of an f32 computation, as in test_attention.c: exponentials of up to ~16, sums of up to 130 terms. */
#define TOLERANCE 2e-5

typedef struct problem {
    ref_attention_shape shape;
    hrm_dtype qkv_type, o_type, grad_o_type, grad_qkv_type, type; /* the last: of the matrices */
    size_t n_o, n_qkv, n_lse;
    float *qkv, *grad_o;
    double *o, *lse, *delta, *grad_qkv;
    double *o_bound, *delta_bound, *grad_bound; /* by which each may be off */
    hrm_tensor t_qkv, t_o, t_lse, t_grad_o, t_delta, t_grad_qkv;
} problem;

static problem make_problem(size_t batch, size_t heads, size_t seq, size_t head_dim, hrm_dtype qkv, hrm_dtype o,
                            hrm_dtype grad_o, hrm_dtype grad_qkv) {
    problem p = {.shape = {batch, seq, heads, head_dim},
                 .qkv_type = qkv,
                 .o_type = o,
                 .grad_o_type = grad_o,
                 .grad_qkv_type = grad_qkv};
    p.type = hrm_attention_coopmat_type(
        &(hrm_attention_coopmat_case){.qkv = qkv, .o = o, .grad_o = grad_o, .grad_qkv = grad_qkv});
    p.n_o = batch * seq * heads * head_dim;
    p.n_qkv = 3 * p.n_o;
    p.n_lse = batch * heads * seq;
    p.qkv = helper_gpu_host_f32(p.n_qkv);
    p.grad_o = helper_gpu_host_f32(p.n_o);
    helper_gpu_random(p.qkv, p.n_qkv, 1.0, 1);
    helper_gpu_random(p.grad_o, p.n_o, 1.0, 2);
    return p;
}

static problem make_plain(size_t batch, size_t heads, size_t seq, size_t head_dim, hrm_dtype type) {
    return make_problem(batch, heads, seq, head_dim, type, type, type, type);
}

/* Rounds the operands and works out what is wanted, and how far off it may be. u is the most that rounding a factor
 * changes it, relatively. The kernels round each weight p_ij before it meets v_j or do_i, and each ds_ij before it
 * meets k_j or q_i; what is stored is rounded once more; delta is made of the stored o, and of do before it is rounded.
 * Weights too small for an f16 normal number are off by up to 2^-25 of their row's largest. `score_error` is how far an
 * f32 score may be off: relatively, so is each p. */
static void make_reference(problem *p, double score_error) {
    const ref_attention_shape s = p->shape;
    const double u = helper_gpu_rounding(p->type), u_o = helper_gpu_rounding(p->o_type);
    const double u_grad = helper_gpu_rounding(p->grad_qkv_type), tiny = p->type == HRM_F16_T ? 0x1p-25 : 0;
    const double scale = 1 / sqrt((double)s.head_dim);
    helper_gpu_round(p->qkv_type, p->qkv, p->n_qkv);
    helper_gpu_round(p->type, p->qkv, p->n_qkv);
    helper_gpu_round(p->grad_o_type, p->grad_o, p->n_o);
    const bool same = p->grad_o_type == p->type;
    helper_gpu_round(p->type, p->grad_o, p->n_o);
    double *qkv = helper_gpu_widen(p->qkv, p->n_qkv), *grad_o = helper_gpu_widen(p->grad_o, p->n_o);
    p->o = helper_gpu_host_f64(p->n_o);
    p->lse = helper_gpu_host_f64(p->n_lse);
    p->delta = helper_gpu_host_f64(p->n_lse);
    p->grad_qkv = helper_gpu_host_f64(p->n_qkv);
    ref_attention_fwd(s, qkv, p->o, p->lse);
    ref_attention_bwd(s, qkv, p->o, p->lse, grad_o, p->delta, p->grad_qkv);
    p->o_bound = helper_gpu_host_f64(p->n_o);
    p->delta_bound = helper_gpu_host_f64(p->n_lse);
    p->grad_bound = helper_gpu_host_f64(p->n_qkv);
    const size_t row = s.heads * s.head_dim;
    for (size_t b = 0; b < s.batch; b++) {
        for (size_t h = 0; h < s.heads; h++) {
            for (size_t i = 0; i < s.seq; i++) {
                const size_t stat = (b * s.heads + h) * s.seq + i, o_at = (b * s.seq + i) * row + h * s.head_dim;
                const double *q = qkv + (b * s.seq + i) * 3 * row + h * s.head_dim;
                double *q_bound = p->grad_bound + (q - qkv);
                for (int round = 0; round < 2; round++) { /* delta's bound needs all of o's */
                    for (size_t j = 0; j < s.seq; j++) {
                        const double *k = qkv + (b * s.seq + j) * 3 * row + row + h * s.head_dim, *v = k + row;
                        double *k_bound = p->grad_bound + (k - qkv), *v_bound = k_bound + row;
                        double score = 0, dp = 0;
                        for (size_t d = 0; d < s.head_dim; d++) score += q[d] * k[d];
                        for (size_t d = 0; d < s.head_dim; d++) dp += grad_o[o_at + d] * v[d];
                        const double weight = exp(score * scale - p->lse[stat]);
                        const double weight_bound = weight * (u + 2 * score_error) + tiny;
                        if (round == 0) {
                            for (size_t d = 0; d < s.head_dim; d++) p->o_bound[o_at + d] += weight_bound * fabs(v[d]);
                            continue;
                        }
                        const double ds = weight * (dp - p->delta[stat]);
                        const double ds_bound = fabs(ds) * (u + 2 * score_error) + weight * p->delta_bound[stat] + tiny;
                        for (size_t d = 0; d < s.head_dim; d++) {
                            q_bound[d] += scale * ds_bound * fabs(k[d]);
                            k_bound[d] += scale * ds_bound * fabs(q[d]);
                            v_bound[d] += weight_bound * fabs(grad_o[o_at + d]);
                        }
                    }
                    if (round != 0) continue;
                    for (size_t d = 0; d < s.head_dim; d++) {
                        p->o_bound[o_at + d] += u_o * fabs(p->o[o_at + d]) + TOLERANCE;
                        p->delta_bound[stat] += fabs(grad_o[o_at + d]) * p->o_bound[o_at + d] +
                                                (same ? 0 : u * fabs(grad_o[o_at + d] * p->o[o_at + d]));
                    }
                    p->delta_bound[stat] += TOLERANCE;
                }
            }
        }
    }
    for (size_t i = 0; i < p->n_qkv; i++) p->grad_bound[i] += (u_grad + TOLERANCE) * fabs(p->grad_qkv[i]) + TOLERANCE;
}

static void upload(problem *p) {
    p->t_qkv = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->qkv_type, p->n_qkv), p->qkv);
    p->t_grad_o = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->grad_o_type, p->n_o), p->grad_o);
    p->t_o = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->o_type, p->n_o), NULL);
    p->t_lse = helper_gpu_f32(NULL, p->n_lse);
    p->t_delta = helper_gpu_f32(NULL, p->n_lse);
    p->t_grad_qkv = helper_gpu_any(hrm_tensor_1d(NULL, 0, p->grad_qkv_type, p->n_qkv), NULL);
}

static void record_fwd(const problem *p) {
    hrm_attention_fwd(helper_gpu_begin(), (hrm_attention_fwd_args){.qkv = p->t_qkv,
                                                                   .o = p->t_o,
                                                                   .lse = p->t_lse,
                                                                   .batch = p->shape.batch,
                                                                   .seq = p->shape.seq,
                                                                   .heads = (uint32_t)p->shape.heads,
                                                                   .head_dim = (uint32_t)p->shape.head_dim,
                                                                   .family = HRM_ATTENTION_COOPMAT});
}

static void record_bwd(const problem *p) {
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
                                                                   .family = HRM_ATTENTION_COOPMAT});
}

static void run_both(const problem *p) {
    record_fwd(p);
    record_bwd(p);
    helper_gpu_run();
}

static void check_within(const problem *p, const char *what, hrm_tensor t, const double *want, const double *bound,
                         size_t n) {
    const float *got = helper_gpu_read_any(t);
    size_t worst = 0;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double ratio = fabs((double)got[i] - want[i]) / bound[i];
        if (ratio <= most) continue; /* NaN passes on */
        most = ratio;
        worst = i;
        if (!(ratio <= HUGE_VAL)) break;
    }
    CHECK_MSG(
        most <= 1,
        "%s of %s matrices, batch %zu heads %zu seq %zu head_dim %zu: element %zu is %.9g, want %.9g, off by %.3g "
        "of what rounding explains",
        what, p->type == HRM_BF16_T ? "bf16" : "f16", p->shape.batch, p->shape.heads, p->shape.seq, p->shape.head_dim,
        worst, (double)got[worst], want[worst], most);
}

static void check_all(const problem *p, double lse_tolerance) {
    check_within(p, "o", p->t_o, p->o, p->o_bound, p->n_o);
    check_close_f32("lse", helper_gpu_read(p->t_lse), p->lse, p->n_lse, lse_tolerance, TOLERANCE);
    check_within(p, "delta", p->t_delta, p->delta, p->delta_bound, p->n_lse);
    check_within(p, "grad_qkv", p->t_grad_qkv, p->grad_qkv, p->grad_bound, p->n_qkv);
}

/* The types this device multiplies, f16 before bf16. */
static uint32_t list_types(hrm_dtype types[2]) {
    uint32_t n = 0;
    const hrm_device *device = helper_gpu_get_device();
    if (hrm_attention_coopmat_is_usable(device, HRM_F16_T)) types[n++] = HRM_F16_T;
    if (hrm_attention_coopmat_is_usable(device, HRM_BF16_T)) types[n++] = HRM_BF16_T;
    return n;
}

static void check_problem(problem p) {
    make_reference(&p, 0);
    upload(&p);
    run_both(&p);
    check_all(&p, TOLERANCE);
}

static void check_shape(size_t batch, size_t heads, size_t seq, size_t head_dim) {
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) check_problem(make_plain(batch, heads, seq, head_dim, types[i]));
}

static void test_sequences(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 2, 7, 8, 9, 16, 17, 31, 32, 33, 36, 64, 65, 82, 130};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) check_shape(1, 1, lengths[i], 32);
    check_shape(2, 3, 36, 32);
    check_shape(1, 2, 82, 64);
    check_shape(2, 1, 130, 64);
}

static void test_head_widths(void **state) {
    (void)state;
    static const size_t widths[] = {8, 16, 24, 40, 72, 128};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) check_shape(1, 2, 37, widths[i]);
    check_shape(2, 2, 7, 8);
    check_shape(3, 2, 1, 64);
}

/* Every operand f32 or 16-bit, the same 16-bit type or the other. */
static void test_types(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        const hrm_dtype t = types[i], other = t == HRM_F16_T ? HRM_BF16_T : HRM_F16_T, f = HRM_F32_T;
        const hrm_dtype mixes[][4] = {{t, f, f, f}, {f, t, f, f}, {f, t, t, f},         {f, t, t, t},
                                      {t, t, t, f}, {t, f, t, f}, {t, other, other, t}, {t, t, other, other}};
        for (size_t m = 0; m < sizeof mixes / sizeof mixes[0]; m++)
            check_problem(make_problem(2, 2, 19, 24, mixes[m][0], mixes[m][1], mixes[m][2], mixes[m][3]));
    }
}

/* The forward pass alone with f32 inputs: o says the type. */
static void test_forward_from_f32(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        problem p = make_problem(1, 2, 21, 32, HRM_F32_T, types[i], HRM_F32_T, HRM_F32_T);
        make_reference(&p, 0);
        upload(&p);
        record_fwd(&p);
        helper_gpu_run();
        check_within(&p, "o", p.t_o, p.o, p.o_bound, p.n_o);
    }
}

static hrm_adapter kept; /* the adapter as it is, while a test pretends another */

static int restore_adapter(void **state) {
    helper_gpu_get_device()->adapter.info = kept;
    return helper_gpu_teardown(state);
}

/* Whether the device multiplies this shape, listed or made of granules. */
static bool multiplies(const uint32_t shape[3], hrm_dtype type) {
    if (!(hrm_device_get_caps(helper_gpu_get_device()) & HRM_CAP_COOPMAT2)) return false;
    for (uint32_t i = 0; i < kept.granule_count; i++) {
        const hrm_coopmat_granule *g = &kept.granules[i];
        if (g->bf16 == (type == HRM_BF16_T) && shape[0] % g->m == 0 && shape[1] % g->n == 0 && shape[2] % g->k == 0)
            return true;
    }
    return false;
}

/* The matrix shapes of other devices, where this one multiplies any multiples of its granule. Few widths: lavapipe
 * takes ten seconds to compile the largest kernels. */
static void test_other_shapes(void **state) {
    (void)state;
    static const uint32_t shapes[][3] = {{16, 16, 16}, {16, 8, 16}, {8, 8, 16}, {8, 16, 16}, {16, 16, 8}};
    static const size_t widths[] = {8, 40};
    hrm_adapter *a = &helper_gpu_get_device()->adapter.info;
    kept = *a;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        for (size_t n = 0; n < sizeof shapes / sizeof shapes[0]; n++) {
            if (!multiplies(shapes[n], types[i])) continue;
            a->coopmat[0] = (hrm_coopmat_shape){shapes[n][0], shapes[n][1], shapes[n][2], types[i] == HRM_BF16_T};
            a->coopmat_count = 1;
            for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
                check_problem(make_plain(1, 2, 82, widths[w], types[i]));
            *a = kept;
        }
    }
}

/* Plans for the matrix units that exist elsewhere: within 256 invocations and 32 KiB, as the module itself says. */
static void test_plans(void **state) {
    (void)state;
    hrm_device *device = helper_gpu_get_device();
    hrm_adapter *a = &device->adapter.info;
    kept = *a;
    static const uint32_t units[][4] = {{8, 8, 8, 8},     {8, 8, 16, 8},    {8, 16, 16, 16}, {8, 16, 16, 32},
                                        {16, 16, 16, 32}, {16, 16, 16, 64}, {16, 8, 16, 32}, {16, 8, 8, 32}};
    char problem_text[256] = "";
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        for (size_t n = 0; n < sizeof units / sizeof units[0]; n++) {
            a->coopmat[0] = (hrm_coopmat_shape){units[n][0], units[n][1], units[n][2], types[i] == HRM_BF16_T};
            a->coopmat_count = 1;
            a->coopmat_subgroup = units[n][3];
            for (uint32_t head_dim = 8; head_dim <= 128; head_dim += 8) {
                for (int pass = 0; pass < 3; pass++) {
                    hrm_attention_coopmat_case c = {
                        .pass = (hrm_attention_pass)pass, .qkv = types[i], .seq = 82, .head_dim = head_dim};
                    hrm_attention_coopmat_plan plan;
                    hrm_spirv_needs needs = {0};
                    const hrm_kernel_row *row = NULL;
                    bool made = hrm_attention_coopmat_make(device, &c, &plan);
                    if (made) row = hrm_kernel_get_row(device, (uint32_t)plan.row);
                    if (made &&
                        hrm_spirv_measure(row->spirv, row->spirv_words, plan.specs, plan.spec_count, &needs) ==
                            HRM_OK &&
                        needs.local_size[0] <= 256 && needs.local_size[0] % units[n][3] == 0 &&
                        needs.shared_bytes <= 32768)
                        continue;
                    snprintf(problem_text, sizeof problem_text,
                             "%ux%ux%u in %u lanes, pass %d, head_dim %u: %s, %u invocations, %u bytes shared",
                             units[n][0], units[n][1], units[n][2], units[n][3], pass, head_dim,
                             made ? "planned" : "no plan", needs.local_size[0], (unsigned)needs.shared_bytes);
                }
            }
        }
        *a = kept;
    }
    CHECK_MSG(problem_text[0] == '\0', "%s", problem_text);
}

/* Without lse the outputs are the same bits, and nothing else is written. */
static void test_without_lse(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        problem p = make_plain(2, 2, 9, 32, types[i]);
        upload(&p);
        record_fwd(&p);
        helper_gpu_run();
        void *with = helper_gpu_read(p.t_o);
        p.t_o = helper_gpu_any(hrm_tensor_1d(NULL, 0, p.o_type, p.n_o), NULL);
        p.t_lse = (hrm_tensor){0};
        record_fwd(&p);
        helper_gpu_run();
        check_same_bits("o without lse", helper_gpu_read(p.t_o), with, p.n_o * 2);
    }
}

/* Scores in the thousands, past what an f16 exponential or (16-bit) sum could hold, and rising along the keys, so that
 * maxima are raised again and again. An f32 score of size S is off by about S * 2^-22. */
static void test_large_scores(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        problem p = make_plain(1, 2, 82, 32, types[i]);
        size_t row = p.n_qkv / p.shape.seq;
        for (size_t at = 0; at < p.n_qkv; at++) {
            if (at % row < row / 3) p.qkv[at] *= 40.0f;
            if (at % row >= row / 3 && at % row < row / 3 * 2) p.qkv[at] *= (float)(at / row);
        }
        make_reference(&p, 0);
        double largest = 0;
        for (size_t at = 0; at < p.n_lse; at++) largest = fmax(largest, fabs(p.lse[at]));
        CHECK_MSG(largest > 3000, "largest score is only %g", largest);
        make_reference(&p, largest / (1 << 22));
        upload(&p);
        run_both(&p);
        check_all(&p, largest / (1 << 21));
    }
}

/* Rows whose maximum rises by less and by more than what the kernel lets pass (2^8). */
static void test_rising_scores(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        problem p = make_plain(1, 1, 130, 32, types[i]);
        for (size_t at = 0; at < p.n_qkv; at++) {
            size_t token = at / 96, part = at % 96 / 32;
            if (part == 0) p.qkv[at] = (token % 4 == 0 ? 0.05f : 0.02f) * (float)(token % 4 + 1) * 8;
            if (part == 1) p.qkv[at] = (float)(token / 8) * 0.5f;
        }
        make_reference(&p, 0);
        upload(&p);
        run_both(&p);
        check_all(&p, TOLERANCE * 4);
    }
}

/* The largest numbers f16 has, as q and k: scores near 1e11 of either sign. Whatever the rounding, o stays a mean of v
 * and nothing becomes NaN; gradients may pass f16's range, so they are f32. */
static void test_huge_scores(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            problem p = make_problem(1, 1, 37, 32, types[i], types[i], types[i], HRM_F32_T);
            float lowest = INFINITY, highest = -INFINITY;
            for (size_t at = 0; at < p.n_qkv; at++) {
                size_t part = at % 96 / 32;
                if (part == 0) p.qkv[at] = 20000.0f * (float)(1 + at / 96 % 3);
                if (part == 1) p.qkv[at] = (float)sign * 12000.0f * (float)(1 + at / 96 % 5);
                if (part != 2) continue;
                lowest = fminf(lowest, p.qkv[at]);
                highest = fmaxf(highest, p.qkv[at]);
            }
            upload(&p);
            run_both(&p);
            const float *o = helper_gpu_read_any(p.t_o), *lse = helper_gpu_read(p.t_lse);
            const float *grad = helper_gpu_read(p.t_grad_qkv);
            const float slack = 1 + 2 * (float)helper_gpu_rounding(types[i]);
            for (size_t at = 0; at < p.n_o; at++)
                CHECK_MSG(o[at] >= lowest * slack && o[at] <= highest * slack, "o[%zu] = %g", at, (double)o[at]);
            for (size_t at = 0; at < p.n_lse; at++) CHECK_MSG(isfinite(lse[at]), "lse[%zu] = %g", at, (double)lse[at]);
            for (size_t at = 0; at < p.n_qkv; at++)
                CHECK_MSG(isfinite(grad[at]), "grad_qkv[%zu] = %g", at, (double)grad[at]);
        }
    }
}

/* A batch row gives the same bits alone and among other rows; so does running again. */
static void test_rows_are_independent(void **state) {
    (void)state;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        problem p = make_plain(3, 2, 21, 32, types[i]);
        size_t row_o = p.n_o / 3, row_lse = p.n_lse / 3;
        upload(&p);
        run_both(&p);
        uint16_t *o = helper_gpu_read(p.t_o), *grad = helper_gpu_read(p.t_grad_qkv);
        float *lse = helper_gpu_read(p.t_lse);
        helper_gpu_run_again();
        check_same_bits("o again", helper_gpu_read(p.t_o), o, p.n_o * 2);
        check_same_bits("grad again", helper_gpu_read(p.t_grad_qkv), grad, p.n_qkv * 2);
        problem one = make_plain(1, 2, 21, 32, types[i]);
        memcpy(one.qkv, p.qkv + 3 * row_o, 3 * row_o * sizeof(float));
        memcpy(one.grad_o, p.grad_o + row_o, row_o * sizeof(float));
        upload(&one);
        run_both(&one);
        check_same_bits("o alone", helper_gpu_read(one.t_o), o + row_o, row_o * 2);
        check_same_bits("lse alone", helper_gpu_read(one.t_lse), lse + row_lse, row_lse * sizeof(float));
        check_same_bits("grad alone", helper_gpu_read(one.t_grad_qkv), grad + 3 * row_o, 3 * row_o * 2);
    }
}

/* More than a storage binding holds: the batch is worked through in slices. One token: o is v, and only v has a
 * gradient, which is o's. */
static void test_slices(void **state) {
    (void)state;
    hrm_adapter *a = &helper_gpu_get_device()->adapter.info;
    hrm_dtype types[2];
    for (uint32_t i = 0; i < list_types(types); i++) {
        const size_t row = 4 * 64;
        problem p = make_plain(50, 4, 1, 64, types[i]);
        helper_gpu_round(types[i], p.qkv, p.n_qkv);
        helper_gpu_round(types[i], p.grad_o, p.n_o);
        upload(&p);
        const uint64_t range = a->max_storage_range;
        a->max_storage_range = 1 << 15;
        run_both(&p);
        a->max_storage_range = range;
        const float *o = helper_gpu_read_any(p.t_o), *grad = helper_gpu_read_any(p.t_grad_qkv);
        for (size_t b = 0; b < p.shape.batch; b++) {
            const size_t v = (b * 3 + 2) * row;
            check_close_f32("o of one token", o + b * row, p.qkv + v, row, 0, helper_gpu_rounding(types[i]));
            check_close_f32("grad v of one token", grad + v, p.grad_o + b * row, row, 0, helper_gpu_rounding(types[i]));
        }
    }
}

static void test_errors(void **state) {
    (void)state;
    hrm_dtype types[2];
    const uint32_t count = list_types(types);
    problem p = make_plain(1, 1, 4, 16, HRM_F32_T);
    upload(&p);
    record_fwd(&p);
    helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "all tensors are f32");
    CHECK_EQ(hrm_attention_family_is_usable(helper_gpu_get_device(), HRM_ATTENTION_COOPMAT), count != 0);
    for (int f16 = 0; f16 < 2; f16++) {
        hrm_dtype type = f16 ? HRM_F16_T : HRM_BF16_T;
        if (hrm_attention_coopmat_is_usable(helper_gpu_get_device(), type)) continue;
        p = make_plain(1, 1, 4, 16, type);
        upload(&p);
        record_fwd(&p);
        helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "coopmat");
        record_bwd(&p);
        helper_gpu_expect_error(HRM_ERR_UNSUPPORTED, "coopmat");
    }
    if (count == 0) print_message("no matrix units here: only their refusal was tested\n");
    for (uint32_t i = 0; i < count; i++) {
        p = make_plain(1, 1, 4, 16, types[i]);
        upload(&p);
        p.shape.head_dim = 12;
        record_fwd(&p);
        helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "head_dim 12");
        p.shape.head_dim = 16;
        p.shape.seq = 5;
        record_bwd(&p);
        helper_gpu_expect_error(HRM_ERR_INVALID_ARGUMENT, "qkv");
    }
}

HELPER_GPU_MAIN(HELPER_GPU_TEST(test_sequences), HELPER_GPU_TEST(test_head_widths), HELPER_GPU_TEST(test_types),
                HELPER_GPU_TEST(test_forward_from_f32), cmocka_unit_test_teardown(test_other_shapes, restore_adapter),
                cmocka_unit_test_teardown(test_plans, restore_adapter), HELPER_GPU_TEST(test_without_lse),
                HELPER_GPU_TEST(test_large_scores), HELPER_GPU_TEST(test_rising_scores),
                HELPER_GPU_TEST(test_huge_scores), HELPER_GPU_TEST(test_rows_are_independent),
                HELPER_GPU_TEST(test_slices), HELPER_GPU_TEST(test_errors))
